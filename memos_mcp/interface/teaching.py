"""MemScheduler teaches: rules and skills of a user that apply again and again are trained for him (long paper §5.4.2).

What was used is read from the access log (`using.py`), what would pay is proposed (`operation/proposing.py`), and what
is due within his quota (`operation/training.py`) is wanted: the rest is as if he had asked for it (`adapting.py`), and
the gate has the last word. Of what is shared nothing is trained without being asked: nobody's rights would decide.
"""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memos_mcp.accesses import Access, AccessLog, Item
from memos_mcp.answers import Release
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import MemosError
from memos_mcp.interface.adapter_records import SYSTEM, Kept, Refusal, Want, key_of
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.using import Heard
from memos_mcp.late import late
from memos_mcp.operation.choosing import Known
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_learning import PROCEDURES
from memos_mcp.operation.choosing_reading import fit_of
from memos_mcp.operation.choosing_terms import Adapter, Fit
from memos_mcp.operation.proposing import SESSIONS, USES, in_the_long_run, proposals
from memos_mcp.operation.quotas import Quota, Spent
from memos_mcp.operation.training import There, Training, Tried, due, measured
from memos_mcp.ports import Caller, MemoryAdapter

VERB = "teach"
"""What the access log calls it."""
_ODD = late(r"[^a-z0-9_-]+")
_AT_ONCE = 1  # topics of a user that are proposed at a time: each is trained for minutes
_LONGEST = 50  # characters of a place in the name of a topic


@dataclass(frozen=True, slots=True)
class Lessons:
    """What would be trained for a user, what is due first, and why the rest is not."""

    user: str
    trainings: tuple[Training, ...]


class Teacher:
    """Proposes adapters by what was used, and wants those that are due."""

    def __init__(
        self,
        vault: MemoryAdapter,
        adapters: Adapters,
        clock: Callable[[], datetime],
        accesses: AccessLog,
        quota: Quota,
    ) -> None:
        self._vault, self._adapters, self._clock = vault, adapters, clock
        self._accesses, self._quota, self._heard = accesses, quota, Heard(vault, accesses)

    async def plan(self) -> tuple[Lessons, ...]:
        """What would be trained now, by user; nothing is. Cost: as `Heard.listen`, and 50 µs for each candidate."""
        await self._heard.listen()
        await self._vault.namespaces.fresh()
        records = self._adapters.records
        kept, wants, refused = await records.kept(), await records.wants(), await records.refusals()
        current = await records.current()
        found: list[Lessons] = []
        for user, cubes in sorted((await self._candidates()).items()):
            his = _His(
                user,
                {
                    each.want.topic: each
                    for each in kept
                    if current.get(key_of(each.want.topic, user)) == each.release.name
                },
                [want for want in wants if want.by == user],
                [each for each in refused if each.by == user],
            )
            found.append(Lessons(user, self._due(his, cubes)))
        return tuple(found)

    async def run(self) -> int:
        """Want what is due; how many topics that are. Raises Unavailable."""
        wanted = 0
        for lessons in await self.plan():
            for each in lessons.trainings:
                if each.now:
                    ids = tuple(ref.id for ref in each.sources)
                    await self._adapters.records.want(Want(each.topic, lessons.user, ids, self._clock(), each.reason))
                    await self._tell(each)
                    wanted += 1
        return wanted

    async def keep_up(self) -> str:
        """Train what is wanted, then what is due; why something waits. Never raises MemosError."""
        why = await self._adapters.keep_up()
        try:
            if not why and await self.run():
                why = await self._adapters.keep_up()
        except MemosError as exc:
            return str(exc)
        return why

    async def _candidates(self) -> dict[str, list[MemCube]]:
        """The rules and skills of each user that he may have learnt and that apply again and again."""
        ids = [
            id
            for id, block in self._heard.uses.blocks.items()
            if block.past and block.past.times >= USES and (block.sessions or 0) >= SESSIONS
        ]
        found: dict[str, list[MemCube]] = defaultdict(list)
        for cube in await self._vault.get([Ref(id=id) for id in sorted(ids)]):
            layer, _, rest = cube.path.partition("/")
            user = rest.partition("/")[0]
            if layer == "user" and cube.kind in PROCEDURES and self._adapters.is_open(Caller(user), cube):
                found[user].append(cube)
        return found

    def _due(self, his: _His, cubes: Sequence[MemCube]) -> tuple[Training, ...]:
        topics: dict[str, list[Fit]] = defaultdict(list)
        for cube in cubes:
            fit = self._fit(Caller(his.user), cube)
            if fit is not None:
                topics[_topic(cube.path)].append(fit)
        known = Known(costs=measured(COSTS, his.tried()))
        proposed = proposals(topics, his.adapters(cubes), _AT_ONCE, known)
        there = There(his.adapters(cubes), his.running(cubes), his.tried())
        return due(proposed, self._quota, his.spent(), there)

    def _fit(self, caller: Caller, cube: MemCube) -> Fit | None:
        uses, now = self._heard.uses, self._clock()
        block, outlook = uses.blocks[cube.id], uses.now(now.timestamp()).outlook
        above = self._vault.namespaces.known.above(cube.path)
        sessions = block.sessions or 0
        fit = fit_of(cube, 1.0, caller, now, defaults=above, block=block, outlook=outlook, sessions=sessions)
        return fit and replace(fit, expected=in_the_long_run(block.past, outlook))

    async def _tell(self, training: Training) -> None:
        """A line in the access log."""
        cubes = await self._vault.get(list(training.sources))
        items = tuple(Item(cube.id, cube.version, cube.path, "train") for cube in cubes)
        id = secrets.token_hex(8)
        await self._accesses.write(Access(id, self._clock(), SYSTEM.user, VERB, "allowed", items=items, request=id))


@dataclass(frozen=True)
class _His:
    """What a user has: adapters that answer by topic, what is wanted, what was refused."""

    user: str
    kept: Mapping[str, Kept]
    wants: Sequence[Want]
    refused: Sequence[Refusal]

    def adapters(self, cubes: Iterable[MemCube]) -> dict[str, Adapter]:
        """With what they were asked to learn and could not: it is not asked for again while it stays as it is."""
        return {
            topic: Adapter(each.release.name, (*each.release.sources, *_asked(each, cubes)), each.release.bytes)
            for topic, each in self.kept.items()
        }

    def running(self, cubes: Iterable[MemCube]) -> dict[str, tuple[Ref, ...]]:
        """What is wanted of these, by topic."""
        refs = {cube.id: cube.ref for cube in cubes}
        return {want.topic: tuple(refs[id] for id in want.ids if id in refs) for want in self.wants}

    def tried(self) -> list[Tried]:
        """Trainings that are over."""
        done = [each.release for each in self.kept.values()]
        return [
            *(Tried(each.sources, each.tokens, each.seconds) for each in done if each.how == "trained"),
            *(Tried(each.sources, 0, 0.0, "; ".join(each.why)) for each in self.refused),
        ]

    def spent(self) -> Spent:
        """What his adapters take."""
        its: list[Release] = [each.release for each in self.kept.values()]
        return Spent(sum(each.bytes for each in its), len(its))


def _asked(kept: Kept, cubes: Iterable[MemCube]) -> Iterable[Ref]:
    has = {ref.id for ref in kept.release.sources}
    older = (cube for cube in cubes if cube.updated_at <= kept.release.at)
    return (cube.ref for cube in older if cube.id in kept.want.ids and cube.id not in has)


def _topic(path: str) -> str:
    """A name for what a user has learnt to do at a place of his."""
    place = path.split("/", 2)[2] if path.count("/") > 1 else ""
    said = _ODD.sub("-", place.lower()).strip("-_")[:_LONGEST]
    return f"{said}-skills" if re.match("[a-z0-9]", said) else "skills"
