"""The blocking twin of `branches`. Written by `make twin`."""

from __future__ import annotations

from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.answers import Differences, Joined
from memos_mcp.branching import Branch
from memos_mcp.interface import offices as twin
from memos_mcp.interface.joining import Side


class Branches:
    """What-if branches of namespaces. Hangs off `Memos.branches`; `Memos.on_branch` changes and asks one.

    A branch shows its original as it was when the branch was made, and over it what was changed there. The rules of the
    original decide as they are now, and what is forgotten there is gone here as well. A label is looked for at the
    path and above it; without a path, where one writes and above it, and then everywhere.
    """

    def __init__(self, of: twin.Branches, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def make(self, label: str, path: str | None = None) -> Branch:
        """A branch of what is at or beneath a path. Cost: one disk sync, at any size. Raises Conflict, Denied."""
        return self._portal.call(partial(self._of.make, label, path))

    def list(self, path: str | None = None) -> tuple[Branch, ...]:
        """The branches at or beneath a path, the oldest first. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.list, path))

    def diff(self, label: str, path: str | None = None, *, limit: int = 50, start: int = 0) -> Differences:
        """What the branch added, changed and forgot; `after` of the answer, given as `start`, continues.

        Cost: 0.2 ms for each. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.diff, label, path, limit=limit, start=start))

    def merge(self, label: str, path: str | None = None, *, prefer: Side | None = None, reason: str = "") -> Joined:
        """Write what the branch changed to the original in one commit, which ends the branch; or tell what clashes.

        Three-way: what it was when the branch was made, is now, and is in the branch. Clashes are never guessed:
        `prefer` lets one side decide them all. What one may not read is not merged. Cost: 1 ms for each.
        Raises NotFound, Denied, Conflict (repeat).
        """
        return self._portal.call(partial(self._of.merge, label, path, prefer=prefer, reason=reason))

    def drop(self, label: str, path: str | None = None, *, reason: str = "") -> Branch:
        """End a branch: what was written in it is removed as by `forget`, and the original stays.

        Who made it may do this, and who has the scope `admin`. Raises NotFound, Denied.
        """
        return self._portal.call(partial(self._of.drop, label, path, reason=reason))
