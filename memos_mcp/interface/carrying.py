"""The scheduler's plan carried out: blocks dropped and built, one at a time, each decision noted before and after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memos_mcp.answers import KvBlock
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import Conflict, InvalidInput
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.planning import Planned
from memos_mcp.interface.scheduled import SYSTEM, Cause, Decisions, Made, Turn
from memos_mcp.interface.using import tokens_of
from memos_mcp.operation.laying import Group
from memos_mcp.operation.scheduling import size

logger = logging.getLogger(__name__)

_UNFIT = "it, or one beside it in its block, is not what was read any more: changed, over, put away or suspected"


@dataclass(frozen=True, slots=True)
class Todo:
    """A plan with its memories, the scheduler's own blocks by name, and those of his blocks that may not stay."""

    plan: Planned
    cubes: Mapping[str, MemCube]
    mine: Mapping[str, KvBlock]
    unfit: tuple[KvBlock, ...] = ()

    @property
    def nothing(self) -> bool:
        """Is everything as it should be?"""
        return not (self.unfit or self.plan.layout.drop or self.plan.layout.build)


def is_mine(block: KvBlock, model: str) -> bool:
    """Is it the scheduler's, for this model? One that a person built or pinned is his."""
    return block.by == SYSTEM.user and not block.pinned and block.model == model


class Carrying:
    """Carries plans out. `scale` is how many tokens there are for one that is estimated; 0: nothing was built yet."""

    def __init__(
        self, kv: Activations, decisions: Decisions, turn: Turn, clock: Callable[[], datetime], policy: str
    ) -> None:
        self.scale = 0.0
        self._kv, self._decisions, self._turn, self._clock, self._policy = kv, decisions, turn, clock, policy
        self._refused: set[tuple[Ref, ...]] = set()

    def measure(self, blocks: Iterable[KvBlock], cubes: Mapping[str, MemCube]) -> float:
        """The scale, by these blocks if there are any."""
        known = [(block, [cubes[ref.id] for ref in block.sources]) for block in blocks]
        reckoned = sum(tokens_of(cube) for _, members in known for cube in members)
        if reckoned:
            self.scale = sum(block.activation.tokens for block, _ in known) / reckoned
        return self.scale or 1.0

    async def out(self, todo: Todo, made: list[Made]) -> None:
        """Do it; what was done is added to `made`. Ends early if another process takes the turn. Raises Unavailable."""
        for block in todo.unfit:
            made += await self._drop(block, [self._made(ref.id, ref, block, _UNFIT, "state") for ref in block.sources])
        for name in todo.plan.layout.drop:
            block = todo.mine[name]
            made += await self._drop(block, self._demoted([block], todo))
        groups = [group for group in todo.plan.layout.build if _refs(group, todo) not in self._refused]
        if not self.scale:  # the first block shows what a token takes
            groups = sorted(groups, key=lambda group: group.tokens)[:1]
        for group in groups:
            if not await self._turn.renew():
                break
            made += await self._build(group, todo)

    async def _drop(self, block: KvBlock, made: Sequence[Made]) -> Sequence[Made]:
        await self._decisions.begin(made)
        await self._kv.drop([block.name], why=made[0].reason if made else "another block holds its memories")
        await self._decisions.done(made)
        return made

    async def _build(self, group: Group, todo: Todo) -> Sequence[Made]:
        """A block of these, then the end of those that it replaces; the other way round where there is no room."""
        old, moves = [todo.mine[name] for name in group.instead], todo.plan.moves
        new = [id for id in group.ids if id in moves and moves[id].move == "promote"]
        promoted = [self._decided(id, todo) for id in new]
        demoted = self._demoted(old, todo)
        await self._decisions.begin((*promoted, *demoted))
        taken, replaced = await self._taken(), sum(block.bytes for block in old)
        if taken + group.bytes > todo.plan.budget:
            await self._end(old)
            taken, old = taken - replaced, []
        block = None if taken + group.bytes > todo.plan.budget else await self._built(group, todo)
        if block is None:
            await self._decisions.undone((*promoted, *(demoted if old else ())))
            done = [] if old else demoted
        else:
            await self._end([each for each in old if each.name != block.name])
            done = [*(_standing(each, block, todo) for each in promoted), *demoted]
        await self._decisions.done(done)
        return [*done, *(await self._within(block, todo) if block else ())]

    async def _built(self, group: Group, todo: Todo) -> KvBlock | None:
        try:
            return await self._kv.build([todo.cubes[id] for id in group.ids], by=SYSTEM.user)
        except Conflict as exc:
            logger.info("a KV block is built later", extra={"why": str(exc)})
        except InvalidInput as exc:
            logger.warning("a KV block cannot be built", extra={"why": str(exc)})
            self._refused.add(_refs(group, todo))
        return None

    async def _within(self, block: KvBlock, todo: Todo) -> Sequence[Made]:
        """A block that turned out larger than there is room for goes again; it showed what a token takes."""
        self.measure([block], todo.cubes)
        if await self._taken() <= todo.plan.budget or not is_mine(block, self._kv.model):
            return ()
        why = f"its block takes {size(block.bytes)}, more than was reckoned; the budget is {size(todo.plan.budget)}"
        return await self._drop(block, [self._made(ref.id, ref, block, why, "size") for ref in block.sources])

    async def _taken(self) -> int:
        return sum(block.bytes for block in await self._kv.blocks() if is_mine(block, self._kv.model))

    async def _end(self, blocks: Iterable[KvBlock]) -> None:
        await self._kv.drop([block.name for block in blocks], why="its memories are read anew")

    def _demoted(self, blocks: Iterable[KvBlock], todo: Todo) -> list[Made]:
        """Those in the blocks of which it was decided."""
        ids = dict.fromkeys(ref.id for block in blocks for ref in block.sources)
        moves = todo.plan.moves
        return [self._decided(id, todo) for id in ids if id in moves and moves[id].move == "demote"]

    def _decided(self, id: str, todo: Todo) -> Made:
        each = todo.plan.moves[id]
        return Made(each.move, id, each.version, each.bytes, each.reason, "worth", each.by, self._clock())

    def _made(self, id: str, ref: Ref, block: KvBlock, why: str, cause: Cause) -> Made:
        taken = block.bytes // len(block.sources)
        return Made("demote", id, ref.version or 0, taken, why, cause, self._policy, self._clock(), block.name)


def _standing(made: Made, block: KvBlock, todo: Todo) -> Made:
    """With the block that it stands in, and its share of that."""
    total = sum(tokens_of(todo.cubes[ref.id]) for ref in block.sources)
    share = block.bytes * tokens_of(todo.cubes[made.id]) // total
    return replace(made, block=block.name, bytes=share)


def _refs(group: Group, todo: Todo) -> tuple[Ref, ...]:
    return tuple(todo.cubes[id].ref for id in group.ids)
