"""MemScheduler at work: what is used again and again gets a KV block, what is not loses it (long paper §5.4.2).

A follower of the access log and of the log of changes: it folds them into uses (`using.py`), plans (`planning.py`) and
carries the plan out (`carrying.py`). No answer waits for it: what has no block is sent in words. The blocks there are
stand in the ledger (`activating.py`), what was done as well (`scheduled.py`), and what was used in the logs; so a
process that was killed leaves nothing half done.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from anyio import to_thread

from memos_mcp.accesses import Access, AccessLog, Item
from memos_mcp.answers import KvBlock
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import Conflict, MemosError
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.background import Background, Pace
from memos_mcp.interface.carrying import Carrying, Todo, is_mine
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.planning import BY_MEANING, Scene, Terms, planned
from memos_mcp.interface.scheduled import KIND, SYSTEM, Decisions, Made, Turn
from memos_mcp.interface.using import Heard, fits
from memos_mcp.operation import prefixes
from memos_mcp.ports import MemoryAdapter

logger = logging.getLogger(__name__)

_IDLE = 600.0  # seconds after which it looks whether anything is over
_ROUNDS = 16  # one after the other; the rest is done the next time
_FOREIGN = timedelta(days=1)  # without use, after which a block goes that was built for another model


class Scheduler:
    """Builds blocks, and drops those that it built. Nobody waits for it; what fails is tried again."""

    def __init__(
        self,
        vault: MemoryAdapter,
        kv: Activations,
        guard: Guard,
        clock: Callable[[], datetime],
        accesses: AccessLog,
        terms: Terms,
    ) -> None:
        self.terms, self.why, self.decisions = terms, "", Decisions(vault)
        self._vault, self._kv, self._guard, self._clock, self._accesses = vault, kv, guard, clock, accesses
        meaning = terms.meaning if terms.policy == BY_MEANING else None
        self._heard, self._turn = Heard(vault, accesses, meaning), Turn(vault, clock)
        self._carrying = Carrying(kv, self.decisions, self._turn, clock, terms.policy)
        self._asked: set[str] = set()
        self._known: dict[str, datetime | None] | None = None  # what was held after the last round, and until when
        self._since: dict[str, int] = {}
        self._one = asyncio.Lock()
        soon = Pace()
        pace = Pace(min(soon.grace, terms.pace), min(soon.quiet, terms.pace), between=terms.pace, idle=_IDLE)
        self._background = Background(self._at_work, pace)
        self._looked: float | None = None
        self._closed = False

    def wake(self) -> None:
        """Something was used or changed: look at it in the background, soon."""
        if self.terms.background:
            self._background.wake()

    async def run(self, *, anyway: bool = False) -> tuple[Made, ...]:
        """Do what is to be done, and say what it was. Never raises MemosError: `why` says what failed.

        If it is the turn of another process nothing is done, unless `anyway`. Cost: 1 ms if nothing happened, some more
        to plan, and what the blocks take to build.
        """
        made: list[Made] = []
        try:
            self.terms.check(self.terms.policy)
            async with self._one:
                await self._look_over()
                for _ in range(_ROUNDS):
                    before = len(made)
                    await self._round(made, anyway=anyway)
                    if self._closed or len(made) == before:
                        break
            self.why = ""
        except MemosError as exc:
            if str(exc) != self.why:
                logger.info("the scheduler waits", extra={"why": str(exc)})
            self.why, self._known = str(exc), None
        return tuple(made)

    async def aclose(self) -> None:
        """Stop; what was begun is done or was not."""
        self._closed = True
        await self._background.aclose()

    async def _at_work(self) -> str:
        await self.run()
        return self.why

    async def _look_over(self) -> None:
        """At the first run and now and then: what other processes left, or lines that this one did not see."""
        if self._looked is None or time.monotonic() - self._looked >= _IDLE:
            await self._kv.follow()
            self._looked = time.monotonic()

    async def _round(self, made: list[Made], *, anyway: bool) -> None:
        self._asked |= await self._heard.listen()
        held = await self._held()
        known, self._known = self._known, self._known or {}
        self._asked |= self._known.keys() - held  # what lost its block with a memory beside it
        quiet = held == self._known.keys() and not held & self._heard.touched and not self._is_any_over()
        if quiet and not self._asked:
            return
        todo = await self._todo()
        if todo.nothing and known is not None:
            await self._remember(todo.cubes)
            return
        if not await self._turn.take(anyway=anyway):
            self._known = known
            raise Conflict("another process is at work on the KV blocks: this one waits")
        done: list[Made] = []
        try:
            await self.decisions.settle(await self._held())
            todo = await self._todo()
            await self._carrying.out(todo, done)
        finally:
            await self._turn.end()
            await self._tell(done, todo.cubes)
            made += done
        uses = self._heard.uses.now(0).outlook.uses
        self._since |= {each.id: uses for each in done if each.move == "promote"}
        if not done:
            await self._remember(todo.cubes)

    async def _held(self) -> set[str]:
        blocks = await self._kv.blocks()
        return {ref.id for block in blocks if is_mine(block, self._kv.model) for ref in block.sources}

    def _is_any_over(self) -> bool:
        now = self._clock()
        return any(end is not None and end <= now for end in (self._known or {}).values())

    async def _remember(self, cubes: Mapping[str, MemCube]) -> None:
        """All is as it should be: nothing has to be done before something happens."""
        self._known = {id: cubes[id].governance.expires_at for id in await self._held() if id in cubes}
        self._asked = set()

    async def _todo(self) -> Todo:
        blocks, now = await self._kv.blocks(), self._clock()
        mine = [block for block in blocks if is_mine(block, self._kv.model)]
        ids = self._asked | {ref.id for block in mine for ref in block.sources}
        cubes = await self._vault.get([Ref(id=id) for id in sorted(ids)])
        fit = {cube.id: cube for cube in cubes if fits(cube, self._guard, now)}
        whole = {block.name: block for block in mine if prefixes.whole(block, fit) is not None}
        unfit = [block for block in mine if block.name not in whole]
        unfit += [block for block in blocks if self._is_foreign(block, now)]
        gone = {*whole, *(block.name for block in unfit)}
        others = [block for block in blocks if block.name not in gone]
        usable = [each for each in others if each.model == self._kv.model and not each.user]
        scene = Scene(
            self._heard.uses,
            self._asked - elsewhere(usable, fit),
            fit,
            tuple(whole.values()),
            sum(block.bytes for block in others),
            await self._kv.room(),
            now.timestamp(),
            self._carrying.measure(whole.values(), fit),
            tuple(each.at.timestamp() for each in await self.decisions.all() if each.move == "promote"),
            self._since,
        )
        return Todo(await to_thread.run_sync(planned, scene, self.terms), fit, whole, tuple(unfit))

    def _is_foreign(self, block: KvBlock, now: datetime) -> bool:
        """Of a model that has not answered for a day."""
        mine = block.by == SYSTEM.user and not block.pinned
        return mine and block.model != self._kv.model and now - (block.last_used_at or block.at) > _FOREIGN

    async def _tell(self, made: Sequence[Made], cubes: Mapping[str, MemCube]) -> None:
        """One line in the access log for all of it."""
        if made:
            paths = {each.id: cubes[each.id].path if each.id in cubes else "" for each in made}
            items = tuple(Item(each.id, each.version, paths[each.id], each.move) for each in made)
            id = secrets.token_hex(8)
            line = Access(id, self._clock(), SYSTEM.user, KIND, "allowed", items=items, request=id)
            await self._accesses.write(line)


def elsewhere(blocks: Sequence[KvBlock], cubes: Mapping[str, MemCube]) -> set[str]:
    """The memories that are held in blocks of one shelf: whoever may read them may use these."""
    found: set[str] = set()
    for block in blocks:
        cube = cubes.get(block.sources[0].id)
        if cube is not None and prefixes.tenant_of([cube]) == block.tenant:
            found |= {ref.id for ref in block.sources}
    return found
