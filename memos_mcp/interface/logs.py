"""Log API: what happened in the vault, as far as the caller may know (long paper §5.3.2, Log Query API)."""

from __future__ import annotations

from dataclasses import replace

from memos_mcp.answers import News
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.ports import Event

_MOST = 10_000


@recorded("log.")
class Log:
    """The change log. Hangs off `Memos.log`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def news(self, after: int = -1, *, limit: int = 1000) -> News:
        """Lines after a position, of those the caller may read; without one none, and where the log ends now."""
        governance.check_scope(self._on.caller, "read")
        checks.check_range("limit", limit, _MOST)
        events = await self._on.vault.events(after=after, limit=1 if after < 0 else limit)
        upto = events[-1].seq if events else max(after, 0)
        readable = (e for e in events if after >= 0 and e.subject and self._on.may_read(e))
        return News(tuple(_where_it_is(self._on.told(e)) for e in readable), upto)

    async def of(self, id: str) -> tuple[Event, ...]:
        """Every line about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        events = await self._on.vault.events(subject=checks.check_id(id), limit=_MOST)
        if not events or not self._on.may_read(events[0]):
            raise self._on.unknown(id)
        lines = (replace(event, cube=event.cube and self._on.guard.seen(event.cube)) for event in events)
        return tuple(_where_it_is(self._on.told(line)) for line in lines)


def _where_it_is(event: Event) -> Event:
    """The line with the path that its memory has now: who may read it there need not know where it was."""
    return replace(event, path=event.now or event.path, now="")
