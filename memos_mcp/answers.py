"""What the verbs of `Memos` answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from memos_mcp.accesses import Access
from memos_mcp.cube import Activation, MemCube, Parametric, Ref
from memos_mcp.keeping import Sizes
from memos_mcp.ports import Event
from memos_mcp.search import Lane, MemoryCall, Plan


@dataclass(frozen=True, slots=True)
class Remembered:
    """Ids in the order of the source, one per draft; a repeated statement has the id of the memory it repeats.

    `fallback` says why a model did not read the source and the rules did, if one was asked to. `masked` secrets were
    taken out of the source before anything was stored; `quarantined` of the new memories look hostile: recall leaves
    them out until they are released.
    """

    path: str
    ids: tuple[str, ...]
    new: int
    repeated: int
    fallback: str = ""
    masked: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory with its score and each lane's share of it."""

    cube: MemCube
    score: float
    lanes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Missing:
    """A lane that failed, and why."""

    route: str
    why: str


@dataclass(frozen=True, slots=True)
class KvBlock:
    """A block of activation memory: memories in the state of a model that has read them, and how that served.

    It took `seconds` to build, for `by`; the model took `pace` seconds for each token that it had read until then. In
    `hits` answers `saved` tokens were not read again. `tenant` says who may read it; `user` is set if a dialogue of his
    left it behind, so that nobody else learns of that.
    """

    name: str
    activation: Activation
    model: str
    bytes: int
    at: datetime
    seconds: float
    by: str
    tenant: str
    pace: float | None = None
    pinned: bool = False
    hits: int = 0
    saved: int = 0
    last_used_at: datetime | None = None
    user: str = ""

    @property
    def sources(self) -> tuple[Ref, ...]:
        """Its memories, in the order in which they were read."""
        return self.activation.sources

    @property
    def kept_for(self) -> str:
        """By what the backend keeps it apart from others; nobody else is told."""
        return kept_for(self.tenant, self.user)

    def is_for(self, user: str) -> bool:
        """May he know of it, if he may read all of its memories?"""
        return self.user in ("", user)


def kept_for(tenant: str, user: str) -> str:
    """By what a backend keeps apart what these may read, or what a dialogue of one of them left behind."""
    return f"{tenant} {user}" if user else tenant


Way = Literal["trained", "merged", "cartridge", "adopted"]
"""How an adapter came to be."""


@dataclass(frozen=True, slots=True)
class Release:
    """An adapter of parametric memory, a version of a topic: memories trained into weights, and what its gate found.

    Held-out answers gained `gain` nats per token, other text lost `harm`; None: it was not examined. It has `tokens` of
    memories, and took `seconds` to train, for `by`. `tenant` says for whom it is kept.
    """

    payload: Parametric
    model: str
    at: datetime
    seconds: float
    by: str
    tenant: str
    tokens: int
    bytes: int
    how: Way = "trained"
    gain: float | None = None
    harm: float | None = None
    lost: float | None = None

    @property
    def name(self) -> str:
        """topic@version: no other adapter ever has it."""
        return self.payload.name

    @property
    def topic(self) -> str:
        """What it was named for."""
        return self.payload.name.rpartition("@")[0]

    @property
    def sources(self) -> tuple[Ref, ...]:
        """The memories that it was trained from."""
        return self.payload.sources


@dataclass(frozen=True, slots=True)
class Learned:
    """An adapter that answers a question: its memories, all of which the caller may read.

    `covers` are the ids of those of the recall that it was trained from.
    """

    adapter: str
    sources: tuple[Ref, ...]
    covers: tuple[str, ...]

    def __str__(self) -> str:
        """In words."""
        held = f"{len(self.covers)} of what was found"
        more = len(self.sources) - len(self.covers)
        return f"adapter {self.adapter} was trained from {held}" + (f" and {more} beside it" if more else "")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A KV block that is warm for a question: its memories, all of which the caller may read, and tokens.

    `covers` are the ids of those of the recall that it holds.
    """

    block: str
    tokens: int
    sources: tuple[Ref, ...]
    covers: tuple[str, ...]

    def __str__(self) -> str:
        """In words."""
        held = f"{len(self.covers)} of what was found" + (
            f" and {more} beside it" if (more := len(self.sources) - len(self.covers)) else ""
        )
        return f"KV block {self.block} of {self.tokens:,} tokens holds {held}"


@dataclass(frozen=True, slots=True)
class Recall:
    """The answer to a question.

    `context` holds the first `used` memories, packed into the budget; `left_out` had no room. `searched` memories
    under `paths` were looked through; lanes in `missing` failed; `pending` memories are not in every lane yet;
    `withheld` matched, but look hostile now. `call` is what the question was taken to mean; `plan` how it was answered,
    if that was asked for. `stopped`: the conditions hold of fewer than were wanted, and not all memories were asked.
    `prefix` is a warm KV block that holds most of what was used, `adapter` one that was trained from some of it.
    `access` is the line of the access log, for `audit.answer` and `feedback`.
    """

    question: str
    context: str
    memories: tuple[Recalled, ...]
    used: int
    left_out: int
    paths: tuple[str, ...]
    searched: int
    call: MemoryCall
    missing: tuple[Missing, ...] = ()
    pending: int = 0
    withheld: int = 0
    stopped: bool = False
    plan: Plan | None = None
    access: str = ""
    prefix: Prefix | None = None
    adapter: Learned | None = None

    @property
    def cubes(self) -> tuple[MemCube, ...]:
        """The memories, best first."""
        return tuple(m.cube for m in self.memories)

    @property
    def summary(self) -> str:
        """What was searched, so that nothing found is never mistaken for forgotten."""
        return f"{len(self.memories)} of {self.searched} memories under {', '.join(self.paths)}"

    @property
    def explained(self) -> str:
        """What was searched, where and in which order, and what each step found; empty unless it was asked for."""
        meant = self.call.understanding
        alone = f"{self.question!r} stands for {meant.alone!r}\n" if meant and meant.filled else ""
        warm = f"\nprefix: {self.prefix}" if self.prefix else ""
        learned = f"\nadapter: {self.adapter}" if self.adapter else ""
        return f"{alone}{self.plan}{warm}{learned}" if self.plan else ""


Via = Literal["text", "prefix", "adapter", "none"]
"""How a model was given the memories: in words, as what it keeps of having read them, in weights, or not at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chat model says to a question, and the recall that it says it from.

    The `text` cites memories as [id]; `cited` are these ids, each of a memory in `recall.cubes`: none if nothing that
    is said has a memory behind it; `beside` are memories of the prefix that it cites and recall had not found. `via`
    adapter: what weights say cites nothing; `model` is the adapter, `recall.adapter.sources` what it was trained from.
    `via` none: nothing was found, so no `model` was asked, or it did not answer. Then `missing` says why, the text is
    empty, and the recall is what there is. `fallback` says why a warm prefix or an adapter was not used after all.
    `read` and `written` are the tokens of question and answer, if they are counted, `reused` those of memories that
    were not read again.
    """

    text: str
    recall: Recall
    cited: tuple[str, ...] = ()
    via: Via = "text"
    model: str = ""
    missing: str = ""
    read: int | None = None
    written: int | None = None
    reused: int = 0
    fallback: str = ""
    beside: tuple[MemCube, ...] = ()

    @property
    def sources(self) -> tuple[MemCube, ...]:
        """The memories that it cites, in that order."""
        cubes = {cube.id: cube for cube in (*self.recall.cubes, *self.beside)}
        return tuple(cubes[id] for id in self.cited)

    @property
    def to_judge(self) -> str:
        """The access to give to `feedback`: empty if no model answered, or words were the only way."""
        chosen = self.recall.prefix or self.recall.adapter
        return self.recall.access if chosen and self.via != "none" else ""


@dataclass(frozen=True, slots=True)
class Page:
    """Memories under `paths`, newest first; `total` in all; `after` continues, 0 at the end."""

    cubes: tuple[MemCube, ...]
    paths: tuple[str, ...]
    total: int
    after: int


@dataclass(frozen=True, slots=True)
class Namespace:
    """A path and how many memories stand directly at it."""

    path: str
    memories: int


@dataclass(frozen=True, slots=True)
class HotResults:
    """Rankings that are kept because their questions come again, and how many questions found theirs."""

    kept: int
    capacity: int
    asked: int
    hits: int


@dataclass(frozen=True, slots=True)
class Status:
    """Who calls, where he writes, what he may search, and how the system is.

    `sizes` and `hot` only with the scope `admin`.
    """

    user: str
    path: str
    paths: tuple[str, ...]
    memories: int
    lanes: tuple[Lane, ...]
    vault: str
    quarantined: int = 0
    sizes: Sizes | None = None
    hot: HotResults | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Lines of the log that the caller may read, oldest first, and the position up to which it was looked at."""

    events: tuple[Event, ...]
    upto: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A label for a position of the log: everything at or beneath `path` as it was when that was its last line."""

    label: str
    path: str
    seq: int
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A memory as it became, the version it was, and the words that differ (`[-gone-]{+come+}`; empty: none do)."""

    cube: MemCube
    was: int
    words: str


@dataclass(frozen=True, slots=True)
class Differences:
    """What became of the memories at or beneath `paths` between two moments; `after` continues, 0 at the end.

    Of what was forgotten nothing is left but the ids.
    """

    added: tuple[MemCube, ...]
    changed: tuple[Changed, ...]
    forgotten: tuple[str, ...]
    paths: tuple[str, ...]
    after: int


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """The memories that say again what they said; `newer` were not there then, `left` may not be changed: both stay."""

    path: str
    cubes: tuple[MemCube, ...]
    newer: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """What a branch and its original both made of a part of a memory (`text`, `tags`, `data/colour`, `state`, …).

    Each side as text; `base` is what it was when the branch was made. `why` says what a value cannot.
    """

    id: str
    what: str
    base: str = ""
    original: str = ""
    branch: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a merge wrote to the original, or the clashes that somebody has to decide: then nothing was written."""

    path: str
    label: str
    events: tuple[Event, ...] = ()
    clashes: tuple[Clash, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A request, step by step: each access with its outcome and stages, oldest first, and the changes it made."""

    request: str
    steps: tuple[Access, ...]
    changes: tuple[Event, ...] = ()
