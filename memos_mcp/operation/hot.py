"""Rankings of questions that come again, kept until something changes that could matter.

What is kept are ids and scores, never words: whoever is served has every memory fetched, and may_read asked, as always.
A ranking is found again if it was made for the same call, caller, rules and paths, and since then no line of the log
touched these paths, nothing there has expired (or, if the clock went back, come to life), no names were merged or taken
apart, and the lanes are as they were.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, replace

from memos_mcp.answers import HotResults
from memos_mcp.infrastructure.decisions import Reading, is_beneath
from memos_mcp.late import late
from memos_mcp.operation import policy
from memos_mcp.operation.lanes import Lanes, Ranking
from memos_mcp.ports import MAIN, Event, MemoryAdapter, Where
from memos_mcp.search import Lane, MemoryCall

_LINES = 256  # of the log that are looked through; after more a question is asked anew
_LONGEST = 1_000  # characters of a question that is kept: who pastes a page does not ask it again
_UPKEEP = 16  # questions between two looks for what is not worth keeping
_BESIDE = "same"  # the kind of the ledger's notes that lanes read beside the log: names that are one
_WORD = late(r"\w{3,}")


@dataclass(frozen=True, slots=True)
class _State:
    """What a ranking hangs on that is no part of the question: what can be seen at each path, and the lanes."""

    seen: tuple[tuple[str, int], ...]
    notes: tuple[tuple[str, int], ...]
    lanes: tuple[Lane, ...]

    @property
    def settled(self) -> bool:
        """Is there nothing under way that will change it?"""
        return not any(lane.busy or lane.pending for lane in self.lanes)


@dataclass(slots=True)
class _Kept:
    ranking: Ranking
    state: _State
    seq: int


class Hot:
    """Keeps rankings of one vault. A question that comes for the first time costs nothing; the second time it is kept.

    `capacity` is how many there may be at first (0: none are kept), and changes with the load (`policy`).
    """

    def __init__(self, vault: MemoryAdapter, capacity: int) -> None:
        self._vault = vault
        self._capacity = capacity
        self._kept: dict[Hashable, _Kept] = {}
        self._uses: dict[Hashable, policy.Use] = {}
        self._once: OrderedDict[Hashable, None] = OrderedDict()
        self._gone: OrderedDict[Hashable, None] = OrderedDict()
        self._recent: deque[frozenset[str]] = deque(maxlen=policy.RECENT)
        self._load = policy.Load()
        self._asked, self._hits = 0, 0

    @property
    def results(self) -> HotResults:
        """How many are kept, and how often they served."""
        return HotResults(len(self._kept), self._capacity, self._asked, self._hits)

    async def rank(self, lanes: Lanes, call: MemoryCall, where: Where, most: int, *, keep: int) -> Ranking:
        """As `lanes.rank`, of which the best `keep` are wanted. Cost: 0.2 ms if it is found again. Raises as that."""
        if not self._capacity or where.at is not None or where.fork or where.branch != MAIN:
            return await lanes.rank(call, where, most)
        permit = where.permit
        if not isinstance(permit, Reading) or len(call.asked) + len(call.query) > 2 * _LONGEST:
            return await lanes.rank(call, where, most)
        key = (call, where.paths, permit.key, lanes.names, most, keep)
        words = frozenset(_WORD.findall(call.query.lower()))
        found = await self._again(key, lanes, where)
        self._count(key, words, hit=found is not None)
        if found is not None:
            return found
        if key not in self._once:
            _noted(self._once, key)
            return await lanes.rank(call, where, most)
        return await self._anew(key, lanes, call, where, most, keep, words)

    async def _again(self, key: Hashable, lanes: Lanes, where: Where) -> Ranking | None:
        """The ranking that is kept, if it would be the same now."""
        known = self._kept.get(key)
        if known is None:
            return None
        seq = await self._untouched(known.seq, where)
        if seq is None or await self._state(lanes, where) != known.state:
            self._drop(key)
            return None
        known.seq = seq
        return known.ranking

    async def _anew(
        self,
        key: Hashable,
        lanes: Lanes,
        call: MemoryCall,
        where: Where,
        most: int,
        keep: int,
        words: frozenset[str],
    ) -> Ranking:
        """Ranked, and kept if it is whole and nothing is under way."""
        newest = await self._vault.events(after=-1, limit=1)  # before the ranking: what comes meanwhile is a change
        state = await self._state(lanes, where)
        ranking = await lanes.rank(call, where, most)
        whole = not (ranking.missing or ranking.pending) and state.settled
        if whole and await self._state(lanes, where) == state:
            ranking = replace(ranking, fused=ranking.fused[:keep])
            self._kept[key] = _Kept(ranking, state, newest[0].seq if newest else 0)
            self._uses[key] = policy.used(self._uses.get(key), self._asked, words)
            for other in policy.crowded(self._uses, self._asked, policy.context(self._recent), self._capacity):
                self._drop(other)
                _noted(self._gone, other)
        return ranking

    async def _untouched(self, seq: int, where: Where) -> int | None:
        """The newest line of the log, if none after `seq` touches the paths."""
        newest = await self._vault.events(after=-1, limit=1)
        upto = newest[0].seq if newest else 0
        if not 0 <= upto - seq <= _LINES:
            return None
        lines = await self._vault.events(after=seq, limit=_LINES) if upto > seq else []
        return None if any(_touches(line, where) for line in lines) else max([upto, *(line.seq for line in lines)])

    async def _state(self, lanes: Lanes, where: Where) -> _State:
        """Lanes know whole seconds: what expires within this one is over already."""
        permit = where.permit
        if isinstance(permit, Reading):
            permit = replace(permit, now=permit.now.replace(microsecond=999_999))
        seen = await self._vault.count(where.paths, permit=permit)
        notes = await self._vault.ledger.list(_BESIDE)
        return _State(
            tuple(sorted(seen.items())),
            tuple((note.key, note.revision) for note in notes),
            tuple(replace(lane, held=0) for lane in lanes.states()),
        )

    def _count(self, key: Hashable, words: frozenset[str], *, hit: bool) -> None:
        self._asked += 1
        self._hits += hit
        self._recent.append(words)
        self._load = policy.counted(self._load, again=key in self._once, missed=key in self._gone)
        self._gone.pop(key, None)
        if hit and key in self._uses:
            self._uses[key] = policy.used(self._uses[key], self._asked, words)
        if self._load.asked >= policy.WINDOW:
            self._capacity, self._load = policy.capacity(self._capacity, self._load), policy.Load()
        if self._asked % _UPKEEP == 0:
            for old in policy.faded(self._uses, self._asked, policy.context(self._recent)):
                self._drop(old)

    def _drop(self, key: Hashable) -> None:
        self._kept.pop(key, None)
        self._uses.pop(key, None)


def _noted(seen: OrderedDict[Hashable, None], key: Hashable) -> None:
    """Keys that were seen lately."""
    seen[key] = None
    seen.move_to_end(key)
    while len(seen) > policy.MOST:
        seen.popitem(last=False)


def _touches(line: Event, where: Where) -> bool:
    """Could a line of the log change what is found beneath the paths? Rules of namespaces come from above."""
    if not line.subject or line.action == "restore":
        return True
    places = [line.path, *([line.now] if line.now else [])]
    return any(is_beneath(at, path) or is_beneath(path, at) for at in places for path in where.paths)
