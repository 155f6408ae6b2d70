"""What is done to all memories of a namespace: find them, take them to another path in one commit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from memos_mcp.cube import MemCube, State
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface.bound import Bound
from memos_mcp.ports import Change, Which

_PAGE = 1000
_EVERY = (Which(states=tuple(State)), Which(quarantined=True))


@dataclass(frozen=True, slots=True)
class Migrated:
    """The ids of the memories that went from one path to the other; those in `left` stayed, and may not go."""

    path: str
    to: str
    ids: tuple[str, ...]
    left: tuple[str, ...]


async def migrated(on: Bound, path: str, to: str, reason: str) -> Migrated:
    """Take there what lies at and beneath a path, as far as the caller decides about it here and there.

    All of it or, on an error, nothing. Raises InvalidInput, Denied, Conflict.
    """
    source, target = on.writable(path), on.writable(to)
    if is_beneath(source, target) or is_beneath(target, source):
        raise InvalidInput(f"{target} and {source} lie in each other: name a path that is apart")
    going: list[tuple[MemCube, str]] = []
    left: list[str] = []
    for cube in await everything(on, source):
        there = governance.check_path(target + cube.path[len(source) :])
        fixed = cube.governance.held or cube.state is State.FROZEN
        if on.governs(cube.path, cube.governance) and on.governs(there, cube.governance) and not fixed:
            going.append((cube, there))
        elif not cube.quarantined and on.decided("read", cube).allowed:
            left.append(cube.id)
    changes: list[Change] = []
    for cube, there in going:
        changes.append(Change("depart", cube.id, cube, reason=reason))
        changes.append(Change("arrive", cube.id, cube.model_copy(update={"path": there}), reason=reason))
    if changes:
        await on.commit(*changes)
    return Migrated(source, target, tuple(cube.id for cube, _ in going), tuple(left))


async def everything(on: Bound, path: str, source: str = "") -> list[MemCube]:
    """What lies at and beneath a path, of a source or of all, in every state, in quarantine or not.

    Whether the caller may know of it is not asked here.
    """
    where = replace(await on.readable(path), permit=None)
    found: list[MemCube] = []
    for which in _EVERY:
        asked = replace(which, source=source)
        rows = await on.scan(where, asked, limit=_PAGE)
        while rows:
            found += [cube for _, cube in rows]
            rows = await on.scan(where, asked, after=rows[-1][0], limit=_PAGE)
    return found
