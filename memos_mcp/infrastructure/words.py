"""The words route: BM25 over two keys, the turn and the turn with its neighbours, in memory per root.

Scores are shares of the best possible score, so they mean the same for every question, and document frequencies are
those of the searched memories only: a memory one may not read moves nothing (facts: measured on three data sets).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memos_mcp.cube import Ref
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.infrastructure.links import links
from memos_mcp.infrastructure.names import Interned
from memos_mcp.infrastructure.partition import Partition, WordsView
from memos_mcp.infrastructure.roots import Roots, worked
from memos_mcp.infrastructure.tokens import question_terms
from memos_mcp.ports import Event, MemoryAdapter, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall, SegmentStore, Traits

K1, B = 1.5, 0.75  # Robertson and Zaragoza 2009; flat around these on all three data sets
MEMORY = 256 * 1024 * 1024
_WORTH_A_SEGMENT = 512  # rows: re-reading fewer from the log takes 20 ms
_AT_THE_TIME = 1e-9  # what was said at the time asked for is found even if it shares no word
_KEPT = 16  # questions whose scores are kept for a moment
_MOST_TERMS = 64  # a question is a few words; a pasted page is searched by its first distinct ones


@dataclass(frozen=True, slots=True)
class _Match:
    """Where one term occurs in one partition: rows and counts for the turn key and for the window key."""

    own: tuple[NDArray[np.int32], NDArray[np.uint8]]
    window: tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Scored:
    """A partition with the score of each row for a question, and the share of its words said in each session."""

    partition: Partition
    view: WordsView
    scores: NDArray[np.float64]
    covered: NDArray[np.float64]

    def rows_of(self, refs: Sequence[Ref]) -> list[int]:
        """The rows of those that are shown."""
        found = (self.partition.rows.shown(ref, self.view.rows.shown) for ref in refs)
        return [row for row in found if row is not None]

    def coverage(self, row: int) -> float:
        """The share of the question's words said in the session of a row, if that is a dialogue."""
        alone = self.view.rows.before[row] < 0 and self.view.rows.after[row] < 0
        return 0.0 if alone else float(self.covered[self.partition.rows.session(row)])


_Asked = tuple[str, tuple[str, ...], tuple[WordsView, ...]]


class Words:
    """Route and projection. Follows the log by itself, so other processes' memories are found too.

    `memory` bounds what is held (bytes); roots used least recently are dropped and loaded again from segments.
    """

    name = "words"

    def __init__(
        self, vault: MemoryAdapter, segments: SegmentStore, *, memory: int = MEMORY, lens: Lens = CLEAR
    ) -> None:
        self._vocabulary = Interned[str]()
        self._roots = Roots(
            self.name,
            vault,
            segments,
            lambda: Partition(self._vocabulary, lens.stamp),
            memory=memory,
            worth=_WORTH_A_SEGMENT,
            cleared=self._forget_terms,
            shared=lambda: 100 * len(self._vocabulary.names),
            lens=lens,
        )
        self._scored: OrderedDict[_Asked, list[_Scored]] = OrderedDict()

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The best `limit` memories, and as many of the time asked for. Cost: 0.5 ms at 1,000, 5 ms at 50,000."""
        partitions = await self._roots.under(where)
        return await worked(_rows(partitions), self._find, partitions, call, where, limit)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """Scores and traits of these memories as they are now; cheap after `find` of the same call."""
        partitions = self._roots.loaded(where) or await self._roots.under(where)
        if not near:
            return self._score(partitions, call, where, refs)
        if call.question_kind == "request":  # it shares form with everything
            return []
        return await worked(_rows(partitions), self._link, partitions, call, where, refs, near)

    async def people(self, where: Where) -> frozenset[str]:
        """Everybody whose words are searched. Cost: 0.1 ms at 10,000 memories."""
        partitions = await self._roots.under(where, first=True)
        with self._roots.lock:
            return frozenset[str]().union(*(p.view(where).people for p in partitions))

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines; the words of a forgotten memory leave the segments at once."""
        await self._roots.apply(events)

    async def reset(self) -> None:
        """Drop all segments and build them again from the log. Cost: about 40 µs a memory."""
        await self._roots.drop()
        for root in await self._roots.everywhere():
            await self._roots.open(root)

    def lane(self) -> Lane:
        """State for `status`. Nothing is ever pending: what was not read yet is read before a question is answered."""
        return Lane(self.name, on=True, why=self._roots.why, held=self._roots.held)

    def _forget_terms(self) -> None:
        self._vocabulary = Interned[str]()
        self._scored.clear()

    def _find(self, partitions: list[Partition], call: MemoryCall, where: Where, limit: int) -> Found:
        with self._roots.lock:
            shown = self._ranked(partitions, call, where)
            searched = sum(each.view.count for each in shown)
            best = sorted(
                (
                    (score, each.partition.rows.since(row), each.partition.rows.named(row))
                    for each in shown
                    for row, score in _found(each, call, limit).items()
                ),
                reverse=True,
            )
        most = limit if call.during is None else 2 * limit
        hits = (Hit(Ref(id=key, version=version), score, self.name) for score, _, (key, version) in best[:most])
        return Found(tuple(hits), searched)

    def _score(self, partitions: list[Partition], call: MemoryCall, where: Where, refs: Sequence[Ref]) -> list[Hit]:
        hits: list[Hit] = []
        with self._roots.lock:
            for each in self._ranked(partitions, call, where):
                within = each.partition.rows.within(call.during) if call.during else None
                of, scores = each.partition, each.scores
                for ref in refs:
                    row = of.rows.shown(ref, each.view.rows.shown)
                    if row is not None:
                        at_the_time = within is not None and bool(within[row])
                        first, stance, said = of.first_person(row), of.stance(row), each.coverage(row)
                        author, priority = of.rows.author(row), of.rows.priority(row)
                        traits = Traits(author, first, stance, said, 0.0, at_the_time, priority)
                        hits.append(Hit(ref, float(scores[row]), self.name, traits))
        return hits

    def _link(
        self, partitions: list[Partition], call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref]
    ) -> list[Hit]:
        hits: list[Hit] = []
        with self._roots.lock:
            shown = self._ranked(partitions, call, where)
            rows = [each.rows_of(near) for each in shown]
            asked = {each.partition.number(word) for each in shown for word in question_terms(call.query)}
            found = links([each.partition for each in shown], [each.view for each in shown], rows, asked)
            for each, linked in zip(shown, found, strict=True):
                for ref in refs:
                    row = each.partition.rows.shown(ref, each.view.rows.shown)
                    if row is not None and row in linked:
                        hits.append(Hit(ref, float(each.scores[row]), self.name, Traits(link=linked[row])))
        return hits

    def _ranked(self, partitions: list[Partition], call: MemoryCall, where: Where) -> list[_Scored]:
        """Scores of every row for a question; kept while nothing changes, as a question is first asked, then scored."""
        views = tuple(p.view(where) for p in partitions)
        key = (call.query, where.paths, views)
        known = self._scored.get(key)
        if known is None:
            for old in [old for old in self._scored if old[1] == where.paths and old[2] != views]:
                del self._scored[old]
            terms = question_terms(call.query)[:_MOST_TERMS]
            known = self._scored[key] = self._weighed(partitions, views, terms)
            while len(self._scored) > _KEPT:
                self._scored.popitem(last=False)
        return known

    def _weighed(self, partitions: list[Partition], views: Sequence[WordsView], terms: Sequence[str]) -> list[_Scored]:
        searched = sum(view.count for view in views)
        if not searched:
            return []
        matches = [[self._match(word, p, view) for p, view in zip(partitions, views, strict=True)] for word in terms]
        scores = _shares(matches, views, searched)
        covered = _coverage(matches, partitions, searched)
        every = zip(partitions, views, scores, covered, strict=True)
        return [_Scored(*each) for each in every if each[1].count]

    def _match(self, word: str, partition: Partition, view: WordsView) -> _Match | None:
        own = partition.postings(word, view)
        return _Match(own, view.widened(*own)) if len(own[0]) else None


def _rows(partitions: Sequence[Partition]) -> int:
    return sum(len(partition.rows) for partition in partitions)


def _shares(
    matches: Sequence[Sequence[_Match | None]], views: Sequence[WordsView], searched: int
) -> list[NDArray[np.float64]]:
    """For each partition the score of every row: the mean of both keys' shares of the best possible BM25 score."""
    scores = [np.zeros(len(view.own)) for view in views]
    own_mean, window_mean = (sum(view.totals[key] for view in views) / searched or 1.0 for key in (0, 1))
    weights = [
        (
            _idf(sum(len(m.own[0]) for m in word if m), searched),
            _idf(sum(len(m.window[0]) for m in word if m), searched),
        )
        for word in matches
    ]
    own_best, window_best = (2 * sum(w[key] for w in weights) or 1.0 for key in (0, 1))
    for word, (own_idf, window_idf) in zip(matches, weights, strict=True):
        for match, view, score in zip(word, views, scores, strict=True):
            if match is not None:
                for (rows, counts), lengths, mean, share in (
                    (match.own, view.own, own_mean, own_idf / own_best),
                    (match.window, view.window, window_mean, window_idf / window_best),
                ):
                    norm = K1 * (1 - B) + K1 * B / mean * lengths[rows]
                    score[rows] += share * counts / (counts + norm)
    return scores


def _coverage(
    matches: Sequence[Sequence[_Match | None]], partitions: Sequence[Partition], searched: int
) -> list[NDArray[np.float64]]:
    """For each session of each partition the share of the question's words, by rarity, that occur in it."""
    weights = [_idf(sum(len(m.own[0]) for m in word if m), searched) for word in matches]
    total = sum(weights) or 1.0
    covered: list[NDArray[np.float64]] = []
    for i, partition in enumerate(partitions):
        session = partition.rows.column("session")
        share = np.zeros(partition.rows.sessions + 1)  # the last place is for rows without a session
        for word, weight in zip(matches, weights, strict=True):
            match = word[i]
            if match is not None:
                said = np.zeros(len(share), np.bool_)
                said[session[match.own[0]]] = True
                share[said] += weight / total
        share[-1] = 0
        covered.append(share)
    return covered


def _idf(df: int, n: int) -> float:
    return math.log(1 + (n - df + 0.5) / (df + 0.5))


def _found(each: _Scored, call: MemoryCall, limit: int) -> dict[int, float]:
    """The best rows with a score, and the best ones of the time asked for, whether or not they share a word."""
    best = _top(each.scores, limit)
    if call.during is not None:
        rows = np.flatnonzero(each.view.rows.shown & each.partition.rows.within(call.during))
        best |= {int(rows[i]): score for i, score in _top(each.scores[rows] + _AT_THE_TIME, limit).items()}
        best = {row: float(each.scores[row]) for row in best}
    return best


def _top(scores: NDArray[np.float64], limit: int) -> dict[int, float]:
    """The best rows with a score; of equal ones the newest."""
    if len(scores) <= limit:
        rows = np.flatnonzero(scores)
    else:
        least = np.partition(scores, -limit)[-limit]
        better = np.flatnonzero(scores > least)
        equal = np.flatnonzero(scores == least)[len(better) - limit :] if least else better[:0]
        rows = np.concatenate((better, equal))
    return {int(row): float(scores[row]) for row in rows}
