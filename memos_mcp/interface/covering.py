"""Which adapters answer for what was found: the current ones of a model, each looked at before it is used."""

from __future__ import annotations

from collections.abc import Sequence

from memos_mcp.answers import Learned, Release
from memos_mcp.cube import MemCube
from memos_mcp.interface.adapter_records import Records
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.standing import Standing
from memos_mcp.operation import prefixes
from memos_mcp.parametric import ParametricBackend


class Covering:
    """Looks at adapters of a model for a caller."""

    def __init__(self, records: Records, standing: Standing, backend: ParametricBackend) -> None:
        self._records, self._standing, self._backend = records, standing, backend

    async def of(self, on: Bound, used: Sequence[MemCube], beneath: Sequence[str], most: int) -> list[Learned]:
        """Those that were trained from most of these, the best first, of those that he may use beneath these paths."""
        current = {*(await self._records.current()).values()}
        its = [each for each in await self._records.all() if each.name in current and each.model == self._backend.model]
        found: list[Learned] = []
        for release, covers in prefixes.holding(its, used):
            if len(found) == most:
                break
            if await self.is_usable(on, release, beneath):
                found.append(Learned(release.name, release.sources, covers))
        return found

    async def is_usable(self, on: Bound, release: Release, beneath: Sequence[str]) -> bool:
        """May he use it beneath these paths, and is each memory in it what was learnt?"""
        if not release.sources:  # nobody knows where what it was trained from lies
            return release.by == on.caller.user and not on.caller.within
        return await self._standing.usable(on, release, beneath) is not None
