"""What is searched for and what is found: the values that cross the lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    `link` how many rare words it shares with the best hits, 0..1.
    """

    author: str = ""
    first: bool = False
    stance: float = 0.0
    session: float = 0.0
    link: float = 0.0
    during: bool = False


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
