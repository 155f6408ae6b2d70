"""What is searched for and what is found: the values that cross the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from memos_mcp.cube import Interval, Kind, Ref

QuestionKind = Literal["recall", "request"]
"""What a question wants: something that was said or done, or advice and work now."""
Intent = Literal["retrieve", "remember", "update", "forget", "summarise", "compare", "list", "count", "none"]
"""What a sentence wants done with memories."""
Layer = Literal["private", "shared", "global"]
Output = Literal["answer", "summary", "list", "none"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said before, by the user or by who answers him."""

    text: str
    by_user: bool = True


@dataclass(frozen=True, slots=True)
class Understanding:
    """A sentence as a plan of access to memories: the MemoryCall of the paper, in words.

    `alone` is what was asked with its references written out, `filled` what was written out for what; `topics` are its
    words of content beside names and times, `entities` names and persons by role, `anchor` the event that the time or
    the topic hangs on, `kinds` the kinds of memory that would answer (none: any), `scope` a layer if one was said.
    `fallback` says why a model did not read it and the rules did, if one was asked to.
    """

    asked: str
    alone: str
    intent: Intent
    topics: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    anchor: str = ""
    during: Interval | None = None
    kinds: tuple[Kind, ...] = ()
    scope: Layer | None = None
    output: Output = "answer"
    filled: tuple[tuple[str, str], ...] = ()
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class MemoryCall:
    """A question as MemReader understands it.

    `asked` is the question word for word, `query` the words to search for, `probes` the texts whose weighted mean is
    its meaning; `subject` is who it is about (names, `user`, `assistant`), `during` the time,
    and `only_time` says that nothing else is asked for. `understanding` is what was made of the sentence.
    """

    asked: str
    query: str
    probes: tuple[tuple[str, float], ...] = ()
    question_kind: QuestionKind = "recall"
    subject: tuple[str, ...] = ()
    during: Interval | None = None
    only_time: bool = False
    understanding: Understanding | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What a question is after, from the wide to the narrow: its topics, their concepts, and the fact it asks for."""

    topics: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    fact: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: what is searched for, where, and what counts there.

    An `episode` finds when an event was, `rank` the best of every lane, `deepen` more of them, `scan` looks through
    all. Each lane gives `most`; what is `preferred` moves up, and `only` what holds is taken. `found` so many, or
    None: the step was not needed; `outcome` says what came of it.
    """

    kind: Literal["episode", "rank", "deepen", "scan"]
    what: str
    paths: tuple[str, ...]
    lanes: tuple[str, ...]
    most: int
    preferred: tuple[str, ...] = ()
    only: str = ""
    found: int | None = None
    outcome: str = ""

    def __str__(self) -> str:
        """In words."""
        done = f" → {self.outcome}" if self.outcome else ""
        return f"{self._task} in {', '.join(self.paths)} by {', '.join(self.lanes)}{self._of}{done}"

    @property
    def _task(self) -> str:
        match self.kind:
            case "episode":
                return f"find when {self.what!r} was, of the best {self.most},"
            case "rank":
                return f"rank the best {self.most} of each lane for {self.what!r}"
            case "deepen":
                return f"rank the best {self.most:,}, if too few hold,"
            case "scan":
                return f"look through the newest {self.most:,}, if too few hold,"

    @property
    def _of(self) -> str:
        only = f"; only {self.only}" if self.only else ""
        return f"{only}; rather {', '.join(self.preferred)}" if self.preferred else only


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question is answered: its goal, and what is searched, where and in which order.

    `given` says how `ask` would give what is found to a model, and why; empty if there is nothing to choose.
    """

    goal: Goal
    steps: tuple[Step, ...]
    given: str = ""

    def __str__(self) -> str:
        """In words, a line for each step."""
        goal = self.goal
        parts = (("topic", goal.topics), ("concept", goal.concepts), ("fact", (goal.fact,)))
        head = "; ".join(f"{name}: {', '.join(said) or 'any'}" for name, said in parts)
        steps = (f"{number}. {step}" for number, step in enumerate(self.steps, start=1))
        return "\n".join((head, *steps, *([f"given: {self.given}"] if self.given else [])))


@dataclass(frozen=True, slots=True)
class Traits:
    """What ranking wants to know of a memory beside the scores of the lanes.

    `author` said it (a name or a part, such as `user`), `first` in the first person; `stance` is the share of its
    sentences that state a preference or a rule, `session` the share of the question's words said in its session,
    `link` how many rare words it shares with the best hits, 0..1, `alike` how near it is to them in meaning; `met` how
    near one of its words comes to each word of the question (None: not known); `priority` decides among equals alone.
    """

    author: str = ""
    first: bool = False
    stance: float = 0.0
    session: float = 0.0
    link: float = 0.0
    during: bool = False
    priority: int = 0
    met: float | None = None
    alike: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One version found by a route, with its absolute score."""

    ref: Ref
    score: float
    route: str
    traits: Traits | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a route found: hits, best first, how many memories it looked through, and how many it does not have yet."""

    hits: tuple[Hit, ...]
    searched: int
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """State of a route: is it on, how many memories wait for it, why, and what it holds in memory (bytes).

    `busy`: work is under way that will change this.
    """

    name: str
    on: bool
    pending: int = 0
    why: str = ""
    held: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """An immutable piece of a projection: what it made of the log after `after` up to and with `upto`, for a root."""

    after: int
    upto: int
    size: int
    data: bytes = b""


class SegmentStore(Protocol):
    """Where projections keep their segments, beside the truth and never instead of it."""

    async def segments(self, route: str, root: str) -> list[Segment]:
        """All segments of a root in log order, each checked against its checksum (a damaged one: Corrupt)."""
        ...

    async def spans(self, route: str, root: str) -> list[Segment]:
        """The same without their data, for who only asks what is covered."""
        ...

    async def replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        """Swap `old` for `new` at once; False, and no change, if another process was there first."""
        ...

    async def drop(self, route: str) -> None:
        """Remove every segment of the route; it can be rebuilt from the log."""
        ...
