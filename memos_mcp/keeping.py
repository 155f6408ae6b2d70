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
