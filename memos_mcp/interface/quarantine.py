"""Quarantine: memories that recall leaves out because they look hostile, until somebody has looked at them."""

from __future__ import annotations

from collections.abc import Sequence

from memos_mcp.answers import Page
from memos_mcp.cube import SourceClass
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.ports import Change, Event, Which

_MOST = 100
_PAGE = 1000


@recorded("quarantine.")
class Quarantine:
    """What is kept from recall, browse and context; `get` still gives it by its id. Hangs off `Memos.quarantine`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def list(self, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories in quarantine, newest first, each with why; `after` of the last page continues."""
        checks.check_range("limit", limit, _MOST)
        where = await self._on.readable(path)
        rows = await self._on.vault.scan(where, Which(quarantined=True), after=after, limit=limit + 1)
        total = sum((await self._on.vault.count(where.paths, quarantined=True, permit=where.permit)).values())
        more = rows[limit - 1][0] if len(rows) > limit else 0
        shown = (self._on.shown(cube) for _, cube in rows[:limit])
        return Page(tuple(cube for cube in shown if cube), where.paths, total, more)

    async def add(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Put memories there, all of them or, on an error, none. Raises NotFound, Denied, Conflict."""
        why = checks.check_reason(reason)
        olds = [cube for cube in await self._on.governed_ones(ids) if "by-hand" not in cube.quarantined]
        cubes = [cube.model_copy(update={"quarantined": ("by-hand",), "vouched_by": ""}) for cube in olds]
        return await self._on.commit(*(Change("quarantine", c.id, c, expect=c.version, reason=why) for c in cubes))

    async def release(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Let memories be found again, all of them or none; they are not suspected once more until they change.

        The caller vouches for them, which takes the scope `admin`. Raises NotFound, Denied, Conflict.
        """
        governance.check_scope(self._on.caller, "admin")
        why = checks.check_reason(reason)
        olds = [cube for cube in await self._on.governed_ones(ids) if cube.quarantined]
        freed = {"quarantined": (), "vouched_by": self._on.caller.user}
        cubes = [cube.model_copy(update=freed) for cube in olds]
        return await self._on.commit(*(Change("release", c.id, c, expect=c.version, reason=why) for c in cubes))

    async def undo(
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
        if not (source or session or source_class):
            raise InvalidInput("name the source, the session or the class of sources whose memories are to go")
        why, where = checks.check_reason(reason), await self._on.readable(self._on.writable(path))
        ids: list[str] = []
        for held in (False, True):
            which = Which(source=source, session=session, source_class=source_class, quarantined=held)
            page = await self._on.scan(where, which, limit=_PAGE)
            while page:
                for _, cube in page:
                    self._on.check("govern", cube)
                ids += [cube.id for _, cube in page]
                page = await self._on.scan(where, which, after=page[-1][0], limit=_PAGE)
        return await self._on.commit(*(Change("forget", id, reason=why) for id in ids)) if ids else ()
