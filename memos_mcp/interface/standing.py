"""What was made of memories, as long as each of them is what was read: KV blocks and adapters are looked at by this.

Whatever a process has missed, nothing made is used before each of its memories was looked at again: it has to be this
version, in use, where it was, under the rules it had, and read whole by whoever asks (docs/adr/0044).
"""

from __future__ import annotations

from collections.abc import Sequence

from memos_mcp.cube import MemCube, Ref
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.framing import without_secrets
from memos_mcp.interface.guard import Guard
from memos_mcp.operation import prefixes
from memos_mcp.operation.context import ended, told
from memos_mcp.ports import Caller, MemoryAdapter


class Standing:
    """Looks at the memories behind what was made of them."""

    def __init__(self, vault: MemoryAdapter, guard: Guard) -> None:
        self._vault, self._guard = vault, guard

    async def of(self, made: prefixes.Made) -> tuple[MemCube, ...] | None:
        """The memories as they are in the vault, if each is what was read. Cost: 20 µs each."""
        cubes = await self._vault.get([Ref(id=ref.id) for ref in made.sources])
        return prefixes.whole(made, {cube.id: cube for cube in cubes})

    async def usable(self, on: Bound, made: prefixes.Made, beneath: Sequence[str]) -> tuple[MemCube, ...] | None:
        """The same if whoever asks may read each of them, whole, it is not suspected, and lies beneath the paths."""
        cubes = await self.of(made)
        if cubes is None or not all(lies(cube.path, beneath) and self.reads(on, cube) for cube in cubes):
            return None
        return None if any(self._guard.seen(cube).quarantined for cube in cubes) else cubes

    def reads(self, on: Bound, cube: MemCube) -> bool:
        """May whoever asks read all that a model reads of a memory? It is no access yet."""
        return on.would("read", cube).allowed and self.whole(on.caller, cube)

    def whole(self, caller: Caller, cube: MemCube) -> bool:
        """Is he shown all of its words, if he may read it?"""
        seen, privacy = self._guard.seen(cube), self._guard.privacy
        return privacy is None or words(privacy.part(caller, seen)) == words(seen)


def words(cube: MemCube) -> str:
    """A memory as a model reads it: the same as long as its version is, but for its secrets."""
    return without_secrets(told(cube) + ended(cube))


def lies(path: str, beneath: Sequence[str]) -> bool:
    """Does it lie at or beneath one of these?"""
    return any(is_beneath(path, top) for top in beneath)
