"""The blocking twin of `quarantine`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.answers import Page
from memos_mcp.cube import SourceClass
from memos_mcp.interface import offices as twin
from memos_mcp.ports import Event


class Quarantine:
    """What is kept from recall, browse and context; `get` still gives it by its id. Hangs off `Memos.quarantine`."""

    def __init__(self, of: twin.Quarantine, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def list(self, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories in quarantine, newest first, each with why; `after` of the last page continues."""
        return self._portal.call(partial(self._of.list, path, limit=limit, after=after))

    def add(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Put memories there, all of them or, on an error, none. Raises NotFound, Denied, Conflict."""
        return self._portal.call(partial(self._of.add, ids, reason=reason))

    def release(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Let memories be found again, all of them or none; they are not suspected once more until they change.

        The caller vouches for them, which takes the scope `admin`. Raises NotFound, Denied, Conflict.
        """
        return self._portal.call(partial(self._of.release, ids, reason=reason))

    def undo(
        self,
        source: str = "",
        *,
        session: str = "",
        source_class: SourceClass | None = None,
        path: str | None = None,
        reason: str = "",
    ) -> tuple[Event, ...]:
        """Forget all that was first remembered from a source, a session or a class of sources, in quarantine or not.

        Searches beneath `path`, or the caller's home. All of it or, on an error, nothing. Cost: 3 µs for each memory
        there. Raises InvalidInput, Denied.
        """
        return self._portal.call(
            partial(self._of.undo, source, session=session, source_class=source_class, path=path, reason=reason)
        )
