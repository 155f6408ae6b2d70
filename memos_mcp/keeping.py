"""Keeping: how long memories stay, and what is left of them when they are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that held the whole vault when it was made."""

    file: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much room things take, in bytes.

    `vault` is the file, `free` the part of it that is not in use, `log` the write-ahead log beside it; `indexes` are
    the segments of lanes, `accesses` about what the access log with its `lines` takes, `cold` the payloads of what is
    archived, over or frozen.
    """

    vault: int
    free: int
    log: int
    indexes: int
    accesses: int
    lines: int
    cold: int


class Keeping(Protocol):
    """How long memories are kept, and what remains of those that are not."""

    async def policies(self) -> Mapping[str, str]:
        """The policy of every namespace that has one, as JSON."""
        ...

    async def set_policy(self, path: str, policy: str | None, *, caller: str, reason: str = "") -> None:
        """Give a namespace a policy, or None: as the one above it says."""
        ...

    async def copies(self, since: datetime) -> Sequence[Copy]:
        """The copies of the store that were made since then."""
        ...

    async def scrub(self) -> bool:
        """Remove what a store may still hold of words that are gone; False if it could not be done now."""
        ...

    async def sizes(self) -> Sizes:
        """How much room the store takes."""
        ...

    async def shrink(self) -> int:
        """Lay payloads where they belong and give back the room that is not in use; how many payloads moved."""
        ...
