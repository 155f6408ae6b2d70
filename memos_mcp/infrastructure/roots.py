"""A lane's indexes, one for each root: they follow the log, are kept as segments in the vault, and bounded in bytes."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, ParamSpec, Protocol, TypeVar

import anyio
from anyio import to_thread

from memos_mcp.branching import OVER
from memos_mcp.errors import Corrupt, InvalidInput, MemosError
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.ports import MAIN, Event, MemoryAdapter, Where
from memos_mcp.search import Segment, SegmentStore

logger = logging.getLogger(__name__)

_PAGE = 1000
_Paths = tuple[tuple[str, ...], bool]  # and whether they are asked of now
ERASING = ("forget", "quarantine", "compact", "depart")
"""What takes words out of indexes at once."""

_SHORT = 15_000  # rows that are looked through faster than another thread is reached
_P = ParamSpec("_P")
_T = TypeVar("_T")


async def worked(rows: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Work over so many rows, off the event loop if it is long."""
    if rows <= _SHORT:
        return work(*args, **kwargs)
    return await to_thread.run_sync(partial(work, *args, **kwargs))


class Index(Protocol):
    """What a lane knows of one root."""

    @property
    def seq(self) -> int:
        """Log position it followed up to."""
        ...

    @property
    def whole(self) -> int:
        """Log position up to which it could be kept as segments."""
        ...

    @property
    def held(self) -> int:
        """Bytes in memory."""
        ...

    @property
    def erased(self) -> set[int]:
        """Log positions whose words were forgotten since they were kept."""
        ...

    @property
    def changed(self) -> set[int]:
        """Log positions that are under other rules since they were kept: the log says so too until more is kept."""
        ...

    def follow(self, events: Sequence[Event]) -> None:
        """Follow lines of the log; one seen before changes nothing."""
        ...

    def size(self, after: int, upto: int) -> tuple[int, int]:
        """Rows in the log range (after, upto], and about how many bytes their segment has."""
        ...

    def export(self, after: int, upto: int) -> bytes:
        """The segment of a log range."""
        ...

    def load(self, data: bytes, upto: int) -> None:
        """Append a segment. Raises Corrupt."""
        ...


Its = TypeVar("Its", bound=Index)


class Roots(Generic[Its]):
    """The indexes of a lane. Roots used least recently are dropped, and loaded again from their segments.

    Whoever reads or changes an index holds `lock`. `worth` is how many rows make a segment of their own, `largest` how
    many bytes one has that is merged no more. `cleared` is called when everything is dropped, `shared` says how many
    bytes the indexes hold together. The root `pinned` is never dropped. Indexes see the log through
    the `lens`.
    """

    def __init__(
        self,
        name: str,
        vault: MemoryAdapter,
        segments: SegmentStore,
        make: Callable[[], Its],
        *,
        memory: int,
        worth: int,
        largest: int = 1 << 26,
        cleared: Callable[[], None] = lambda: None,
        shared: Callable[[], int] = lambda: 0,
        lens: Lens = CLEAR,
    ) -> None:
        self.lock = threading.Lock()
        self.waiting: dict[str, int] = {}
        self.why = ""
        self.pinned = ""
        self._name = name
        self._vault = vault
        self._segments = segments
        self._make = make
        self._memory = memory
        self._worth = worth
        self._largest = largest
        self._cleared = cleared
        self._shared = shared
        self._lens = lens
        self._following = anyio.Lock()
        self._seq: int | None = None
        self._indexes: OrderedDict[str, Its] = OrderedDict()
        self._under: dict[_Paths, tuple[int, list[str]]] = {}
        self._grown = False
        self._followed_for: Where | None = None

    async def under(self, where: Where, *, first: bool = False) -> list[Its]:
        """The indexes that hold memories under the paths, as new as the log. Raises Unavailable, Corrupt.

        After a `first` time, asked once more with the very same `where`, as within a recall, they are as new as then.
        """
        if where.branch != MAIN:
            raise InvalidInput(f"the {self._name} route does not know the branch {where.branch!r}")
        async with self._following:
            if where is not self._followed_for:
                await self._follow()
            self._followed_for = where if first else None
            found = [await self._index(root) for root in await self._roots_under(where)]
        self._evict()
        return found

    def loaded(self, where: Where) -> list[Its]:
        """The indexes under the paths as they are, if all are in memory."""
        names = self.names(where)
        return [self._indexes[root] for root in names] if self._indexes.keys() >= set(names) else []

    def names(self, where: Where) -> list[str]:
        """The roots under the paths, as `under` last found them."""
        return self._under.get((where.paths, where.at is None), (0, list[str]()))[1]

    def all_loaded(self) -> dict[str, Its]:
        """Every index in memory, by root; the one used last is the last."""
        return dict(self._indexes)

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines.

        Roots not in memory are left to the next question, unless many memories wait for it or one was forgotten: its
        words leave the segments at once.
        """
        async with self._following:
            forgotten = await self._follow(events) | {root_of(e.path) for e in events if e.action in ERASING}
            for root in {root_of(e.path) for e in events if e.path and (e.subject or e.action == "drop")} | forgotten:
                due = root in forgotten or self.waiting.get(root, 0) >= self._worth
                if due or root in self._indexes:
                    await self._keep(root, await self._index(root))
        self._evict()

    async def open(self, root: str) -> Its:
        """The index of a root, as new as the log."""
        async with self._following:
            await self._follow()
            index = await self._index(root)
        self._evict()
        return index

    async def keep(self, root: str, worth: int) -> None:
        """Write what is whole, if that is so many rows, and nothing that was forgotten meanwhile."""
        async with self._following:
            await self._follow()
            if root in self._indexes:
                await self._keep(root, self._indexes[root], worth)

    async def stored(self, root: str, after: int) -> list[Segment]:
        """Segments of a root that go beyond a log position: another process may have written them."""
        spans = await self._segments.spans(self._name, root)
        if not spans or spans[-1].upto <= after:
            return []
        return [segment for segment in await self._segments.segments(self._name, root) if segment.upto > after]

    async def behind(self, root: str, ours: Callable[[bytes], bool]) -> bool:
        """Does the log of a root go on after its segments, or is one of them damaged or not `ours`? Reads them all."""
        try:
            segments = await self._segments.segments(self._name, root)
            upto = segments[-1].upto if segments else 0
            if await self._vault.events(after=upto, limit=1, root=root):
                return True
            return not await to_thread.run_sync(lambda: all(ours(segment.data) for segment in segments))
        except MemosError:  # whoever opens it will see what is the matter
            return True

    async def forget_loaded(self) -> None:
        """Load every index anew when it is needed, also those that are being loaded now."""
        async with self._following:
            with self.lock:
                self._clear()

    async def drop(self) -> None:
        """Drop all segments and indexes."""
        async with self._following:
            await self._segments.drop(self._name)
            with self.lock:
                self._clear()

    async def everywhere(self) -> list[str]:
        """Every root that holds memories."""
        return sorted({root_of(path) for path in await self._vault.places(("user", "shared", "global", OVER))})

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(index.held for index in list(self._indexes.values())) + self._shared()

    async def _follow(self, given: Sequence[Event] = ()) -> set[str]:
        """Follow the log, beginning with the given lines; the roots where words were erased."""
        erased = set[str]()
        given = [event for event in given if event.seq]
        if self._seq is None:
            newest = given or await self._vault.events(after=-1, limit=1)
            self._seq = newest[0].seq - 1 if newest else 0
        news = [e for e in given if e.seq > self._seq]
        if not news or news[0].seq != self._seq + 1 or news[-1].seq != self._seq + len(news):
            news = await self._vault.events(after=self._seq, limit=_PAGE)
        while news:
            await to_thread.run_sync(self._take, news)
            self._seq = news[-1].seq
            erased |= {root_of(event.path) for event in news if event.action in ERASING}
            news = await self._vault.events(after=self._seq, limit=_PAGE)
        return erased

    def _take(self, events: Sequence[Event]) -> None:
        with self.lock:
            if any(event.action == "restore" for event in events):
                self._clear()
                return
            by_root: dict[str, list[Event]] = {}
            for event in (event for event in events if event.subject):  # else it is about a namespace
                by_root.setdefault(root_of(event.path), []).append(event)
            for root, lines in by_root.items():
                index = self._indexes.get(root)
                if index is None:
                    self.waiting[root] = self.waiting.get(root, 0) + len(lines)
                else:
                    index.follow(self._lens.lines(lines))
                    self._grown = True

    def _clear(self) -> None:
        self._cleared()
        self._indexes.clear()
        self.waiting.clear()
        self._under.clear()

    async def _roots_under(self, where: Where) -> list[str]:
        """Those that hold memories now or, if the past is asked of, any that might have been recalled then."""
        of = where.paths, where.at is None
        known = self._under.get(of)
        if known is None or known[0] != self._seq:
            self._under = {key: known for key, known in self._under.items() if known[0] == self._seq}
            places = await (self._vault.count(where.paths) if where.at is None else self._vault.places(where.paths))
            known = self._under[of] = (self._seq or 0, sorted({root_of(path) for path in places}))
        return known[1]

    async def _index(self, root: str) -> Its:
        index = self._indexes.get(root)
        if index is None:
            try:
                index = await self._load(root)
            except Corrupt as exc:
                logger.warning("rebuilding an index", extra={"route": self._name, "root": root, "why": str(exc)})
                await self._segments.replace(self._name, root, await self._segments.spans(self._name, root), ())
                index = await self._load(root)
            self._indexes[root] = index
            self._grown = True
            self.waiting.pop(root, None)
            await self._keep(root, index)
        self._indexes.move_to_end(root)
        return index

    async def _load(self, root: str) -> Its:
        index = self._make()
        segments = await self._segments.segments(self._name, root)

        def load() -> None:
            with self.lock:  # indexes may share a vocabulary
                for segment in segments:
                    index.load(segment.data, segment.upto)

        def take(events: Sequence[Event]) -> None:
            with self.lock:
                index.follow(self._lens.lines(events))

        await to_thread.run_sync(load)
        while events := await self._vault.events(after=index.seq, limit=_PAGE, root=root):
            await to_thread.run_sync(take, events)
        return index

    async def _keep(self, root: str, index: Its, worth: int | None = None) -> None:
        """Write what the segments do not cover yet, merging small ones; rewrite those that hold erased words."""
        try:
            spans = await self._segments.spans(self._name, root)
            with self.lock:
                old, ranges = self._due(index, spans, worth or self._worth)
            if not ranges and not old:
                return

            def export() -> list[Segment]:
                with self.lock:
                    made = [(after, upto, index.export(after, upto)) for after, upto in ranges]
                return [Segment(after, upto, len(data), data) for after, upto, data in made]

            if await self._segments.replace(self._name, root, old, await to_thread.run_sync(export)):
                index.erased.clear()
                index.changed.clear()
            self.why = ""
        except MemosError as exc:
            # A projection never fails the caller: the log has it all, and the next change tries again.
            self.why = f"its segments could not be written: {exc}"
            logger.warning("segments not written", extra={"route": self._name, "root": root, "why": str(exc)})

    def _due(self, index: Its, spans: list[Segment], worth: int) -> tuple[list[Segment], list[tuple[int, int]]]:
        urgent = any(s.after < seq <= s.upto for s in spans for seq in index.erased)
        stale = [s for s in spans if any(s.after < seq <= s.upto for seq in index.erased | index.changed)]
        # What another process knew more of cannot be written again here: it goes, with what is built on it.
        beyond = next((place for place, s in enumerate(spans) if s in stale and s.upto > index.whole), len(spans))
        gone, spans = spans[beyond:], spans[:beyond]
        covered = spans[-1].upto if spans else 0
        rows, size = index.size(covered, index.whole)
        if rows < worth and not urgent:
            return [], []
        merged: list[Segment] = []
        if index.whole > covered:
            while spans and spans[-1].size <= min(2 * size, self._largest):
                merged.insert(0, spans.pop())
                size += merged[0].size
        rewritten = [s for s in stale if s in spans]
        ranges = [(s.after, s.upto) for s in rewritten]
        if index.whole > covered:
            ranges.append((merged[0].after if merged else covered, index.whole))
        return [*rewritten, *merged, *gone], ranges

    def _evict(self) -> None:
        if not self._grown:
            return
        self._grown = False
        while len(self._indexes) > 1 and self.held > self._memory:
            del self._indexes[next(root for root in self._indexes if root != self.pinned)]
