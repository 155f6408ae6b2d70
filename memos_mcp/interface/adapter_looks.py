"""Adapters as a caller may look at them: which of them he knows of, why one cannot be used, what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from memos_mcp.answers import Release
from memos_mcp.cube import MemCube
from memos_mcp.errors import Conflict, Denied, InvalidInput, Misconfigured, NotFound
from memos_mcp.interface.adapter_records import Taught, Want, key_of
from memos_mcp.interface.adapter_views import Adapter, Examined, LeftOut, shown
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.knowing import Found, Knowing
from memos_mcp.interface.meant import Meant
from memos_mcp.operation.releases import before
from memos_mcp.parametric import Budget

_CHANGED = "a memory in it is not what was learnt any more"
_PARTLY = "you see it in part, and what a model learns is all of it"


class Looks:
    """Looks at adapters for a caller, and says what becomes of what he wants."""

    def __init__(self, on: Bound) -> None:
        self._on, self._knowing = on, Knowing(on)

    def _adapters(self) -> Adapters:
        if self._on.branch_at:
            raise InvalidInput("a branch has no adapters: ask for those of its original, without the branch")
        if self._on.adapters is None:
            raise Misconfigured(
                "there is no parametric memory: set parametric.kind; a vault that may not be written "
                "(vault.read_only) has none"
            )
        return self._on.adapters

    def _want(self, topic: str, cubes: Sequence[MemCube], budget: Budget) -> Want:
        caller = self._on.caller
        return Want(
            topic,
            caller.user,
            tuple(cube.id for cube in cubes),
            self._on.clock(),
            roles=caller.roles,
            context=caller.context,
            within=caller.within,
            budget=budget,
        )

    def _able(self, its: Meant) -> tuple[Sequence[MemCube], tuple[LeftOut, ...]]:
        """Those that can be learnt, and the others; of named ones, training says which cannot. Raises InvalidInput."""
        if its.named:
            return its.cubes, ()
        whys = {cube.id: self._adapters().trainable(cube) for cube in its.cubes}
        cubes = [cube for cube in its.cubes if not whys[cube.id]]
        if not cubes:
            raise InvalidInput("no memory that could be learnt fits: `memos list` shows what there is")
        unable = [LeftOut(id, why) for id, why in whys.items() if why]
        return cubes, (*unable, *(LeftOut(cube.id, _PARTLY) for cube in its.partly))

    async def _examined(self, taught: Taught, left_out: tuple[LeftOut, ...] = ()) -> Examined:
        report, release = taught.report, taught.release
        return Examined(
            await self._look(release.name) if release else None,
            report.gain if math.isfinite(report.gain) else None,
            report.harm if math.isfinite(report.harm) else None,
            () if release else report.why,
            taught.known,
            (*left_out, *(LeftOut(ref.id, why) for ref, why in taught.left_out)),
        )

    async def _is_told(self, by: str, ids: Sequence[str]) -> bool:
        """Did he want it, and may he still read what is left of its memories?"""
        return by == self._on.caller.user and await self._knowing.reads(ids)

    async def _one(self, name: str) -> Found[Release]:
        """One that he may know of. Raises NotFound."""
        found = await self._knowing.one(await self._adapters().release(name))
        if found is None:
            raise self._adapters().unknown(name)
        return found

    async def _look(self, name: str) -> Adapter:
        (shown,) = await self._shown([await self._one(name)])
        return shown

    async def _his(self, name: str) -> Found[Release]:
        """One of which he may say what becomes of it. Raises NotFound, Denied."""
        found, caller = await self._one(name), self._on.caller
        if found.made.by != caller.user and "admin" not in caller.scopes:
            raise Denied(
                f"the adapter {name} is {found.made.by}'s: who did not train it needs the scope 'admin'", "scope"
            )
        return found

    async def _sound(self, name: str) -> Found[Release]:
        """One that can be used, and all of whose memories he reads. Raises NotFound, Denied, InvalidInput, Conflict."""
        found = await self._one(name)
        if not found.open:
            raise Denied(f"{self._on.caller.user} may not read all that the adapter {name} was trained from")
        if not found.made.sources:
            raise InvalidInput(f"of the adapter {name} it is not known what it was trained from: it was adopted")
        self._check(found)
        return found

    def _check(self, found: Found[Release]) -> None:
        if why := self._why(found):
            raise Conflict(f"the adapter {found.made.name} cannot be used: {why}; train its topic again")

    async def _before(self, topic: str) -> str:
        """The name of the one to go back to: the newest before that which answers. Raises NotFound."""
        records, user = self._adapters().records, self._on.caller.user
        name, own = (await records.current()).get(key_of(topic, user)), dict[str, Release]()
        for found in await self._knowing.of([each for each in await records.all() if each.by == user]):
            if found.made.name == name or not self._why(found):
                own[found.made.name] = found.made
        if name is None or name not in own:
            raise NotFound(f"no adapter of {user} answers for {topic!r}: say which one shall; `memos adapters list`")
        older = before(own[name].payload, [each.payload for each in own.values()])
        if older is None:
            raise NotFound(
                f"there is no adapter before {name} to go back to: `memos adapters list` shows those there are"
            )
        return older.name

    def _why(self, found: Found[Release]) -> str:
        """Why it cannot be used, as far as is known without its bytes."""
        release, model = found.made, self._adapters().model
        if release.model != model:
            return f"it was trained for {release.model}, and {model or 'no model'} answers here"
        if release.sources and not (found.whole and not any(map(self._adapters().trainable, found.cubes.values()))):
            return _CHANGED
        return ""

    async def _shown(self, found: Sequence[Found[Release]]) -> tuple[Adapter, ...]:
        current = {*(await self._adapters().records.current()).values()}
        return tuple(shown(each, why=self._why(each), is_current=each.made.name in current) for each in found)
