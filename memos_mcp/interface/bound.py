"""What every verb works on: a vault and its lanes as one caller sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import Conflict, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.guard import Guard
from memos_mcp.operation.lanes import Lanes
from memos_mcp.ports import Caller, Change, Event, MemoryAdapter, Name, Where

Found = Ref | Name
_ATTEMPTS = 100  # each time another change went through, so only a crowd comes near


@dataclass(frozen=True, slots=True)
class Bound:
    """Bound to a caller; the verbs of Memos and the objects that hang off it share one.

    `path` is where he writes and searches unless told otherwise: None is his home, and all he may read.
    """

    vault: MemoryAdapter
    lanes: Lanes
    caller: Caller
    path: str | None
    clock: Callable[[], datetime]
    guard: Guard

    @property
    def home(self) -> str:
        """Where he writes unless told otherwise."""
        return self.path or governance.home(self.caller)

    def writable(self, path: str | None) -> str:
        """The path, or his own, if he may write there. Raises InvalidInput, Denied."""
        return governance.check_write(self.caller, path or self.home)

    def readable(self, path: str | None) -> Where:
        """What lies beneath the path, or all he may read. Raises InvalidInput, Denied."""
        return governance.readable(self.caller, path or self.path)

    def shown(self, cube: MemCube) -> MemCube | None:
        """The memory as he may see it, if he may; suspicions and secrets are looked for once more."""
        return self.guard.seen(cube) if governance.may_read(self.caller, cube.path) else None

    async def one(self, found: Found | None, what: str = "") -> MemCube:
        """The memory at an id or a name; `what` is how the caller named it. Raises NotFound."""
        cubes = await self.vault.get([found]) if found else []
        cube = self.shown(cubes[0]) if cubes else None
        if cube is None:
            version = found.version if isinstance(found, Ref) else None
            raise self.unknown(what or (found.id if isinstance(found, Ref) else ""), version)
        return cube

    async def writable_ones(self, ids: Sequence[str]) -> list[MemCube]:
        """The current versions of memories that he may change. Raises NotFound, Denied, InvalidInput."""
        cubes = [await self.one(Ref(id=checks.check_id(id))) for id in dict.fromkeys(ids)]
        for cube in cubes:
            governance.check_write(self.caller, cube.path)
        return cubes

    async def commit(self, *changes: Change) -> tuple[Event, ...]:
        """Write them all, or on an error none; the lanes follow. Raises Conflict, NotFound."""
        events = await self.vault.commit(changes, caller=self.caller)
        await self.lanes.apply(events)
        return tuple(events)

    async def written(self, change: Change, cube: MemCube) -> MemCube:
        """The memory as this one change wrote it. Raises Conflict, NotFound."""
        (event,) = await self.commit(change)
        return event.cube or cube

    async def repeated(self, attempt: Callable[[], Awaitable[MemCube]], expect: int | None) -> MemCube:
        """Begin anew when somebody else came first, unless the caller said which version he means."""
        for _ in range(_ATTEMPTS if expect is None else 0):
            with contextlib.suppress(Conflict):
                return await attempt()
        return await attempt()

    def unknown(self, what: str, version: int | None = None) -> NotFound:
        """What is said of a memory that is not there, or not for him: the same."""
        which = f" version {version}" if version else ""
        return NotFound(f"{self.caller.user} has no memory {what!r}{which}; recall or browse to find its id")
