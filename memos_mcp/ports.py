"""The Protocols the core is written against, and the values that cross them.

An author of a backend implements one Protocol and runs its contract suite (`memos_mcp.testing`); nothing is
registered or inherited.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

from memos_mcp.branching import Branching
from memos_mcp.cube import (
    Governance,
    Interval,
    Kind,
    Link,
    MemCube,
    ModelMentions,
    Origin,
    Ref,
    SourceClass,
    State,
    Suspicion,
)
from memos_mcp.keeping import Keeping
from memos_mcp.ledger import Ledger, Noted
from memos_mcp.namespaces import Namespaces
from memos_mcp.search import Found, Hit, Lane, MemoryCall, Turn

MAIN = "main"
"""The branch that is the memory itself; others are what-if overlays."""

Action = Literal[
    "remember",
    "sight",
    "put",
    "update",
    "govern",
    "quarantine",
    "release",
    "move",
    "freeze",
    "thaw",
    "compact",
    "depart",
    "arrive",
    "forget",
    "restore",
    "fork",
    "drop",
]
How = Literal["append", "merge", "overwrite"]
Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Each includes those before it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where: decided by the door (token, settings, constructor), never by an argument of a verb.

    `context` are the `kind:value` of what he does this for (`application:clinic`, `purpose:care`), `scopes` what he
    came to do; `within` is the path he is kept to, empty for all that is open to the user.
    """

    user: str
    roles: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = SCOPES
    within: str = ""


class Permit(Protocol):
    """Which memories somebody may read at a moment. Equal keys: the same answers."""

    @property
    def key(self) -> Hashable:
        """What the answers hang on."""
        ...

    @property
    def now(self) -> datetime:
        """The moment."""
        ...

    def allows(self, path: str, rules: Governance) -> bool:
        """May he read a memory at this path with these rules? When it expires is not asked here."""
        ...


@dataclass(frozen=True, slots=True)
class Fork:
    """What a branch shows of its original: as of a position of the log, without what it changed itself."""

    at: int
    without: frozenset[str]


@dataclass(frozen=True, slots=True)
class Where:
    """What may be searched: paths with everything beneath them, as far as `permit` allows it (None: all of it).

    `at` is a position of the log: the versions that were current then; None: now. With a `fork` the paths of a branch
    lie over those of its original.
    """

    paths: tuple[str, ...]
    branch: str = MAIN
    permit: Permit | None = None
    at: int | None = None
    fork: Fork | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """Which memories of a place: of any of the kinds and tags, from a source, session or class of sources.

    `states` empty: those that are recalled.
    """

    kinds: tuple[Kind, ...] = ()
    tags: tuple[str, ...] = ()
    source: str = ""
    session: str = ""
    source_class: SourceClass | None = None
    quarantined: bool = False
    states: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """The address of a memory stored by `put`."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class Change:
    """One intended change; a list of them is committed whole or not at all.

    `cube` is the version to write (None for `forget`); of a `quarantine` or `release` only `quarantined` and
    `vouched_by` count, of a `govern` only `governance`, of a `move` only `state`, of a `freeze` or `thaw` nothing, and
    no version is written; a `compact` removes the words of that version, an earlier one; a `depart` from the path of
    `cube` and then an `arrive` there take it elsewhere; a `drop` ends a branch; a `sight` counts that it was stated
    once more, as the origin of `cube` says. `expect` is the version that must be
    current (0: none yet), `was` the state. `once` is a duplicate key: if the path already holds a memory with it, that
    one is sighted again. Whatever a cube says, the rules of a memory keep the classes of sources of all its versions.
    """

    action: Action
    subject: str
    cube: MemCube | None = None
    expect: int | None = None
    once: bytes | None = None
    reason: str = ""
    branch: str = MAIN
    was: State | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the change log: ids and who, never payload. `seq` grows in commit order.

    `state` is the one that a move leads to. `cube`, `origin`, `rules` (those of the memory now), the `state` of a
    sighting (likewise) and `now` (where it is, if elsewhere) are not part of the line; they are attached when it is
    read, the first two as long as the version (the repeated sighting) has not been forgotten.
    """

    seq: int
    at: datetime
    action: Action
    subject: str
    version: int
    path: str
    caller: str
    reason: str = ""
    branch: str = MAIN
    cube: MemCube | None = None
    origin: Origin | None = None
    rules: Governance | None = None
    state: State | None = None
    now: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """A change of the rules of a memory: by which line of the log, from what to what; `rules` hold now."""

    seq: int
    at: datetime
    id: str
    path: str
    by: str
    reason: str
    old: Governance
    new: Governance
    rules: Governance


@dataclass(frozen=True, slots=True)
class Draft:
    """What MemReader makes of a piece of a source: not yet a memory. `once` is its duplicate key."""

    text: str
    kind: Kind = "fact"
    meaning: str = ""
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    valid: Interval | None = None
    origin: Origin = field(default_factory=Origin)
    once: bytes = b""
    quarantined: tuple[Suspicion, ...] = ()
    mentions: ModelMentions | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The drafts of a source, of which `masked` secrets were taken out.

    `fallback` says why a model's reading was not used, if one was asked for.
    """

    drafts: tuple[Draft, ...]
    fallback: str = ""
    masked: int = 0


class MemoryAdapter(Protocol):
    """A store of cubes and their log, written together. Commits are atomic and seen in `seq` order."""

    @property
    def ledger(self) -> Ledger:
        """The small values that belong to it."""
        ...

    @property
    def keeping(self) -> Keeping:
        """How long it keeps them."""
        ...

    @property
    def namespaces(self) -> Namespaces:
        """The rules of namespaces."""
        ...

    @property
    def branching(self) -> Branching:
        """Its what-if branches."""
        ...

    async def commit(self, changes: Sequence[Change], *, caller: Caller, notes: Sequence[Noted] = ()) -> list[Event]:
        """Write all changes, and notes of the ledger, in one transaction; one event per change, in order.

        A repeat of a statement whose source and position are already known is no news: its event has `seq` 0.
        What is frozen can only be thawed, governed and held in quarantine. Raises Conflict, NotFound, IllegalMove,
        Unavailable, Corrupt; then nothing was written.
        """
        ...

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = MAIN, at: int | None = None) -> list[MemCube]:
        """The cubes that exist, in the order asked for; unknown and forgotten ones are left out.

        Without a version, the one that is current, now or at a position of the log.
        """
        ...

    async def scan(
        self, where: Where, which: Which = Which(), *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """Current cubes, newest first, each with a cursor to go on after it; those in quarantine only if asked for."""
        ...

    async def count(
        self,
        paths: Sequence[str],
        *,
        quarantined: bool = False,
        permit: Permit | None = None,
        at: int | None = None,
        without: Collection[str] = (),
    ) -> Mapping[str, int]:
        """How many memories, in quarantine or not, each path at or beneath `paths` shows; 0 is left out.

        Of a position of the log also `without` some.
        """
        ...

    async def places(self, paths: Sequence[str]) -> Sequence[str]:
        """The paths at or beneath these that hold memories, in whatever state."""
        ...

    async def position(self, moment: datetime) -> int:
        """The last line of the log that was written by then; 0 if none was."""
        ...

    async def changed(
        self, where: Where, since: int, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Ref | None, Ref | None]]:
        """The versions that memories had at the position `since` and at `where.at`, if they differ, with a cursor.

        None: it was not there yet, or was forgotten in between. What was forgotten later, or is in quarantine, is left
        out.
        """
        ...

    async def revisions(
        self, *, subject: str | None = None, paths: Sequence[str] = (), limit: int = 1000
    ) -> list[Revision]:
        """Changes of rules, the oldest first: of one memory, or of those at or beneath the paths."""
        ...

    async def granted(self, names: Sequence[str], *, permit: Permit | None = None) -> Sequence[str]:
        """Paths beneath `user` with memories whose own rules name one of these, and that `permit` lets be read."""
        ...

    async def made_from(self, ids: Sequence[str]) -> Sequence[str]:
        """The memories of which a version says that it was made from one of these, or replaces it."""
        ...

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        subject: str | None = None,
        root: str | None = None,
        branch: str = MAIN,
    ) -> list[Event]:
        """Lines with `seq > after`, oldest first; `after=-n`: the last n lines.

        Of one memory of a branch, or of one root, if given.
        """
        ...

    async def aclose(self) -> None:
        """Finish what is being written and close."""
        ...


class Route(Protocol):
    """A way to find memories: words and vectors now, graph later. Catches up with the log by itself."""

    name: str

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The best `limit` memories under `where`. Raises Unavailable, Corrupt."""
        ...

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """The route's score of each of these, whoever found them; what it does not have is left out.

        With `near`, the best so far, only those are returned that are linked to them, with the trait `link`.
        """
        ...

    async def people(self, where: Where) -> frozenset[str]:
        """Who speaks in the memories under `where`, as far as the route knows."""
        ...

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines of the log; applying one twice changes nothing."""
        ...

    async def reset(self) -> None:
        """Drop everything and rebuild from the log."""
        ...

    def lane(self) -> Lane:
        """State for `status`."""
        ...


class MemReader(Protocol):
    """From words to drafts and calls (long paper §5.3.1)."""

    async def read(self, source: JsonValue, *, origin: Origin) -> Reading:
        """Drafts of a text, a message or a list of messages; `origin` holds what is known. Raises InvalidInput."""
        ...

    async def understand(
        self,
        question: str,
        *,
        turns: Sequence[Turn] = (),
        now: datetime,
        people: Collection[str] = (),
        asker: str = "",
    ) -> MemoryCall:
        """The call behind a question of `asker`, asked after `turns`. Raises InvalidInput.

        `people` speak in what will be searched.
        """
        ...
