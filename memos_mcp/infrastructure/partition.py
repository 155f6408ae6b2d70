"""The words of one root in memory: a row for every version of a memory, and the postings of all rows.

Rows are numbered in log order, so every process numbers them alike. A row is current while its `until` is open.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.keys import turn_key
from memos_mcp.infrastructure.packing import Packed, packed, unpacked
from memos_mcp.infrastructure.postings import NONE, Block, Counts, Ints, Tail, freeze, merge
from memos_mcp.infrastructure.tokens import ANALYSIS
from memos_mcp.ports import Event

OPEN = (1 << 63) - 1
_TAIL = 512  # rows in the tail before it is frozen: scanning it costs about 10 µs a term
_VIEWS = 4
_MOST = 255  # counts are bytes; beyond, BM25 has long been saturated

_COLUMNS = {
    "since": "q",  # log position that wrote the row
    "until": "q",  # log position that replaced or forgot it
    "version": "i",
    "slot": "i",  # which memory it is a version of
    "length": "i",  # terms of its turn key
    "place": "i",
    "session": "i",
    "speaker": "i",
}
_TYPES: dict[str, type[np.integer]] = {"q": np.int64, "i": np.int32}


class Interned:
    """Names as small numbers, in order of first use."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of a name, a new one if need be."""
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
        return number


@dataclass(frozen=True, slots=True)
class View:
    """The current rows under some paths: which they are, their neighbours and the lengths of both keys.

    A neighbour is the adjacent turn of the same session by another speaker (facts: two statements in a row by one
    speaker do not explain each other); -1 where there is none.
    """

    shown: NDArray[np.bool_]
    count: int
    before: Ints
    after: Ints
    own: NDArray[np.float32]
    window: NDArray[np.float32]
    totals: tuple[float, float]
    scratch: NDArray[np.float32]
    order: Ints

    def widened(self, rows: Ints, counts: Counts) -> tuple[Ints, NDArray[np.float32]]:
        """Rows whose turn or neighbours hold a term, and how often: the postings of the window key."""
        room = self.scratch
        room[rows] = counts
        touched = [rows]
        for beside in (self.before, self.after):
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

    def __init__(self, vocabulary: Interned) -> None:
        self.seq = 0
        self.erased: set[int] = set()
        self._vocabulary = vocabulary
        self._blocks: list[Block] = []
        self._tail = Tail(0)
        self._columns: dict[str, array[int]] = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._ids: list[str] = []
        self._slots: dict[str, int] = {}
        self._current: dict[int, int] = {}
        self._places, self._sessions, self._speakers = Interned(), Interned(), Interned()
        self._views: OrderedDict[tuple[str, ...], View] = OrderedDict()

    def __len__(self) -> int:
        return len(self._columns["since"])

    @property
    def held(self) -> int:
        """Bytes in memory, ids and term numbers included, estimated for Python's objects."""
        views = sum(v.shown.nbytes * 25 for v in list(self._views.values()))
        return sum(b.held for b in self._blocks) + self._tail.held + 40 * len(self) + 260 * len(self._ids) + views

    def follow(self, events: Sequence[Event]) -> None:
        """Follow lines of the log; one seen before changes nothing."""
        for event in events:
            if event.seq <= self.seq:
                continue
            self.seq = event.seq
            self._views.clear()
            if event.action in ("remember", "put", "update"):
                self._close(event.subject, event.seq)
                self._add(event)
            elif event.action == "forget":
                self._close(event.subject, event.seq)
                self._erase(event.subject)
        self._settle()

    def _settle(self) -> None:
        """Freeze a full tail and merge neighbouring blocks of like size, so that few blocks stay."""
        if self._tail.last - self._tail.first < _TAIL:
            return
        self._blocks.append(self._tail.block())
        self._tail = Tail(self._tail.last)
        while len(self._blocks) > 1 and len(self._blocks[-1].rows) * 2 >= len(self._blocks[-2].rows):
            self._blocks[-2:] = [merge(self._blocks[-2:])]

    def postings(self, word: str, view: View) -> tuple[Ints, Counts]:
        """Shown rows that hold a term themselves, and how often."""
        term = self._vocabulary.numbers.get(word, -1)
        found = [part for b in (*self._blocks, self._tail) if len((part := b.find(term))[0])]
        if not found:
            return NONE
        rows = np.concatenate([f[0] for f in found]) if len(found) > 1 else found[0][0]
        counts = np.concatenate([f[1] for f in found]) if len(found) > 1 else found[0][1]
        keep = view.shown[rows]
        return rows[keep], counts[keep]

    def named(self, row: int) -> tuple[str, int]:
        """Id and version of a row."""
        return self._ids[self._columns["slot"][row]], self._columns["version"][row]

    def since(self, row: int) -> int:
        """Log position at which a row was written."""
        return self._columns["since"][row]

    def view(self, paths: Sequence[str]) -> View:
        """The current rows under `paths`; kept until the next change."""
        shown = tuple(p for p in self._places.names if any(p == q or p.startswith(f"{q}/") for q in paths))
        view = self._views.get(shown)
        if view is None:
            view = self._views[shown] = self._view(shown)
            while len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        return view

    def _view(self, shown: Sequence[str]) -> View:
        column = self._arrays()
        mask = column["until"] == OPEN
        if len(shown) < len(self._places.names):
            allowed = np.zeros(len(self._places.names), np.bool_)
            allowed[[self._places.numbers[p] for p in shown]] = True
            mask &= allowed[column["place"]]
        rows = np.flatnonzero(mask & (column["session"] >= 0)).astype(np.int32)
        rows = rows[np.lexsort((column["slot"][rows], column["session"][rows]))]
        first, second = rows[:-1], rows[1:]
        beside = (column["session"][first] == column["session"][second]) & (
            column["speaker"][first] != column["speaker"][second]
        )
        before = np.full(len(mask), -1, np.int32)
        after = np.full(len(mask), -1, np.int32)
        before[second[beside]] = first[beside]
        after[first[beside]] = second[beside]
        own = column["length"].astype(np.float32)
        window = own.copy()
        for near in (before, after):
            there = near >= 0
            window[there] += own[near[there]]
        totals = float(own[mask].sum()), float(window[mask].sum())
        room = np.zeros(len(mask), np.float32)
        return View(mask, int(mask.sum()), before, after, own, window, totals, room, np.zeros(len(mask), np.int32))

    def _add(self, event: Event) -> None:
        """A new row. A version forgotten since has lost its words, but keeps its row, so that numbers stay equal."""
        cube = event.cube
        slot = self._slots.get(event.subject)
        if slot is None:
            slot = self._slots[event.subject] = len(self._ids)
            self._ids.append(event.subject)
        counted = Counter(turn_key(cube)) if cube else Counter[str]()
        origin = cube.origin if cube else None
        row = {
            "since": event.seq,
            "until": OPEN if cube else event.seq,
            "version": event.version,
            "length": counted.total(),
            "slot": slot,
            "place": self._places(event.path),
            "session": self._sessions(origin.session) if origin and origin.session else -1,
            "speaker": self._speakers(origin.speaker or "") if origin else -1,
        }
        self._current[slot] = len(self)
        for name, value in row.items():
            self._columns[name].append(value)
        number = self._vocabulary
        self._tail.add([number(t) for t in counted], [min(n, _MOST) for n in counted.values()])

    def _close(self, subject: str, seq: int) -> None:
        slot = self._slots.get(subject)
        row = self._current.pop(slot, None) if slot is not None else None
        if row is not None and self._columns["until"][row] == OPEN:
            self._columns["until"][row] = seq

    def _erase(self, subject: str) -> None:
        """Remove the words of every version of a forgotten memory."""
        slot = self._slots.get(subject, -1)
        for row in [row for row, its in enumerate(self._columns["slot"]) if its == slot]:
            self._columns["length"][row] = 0
            self.erased.add(row)
            if row >= self._tail.first:
                self._blocks.append(self._tail.block())
                self._tail = Tail(self._tail.last)
            self._blocks = [b.without(row) if b.first <= row < b.last else b for b in self._blocks]

    # What follows turns rows into segments and back. Both are pure functions of the log range they cover.

    def rows_between(self, after: int, upto: int) -> tuple[int, int]:
        """Rows written in the log range (after, upto]."""
        since = self._columns["since"]
        return bisect_right(since, after), bisect_right(since, upto)

    def export(self, after: int, upto: int) -> bytes:
        """The segment of a log range."""
        first, last = self.rows_between(after, upto)
        column = self._arrays()
        until, slots = column.pop("until"), column["slot"]
        closed = np.flatnonzero((until[:last] > after) & (until[:last] <= upto)).astype(np.int32)
        known = int(slots[:first].max()) + 1 if first else 0
        block = self._block_of(first, last)
        arrays: dict[str, NDArray[np.integer]] = {
            **{name: values[first:last] for name, values in column.items()},
            "closed": closed,
            "closed_at": until[closed],
            "offsets": block.offsets,
            "rows": block.rows - np.int32(first),
            "counts": block.counts,
        }
        names: dict[str, list[str]] = {
            "ids": self._ids[known : int(slots[first:last].max()) + 1] if last > first else [],
            "terms": [self._vocabulary.names[t] for t in block.terms.tolist()],
            "places": self._places.names,
            "sessions": self._sessions.names,
            "speakers": self._speakers.names,
        }
        return packed(Packed(first, names, arrays), ANALYSIS)

    def load(self, data: bytes, upto: int) -> None:
        """Append a segment that follows what is already here. Raises Corrupt if it does not."""
        piece = unpacked(data, ANALYSIS)
        first = len(self)
        if piece.first != first:
            raise Corrupt("the words index has a gap; run `memos rebuild words`")
        for known, given in ((self._places, "places"), (self._sessions, "sessions"), (self._speakers, "speakers")):
            for name in piece.names[given]:
                known(name)
        rows = len(piece.arrays["slot"])
        for name, values in self._columns.items():
            part = np.full(rows, OPEN, np.int64) if name == "until" else piece.arrays[name]
            values.frombytes(part.tobytes())
        for subject in piece.names["ids"]:
            self._slots[subject] = len(self._ids)
            self._ids.append(subject)
        self._current.update(zip(piece.arrays["slot"].tolist(), range(first, first + rows), strict=True))
        for row, at in zip(piece.arrays["closed"].tolist(), piece.arrays["closed_at"].tolist(), strict=True):
            self._columns["until"][row] = at
        self._blocks.append(self._renumbered(piece))
        self._tail = Tail(len(self))
        self.seq = upto

    def _arrays(self) -> dict[str, NDArray[np.integer]]:
        """The columns as arrays: copies, as a view would forbid the column to grow."""
        return {name: np.array(values, _TYPES[values.typecode]) for name, values in self._columns.items()}

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
        every = np.repeat(number, np.diff(piece.arrays["offsets"]))
        rows = piece.arrays["rows"].astype(np.int32) + np.int32(piece.first)
        return freeze(piece.first, len(self), every, rows, piece.arrays["counts"].astype(np.uint8))
