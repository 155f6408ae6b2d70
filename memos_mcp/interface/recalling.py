"""The second journey, from a question to its memories: what is meant, a plan, the plan followed, the best packed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from memos_mcp.answers import Learned, Prefix, Recall, Recalled
from memos_mcp.cube import Interval, MemCube
from memos_mcp.errors import Corrupt, Unavailable
from memos_mcp.interface.anchors import episode
from memos_mcp.interface.answering import Asking, is_plain
from memos_mcp.interface.bound import Bound, When
from memos_mcp.interface.episodes import asked_about, hangs_on, looked_for_in
from memos_mcp.interface.query import Query, parse, written
from memos_mcp.interface.reader import check_text
from memos_mcp.interface.recording import searched
from memos_mcp.interface.sifting import Sieve, looked_through
from memos_mcp.operation.context import Packed, pack
from memos_mcp.operation.hot import Hot
from memos_mcp.operation.lanes import CANDIDATES, Lanes, Ranking
from memos_mcp.operation.operator import Fused
from memos_mcp.operation.paths import MemoryPathResolver, preferred
from memos_mcp.ports import MemReader, Where
from memos_mcp.search import MemoryCall, Plan, Step, Turn

logger = logging.getLogger(__name__)

_AT_ONCE = 100  # memories fetched together to ask conditions of them


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was said beside it, checked but for its words."""

    question: str
    path: str | None = None
    limit: int = 10
    budget: int = 1500
    lanes: tuple[str, ...] = ()
    at: When | None = None
    during: Interval | None = None
    where: str = ""
    turns: tuple[Turn, ...] = ()
    explain: bool = False


async def recalled(on: Bound, reader: MemReader, resolver: MemoryPathResolver, hot: Hot, asked: Asked) -> Recall:
    """As `Memos.recall`."""
    now = on.moment(asked.at)
    query = parse(asked.where, now=now) if asked.where.strip() else Query()
    question = check_text(asked.question or query.text, "the question")
    place = await on.readable(asked.path, asked.at)
    chosen = on.lanes.chosen(asked.lanes)
    people = await on.lanes.people(place)
    call = await reader.understand(question, turns=asked.turns, now=now, people=people, asker=on.caller.user)
    call = _with(call, query if asked.question else Query(), asked.during)
    event = "" if asked.during else hangs_on(call, now)
    plan = resolver.plan(
        call,
        paths=place.paths,
        lanes=[lane.name for lane in chosen.states() if lane.on],
        most=max(asked.limit, CANDIDATES),
        event=event,
        within=looked_for_in(call, event, now) if event else None,
        only=written(Query(query.where)) if query.where else "",
    )
    kept = None if on.branch_at else hot
    way = _Way(on, chosen, kept, place, now, call, asked.limit, Sieve(query.where, now) if query.where else None)
    followed = await way.follow(plan)
    searched(way.ranking, len(way.found))
    packed = pack([m.cube for m in way.found], asked.budget)
    used = [m.cube for m in way.found[: packed.used]]
    prefix, adapter = await _made(on, asked, used, place.paths)
    found = Recall(
        question=asked.question or question,
        context=packed.text,
        memories=tuple(way.found),
        used=packed.used,
        left_out=packed.left_out,
        paths=place.paths,
        searched=way.ranking.searched,
        call=way.call,
        missing=way.ranking.missing,
        pending=way.ranking.pending,
        withheld=way.withheld,
        stopped=way.stopped,
        plan=followed if asked.explain else None,
        prefix=prefix,
        adapter=adapter,
    )
    asking = Asking(on, found, asked.turns, asked.budget, asked.at, asked.where)
    return await _explained(asking, packed) if asked.explain else found


async def _made(
    on: Bound, asked: Asked, used: Sequence[MemCube], paths: Sequence[str]
) -> tuple[Prefix | None, Learned | None]:
    """The warm block and the adapter for these memories: none for another time, a branch, or under conditions."""
    prefix: Prefix | None = None
    adapter: Learned | None = None
    if not used or not is_plain(on, asked.at, asked.where):
        return prefix, adapter
    try:
        prefix = await on.activations.covering(on, used, paths) if on.activations else None
        adapter = await on.adapters.covering(on, used, paths) if on.adapters else None
    except (Unavailable, Corrupt) as exc:
        logger.warning("no warm prefix and no adapter was looked for", extra={"why": str(exc)})
    return prefix, adapter


async def _explained(asking: Asking, packed: Packed) -> Recall:
    """With what `ask` would do, and why, if there is anything to choose between."""
    on, found = asking.on, asking.found
    if found.plan is None or not packed.used or (on.activations is None and on.adapters is None):
        return found
    from memos_mcp.interface.dispatching import chosen  # it loads where there is something to choose between

    try:
        given = str(await chosen(asking, packed))
    except (Unavailable, Corrupt) as exc:
        given = f"as text: {exc}"
    return replace(found, plan=replace(found.plan, given=given))


def _with(call: MemoryCall, query: Query, during: Interval | None) -> MemoryCall:
    """The call with the words that stand beside the conditions, and the time that was given."""
    if query.words:
        words = " ".join(query.words)
        probes = tuple((f"{text} {words}", weight) for text, weight in call.probes)
        call = replace(call, query=f"{call.query} {words}", probes=probes, only_time=False)
    return replace(call, during=during, only_time=False) if during else call


@dataclass(slots=True)
class _Way:
    """A plan being followed: what the question has come to mean, and what was found."""

    on: Bound
    lanes: Lanes
    hot: Hot | None
    where: Where
    now: datetime
    call: MemoryCall
    limit: int
    sieve: Sieve | None
    ranking: Ranking = field(default_factory=Ranking)
    found: list[Recalled] = field(default_factory=list[Recalled])
    withheld: int = 0
    stopped: bool = False

    async def follow(self, plan: Plan) -> Plan:
        """Step by step, in order; the plan with what each of them found."""
        return replace(plan, steps=tuple([await self._taken(step) for step in plan.steps]))

    async def _taken(self, step: Step) -> Step:
        match step.kind:
            case "episode":
                return await self._find_episode(step)
            case "rank":
                return await self._rank(step)
            case "deepen":
                return await self._deepen(step)
            case "scan":
                return await self._scan(step)
            case _:
                assert_never(step.kind)

    async def _find_episode(self, step: Step) -> Step:
        """When the event was: what is asked about hangs on that, and on the year alone if nothing names it."""
        within = looked_for_in(self.call, step.what, self.now)
        event = MemoryCall(step.what, step.what, ((step.what, 1.0),), during=within)
        ranking = await self._ranked(event, step.most, keep=step.most)
        seen = [each.cube for each in await self.on.fetched(ranking.fused[: step.most]) if not each.cube.quarantined]
        then = episode(step.what, within, seen)
        during = asked_about(self.call, step.what, then, self.now) if then else None
        if then is None or during is None:
            return replace(step, found=0, outcome="no memory says when it was")
        self.call = replace(self.call, during=during)
        return replace(step, found=1, outcome=f"it was from {_day(then.start)} to {_day(then.end)}")

    async def _rank(self, step: Step) -> Step:
        keep = step.most * len(self.lanes.names) if self.sieve else self.limit
        self.ranking = await self._ranked(self.call, step.most, keep=keep)
        await self._take(self.ranking.fused)
        outcome = self._outcome(len(self.ranking.fused))
        return replace(step, preferred=preferred(self.call), found=len(self.found), outcome=outcome)

    async def _deepen(self, step: Step) -> Step:
        if self._full or not self._more:
            return replace(step, outcome="not needed" if self._full else "no lane has more")
        self.ranking = await self.lanes.rank(self.call, self.where, step.most)
        await self._take(self.ranking.fused)
        return replace(step, found=len(self.found), outcome=self._outcome(len(self.ranking.fused)))

    async def _scan(self, step: Step) -> Step:
        if self._full or self.sieve is None:
            return replace(step, outcome="not needed")
        looked = await looked_through(self.on, self.where, self.sieve, step.most)
        self.stopped = not looked.whole
        among = list(dict.fromkeys([*looked.refs, *(each.cube.ref for each in self.found)]))
        if among:
            self.ranking = await self.lanes.rank(self.call, self.where, self.limit, among=among)
            await self._take(self.ranking.fused)
        return replace(step, found=len(self.found), outcome=self._outcome(looked.looked))

    async def _ranked(self, call: MemoryCall, most: int, *, keep: int) -> Ranking:
        if self.hot is None:
            return await self.lanes.rank(call, self.where, most)
        return await self.hot.rank(self.lanes, call, self.where, most, keep=keep)

    async def _take(self, ranked: Sequence[Fused]) -> None:
        """The best that may be seen and fulfil the conditions; what looks hostile now is only counted."""
        self.found, self.withheld = [], 0
        step = _AT_ONCE if self.sieve else self.limit
        for at in range(0, len(ranked) if self.sieve else self.limit, step):
            for each in await self._passed(ranked[at : at + step]):
                self.withheld += bool(each.cube.quarantined)
                self.found += [] if each.cube.quarantined else [each]
                if self._full:
                    return

    async def _passed(self, ranked: Sequence[Fused]) -> tuple[Recalled, ...]:
        if self.sieve is None:
            return await self.on.fetched(ranked)
        sieve, cubes = self.sieve, await self.on.vault.get([each.ref for each in ranked])
        passed = {cube.id for cube in cubes if sieve.passed(self.on, cube)}
        return await self.on.fetched([each for each in ranked if each.ref.id in passed])

    @property
    def _full(self) -> bool:
        return len(self.found) >= self.limit

    @property
    def _more(self) -> bool:
        """Did a lane give all that it was asked for?"""
        return any(number >= CANDIDATES for number in self.ranking.found.values())

    def _outcome(self, looked: int) -> str:
        return f"{len(self.found)} of {looked:,}"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "…"
