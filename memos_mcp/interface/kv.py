"""KV blocks as they are shown and handled: what there is, made of what, and how it serves (long paper §5.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memos_mcp.activation import Progress
from memos_mcp.answers import KvBlock
from memos_mcp.cube import Kind, MemCube, Ref
from memos_mcp.errors import Corrupt, Denied, InvalidInput, Misconfigured
from memos_mcp.infrastructure import governance
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.knowing import Found, Knowing
from memos_mcp.interface.meant import Meant, meant
from memos_mcp.interface.recording import recorded
from memos_mcp.operation import prefixes

_CHANGED = "a memory in it is not what was read any more"


@dataclass(frozen=True, slots=True)
class Kept:
    """A KV block: memories as the state that `model` is in after reading them, and how that served.

    In `hits` answers `saved` tokens were not read again. `why` says why it cannot be used as it is; empty: it can, as
    far as is known. `dialogue`: one of his left it behind for its next turn. `sources` are its memories in their order:
    none of a block that is shown to who may not read it.
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
    dialogue: bool = False
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


@recorded("kv.")
class Kv:
    """KV blocks: what a model keeps of memories that it has read. Hangs off `Memos.kv`.

    A caller knows of those blocks all of whose memories he reads whole; with the scope `admin`, unless he is kept
    within a path, of every other one as well, but not of what. All of this raises Misconfigured if there is no model
    for it, and InvalidInput on a branch, which has none.
    """

    def __init__(self, on: Bound) -> None:
        self._on, self._knowing = on, Knowing(on)

    async def list(self, path: str | None = None) -> tuple[Kept, ...]:
        """The blocks there are, the oldest first; with a path those all of whose memories lie beneath it.

        No model is asked. Cost: 30 µs for each memory in them. Raises InvalidInput, Denied.
        """
        blocks = [each for each in await self._activations().blocks() if self._may_know(each)]
        found = await self._knowing.at(blocks, path)
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
        its = await meant(self._on, ids, path=path, tags=tags, kinds=kinds, where=where)
        block = await kv.build(self._able(its), by=self._on.caller.user, pinned=pin, told=told)
        return self._shown(await self._one(block.name))

    async def verify(self, name: str) -> Kept:
        """A block as it is, its bytes looked at too: `why` and `cold`. Raises NotFound, Unavailable, MissingExtra."""
        shown = self._shown(await self._one(name))
        if shown.why:
            return shown
        why, cold = await self._activations().looked_at(name)
        return replace(shown, why="" if cold else why, cold=cold)

    async def memories(self, name: str) -> tuple[MemCube, ...]:
        """The memories of a block as the model read them, in their order: those that he may read whole.

        Raises NotFound.
        """
        return await self._knowing.memories((await self._one(name)).made.sources)

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

    async def _one(self, name: str) -> Found[KvBlock]:
        """One that he may know of. Raises NotFound."""
        block = await self._activations().block(name)
        found = await self._knowing.one(block) if self._may_know(block) else None
        if found is None:
            raise self._activations().unknown(name)
        return found

    def _may_know(self, block: KvBlock) -> bool:
        return self._knowing.all or block.is_for(self._on.caller.user)

    async def _his(self, name: str) -> None:
        """Raises NotFound, Denied unless he may say what becomes of a block."""
        caller = self._on.caller
        governance.check_scope(caller, "write")
        try:
            found = await self._one(name)
        except Corrupt:
            if self._knowing.all:
                return
            raise self._activations().unknown(name) from None
        if found.made.by != caller.user and "admin" not in caller.scopes:
            raise Denied(
                f"the KV block {name} is {found.made.by}'s: who did not build it needs the scope 'admin'", "scope"
            )

    def _shown(self, found: Found[KvBlock]) -> Kept:
        block = found.made
        why = "" if found.whole else _CHANGED
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
            dialogue=bool(block.user),
            hits=block.hits,
            saved=block.saved,
            last_used_at=block.last_used_at,
            why=why,
        )

    def _able(self, its: Meant) -> Sequence[MemCube]:
        """Those that can stand in a block; of named ones, building says which cannot."""
        if its.named:
            return its.cubes
        cubes = [cube for cube in its.cubes if prefixes.keepable(self._on.guard.seen(cube))]
        if not cubes:
            raise InvalidInput("no memory of which a KV block could be made fits: `memos list` shows what there is")
        return cubes
