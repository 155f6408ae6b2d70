"""Tasks from what was really asked: the questions of a vault, from its access log and its log of changes.

The log says when who asked, which versions he was served, and at times what of it was needed: how many memories an
answer cited, and which were opened after they had been found. The rest is assumed here, and drawn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.choosing_traces import Memory, Trace, Wanted, Work, ref
from memos_mcp import NotFound, sync
from memos_mcp.accesses import READS, Access
from memos_mcp.interface.intent import call_of
from memos_mcp.interface.understanding import meant
from memos_mcp.interface.using import used
from memos_mcp.operation.choosing_learning import PROCEDURES
from memos_mcp.operation.choosing_reading import fit_of, task_of
from memos_mcp.operation.choosing_terms import Fit, Nature
from memos_mcp.operation.paths import MemoryPathResolver
from memos_mcp.ports import MAIN, Event
from memos_mcp.search import Turn

PAUSE = 1800.0
"""Seconds of silence after which a session is over; the log knows of no sessions (as analytics of the web count)."""
FIRST, FADES = 0.47, 1.6
"""How likely what recall found is needed: the first, and the nth by n^-1.6 of that. Summed up that is 47, 79 and 88 %
among the first 1, 5 and 10; measured were 45–49, 80–82 and 88–90 % (benchmarks/results/retrieval-own.json, -own2)."""
EARLIER, TURNS = 0.3, 8
"""How likely, against then, what was found a turn before is needed still; each turn before it once more. Assumed."""
UNDER_WAY = 2.0
"""Seconds in which a task that began is taken to be still under way: the load that the next one meets. Assumed."""
_PAGE = 1000
_TOPICS = MemoryPathResolver(lambda _: ())


@dataclass(slots=True)
class Asked:
    """A question of the log: when, in which session after which turns, what was found for it, and what was needed.

    `opened` were looked at after it, `cited` so many in its answer; None: it was not answered.
    """

    at: float
    session: int
    nature: Nature
    found: tuple[str, ...]
    earlier: Mapping[str, float]
    turns: int
    load: int
    cited: int | None = None
    opened: set[str] = field(default_factory=set[str])
    goes_on: bool = False

    @property
    def is_known(self) -> bool:
        """Does the log say what was needed?"""
        return self.cited is not None or bool(self.opened)

    @property
    def number(self) -> int:
        """How many of what was found were needed, where the log says it."""
        return min(len(self.found), max(len(self.opened), self.cited or 0))

    def needs(self) -> dict[str, float]:
        """How likely each memory is needed, as far as it can be known beforehand."""
        return {**self.earlier, **_ranked(self.found)}

    def needed(self, chance: random.Random) -> set[str]:
        """Which were: those opened, as many others as were cited beside them, and where nothing is known by chance."""
        needs = self.needs()
        if not self.is_known:
            return {id for id, need in needs.items() if chance.random() < need}
        picked, rest = set(self.opened), {id: needs[id] for id in self.found if id not in self.opened}
        while rest and len(picked) < self.number:
            (id,) = chance.choices(list(rest), list(rest.values()))
            picked.add(id)
            del rest[id]
        return picked


@dataclass(frozen=True, slots=True)
class Recording:
    """Questions in their order, and every version of what they found, with its moment, the oldest first."""

    asked: tuple[Asked, ...]
    versions: tuple[tuple[float, Memory], ...]

    @property
    def known(self) -> int:
        """Questions of which the log says what was needed."""
        return sum(each.is_known for each in self.asked)

    def calibrated(self) -> tuple[float, float]:
        """Where the log says it: the memories of a question that were thought to be needed, and that were, on average.

        Drawn which, but not how many.
        """
        known = [each for each in self.asked if each.is_known]
        thought = sum(sum(each.needs().values()) for each in known)
        return thought / max(len(known), 1), sum(each.number for each in known) / max(len(known), 1)

    def trace(self, seed: int) -> Trace:
        """As tasks, beginning at 0 s; what the log does not say is drawn by the seed."""
        chance, versions, there = random.Random(seed), list(self.versions[::-1]), set[str]()
        tasks, begin = list[Work](), self.asked[0].at if self.asked else 0.0
        for each in self.asked:
            changed = list[Memory]()
            while versions and versions[-1][0] <= each.at:
                changed.append(versions.pop()[1])
            there |= {memory.id for memory in changed}
            tasks.append(_work(each, there, tuple(changed), chance, begin))
        return Trace({}, tuple(tasks), seed)


def record(memos: sync.Memos) -> Recording:
    """What you asked, and the versions of what was found. What was forgotten since is left out. No words are kept."""
    lines = sorted(_lines(memos), key=lambda line: line.at)
    ids = sorted({item.id for line in lines for item in used(line)})
    versions = sorted((each for id in ids for each in _versions(memos, id)), key=lambda each: each[0])
    kinds = {memory.id: memory for _, memory in versions}
    return Recording(tuple(each for each in _asked(lines, kinds) if each.found), tuple(versions))


def _lines(memos: sync.Memos) -> Iterator[Access]:
    """By verb, the oldest first, so that of the same moment a question comes before the look at what it found."""
    for verb in READS:
        after, found = "", list[Access]()
        while True:
            page = memos.audit.query(action=verb, outcome="allowed", limit=_PAGE, after=after)
            found += page.lines
            after = page.after
            if not after:
                break
        yield from reversed(found)


def _versions(memos: sync.Memos, id: str) -> Iterator[tuple[float, Memory]]:
    try:
        events = memos.log.of(id)
    except NotFound:
        return
    version = 0
    for event in events:
        fit = _fit(memos, event)
        if event.cube is not None and fit is not None and event.branch == MAIN and event.cube.version > version:
            version, topic = event.cube.version, event.cube.tags[0] if event.cube.tags else event.cube.path
            yield event.at.timestamp(), Memory(id, topic, fit.kind, fit.tokens, closed=fit.closed)


def _fit(memos: sync.Memos, event: Event) -> Fit | None:
    return fit_of(event.cube, 1.0, memos.caller, event.at) if event.cube is not None else None


def _ranked(found: Sequence[str]) -> dict[str, float]:
    return {id: FIRST / rank**FADES for rank, id in enumerate(found, 1)}


@dataclass(slots=True)
class _Talk:
    """A session: its questions so far, the last moment, and the words of the questions where the log has them."""

    number: int
    at: float
    asked: list[Asked] = field(default_factory=list[Asked])
    said: list[Turn] = field(default_factory=list[Turn])


def _asked(lines: Sequence[Access], kinds: Mapping[str, Memory]) -> Iterator[Asked]:
    talks, sessions, recent = dict[str, _Talk](), 0, list[float]()
    for line in lines:
        at, talk = line.at.timestamp(), talks.get(line.user)
        found = tuple(item.id for item in used(line) if item.id in kinds)
        if line.verb == "get":
            for last in talk.asked[-1:] if talk and at - talk.at <= PAUSE else ():
                last.opened |= set(found) & set(last.found)
            continue
        if talk is None or at - talk.at > PAUSE:
            sessions += 1
            talk = talks[line.user] = _Talk(sessions, at)
        recent = [moment for moment in recent if at - moment < UNDER_WAY]
        yield _question(line, found, talk, kinds, len(recent))
        recent.append(at)


def _question(line: Access, found: Sequence[str], talk: _Talk, kinds: Mapping[str, Memory], load: int) -> Asked:
    earlier = dict[str, float]()
    for gone, each in enumerate(talk.asked[: -TURNS - 1 : -1], 1):
        then = {id: EARLIER**gone * need for id, need in _ranked(each.found).items()}
        earlier = {id: max(need, earlier.get(id, 0.0)) for id, need in {**earlier, **then}.items()}
    cited = next((stage.number for stage in line.stages if stage.name == "answered" and stage.ok), None)
    nature = _nature(line, [kinds[id] for id in found], talk)
    at, number = line.at.timestamp(), len(talk.asked)
    asked = Asked(at, talk.number, nature, tuple(found), earlier, number, load, cited)
    for last in talk.asked[-1:]:
        last.goes_on = True
    talk.at = at
    talk.asked.append(asked)
    talk.said += [Turn(line.said)] if line.said else []
    return asked


def _nature(line: Access, found: Sequence[Memory], talk: _Talk) -> Nature:
    """As the choice reads a question, if its words were kept; else by what was found for it."""
    needs = _ranked([memory.id for memory in found])
    if line.said:
        call = call_of(meant(line.said, talk.said[-TURNS:], now=line.at), now=line.at)
        fits = [Fit(ref(memory.id, 1), memory.tokens, needs[memory.id], memory.kind) for memory in found]
        nature = task_of(call, _TOPICS.goal(call), talk.said, fits).nature
        return "dialogue" if nature == "fact" and talk.asked else nature
    procedures = sum(needs[memory.id] for memory in found if memory.kind in PROCEDURES)
    if 2 * procedures > sum(needs.values()):
        return "procedure"
    return "dialogue" if talk.asked else "fact"


def _work(each: Asked, there: set[str], changed: tuple[Memory, ...], chance: random.Random, begin: float) -> Work:
    needed = each.needed(chance)
    wanted = tuple(
        Wanted(id, need, id in needed, served=id in each.found) for id, need in each.needs().items() if id in there
    )
    return Work(
        each.at - begin,
        each.session,
        each.nature,
        each.turns,
        50 + 90 * min(each.turns, TURNS),
        float(each.load),
        wanted,
        changed,
        each.goes_on,
    )
