"""The blocking twin of `timeline`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.answers import BroughtBack, Differences, Page, Snapshot
from memos_mcp.cube import MemCube
from memos_mcp.interface import offices as twin
from memos_mcp.interface.bound import When


class Timeline:
    """The past of memories. Hangs off `Memos.timeline`.

    A moment is a time, or the label of a snapshot: one of the path that is looked at, or of one above it.
    """

    def __init__(self, of: twin.Timeline, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def get(self, id: str, at: When) -> MemCube:
        """The version of a memory that was current at a moment. Raises NotFound, InvalidInput."""
        return self._portal.call(partial(self._of.get, id, at))

    def browse(self, at: When, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories of a moment, newest first; `after` of the last page continues. Raises as `recall`."""
        return self._portal.call(partial(self._of.browse, at, path, limit=limit, after=after))

    def diff(
        self, before: When, after: When | None = None, path: str | None = None, *, limit: int = 50, start: int = 0
    ) -> Differences:
        """What changed between two moments, or since one; `after` of the answer, given as `start`, continues.

        Cost: 10 µs for each change between them. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.diff, before, after, path, limit=limit, start=start))

    def restore(self, id: str, to: int | When, *, reason: str = "") -> MemCube:
        """Let a memory say again what it said in a version or at a moment: a new version, so the way back stays open.

        Who may use it is not brought back. A merged, archived or expired one is active again; of what is archived, who
        decides about it decides that. Raises NotFound, Denied, IllegalMove (it is frozen), InvalidInput, Conflict.
        """
        return self._portal.call(partial(self._of.restore, id, to, reason=reason))

    def restore_all(self, to: When, path: str | None = None, *, reason: str = "") -> BroughtBack:
        """Let all memories at or beneath a path say again what they said at a moment: in one commit, or not at all.

        Those that were archived since are in use again, and the other way round, if the caller decides about them;
        nothing is over again. What was forgotten stays gone, and what was added since stays: nothing is lost, and the
        moment before is a way back. Cost: 0.5 ms for each. Raises NotFound, Denied, InvalidInput, Conflict (repeat).
        """
        return self._portal.call(partial(self._of.restore_all, to, path, reason=reason))

    def snapshot(self, label: str, path: str | None = None) -> Snapshot:
        """Give what is at or beneath a path now a name to come back to: nothing is copied. Raises Conflict, Denied."""
        return self._portal.call(partial(self._of.snapshot, label, path))

    def snapshots(self, path: str | None = None) -> tuple[Snapshot, ...]:
        """The snapshots at or beneath a path, the oldest first. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.snapshots, path))

    def drop(self, label: str, path: str | None = None) -> None:
        """Remove a snapshot; the memories stay. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.drop, label, path))

    def freeze(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Keep memories as they are: until they are thawed nobody changes or forgets them. All of them or none.

        Who may use them can still be changed. Raises NotFound, Denied, IllegalMove.
        """
        return self._portal.call(partial(self._of.freeze, ids, reason=reason))

    def thaw(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Let frozen memories change again, in the state they were frozen in. Raises as `freeze`."""
        return self._portal.call(partial(self._of.thaw, ids, reason=reason))
