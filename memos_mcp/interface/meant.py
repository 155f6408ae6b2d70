"""The memories of which something is to be made: those that are named, or all that fulfil what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memos_mcp.cube import Kind, MemCube, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.sifting import page, sieve_of
from memos_mcp.interface.standing import Standing
from memos_mcp.ports import Which

MOST = 1000
"""Memories of which one thing is made."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Meant:
    """Memories that whoever asks reads whole; `partly`: those that fit, and that he sees in part.

    `named`: each by its id, so none of them may be left out.
    """

    cubes: tuple[MemCube, ...]
    partly: tuple[MemCube, ...] = ()
    named: bool = False


async def meant(
    on: Bound, ids: Sequence[str], *, path: str | None, tags: Sequence[str], kinds: Sequence[Kind], where: str
) -> Meant:
    """The memories with these ids, or those at or beneath a path that fulfil all of the rest.

    Raises NotFound, Denied, InvalidInput (both or neither is said, more than 1,000, or one that is named is shown to
    him in part).
    """
    if bool(ids) == bool(path or tags or kinds or where.strip()):
        raise InvalidInput("say of what: either the ids of memories, or a path, tags, kinds or conditions")
    which = Which(checks.check_kinds(kinds), checks.check_tags(tags))
    return await _named(on, ids) if ids else await _fitting(on, path, which, where)


async def _named(on: Bound, ids: Sequence[str]) -> Meant:
    once, standing = list(dict.fromkeys([ids] if isinstance(ids, str) else ids)), Standing(on.vault, on.guard)
    if len(once) > MOST:
        raise InvalidInput(f"{len(once):,} memories are too many at once: name {MOST:,} at most")
    for id in once:
        await on.one(Ref(id=checks.check_id(id)))
    cubes = await on.vault.get([Ref(id=id) for id in once])
    for cube in cubes:
        if not standing.reads(on, cube):
            raise InvalidInput(f"memory {cube.id} is shown to you in part: what a model reads is all of it")
    return Meant(tuple(cubes), named=True)


async def _fitting(on: Bound, path: str | None, which: Which, where: str) -> Meant:
    place, sieve, standing = await on.readable(path), sieve_of(where, on.clock()), Standing(on.vault, on.guard)
    refs: list[Ref] = []
    after = -1
    while after and len(refs) <= MOST:
        found, after = await page(on, place, which, sieve, after=max(after, 0), limit=_PAGE)
        refs += [Ref(id=cube.id) for cube in found]
    if len(refs) > MOST:
        raise InvalidInput(f"more than {MOST:,} memories fit, too many at once: narrow the path, or add tags")
    cubes = await on.vault.get(refs)
    whole = {cube.id for cube in cubes if standing.reads(on, cube)}
    return Meant(
        tuple(cube for cube in cubes if cube.id in whole), tuple(cube for cube in cubes if cube.id not in whole)
    )
