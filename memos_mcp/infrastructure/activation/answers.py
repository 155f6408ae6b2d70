"""What is said of blocks on a server: what was seen of them, and what no server promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CANNOT: Final = (
    "Only a block of the very same memories for the same people reaches these tokens any more, but the server does not "
    "erase them: they lie in its memory until it needs the room, is flushed or stops, and in a storage tier until that "
    "is cleared."
)
STILL_PINNED: Final = "Not every server could be told to let go of them: it is told again with the next block dropped."


@dataclass(frozen=True, slots=True)
class Counts:
    """What was seen so far: answers, those of them that found their block cold, blocks that were warmed on a worker.

    `found` are the tokens that were there already when a block was warmed, from another process or from before; `read`
    those that were not, in so many `seconds`.
    """

    answers: int = 0
    cold: int = 0
    warmed: int = 0
    found: int = 0
    read: int = 0
    seconds: float = 0.0

    @property
    def pace(self) -> float | None:
        """Seconds to read a token of a block; None before one was read."""
        return self.seconds / self.read if self.read else None
