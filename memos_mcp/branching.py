"""What-if branches: what is known of one, where its own versions lie, and the store of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

OVER = "branch"
"""The first label of the paths at which branches keep what they changed; no caller can name one."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of what is at or beneath `path`, seen as it was when `seq` was the last line of the log."""

    id: str
    label: str
    path: str
    seq: int
    at: datetime
    by: str


class Branching(Protocol):
    """The branches of a store. Their memories are written by its commits."""

    async def make(self, label: str, path: str, *, caller: str) -> Branch:
        """A branch at the end of the log: nothing is copied. Raises Conflict: the path has one of this label."""
        ...

    async def list(self) -> Sequence[Branch]:
        """All there are, the oldest first."""
        ...

    async def over(self, branch: str, at: int | None = None) -> Collection[str]:
        """The memories of which it has versions of its own, or that it forgot; those of a position of the log.

        Raises NotFound: it was merged or dropped.
        """
        ...

    async def last(self, branch: str) -> int:
        """The last line of the log that is of it; 0 if none is."""
        ...


def over(branch: str, path: str) -> str:
    """Where a branch keeps its versions of what is at a path."""
    return f"{OVER}/{branch}/{path}"


def under(path: str) -> str:
    """The path in the original, of one that a branch keeps."""
    return path.split("/", 2)[2] if is_over(path) and path.count("/") > 1 else path


def is_over(path: str) -> bool:
    """Is it a place of a branch?"""
    return path.startswith(f"{OVER}/")


def branch_of(root: str, main: str) -> str:
    """The branch whose memories lie at a root; else `main`."""
    return root.split("/")[1] if is_over(root) else main
