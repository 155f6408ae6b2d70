"""The vectors route: memories whose meaning is near the question's, by exact cosine over half floats in memory.

A projection that embeds in the background, in the order of the log: loading the model and embedding never delay an
answer, words serve meanwhile. Nothing is lost by a crash, as what has no vector yet is found again in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import anyio
import numpy as np
from numpy.typing import NDArray

from memos_mcp.branching import branch_of
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import Corrupt, MemosError, MissingExtra
from memos_mcp.infrastructure import wordwise
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.keys import embedded_text
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.infrastructure.questions import Probes, Query, Questions, probes
from memos_mcp.infrastructure.roots import ERASING, Roots, worked
from memos_mcp.infrastructure.shelf import Shelf, Vector, VectorsView, made_by
from memos_mcp.infrastructure.wordwise import codes_of
from memos_mcp.models import Embedder
from memos_mcp.ports import MAIN, Event, MemoryAdapter, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall, SegmentStore, Traits

logger = logging.getLogger(__name__)

MEMORY = 512 * 1024 * 1024
_BATCH = 32  # texts embedded between two looks at what else is to do
_WORTH_A_SEGMENT = 512  # vectors: making them again takes two seconds
_LARGEST = 4 * 1024 * 1024  # bytes of a segment that is merged no more, so that no write takes long
_GATHERED = 0.05  # seconds that what comes is gathered: whoever stores one memory after another is not held up
_QUIET = 0.1  # seconds without anything new before what was embedded is written
_GRACE = 0.2  # seconds before a model is loaded: a command that ends at once does not wait for it
_AGAIN = (1.0, 60.0)  # seconds before trying again what failed, doubling
_KEPT = 16  # questions whose vector and scores are kept for a moment


@dataclass(frozen=True, slots=True)
class _Scored:
    shelf: Shelf
    view: VectorsView
    scores: NDArray[np.float32]


_Key = tuple[Probes, tuple[str, ...], tuple[VectorsView, ...]]


class Vectors:
    """Route and projection over an embedder, which is loaded in the background of the first use.

    `memory` bounds what is held (bytes); roots used least recently are dropped and loaded again from segments. What is
    less near to a question than the cosine `least` is not found.
    """

    name = "vectors"

    def __init__(
        self,
        vault: MemoryAdapter,
        segments: SegmentStore,
        embedder: Embedder,
        *,
        memory: int = MEMORY,
        least: float = -1.0,
        lens: Lens = CLEAR,
    ) -> None:
        self._vault = vault
        self._embedder = embedder
        self._lens = lens
        self._least = least
        self._model: tuple[str, int] | None = None
        self._roots = Roots(
            self.name,
            vault,
            segments,
            lambda: Shelf(*(self._model or ("", 0)), lens.stamp),
            memory=memory,
            worth=_WORTH_A_SEGMENT,
            largest=_LARGEST,
            lens=lens,
        )
        self._why = ""
        self._worker: asyncio.Task[None] | None = None
        self._wanted: dict[str, None] = {}
        self._unkept: set[str] = set()
        self._news = asyncio.Event()
        self._never = asyncio.Event()
        self._busy = False
        self._closed = False
        self._questions = Questions(embedder)
        self._scored: OrderedDict[_Key, list[_Scored]] = OrderedDict()

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The nearest `limit` memories, and as many of the time asked for; nothing while there is no model.

        Cost: the question's vector, 4 ms, and 1.5 ms for 50,000 memories. Raises Unavailable, Corrupt.
        """
        self._start()
        if self._model is None:
            return Found((), 0)
        shelves: list[Shelf] = []
        failed: list[MemosError] = []

        async def look_up() -> None:
            try:
                shelves.extend(await self._roots.under(where))
            except MemosError as exc:  # a task group would wrap it
                failed.append(exc)

        async with anyio.create_task_group() as tasks:  # the log is read while the question is embedded
            tasks.start_soon(look_up)
            try:
                await self._questions.query(call)
            except MemosError as exc:
                failed.append(exc)
        if failed:
            raise failed[0]
        query = await self._questions.query(call)
        found = await worked(sum(len(s.rows) for s in shelves), self._find, shelves, query, call, where, limit)
        if found.pending:  # another process may have written them
            self._want(self._roots.names(where))
        return found

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """The cosine of each that has a vector; cheap after `find` of the same call.

        What is alike to the best hits is told where that helps: if advice is wanted, statements about the same matter.
        """
        if self._model is None or (near and call.question_kind == "recall"):
            return []
        query = await self._questions.query(call)
        shelves = self._roots.loaded(where) or await self._roots.under(where)
        if near:
            return self._alike(shelves, where, refs, near)
        return self._score(shelves, query, call, where, refs)

    async def people(self, where: Where) -> frozenset[str]:
        """Nobody: the words route knows them."""
        self._start()
        return frozenset()

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines: what was forgotten goes at once, the rest is embedded in the background."""
        self._start()
        self._want(root_of(event.path) for event in events if event.path)
        if self._model is not None or any(event.action in ERASING for event in events):
            await self._roots.apply(events)

    async def reset(self) -> None:
        """Drop all segments; everything is embedded again in the background. Cost: 3–5 ms a memory."""
        self._start()
        await self._roots.drop()
        self._want(await self._roots.everywhere())

    def lane(self) -> Lane:
        """State for `status`."""
        self._start()
        pending = sum(shelf.pending() for shelf in self._roots.all_loaded().values())
        pending += sum(self._roots.waiting.values()) if self._model else 0
        ended = self._worker is not None and self._worker.done()
        return Lane(
            self.name,
            on=self._model is not None,
            pending=pending,
            why="its work ended unexpectedly; start memos again" if ended else self._why or self._roots.why,
            held=self._roots.held,
            busy=self._busy and not ended,
        )

    async def aclose(self) -> None:
        """Stop embedding, keep what is embedded, let go of the model."""
        self._closed, self._busy, self._why = True, False, "it is closed"
        worker, self._worker = self._worker, None
        try:
            if worker is not None:
                worker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await worker
            if self._model is not None:
                for root in self._roots.all_loaded():
                    with contextlib.suppress(MemosError):  # it is embedded again
                        await self._roots.keep(root, 1)
        finally:
            self._model = None
            await self._embedder.aclose()

    async def meaning(self, cubes: Sequence[MemCube]) -> list[tuple[float, ...]]:
        """The vectors of memories as the lane sees them, empty for one without words. Raises as the embedder."""
        texts = [embedded_text(self._lens.view(cube)) for cube in cubes]
        rows = iter(await self._embedder.embed([text for text in texts if text]))
        return [tuple(map(float, next(rows))) if text else () for text in texts]

    def _find(self, shelves: list[Shelf], query: Query, call: MemoryCall, where: Where, limit: int) -> Found:
        with self._roots.lock:
            ranked = self._ranked(shelves, query.vector, call, where)
            best: list[tuple[float, int, tuple[str, int]]] = []
            for each in ranked:
                rows = _nearest(each.scores, each.view.there & (each.scores >= self._least), limit)
                if call.during is not None:
                    then = each.view.there & each.shelf.rows.within(call.during)
                    rows |= _nearest(each.scores, then, limit)
                its = each.shelf.rows
                best += [(float(each.scores[row]), its.since(row), its.named(row)) for row in rows]
            searched = sum(each.view.rows.count for each in ranked)
            pending = sum(shelf.pending(shelf.view(where).rows.shown) for shelf in shelves)
        most = limit if call.during is None else 2 * limit
        best.sort(reverse=True)
        hits = (Hit(Ref(id=key, version=version), score, self.name) for score, _, (key, version) in best[:most])
        return Found(tuple(hits), searched, pending)

    def _score(
        self, shelves: list[Shelf], query: Query, call: MemoryCall, where: Where, refs: Sequence[Ref]
    ) -> list[Hit]:
        scores: list[tuple[Ref, float, int]] = []
        near: dict[str, NDArray[np.float32]] = {}
        with self._roots.lock:
            for each in self._ranked(shelves, query.vector, call, where):
                its = each.shelf.rows
                rows = {row: ref for ref in refs if (row := its.shown(ref, each.view.there)) is not None}
                scores += [(ref, float(each.scores[row]), its.priority(row)) for row, ref in rows.items()]
                if query.words is not None:
                    having, found = each.shelf.nearest(query.words, list(rows))
                    near |= {rows[row].id: line for row, line in zip(having, found, strict=True)}
        met: dict[str, float] = {}
        if query.words is not None and near:
            met = dict(zip(near, wordwise.met(query.words, np.stack(list(near.values()))).tolist(), strict=True))
        return [
            Hit(ref, score, self.name, Traits(priority=priority, met=met.get(ref.id)) if met or priority else None)
            for ref, score, priority in scores
        ]

    def _alike(self, shelves: list[Shelf], where: Where, refs: Sequence[Ref], near: Sequence[Ref]) -> list[Hit]:
        """Their cosines with the mean of the best: the words that a matter is really spoken of in (Rocchio 1971)."""
        found: dict[Ref, NDArray[np.float32]] = {}
        with self._roots.lock:
            for shelf in shelves:
                there = shelf.view(where).there
                rows = {ref: row for ref in refs if (row := shelf.rows.shown(ref, there)) is not None}
                found |= zip(rows, shelf.vectors(list(rows.values())), strict=True)
        best = [found[ref] for ref in near if ref in found]
        if not best:
            return []
        mean = np.mean(best, axis=0)
        return [Hit(ref, 0.0, self.name, Traits(alike=float(its @ mean))) for ref, its in found.items()]

    def _ranked(self, shelves: list[Shelf], query: Vector, call: MemoryCall, where: Where) -> list[_Scored]:
        """The score of every row for a question; kept for a moment, as a question is first asked, then scored."""
        views = tuple(shelf.view(where) for shelf in shelves)
        key = (probes(call), where.paths, views)
        known = self._scored.get(key)
        if known is None:
            for old in [old for old in self._scored if old[1] == where.paths and old[2] != views]:
                del self._scored[old]
            known = self._scored[key] = [
                _Scored(shelf, view, shelf.scores(query, view))
                for shelf, view in zip(shelves, views, strict=True)
                if view.there.any()
            ]
            while len(self._scored) > _KEPT:
                self._scored.popitem(last=False)
        return known

    # What follows is the background: one task, owned by this object and ended by `aclose`.

    def _start(self) -> None:
        if self._worker is None and not self._closed:
            self._busy, self._why = True, "the model is being loaded"
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def _want(self, roots: Iterable[str]) -> None:
        self._wanted |= dict.fromkeys(roots)
        if self._wanted:
            self._busy = not self._closed and (self._busy or self._model is not None)
            self._news.set()

    async def _work(self) -> None:
        await asyncio.sleep(_GRACE)
        wait, longest = _AGAIN
        while True:
            try:
                self._busy = True
                if self._model is None:
                    await self._open()
                while self._wanted:
                    await self._embed_next()
                self._news.clear()
                if await self._quiet():
                    self._why, self._busy, wait = "", False, _AGAIN[0]
                    await self._news.wait()
                    await asyncio.sleep(_GATHERED)
            except MemosError as exc:
                if str(exc) != self._why:
                    logger.info("vectors wait", extra={"why": str(exc)})
                self._why, self._busy = str(exc), False
                if isinstance(exc, MissingExtra):  # nothing that happens while this process lives can help
                    await self._never.wait()
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)

    async def _quiet(self) -> bool:
        """Write what was embedded, once nothing new came for a moment: a write a memory would hold up the next."""
        if self._unkept:
            with anyio.move_on_after(_QUIET):
                await self._news.wait()
                return False
        while self._unkept:
            await self._roots.keep(self._unkept.pop(), 1)
        return True

    async def _open(self) -> None:
        """Load the model; look for what was left to do, by this process or another."""
        model, roots = await self._embedder.load(), await self._roots.everywhere()
        self._model = model
        await self._roots.forget_loaded()  # they were opened without knowing which model counts
        ours = partial(made_by, model=model[0], dimension=model[1], stamp=self._lens.stamp)
        for root in roots:
            if await self._roots.behind(root, ours):
                self._want([root])

    async def _embed_next(self) -> None:
        root = self._roots.pinned = next(iter(self._wanted))
        del self._wanted[root]  # what comes from now on is wanted anew
        try:
            shelf = await self._roots.open(root)
            await self._adopt(root, shelf)
            await self._embed(root, shelf)
            self._unkept.add(root)
        except MemosError:
            self._want([root])
            raise
        finally:
            self._roots.pinned = ""

    async def _adopt(self, root: str, shelf: Shelf) -> None:
        """Take what another process embedded; what cannot be read, or is another model's, is embedded here."""
        try:
            for segment in await self._roots.stored(root, shelf.whole):
                with self._roots.lock:
                    shelf.adopt(segment.data)
        except Corrupt as exc:
            logger.info("vectors are not taken over", extra={"root": root, "why": str(exc)})

    async def _embed(self, root: str, shelf: Shelf) -> None:
        while True:
            with self._roots.lock:
                rows = shelf.waiting(_BATCH)
                names = [shelf.rows.named(row) for row in rows]
            if not rows:
                return
            refs = [Ref(id=key, version=version) for key, version in names]
            cubes = await self._vault.get(refs, branch=branch_of(root, MAIN))
            seen = [self._lens.view(cube) for cube in cubes if not cube.quarantined]
            texts = {(cube.id, cube.version): text for cube in seen if (text := embedded_text(cube))}
            made = await self._questions.read(list(texts.values()))
            vectors = dict(zip(texts, made.vectors, strict=True))
            words = {name: codes_of(its) for name, its in zip(texts, made.words, strict=False)}
            blank = np.zeros(made.vectors.shape[1], np.float32)
            told = {row: words[name] for row, name in zip(rows, names, strict=True) if name in words}
            with self._roots.lock:
                shelf.put(rows, [vectors.get(name, blank) for name in names], told)
            await self._roots.keep(root, _WORTH_A_SEGMENT)
            if self._roots.all_loaded().get(root) is not shelf:  # dropped meanwhile, or the vault was restored
                shelf = await self._roots.open(root)


def _nearest(scores: NDArray[np.float32], shown: NDArray[np.bool_], limit: int) -> set[int]:
    """The best of the shown rows."""
    rows = np.flatnonzero(shown)
    if len(rows) > limit:
        rows = rows[np.argpartition(-scores[rows], limit - 1)[:limit]]
    return set(rows.tolist())
