"""What is said of blocks and of answers after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CANNOT: Final = (
    "Nothing reaches these tokens any more, but the server does not erase them: they lie in its memory until it needs "
    "the room, is flushed or stops, and in a storage tier until that is cleared."
)


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer and what it cost. `cold`: the server had lost the block, or part of it; `whole`: it came to its end."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cold: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """The next words of an answer; `end` comes with the last one, which has none."""

    text: str
    end: Generated | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of a block. `unpinned`: every worker was told so; `cannot` says what no server promises."""

    known: bool
    unpinned: bool
    cannot: str = CANNOT


@dataclass(frozen=True, slots=True)
class Counts:
    """What was seen so far: answers, those of them that found their block cold, blocks that were warmed on a worker.

    `found` are the tokens that were there already when a block was warmed: from another process, or from before.
    """

    answers: int = 0
    cold: int = 0
    warmed: int = 0
    found: int = 0

    def with_(self, *, answers: int = 0, cold: int = 0, warmed: int = 0, found: int = 0) -> Counts:
        """These and more."""
        return Counts(self.answers + answers, self.cold + cold, self.warmed + warmed, self.found + found)
