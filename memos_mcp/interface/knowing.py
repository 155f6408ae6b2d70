"""Who knows of what was made of memories, KV blocks and adapters: who reads each of its memories, whole.

With the scope `admin`, unless he is kept within a path, a caller knows of all the rest as well, but not of what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from memos_mcp.cube import MemCube, Ref
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.standing import Standing, lies
from memos_mcp.operation import prefixes


class Made(prefixes.Made, Protocol):
    """What somebody made of memories."""

    @property
    def by(self) -> str:
        """Who."""
        ...


Its = TypeVar("Its", bound=Made)


@dataclass(frozen=True, slots=True)
class Found(Generic[Its]):
    """It, with those of its memories that are still there; `open`: whoever asks may read all of it."""

    made: Its
    cubes: Mapping[str, MemCube]
    open: bool

    @property
    def whole(self) -> bool:
        """Is each of its memories what was read?"""
        return prefixes.whole(self.made, self.cubes) is not None


class Knowing:
    """Looks at what was made of memories for a caller."""

    def __init__(self, on: Bound) -> None:
        self._on, self._standing = on, Standing(on.vault, on.guard)

    @property
    def all(self) -> bool:
        """Does he know of what others made?"""
        return "admin" in self._on.caller.scopes and not self._on.caller.within

    async def of(self, made: Sequence[Its]) -> list[Found[Its]]:
        """Those that he may know of. What has no memories is known to who made it, if he is kept within no path.

        Cost: 30 µs for each memory.
        """
        ids = {ref.id for each in made for ref in each.sources}
        known = {cube.id: cube for cube in await self._on.vault.get([Ref(id=id) for id in sorted(ids)])}
        read = {id for id, cube in known.items() if self._standing.reads(self._on, cube)}
        found: list[Found[Its]] = []
        for each in made:
            cubes = {ref.id: known[ref.id] for ref in each.sources if ref.id in known}
            is_own = each.by == self._on.caller.user and not self._on.caller.within
            is_open = all(ref.id in read for ref in each.sources) if each.sources else is_own
            found += [Found(each, cubes, is_open)] if is_open or self.all else []
        return found

    async def at(self, made: Sequence[Its], path: str | None) -> list[Found[Its]]:
        """The same; with a path those all of whose memories lie beneath it. Raises InvalidInput, Denied."""
        where, found = await self._on.readable(path), await self.of(made)
        if path is None and self.all:
            return found
        its = [each for each in found if each.open and (each.cubes or path is None)]
        return [each for each in its if all(lies(cube.path, where.paths) for cube in each.cubes.values())]

    async def one(self, made: Its) -> Found[Its] | None:
        """The same of one; that he looked is an access to its memories."""
        for found in await self.of([made]):
            for cube in found.cubes.values() if found.open else ():
                self._on.decided("read", cube)
            return found
        return None

    async def reads(self, ids: Sequence[str]) -> bool:
        """May he read those of these that are still there, whole? It is no access yet.

        Nobody knows where what is gone lay: who is kept within a path may not read it.
        """
        cubes = await self._on.vault.get([Ref(id=id) for id in dict.fromkeys(ids)])
        gone = len(cubes) < len({*ids})
        return not (gone and self._on.caller.within) and all(self._standing.reads(self._on, cube) for cube in cubes)

    async def memories(self, refs: Sequence[Ref]) -> tuple[MemCube, ...]:
        """Those that he may read whole, in these versions."""
        cubes = await self._on.vault.get(refs)
        seen = (self._on.shown(cube) for cube in cubes if self._standing.reads(self._on, cube))
        return tuple(cube for cube in seen if cube is not None)
