"""The words route: BM25 over two keys, the turn and the turn with its neighbours, in memory per root.

Scores are shares of the best possible score, so they mean the same for every question, and document frequencies are
those of the searched memories only: a memory one may not read moves nothing (facts: measured on three data sets).
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from memos_mcp.cube import Ref
from memos_mcp.errors import Corrupt, InvalidInput, MemosError
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.partition import Interned, Partition, View
from memos_mcp.infrastructure.tokens import question_terms
from memos_mcp.ports import MAIN, Event, Found, Hit, Lane, MemoryAdapter, MemoryCall, Segment, SegmentStore, Where

logger = logging.getLogger(__name__)

K1, B = 1.5, 0.75  # Robertson and Zaragoza 2009; flat around these on all three data sets
MEMORY = 256 * 1024 * 1024
_PAGE = 1000
_WORTH_A_SEGMENT = 512  # rows: re-reading fewer from the log takes 20 ms
_MOST_TERMS = 64  # a question is a few words; a pasted page is searched by its first distinct ones


@dataclass(frozen=True, slots=True)
class _Match:
    """Where one term occurs in one partition: rows and counts for the turn key and for the window key."""

    own: tuple[NDArray[np.int32], NDArray[np.uint8]]
    window: tuple[NDArray[np.int32], NDArray[np.float32]]


class Words:
    """Route and projection. Follows the log by itself, so other processes' memories are found too.

    `memory` bounds what is held (bytes); roots used least recently are dropped and loaded again from segments.
    """

    name = "words"

    def __init__(self, vault: MemoryAdapter, segments: SegmentStore, *, memory: int = MEMORY) -> None:
        self._vault = vault
        self._segments = segments
        self._memory = memory
        self._following = anyio.Lock()
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._vocabulary = Interned()
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._roots: dict[tuple[str, ...], tuple[int, list[str]]] = {}
        self._why = ""
        self._grown = False

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The best `limit` memories. Cost: 0.5 ms at 1,000 memories, 5 ms at 50,000. Raises Unavailable, Corrupt."""
        if where.branch != MAIN:
            raise InvalidInput(f"the words route does not know the branch {where.branch!r}")
        async with self._following:
            await self._follow()
            partitions = [await self._partition(root) for root in await self._roots_under(where.paths)]
        found = await to_thread.run_sync(
            self._rank, partitions, where.paths, question_terms(call.query)[:_MOST_TERMS], limit
        )
        self._evict()
        return found

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines.

        Roots not in memory are left to the next question, unless many memories wait for it or one was forgotten: its
        words leave the segments at once.
        """
        async with self._following:
            await self._follow(events)
            forgotten = {root_of(e.path) for e in events if e.action == "forget"}
            for root in {root_of(e.path) for e in events if e.path}:
                due = root in forgotten or self._waiting.get(root, 0) >= _WORTH_A_SEGMENT
                if due or root in self._partitions:
                    await self._keep(root, await self._partition(root))
        self._evict()

    async def reset(self) -> None:
        """Drop all segments and build them again from the log. Cost: about 40 µs a memory."""
        async with self._following:
            await self._segments.drop(self.name)
            self._forget_all()
            await self._follow()
            paths = await self._vault.count(("user", "shared", "global"))
            for root in sorted({root_of(path) for path in paths}):
                await self._partition(root)
                self._evict()

    def lane(self) -> Lane:
        """State for `status`."""
        return Lane(self.name, on=True, pending=sum(self._waiting.values()), why=self._why, held=self._held())

    async def _follow(self, given: Sequence[Event] = ()) -> None:
        given = [event for event in given if event.seq]
        if self._seq is None:
            newest = given or await self._vault.events(after=-1, limit=1)
            self._seq = newest[0].seq - 1 if newest else 0
        news = [e for e in given if e.seq > self._seq]
        if not news or news[0].seq != self._seq + 1:
            news = await self._vault.events(after=self._seq, limit=_PAGE)
        while news:
            await to_thread.run_sync(self._take, news)
            self._seq = news[-1].seq
            news = await self._vault.events(after=self._seq, limit=_PAGE)

    def _take(self, events: Sequence[Event]) -> None:
        with self._lock:
            if any(event.action == "restore" for event in events):
                self._forget_all()
                return
            by_root: dict[str, list[Event]] = {}
            for event in events:
                by_root.setdefault(root_of(event.path), []).append(event)
            for root, lines in by_root.items():
                partition = self._partitions.get(root)
                if partition is None:
                    self._waiting[root] = self._waiting.get(root, 0) + len(lines)
                else:
                    partition.follow(lines)
                    self._grown = True

    def _forget_all(self) -> None:
        self._vocabulary = Interned()
        self._partitions.clear()
        self._waiting.clear()
        self._roots.clear()

    async def _roots_under(self, paths: tuple[str, ...]) -> list[str]:
        known = self._roots.get(paths)
        if known is None or known[0] != self._seq:
            self._roots.clear()
            roots = sorted({root_of(path) for path in await self._vault.count(paths)})
            known = self._roots[paths] = (self._seq or 0, roots)
        return known[1]

    async def _partition(self, root: str) -> Partition:
        partition = self._partitions.get(root)
        if partition is None:
            try:
                partition = await self._load(root)
            except Corrupt as exc:
                logger.warning("rebuilding an index", extra={"route": self.name, "root": root, "why": str(exc)})
                await self._segments.replace(self.name, root, await self._segments.spans(self.name, root), ())
                partition = await self._load(root)
            self._partitions[root] = partition
            self._grown = True
            self._waiting.pop(root, None)
            await self._keep(root, partition)
        self._partitions.move_to_end(root)
        return partition

    async def _load(self, root: str) -> Partition:
        partition = Partition(self._vocabulary)
        segments = await self._segments.segments(self.name, root)

        def load() -> None:
            with self._lock:  # the vocabulary is shared
                for segment in segments:
                    partition.load(segment.data, segment.upto)

        def take(events: Sequence[Event]) -> None:
            with self._lock:
                partition.follow(events)

        await to_thread.run_sync(load)
        while events := await self._vault.events(after=partition.seq, limit=_PAGE, root=root):
            await to_thread.run_sync(take, events)
        return partition

    async def _keep(self, root: str, partition: Partition) -> None:
        """Write what the segments do not cover yet, merging small ones; rewrite those that hold erased words."""
        try:
            spans = await self._segments.spans(self.name, root)
            old, ranges = self._due(partition, spans)
            if not ranges:
                return

            def export() -> list[Segment]:
                with self._lock:
                    made = [(after, upto, partition.export(after, upto)) for after, upto in ranges]
                return [Segment(after, upto, len(data), data) for after, upto, data in made]

            if await self._segments.replace(self.name, root, old, await to_thread.run_sync(export)):
                partition.erased.clear()
            self._why = ""
        except MemosError as exc:
            # A projection never fails the caller: the log has it all, and the next change tries again.
            self._why = f"its segments could not be written: {exc}"
            logger.warning("segments not written", extra={"route": self.name, "root": root, "why": str(exc)})

    def _due(self, partition: Partition, spans: list[Segment]) -> tuple[list[Segment], list[tuple[int, int]]]:
        covered = spans[-1].upto if spans else 0
        first, last = partition.rows_between(covered, partition.seq)
        stale = [s for s in spans if any(s.after < partition.since(row) <= s.upto for row in partition.erased)]
        if last - first < _WORTH_A_SEGMENT and not stale:
            return [], []
        merged: list[Segment] = []
        if partition.seq > covered:
            size = (last - first) * 160  # bytes of a row with its postings; only the order of magnitude matters
            while spans and spans[-1].size <= 2 * size:
                merged.insert(0, spans.pop())
                size += merged[0].size
        rewritten = [s for s in stale if s in spans]
        ranges = [(s.after, s.upto) for s in rewritten]
        if partition.seq > covered:
            ranges.append((merged[0].after if merged else covered, partition.seq))
        return [*rewritten, *merged], ranges

    def _held(self) -> int:
        return sum(p.held for p in list(self._partitions.values())) + 100 * len(self._vocabulary.names)

    def _evict(self) -> None:
        if not self._grown:
            return
        self._grown = False
        while len(self._partitions) > 1 and self._held() > self._memory:
            self._partitions.popitem(last=False)

    def _rank(self, partitions: list[Partition], paths: Sequence[str], words: Sequence[str], limit: int) -> Found:
        with self._lock:
            shown = [(p, p.view(paths)) for p in partitions]
            searched = sum(view.count for _, view in shown)
            if not searched:
                return Found((), 0)
            matches = [[self._match(word, p, view) for p, view in shown] for word in words]
            scores = _shares(matches, [view for _, view in shown], searched)
            best = sorted(
                (
                    (score, p.since(row), p.named(row))
                    for (p, _), s in zip(shown, scores, strict=True)
                    for row, score in _top(s, limit)
                ),
                reverse=True,
            )
        hits = (Hit(Ref(id=key, version=version), score, self.name) for score, _, (key, version) in best[:limit])
        return Found(tuple(hits), searched)

    def _match(self, word: str, partition: Partition, view: View) -> _Match | None:
        own = partition.postings(word, view)
        return _Match(own, view.widened(*own)) if len(own[0]) else None


def _shares(
    matches: Sequence[Sequence[_Match | None]], views: Sequence[View], searched: int
) -> list[NDArray[np.float64]]:
    """For each partition the score of every row: the mean of both keys' shares of the best possible BM25 score."""
    scores = [np.zeros(len(view.shown)) for view in views]
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


def _idf(df: int, n: int) -> float:
    return math.log(1 + (n - df + 0.5) / (df + 0.5))


def _top(scores: NDArray[np.float64], limit: int) -> list[tuple[int, float]]:
    """The best rows with a score; of equal ones the newest."""
    if len(scores) <= limit:
        rows = np.flatnonzero(scores)
    else:
        least = np.partition(scores, -limit)[-limit]
        better = np.flatnonzero(scores > least)
        equal = np.flatnonzero(scores == least)[len(better) - limit :] if least else better[:0]
        rows = np.concatenate((better, equal))
    return [(int(row), float(scores[row])) for row in rows]
