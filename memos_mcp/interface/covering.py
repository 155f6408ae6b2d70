"""Which adapters answer for what was found: the current ones of a model, each looked at before it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memos_mcp.answers import Learned, Release
from memos_mcp.cube import MemCube
from memos_mcp.interface.adapter_records import Records
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.standing import Standing
from memos_mcp.operation import prefixes
from memos_mcp.parametric import ParametricBackend


class Covering:
    """Looks at adapters of a model for a caller."""

    def __init__(
        self,
        records: Records,
        standing: Standing,
        backend: ParametricBackend,
        why_not: Callable[[MemCube], str],
    ) -> None:
        """`why_not` says why a memory cannot be learnt, as it is now."""
        self._records, self._standing, self._backend, self._why_not = records, standing, backend, why_not

    async def of(
        self, on: Bound, used: Sequence[MemCube], beneath: Sequence[str], most: int
    ) -> tuple[list[Learned], list[Release]]:
        """Those that were trained from most of these, the best first, of those that he may use beneath these paths.

        With those that were met and are over for everybody. Cost: 20 µs for each memory in them, twice if it is not
        for him.
        """
        current = {*(await self._records.current()).values()}
        its = [each for each in await self._records.all() if each.name in current and each.model == self._backend.model]
        found, over = list[Learned](), list[Release]()
        for release, covers in prefixes.holding(its, used):
            if len(found) == most:
                break
            if await self.is_usable(on, release, beneath):
                found.append(Learned(release.name, release.sources, covers))
            elif await self._is_over(release):
                over.append(release)
        return found, over

    async def is_usable(self, on: Bound, release: Release, beneath: Sequence[str]) -> bool:
        """May he use it beneath these paths, and is each memory in it what was learnt?"""
        if not release.sources:  # nobody knows where what it was trained from lies
            return release.by == on.caller.user and not on.caller.within
        return await self._standing.usable(on, release, beneath) is not None

    async def _is_over(self, release: Release) -> bool:
        """Is a memory in it not what was learnt, or past its end?"""
        cubes = await self._standing.of(release)
        return cubes is None or any(map(self._why_not, cubes))
