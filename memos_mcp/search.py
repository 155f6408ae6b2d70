"""What is searched for and what is found: the values that cross the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from memos_mcp.cube import Interval, Ref

QuestionKind = Literal["recall", "request"]
"""What a question wants: something that was said or done, or advice and work now."""


@dataclass(frozen=True, slots=True)
class MemoryCall:
    """A question as MemReader understands it.

    `asked` is the question word for word, `query` the words to search for, `probes` the texts whose weighted mean is
    its meaning; `subject` is who it is about (names, `user`, `assistant`), `during` the time,
    and `only_time` says that nothing else is asked for.
    """

    asked: str
    query: str
    probes: tuple[tuple[str, float], ...] = ()
    question_kind: QuestionKind = "recall"
    subject: tuple[str, ...] = ()
    during: Interval | None = None
    only_time: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What ranking wants to know of a memory beside the scores of the lanes.

    `author` said it (a name or a part, such as `user`), `first` in the first person; `stance` is the share of its
    sentences that state a preference or a rule, `session` the share of the question's words said in its session,
    `link` how many rare words it shares with the best hits, 0..1; `priority` decides among equals alone.
    """

    author: str = ""
    first: bool = False
    stance: float = 0.0
    session: float = 0.0
    link: float = 0.0
    during: bool = False
    priority: int = 0


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
