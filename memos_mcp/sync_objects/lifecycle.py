"""The blocking twin of `lifecycle`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.cube import MemCube, State
from memos_mcp.interface import offices as twin
from memos_mcp.interface.batches import Migrated
from memos_mcp.interface.lives import Compressed, Erased, Life, Shelved, Swept
from memos_mcp.operation.lifecycle import (
    Move,
    Policy,
)


class Lifecycle:
    """States, retention and erasure of memories. Hangs off `Memos.lifecycle`."""

    def __init__(self, of: twin.Lifecycle, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def state(self, id: str) -> Life:
        """Where a memory stands; how often others read it counts only for who decides about it. Raises NotFound."""
        return self._portal.call(partial(self._of.state, id))

    def list(
        self, states: Sequence[State] = (State.ARCHIVED,), *, path: str | None = None, limit: int = 20, after: int = 0
    ) -> Shelved:
        """Memories in these states, also those that recall and browse leave out; of what is over, one's own.

        Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.list, states, path=path, limit=limit, after=after))

    def move(self, ids: Sequence[str], move: Move, *, reason: str = "") -> tuple[MemCube, ...]:
        """Take memories to another state, all of them or, on an error, none. No version is written.

        What is archived is no longer recalled, what is expired no longer read either, until it is restored.
        Raises NotFound, Denied, IllegalMove, Conflict.
        """
        return self._portal.call(partial(self._of.move, ids, move, reason=reason))

    def hold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Put memories under legal hold: they are not swept, forgotten or erased. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.hold, ids, reason=reason))

    def unhold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Lift a legal hold, which takes the scope `admin`. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.unhold, ids, reason=reason))

    def policy(self, path: str | None = None) -> Policy:
        """The policy that holds at a path: of the nearest namespace at or above it. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.policy, path))

    def set_policy(self, path: str, policy: Policy | None, *, reason: str = "") -> Policy:
        """How long memories at and beneath a path are kept; None: as the namespace above says. Takes scope `admin`.

        Moves nothing by itself: a sweep does. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.set_policy, path, policy, reason=reason))

    def sweep(self, path: str | None = None, *, limit: int = 1000000, after: int = 0, dry_run: bool = False) -> Swept:
        """Make the moves that are due, of the memories that the caller may decide about, newest first.

        Bounded batches, each of them whole or not at all, so that one that is stopped goes on where it was. `limit` is
        how many memories are looked at; `after` of the last answer continues. Frozen and held ones stay as they are.
        `dry_run`: nothing is done; the lines that would be written have the `seq` 0.
        Cost: about 50 µs a memory, 0.2 ms a move. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.sweep, path, limit=limit, after=after, dry_run=dry_run))

    def compact(self, path: str | None = None, *, limit: int = 1000000, after: int = 0, dry_run: bool = False) -> Swept:
        """Remove the words of versions that policies keep no longer, of memories that the caller may decide about.

        The log keeps that there were such versions. The first and the current one stay, and all of what is frozen or
        held. The rest as of `sweep`. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.compact, path, limit=limit, after=after, dry_run=dry_run))

    def clean(self, path: str | None = None, *, limit: int = 1000000, after: int = 0, dry_run: bool = False) -> Swept:
        """Forget what has been over for as long as policies say, of memories that the caller may decide about.

        The rest as of `sweep`. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.clean, path, limit=limit, after=after, dry_run=dry_run))

    def erase(self, ids: Sequence[str] = (), *, source: str = "", path: str | None = None, reason: str) -> Erased:
        """Remove memories for good: those named, all of a source, or all at and beneath a path; or, on an error, none.

        The words of every version and sighting go from the vault, its indexes and its write-ahead log before this
        returns, and the questions that found them from the access log; a line says who erased it, when and why. The
        answer names the copies that still hold it.
        Raises InvalidInput, NotFound, Denied.
        """
        return self._portal.call(partial(self._of.erase, ids, source=source, path=path, reason=reason))

    def migrate(self, path: str, to: str, *, reason: str = "") -> Migrated:
        """Take the memories at and beneath a path to another, with ids, versions and provenance: all or none of them.

        Whose they are and who may use them is decided anew there. What is frozen or held stays, and what the caller may
        not decide about here and there. Recall of a moment finds them from then on only. Cost: 0.3 ms each.
        Raises InvalidInput, Denied, Conflict (a key is in use there).
        """
        return self._portal.call(partial(self._of.migrate, path, to, reason=reason))

    def compress(self, path: str | None = None) -> Compressed:
        """Compact the versions at a path, then write the whole vault anew without the room that is not in use.

        Takes the scope `admin`, as it keeps others waiting. Stopped at any time, the vault is as before or as after.
        Cost: 50 ms per MB, and as much memory and disk as the vault has. Raises Denied, InvalidInput, Unavailable.
        """
        return self._portal.call(partial(self._of.compress, path))
