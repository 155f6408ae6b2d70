"""MemScheduler for callers: what would be done about KV blocks and why, what was done, and doing it now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from anyio import to_thread

from memos_mcp.accesses import Access
from memos_mcp.answers import KvBlock
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.audit import Audit
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.carrying import is_mine
from memos_mcp.interface.planning import BY_MEANING, Scene, Terms, planned
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.scheduled import Made
from memos_mcp.interface.scheduling import Scheduler, elsewhere
from memos_mcp.interface.using import LINES, Folded, fits, tokens_of, used
from memos_mcp.operation import prefixes
from memos_mcp.operation.scheduling import Decision, Move
from memos_mcp.ports import Event

_MOST = 500
_PAGE = 1000
_NO_FIGURES = {
    ("promote", "worth"): "it is used often enough for what its block takes",
    ("demote", "worth"): "what its block takes is more than it is worth now",
    ("demote", "size"): "its block takes more than was reckoned",
}


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What was or would be done about a memory and why: promote (it gets a KV block), demote (it loses it), keep.

    `at` is when it was done, `block` the block then; None and empty: it was not.
    """

    move: Move
    id: str
    version: int
    bytes: int
    reason: str
    policy: str
    at: datetime | None = None
    block: str = ""


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What would be done now, in this order; then why the rest stays as it is. Of `budget` bytes `held` are taken."""

    decisions: tuple[Scheduled, ...]
    budget: int
    held: int


@dataclass(frozen=True, slots=True)
class Ran:
    """What was done; `why` says what failed."""

    decisions: tuple[Scheduled, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What was done, newest first; `after` goes on, empty at the end."""

    decisions: tuple[Scheduled, ...]
    after: str = ""


@recorded("scheduler.")
class Schedule:
    """Which memories get a KV block. Hangs off `Memos.scheduler`.

    Everybody sees what is done about memories that he may read; figures, which hang on what others use, with the scope
    `admin` alone.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def plan(self, policy: str = "") -> Scheduling:
        """What would be done if there were only what the caller may see: his accesses and those to his memories.

        By another policy than that of the settings, if one is named. Nothing is done. Cost: 0.3 ms an access, of
        the last 2,048. Raises InvalidInput, Denied, Misconfigured, Unavailable.
        """
        scheduler, kv = self._ready()
        governance.check_scope(self._on.caller, "read")
        terms = replace(scheduler.terms, policy=policy or scheduler.terms.policy)
        terms.check(terms.policy)
        lines = await self._lines()
        ids = {item.id for line in lines for item in used(line)}
        blocks = await kv.blocks()
        cubes = await self._readable({*ids, *(ref.id for block in blocks for ref in block.sources)})
        scene = await self._scene(kv, lines, ids, cubes, blocks, terms)
        plan = await to_thread.run_sync(lambda: planned(scene, terms, explain=True))
        for id in {each.id for each in plan.decisions}:
            self._on.decided("read", cubes[id])
        return Scheduling(tuple(map(_would, plan.decisions)), plan.budget, sum(block.bytes for block in scene.mine))

    async def run(self) -> Ran:
        """Do now what is done in the background; takes the scope `admin`. Raises Denied, Misconfigured."""
        governance.check_scope(self._on.caller, "admin")
        scheduler, _ = self._ready()
        made = await scheduler.run(anyway=True)
        cubes = await self._readable({each.id for each in made})
        return Ran(tuple(self._told(each) for each in made if each.id in cubes), scheduler.why)

    async def decisions(self, limit: int = 50, after: str = "") -> Past:
        """What was done about memories that the caller may read; 500 decisions are kept. Raises as `plan`."""
        checks.check_range("limit", limit, _MOST)
        governance.check_scope(self._on.caller, "read")
        scheduler, _ = self._ready()
        made = [each for each in reversed(await scheduler.decisions.all()) if not after or each.key < after]
        cubes = await self._readable({each.id for each in made})
        found = [each for each in made if each.id in cubes]
        for each in found[:limit]:
            self._on.decided("read", cubes[each.id])
        return Past(tuple(map(self._told, found[:limit])), found[limit - 1].key if len(found) > limit else "")

    def _ready(self) -> tuple[Scheduler, Activations]:
        scheduler, kv = self._on.scheduler, self._on.activations
        if self._on.branch_at:
            raise InvalidInput("a branch has no KV blocks: ask the original")
        if kv is None or not kv.model:
            raise Misconfigured("activation memory is switched off: set activation.kind")
        if scheduler is None:
            raise Misconfigured("uses are counted by the access log, and none is kept: set audit.mode")
        return scheduler, kv

    async def _lines(self) -> list[Access]:
        """The last lines as the caller may see them, oldest first."""
        found, audit = list[Access](), Audit(self._on)
        after = ""
        while len(found) < LINES:
            page = await audit.query(outcome="allowed", limit=_PAGE, after=after)
            found += page.lines
            after = page.after
            if not after:
                break
        return found[:LINES][::-1]

    async def _readable(self, ids: Collection[str]) -> dict[str, MemCube]:
        """Those of them that he may read, whole."""
        cubes = await self._on.vault.get([Ref(id=id) for id in sorted(ids)])
        return {cube.id: cube for cube in cubes if self._on.would("read", cube).allowed}

    async def _scene(
        self,
        kv: Activations,
        lines: Sequence[Access],
        ids: Collection[str],
        cubes: Mapping[str, MemCube],
        blocks: Sequence[KvBlock],
        terms: Terms,
    ) -> Scene:
        folded, now = Folded(), self._on.clock()
        used_ones = {id: cubes[id] for id in ids if id in cubes}
        changes = await self._changes(used_ones)
        known = list(used_ones.values()) if terms.policy == BY_MEANING and terms.meaning is not None else []
        vectors = await terms.meaning(known) if known and terms.meaning is not None else ()
        by_id = {cube.id: vector for cube, vector in zip(known, vectors, strict=True)}
        await to_thread.run_sync(folded.fold, lines, changes, used_ones, by_id)
        fit = {id: cube for id, cube in cubes.items() if fits(cube, self._on.guard, now)}
        seen = [block for block in blocks if all(ref.id in cubes for ref in block.sources)]
        mine = [b for b in seen if is_mine(b, kv.model) and prefixes.whole(b, fit) is not None]
        others = [block for block in seen if not is_mine(block, kv.model)]
        usable = [block for block in others if block.model == kv.model]
        own = {ref.id for block in mine for ref in block.sources}
        tokens = sum(block.activation.tokens for block in mine)
        return Scene(
            folded.uses,
            used_ones.keys() & fit.keys() - elsewhere(usable, fit),
            {id: fit[id] for id in (used_ones.keys() & fit.keys()) | own},
            mine,
            sum(block.bytes for block in others),
            await kv.room(),
            now.timestamp(),
            tokens / sum(tokens_of(fit[id]) for id in own) if own else 1.0,
        )

    async def _changes(self, cubes: Mapping[str, MemCube]) -> list[Event]:
        events = await self._on.vault.events(after=-LINES, limit=LINES)
        return [event for event in events if event.subject in cubes and event.version > 1 and self._on.may_read(event)]

    def _told(self, each: Made) -> Scheduled:
        everything = "admin" in self._on.caller.scopes and not self._on.caller.within
        why = each.reason if everything else _NO_FIGURES.get((each.move, each.cause), each.reason)
        return Scheduled(each.move, each.id, each.version, each.bytes, why, each.policy, each.at, each.block)


def _would(each: Decision) -> Scheduled:
    return Scheduled(each.move, each.id, each.version, each.bytes, each.reason, each.by)
