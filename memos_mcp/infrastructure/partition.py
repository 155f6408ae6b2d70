"""The words of one root in memory: the postings of all rows, and what the words of each say about it.

Rows are those of `Rows`; a memory that was forgotten keeps its row without words.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memos_mcp.cube import MemCube
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.keys import turn_key
from memos_mcp.infrastructure.manner import in_first_person, stance
from memos_mcp.infrastructure.names import Interned
from memos_mcp.infrastructure.packing import Packed, packed, unpacked
from memos_mcp.infrastructure.postings import NONE, Block, Counts, Ints, Tail, freeze, merge
from memos_mcp.infrastructure.rows import Rows, worded
from memos_mcp.infrastructure.tokens import ANALYSIS
from memos_mcp.infrastructure.views import View
from memos_mcp.ports import Event, Where

_TAIL = 512  # rows in the tail before it is frozen: scanning it costs about 10 µs a term
_VIEWS = 4
_AHEAD = 32  # rows of a word that are looked at before all of them
_MOST = 255  # counts are bytes; beyond, BM25 has long been saturated
_ROW = 160  # bytes of a row with its postings in a segment; only the order of magnitude matters
_COLUMNS = {"length": "i", "first": "b", "stance": "B"}  # terms of the turn key; I, my, we; share of 255
_TYPES: dict[str, type[np.integer]] = {"i": np.int32, "b": np.int8, "B": np.uint8}


@dataclass(frozen=True, slots=True, eq=False)
class WordsView:
    """The current rows under some paths, with the lengths of both keys, and who said them."""

    rows: View
    own: NDArray[np.float32]
    window: NDArray[np.float32]
    totals: tuple[float, float]
    people: frozenset[str]
    scratch: NDArray[np.float32]
    order: Ints

    @property
    def count(self) -> int:
        """How many rows are shown."""
        return self.rows.count

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self.rows.held + 16 * len(self.own)

    def widened(self, rows: Ints, counts: Counts) -> tuple[Ints, NDArray[np.float32]]:
        """Rows whose turn or neighbours hold a term, and how often: the postings of the window key."""
        room = self.scratch
        room[rows] = counts
        touched = [rows]
        for beside in (self.rows.before, self.rows.after):
            near = beside[rows]
            there = near >= 0
            near = near[there]
            room[near] += counts[there]
            touched.append(near)
        every = np.concatenate(touched)
        # Each row once: the last writer of its mark wins.
        self.order[every] = np.arange(len(every), dtype=np.int32)
        every = every[self.order[every] == np.arange(len(every), dtype=np.int32)]
        found = room[every]
        room[every] = 0
        return every, found


class Partition:
    """Everything the words route knows of one root. Not thread-safe: the route holds a lock."""

    def __init__(self, vocabulary: Interned[str], stamp: int = 0) -> None:
        self.rows = Rows()
        self.erased: set[int] = set()
        self.changed: set[int] = set()
        self._vocabulary = vocabulary
        self._analysis = ANALYSIS + stamp
        self._blocks: list[Block] = []
        self._tail = Tail(0)
        self._columns: dict[str, array[int]] = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._views: OrderedDict[Hashable, WordsView] = OrderedDict()

    @property
    def seq(self) -> int:
        """Log position it followed up to."""
        return self.rows.seq

    @property
    def whole(self) -> int:
        """The same: nothing is waited for."""
        return self.rows.seq

    @property
    def held(self) -> int:
        """Bytes in memory, term numbers included, estimated for Python's objects."""
        views = sum(view.held for view in list(self._views.values()))
        return self.rows.held + sum(b.held for b in self._blocks) + self._tail.held + 6 * len(self.rows) + views

    def follow(self, events: Sequence[Event]) -> None:
        """Follow lines of the log; one seen before changes nothing."""
        gone: list[int] = []
        for event in events:
            if event.seq > self.seq:
                self._views.clear()
                did = self.rows.follow(event)
                if did.added is not None:
                    self._add(worded(event))
                gone += did.forgotten
                self.changed.update(map(self.rows.since, did.governed))
        self._erase(gone)
        self._settle()

    def size(self, after: int, upto: int) -> tuple[int, int]:
        """Rows in a log range, and about the bytes of their segment."""
        first, last = self.rows.between(after, upto)
        return last - first, (last - first) * _ROW

    def _settle(self) -> None:
        """Freeze a full tail and merge neighbouring blocks of like size, so that few blocks stay."""
        if self._tail.last - self._tail.first < _TAIL:
            return
        self._blocks.append(self._tail.block())
        self._tail = Tail(self._tail.last)
        while len(self._blocks) > 1 and len(self._blocks[-1].rows) * 2 >= len(self._blocks[-2].rows):
            self._blocks[-2:] = [merge(self._blocks[-2:])]

    def postings(self, word: str, view: WordsView) -> tuple[Ints, Counts]:
        """Shown rows that hold a term themselves, and how often."""
        term = self.number(word)
        found = [part for b in (*self._blocks, self._tail) if len((part := b.find(term))[0])]
        if not found:
            return NONE
        rows = np.concatenate([f[0] for f in found]) if len(found) > 1 else found[0][0]
        counts = np.concatenate([f[1] for f in found]) if len(found) > 1 else found[0][1]
        keep = view.rows.shown[rows]
        return rows[keep], counts[keep]

    def number(self, word: str) -> int:
        """The number of a term; -1 if no memory ever held it."""
        return self._vocabulary.numbers.get(word, -1)

    def terms_of(self, rows: Sequence[int]) -> Ints:
        """The distinct terms of some rows, ascending."""
        wanted = np.array(rows, np.int32)
        holding = [b for b in (*self._blocks, self._tail) if any(b.first <= row < b.last for row in rows)]
        return np.unique(np.concatenate([b.of_rows(wanted) for b in holding])) if holding else np.empty(0, np.int32)

    def places_of(self, terms: Ints, view: WordsView, least: int, most: int, first: int) -> dict[int, list[int]]:
        """The `first` shown rows of each term that stands in `least` to `most` rows, shown or not. `terms` ascend."""
        parts = [(b, b.lengths(terms)) for b in (*self._blocks, self._tail)]
        total = sum(lengths for _, lengths in parts)
        found: dict[int, list[int]] = {}
        for at in np.flatnonzero((total >= least) & (total <= most)).tolist():
            term = int(terms[at])
            places = found[term] = list[int]()
            for rows in (b.find(term)[0] for b, lengths in parts if lengths[at]):
                for piece in (rows[:_AHEAD], rows[_AHEAD:]):  # of a common word there are enough among the first
                    if len(places) < first and len(piece):
                        places += piece[view.rows.shown[piece]][: first - len(places)].tolist()
                if len(places) == first:
                    break
        return found

    def view(self, where: Where) -> WordsView:
        """The rows there; kept until the next change."""
        under = self.rows.paths_under(where.paths)
        key = self.rows.sight(under, where)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._view(self.rows.view(under, where))
            while len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        self._views.move_to_end(key)
        return view

    def _view(self, rows: View) -> WordsView:
        own = np.array(self._columns["length"], np.int32).astype(np.float32)
        window = own.copy()
        for near in (rows.before, rows.after):
            there = near >= 0
            window[there] += own[near[there]]
        totals = float(own[rows.shown].sum()), float(window[rows.shown].sum())
        people = self.rows.authors(rows.shown)
        return WordsView(
            rows, own, window, totals, people, np.zeros(len(own), np.float32), np.zeros(len(own), np.int32)
        )

    def first_person(self, row: int) -> bool:
        """Does it say I, my or we?"""
        return bool(self._columns["first"][row])

    def stance(self, row: int) -> float:
        """The share of its sentences that state a preference, a habit or a rule."""
        return self._columns["stance"][row] / 255

    def _add(self, cube: MemCube | None) -> None:
        counted = Counter(turn_key(cube)) if cube else Counter[str]()
        self._columns["length"].append(counted.total())
        self._columns["first"].append(in_first_person(cube.text) if cube else 0)
        self._columns["stance"].append(round(255 * stance(cube)) if cube else 0)
        number = self._vocabulary
        self._tail.add([number(t) for t in counted], [min(n, _MOST) for n in counted.values()])

    def _erase(self, gone: Sequence[int]) -> None:
        """Remove the words of versions that may not be found any more: at once, as each pass costs the whole block."""
        if not gone:
            return
        for values in self._columns.values():
            for row in gone:
                values[row] = 0
        self.erased.update(map(self.rows.since, gone))
        if max(gone) >= self._tail.first:
            self._blocks.append(self._tail.block())
            self._tail = Tail(self._tail.last)
        rows = np.array(gone, np.int32)
        self._blocks = [b.without(rows) if ((rows >= b.first) & (rows < b.last)).any() else b for b in self._blocks]

    # What follows turns rows into segments and back. Both are pure functions of the log range they cover.

    def export(self, after: int, upto: int) -> bytes:
        """The segment of a log range."""
        piece = self.rows.export(after, upto)
        first, last = self.rows.between(after, upto)
        block = self._block_of(first, last)
        column = {name: np.array(values, _TYPES[values.typecode]) for name, values in self._columns.items()}
        arrays: dict[str, NDArray[np.generic]] = {
            **piece.arrays,
            **{name: values[first:last] for name, values in column.items()},
            "offsets": block.offsets,
            "rows": block.rows - np.int32(first),
            "counts": block.counts,
        }
        names: dict[str, Sequence[str]] = {
            **piece.names,
            "terms": [self._vocabulary.names[t] for t in block.terms.tolist()],
        }
        return packed(Packed(first, names, arrays), self._analysis)

    def load(self, data: bytes, upto: int) -> None:
        """Append a segment that follows what is already here. Raises Corrupt if it does not."""
        piece = unpacked(data, self._analysis)
        if not _COLUMNS.keys() <= piece.arrays.keys():
            raise Corrupt("the words index is of another shape; run `memos rebuild words`")
        self.rows.load(piece, upto)
        for name, values in self._columns.items():
            values.frombytes(piece.arrays[name].tobytes())
        self._blocks.append(self._renumbered(piece))
        self._tail = Tail(len(self.rows))

    def _block_of(self, first: int, last: int) -> Block:
        """The postings of a run of rows."""
        parts = [b.flat() for b in (*self._blocks, self._tail.block()) if b.first < last and b.last > first]
        if not parts:
            return freeze(first, last, np.empty(0, np.int32), *NONE)
        terms, rows, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
        mine = (rows >= first) & (rows < last)
        return freeze(first, last, terms[mine], rows[mine], counts[mine].astype(np.uint8))

    def _renumbered(self, piece: Packed) -> Block:
        """A stored block with the term numbers of this process."""
        number = np.array([self._vocabulary(name) for name in piece.names["terms"]], np.int32)
        every = np.repeat(number, np.diff(piece.arrays["offsets"].astype(np.int32)))
        rows = piece.arrays["rows"].astype(np.int32) + np.int32(piece.first)
        return freeze(piece.first, len(self.rows), every, rows, piece.arrays["counts"].astype(np.uint8))
