"""KV blocks as they are shown and handled: what there is, made of what, and how it serves (long paper §5.4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memos_mcp.activation import Progress
from memos_mcp.answers import KvBlock
from memos_mcp.cube import Kind, MemCube, Ref
from memos_mcp.errors import Corrupt, Denied, InvalidInput, Misconfigured
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.sifting import page, sieve_of
from memos_mcp.operation import prefixes
from memos_mcp.ports import Which

_MOST = 1000  # memories of one block
_PAGE = 100
_CHANGED = "a memory in it is not what was read any more"


@dataclass(frozen=True, slots=True)
class Kept:
    """A KV block: memories as the state that `model` is in after reading them, and how that served.

    In `hits` answers `saved` tokens were not read again. `why` says why it cannot be used as it is; empty: it can, as
    far as is known. `sources` are its memories in their order: none of a block that is shown to who may not read it.
    """

    name: str
    model: str
    sources: tuple[Ref, ...]
    memories: int
    tokens: int
    bytes: int
    at: datetime
    seconds: float
    by: str
    pinned: bool = False
    hits: int = 0
    saved: int = 0
    last_used_at: datetime | None = None
    why: str = ""
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """A block that nothing can reach any more; `said` is what of that the backend cannot promise."""

    name: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """A block with those of its memories that are still there; `open`: whoever asks may read all of it."""

    block: KvBlock
    cubes: Mapping[str, MemCube]
    open: bool


@recorded("kv.")
class Kv:
    """KV blocks: what a model keeps of memories that it has read. Hangs off `Memos.kv`.

    A caller knows of those blocks all of whose memories he reads whole; with the scope `admin`, unless he is kept
    within a path, of every other one as well, but not of what. All of this raises Misconfigured if there is no model
    for it, and InvalidInput on a branch, which has none.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def list(self, path: str | None = None) -> tuple[Kept, ...]:
        """The blocks there are, the oldest first; with a path those all of whose memories lie beneath it.

        No model is asked. Cost: 30 µs for each memory in them. Raises InvalidInput, Denied.
        """
        kv, where = self._activations(), await self._on.readable(path)
        found = await self._found(await kv.blocks())
        if path is not None or not self._all:
            found = [each for each in found if each.open and _lies(each.cubes.values(), where.paths)]
        return tuple(self._shown(each) for each in found)

    async def build(
        self,
        ids: Sequence[str] = (),
        *,
        path: str | None = None,
        tags: Sequence[str] = (),
        kinds: Sequence[Kind] = (),
        where: str = "",
        pin: bool = False,
        told: Progress | None = None,
    ) -> Kept:
        """A block of these memories, or of those at or beneath a path with all of these; the same if there is one.

        Named memories have to be his to read whole, and able to stand in a block; of others, those that are not are
        left out. `pin`: nothing but a change of its memories, or who drops it, ends it. `told` hears how many tokens
        are read, of how many. Cost: about as much as one question with all of them. Raises NotFound, Denied, Conflict
        (a memory was changed meanwhile: nothing is kept), InvalidInput (none, more than 1,000, or too much).
        """
        governance.check_scope(self._on.caller, "write")
        kv = self._activations()
        if bool(ids) == bool(path or tags or kinds or where.strip()):
            raise InvalidInput("say of what: either the ids of memories, or a path, tags, kinds or conditions")
        which = Which(checks.check_kinds(kinds), checks.check_tags(tags))
        cubes = await self._named(kv, ids) if ids else await self._fitting(kv, path, which, where)
        block = await kv.build(cubes, by=self._on.caller.user, pinned=pin, told=told)
        return self._shown(await self._one(block.name))

    async def verify(self, name: str) -> Kept:
        """A block as it is, its bytes looked at too: `why` and `cold`. Raises NotFound, Unavailable, MissingExtra."""
        shown = self._shown(await self._one(name))
        if shown.why:
            return shown
        why, cold = await self._activations().looked_at(name)
        return replace(shown, why="" if cold else why, cold=cold)

    async def drop(self, name: str) -> Dropped:
        """Remove a block; its memories stay. For who built it, or the scope `admin`. Raises NotFound, Denied."""
        await self._his(name)
        return Dropped(name, await self._activations().drop([name], why=f"{self._on.caller.user} dropped it"))

    async def pin(self, name: str, *, on: bool = True) -> Kept:
        """Keep a block though it is used little, or no longer; as `drop`. Raises NotFound, Denied, Conflict."""
        await self._his(name)
        await self._activations().pin(name, on=on)
        return self._shown(await self._one(name))

    def _activations(self) -> Activations:
        if self._on.branch_at:
            raise InvalidInput("a branch has no KV blocks: ask for those of its original, without the branch")
        if self._on.activations is None:
            raise Misconfigured(
                "there is no activation memory: set activation.kind to transformers or sglang; a vault that may not be "
                "written (vault.read_only) has none"
            )
        return self._on.activations

    @property
    def _all(self) -> bool:
        return "admin" in self._on.caller.scopes and not self._on.caller.within

    async def _found(self, blocks: Sequence[KvBlock]) -> list[_Found]:
        """Those of these blocks that he may know of."""
        kv, ids = self._activations(), {ref.id for block in blocks for ref in block.sources}
        known = {cube.id: cube for cube in await self._on.vault.get([Ref(id=id) for id in sorted(ids)])}
        open_ = {id for id, cube in known.items() if kv.reads(self._on, cube)}
        found: list[_Found] = []
        for block in blocks:
            cubes = {ref.id: known[ref.id] for ref in block.sources if ref.id in known}
            readable = all(ref.id in open_ for ref in block.sources)
            found += [_Found(block, cubes, readable)] if readable or self._all else []
        return found

    async def _one(self, name: str) -> _Found:
        """One that he may know of; that he looked is an access to its memories. Raises NotFound."""
        for found in await self._found([await self._activations().block(name)]):
            for cube in found.cubes.values() if found.open else ():
                self._on.decided("read", cube)
            return found
        raise self._activations().unknown(name)

    async def _his(self, name: str) -> None:
        """Raises NotFound, Denied unless he may say what becomes of a block."""
        caller = self._on.caller
        governance.check_scope(caller, "write")
        try:
            found = await self._one(name)
        except Corrupt:
            if self._all:
                return
            raise self._activations().unknown(name) from None
        if found.block.by != caller.user and "admin" not in caller.scopes:
            raise Denied(
                f"the KV block {name} is {found.block.by}'s: who did not build it needs the scope 'admin'", "scope"
            )

    def _shown(self, found: _Found) -> Kept:
        block = found.block
        why = _CHANGED if prefixes.whole(block, found.cubes) is None else ""
        model = self._activations().model
        if block.model != model:
            why = f"it was built for {block.model}, and {model or 'no model'} answers here"
        return Kept(
            name=block.name,
            model=block.model,
            sources=block.sources if found.open else (),
            memories=len(block.sources),
            tokens=block.activation.tokens,
            bytes=block.bytes,
            at=block.at,
            seconds=block.seconds,
            by=block.by,
            pinned=block.pinned,
            hits=block.hits,
            saved=block.saved,
            last_used_at=block.last_used_at,
            why=why,
        )

    async def _named(self, kv: Activations, ids: Sequence[str]) -> Sequence[MemCube]:
        once = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        if len(once) > _MOST:
            raise InvalidInput(f"{len(once):,} memories are too many for one block: name {_MOST:,} at most")
        for id in once:
            await self._on.one(Ref(id=checks.check_id(id)))
        cubes = await self._on.vault.get([Ref(id=id) for id in once])
        for cube in cubes:
            if not kv.reads(self._on, cube):
                raise InvalidInput(f"memory {cube.id} is shown to you in part: a KV block holds all of it")
        return cubes

    async def _fitting(self, kv: Activations, path: str | None, which: Which, where: str) -> Sequence[MemCube]:
        """What fulfils all of it, can stand in a block, and is shown whole."""
        place, sieve = await self._on.readable(path), sieve_of(where, self._on.clock())
        refs: list[Ref] = []
        after = -1
        while after and len(refs) <= _MOST:
            cubes, after = await page(self._on, place, which, sieve, after=max(after, 0), limit=_PAGE)
            refs += [Ref(id=cube.id) for cube in cubes]
        if len(refs) > _MOST:
            raise InvalidInput(
                f"more than {_MOST:,} memories fit, too many for one block: narrow the path, or add tags"
            )
        there = await self._on.vault.get(refs)
        cubes = [cube for cube in there if kv.reads(self._on, cube) and prefixes.keepable(self._on.guard.seen(cube))]
        if not cubes:
            raise InvalidInput("no memory of which a KV block could be made fits: `memos list` shows what there is")
        return cubes


def _lies(cubes: Iterable[MemCube], beneath: Sequence[str]) -> bool:
    return all(any(is_beneath(cube.path, top) for top in beneath) for cube in cubes)
