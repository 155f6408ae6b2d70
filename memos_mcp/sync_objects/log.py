"""The blocking twin of `log`. Written by `make twin`."""

from __future__ import annotations

from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.answers import News
from memos_mcp.interface import offices as twin
from memos_mcp.ports import Event


class Log:
    """The change log. Hangs off `Memos.log`."""

    def __init__(self, of: twin.Log, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def news(self, after: int = -1, *, limit: int = 1000) -> News:
        """Lines after a position, of those the caller may read; without one none, and where the log ends now."""
        return self._portal.call(partial(self._of.news, after, limit=limit))

    def of(self, id: str) -> tuple[Event, ...]:
        """Every line about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        return self._portal.call(partial(self._of.of, id))
