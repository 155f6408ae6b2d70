"""The blocking twin of `consolidation`. Written by `make twin`."""

from __future__ import annotations

from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.interface import offices as twin
from memos_mcp.interface.consolidations import Consolidated, Consolidating, Contradictions, Decided


class Consolidation:
    """What became of memories when others came. Hangs off `Memos.consolidation`.

    Somebody sees what was done to two memories if he may read both.
    """

    def __init__(self, of: twin.Consolidation, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def status(self) -> Consolidating:
        """Is it on, and how many of the memories that the caller may read wait for it: up to 1,000."""
        return self._portal.call(self._of.status)

    def run(self, seconds: float = 60.0) -> Consolidating:
        """Do now what would be done in the background, so many seconds at most; then as `status`. Raises Denied."""
        return self._portal.call(partial(self._of.run, seconds))

    def contradictions(self, path: str | None = None, *, limit: int = 20, after: str = "") -> Contradictions:
        """The pairs that were found to contradict each other and still do; both are kept. Raises InvalidInput, Denied.

        One that was forgotten, ended, archived or changed since contradicts nothing. Cost: 1 ms a pair.
        """
        return self._portal.call(partial(self._of.contradictions, path, limit=limit, after=after))

    def decided(self, path: str | None = None, *, id: str | None = None, limit: int = 20, after: str = "") -> Decided:
        """What was done to memories at or beneath a path, or to one of them, and why. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.decided, path, id=id, limit=limit, after=after))

    def undo(self, id: str, other: str, *, reason: str = "") -> Consolidated:
        """Undo what was done to two memories, in either order: it is not done again.

        Their links go, what ended holds as before, and what was put away is in use. All of it or, on an error, nothing;
        what was undone already stays so. Raises NotFound, Denied, Conflict (repeat), IllegalMove.
        """
        return self._portal.call(partial(self._of.undo, id, other, reason=reason))
