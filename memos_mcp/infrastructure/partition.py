"""The words of one root in memory: a row for every version of a memory, and the postings of all rows.

Rows are numbered in log order, so every process numbers them alike. A row is current while its `until` is open.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.postings import NONE, Block, Counts, Ints, Tail, freeze, merge
from memos_mcp.infrastructure.tokens import ANALYSIS, date_terms, terms
from memos_mcp.ports import Event

OPEN = (1 << 63) - 1
_TAIL = 512  # rows in the tail before it is frozen: scanning it costs about 10 µs a term
_VIEWS = 4
_MOST = 255  # counts are bytes; beyond, BM25 has long been saturated

_COLUMNS = {"since": "q", "until": "q", "length": "i", "slot": "i", "place": "i", "session": "i", "speaker": "i"}
_TYPES = {"q": np.int64, "i": np.int32}


class Interned:
    """Names as small numbers, in order of first use."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
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
        self._columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._ids: list[str] = []
        self._slots: dict[str, int] = {}
        self._current: dict[int, int] = {}
        self._versions = array("i")
        self._places, self._sessions, self._speakers = Interned(), Interned(), Interned()
        self._views: OrderedDict[tuple[str, ...], View] = OrderedDict()

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def held(self) -> int:
        """Bytes in memory, ids and term numbers included, estimated for Python's objects."""
        views = sum(v.shown.nbytes * 25 for v in self._views.values())
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
        return self._ids[self._columns["slot"][row]], self._versions[row]

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
        column = {name: np.frombuffer(values, _TYPES[values.typecode]).copy() for name, values in self._columns.items()}
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
        counted = Counter(_key(cube)) if cube else Counter[str]()
        origin = cube.origin if cube else None
        row = {
            "since": event.seq,
            "until": OPEN if cube else event.seq,
            "length": counted.total(),
            "slot": slot,
            "place": self._places(event.path),
            "session": self._sessions(origin.session) if origin and origin.session else -1,
            "speaker": self._speakers(origin.speaker or "") if origin else -1,
        }
        for name, value in row.items():
            self._columns[name].append(value)
        self._current[slot] = len(self)
        self._versions.append(event.version)
        number = self._vocabulary
        self._tail.add([number(t) for t in counted], [n if n < _MOST else _MOST for n in counted.values()])

    def _close(self, subject: str, seq: int) -> None:
        slot = self._slots.get(subject)
        row = self._current.pop(slot, None) if slot is not None else None
        if row is not None and self._columns["until"][row] == OPEN:
            self._columns["until"][row] = seq

    def _erase(self, subject: str) -> None:
        """Remove the words of every version of a forgotten memory."""
        slot = self._slots.get(subject, -1)
        for row in np.flatnonzero(np.frombuffer(self._columns["slot"], np.int32) == slot).tolist():
            self._columns["length"][row] = 0
            self.erased.add(row)
            if row >= self._tail.first:
                self._blocks.append(self._tail.block())
                self._tail = Tail(self._tail.last)
            self._blocks = [b.without(row) if b.first <= row < b.last else b for b in self._blocks]

    # What follows turns rows into segments and back. Both are pure functions of the log range they cover.

    def rows_between(self, after: int, upto: int) -> tuple[int, int]:
        """Rows written in the log range (after, upto]."""
        since = np.frombuffer(self._columns["since"], np.int64)
        first, last = np.searchsorted(since, [after, upto], side="right")
        return int(first), int(last)

    def export(self, after: int, upto: int) -> bytes:
        """The segment of a log range."""
        first, last = self.rows_between(after, upto)
        parts = [b.flat() for b in (*self._blocks, self._tail.block()) if b.first < last and b.last > first]
        term, row, count = (np.concatenate(p) for p in zip(*parts, strict=True)) if parts else (np.empty(0, np.int32),) * 3
        mine = (row >= first) & (row < last)
        block = freeze(first, last, term[mine], row[mine].astype(np.int32), count[mine].astype(np.uint8))
        column = {name: np.frombuffer(values, _TYPES[values.typecode]) for name, values in self._columns.items()}
        until = column["until"]
        closed = np.flatnonzero((until[:last] > after) & (until[:last] <= upto)).astype(np.int32)
        slots = column["slot"][first:last]
        earlier = int(column["slot"][:first].max()) + 1 if first else 0
        arrays: dict[str, NDArray[np.generic]] = {
            **{name: values[first:last] for name, values in column.items() if name != "until"},
            "version": np.frombuffer(self._versions, np.int32)[first:last],
            "closed": closed,
            "closed_at": until[closed],
            "offsets": block.offsets,
            "rows": block.rows - first,
            "counts": block.counts,
        }
        names: dict[str, JsonValue] = {
            "first": first,
            "ids": list(self._ids[earlier : int(slots.max()) + 1]) if len(slots) else [],
            "terms": [self._vocabulary.names[t] for t in block.terms.tolist()],
            "places": list(self._places.names),
            "sessions": list(self._sessions.names),
            "speakers": list(self._speakers.names),
        }
        return _packed(names, arrays)

    def load(self, data: bytes, upto: int) -> None:
        """Append a segment that follows what is already here. Raises Corrupt if it does not."""
        names, arrays = _unpacked(data)
        if names["first"] != len(self):
            raise Corrupt("the words index has a gap; run `memos rebuild words`")
        for known, given in ((self._places, "places"), (self._sessions, "sessions"), (self._speakers, "speakers")):
            for name in names[given]:
                known(name)
        first = len(self)
        for name, values in self._columns.items():
            part = arrays[name] if name != "until" else np.full(len(arrays["slot"]), OPEN, np.int64)
            values.frombytes(part.tobytes())
        self._versions.frombytes(arrays["version"].tobytes())
        for subject in names["ids"]:
            self._slots[subject] = len(self._ids)
            self._ids.append(subject)
        for slot, row in zip(arrays["slot"].tolist(), range(first, len(self)), strict=True):
            self._current[slot] = row
        for row, at in zip(arrays["closed"].tolist(), arrays["closed_at"].tolist(), strict=True):
            self._columns["until"][row] = at
        self._blocks.append(self._renumbered(names["terms"], arrays, first))
        self._tail = Tail(len(self))
        self.seq = upto

    def _renumbered(self, names: Sequence[str], arrays: dict[str, NDArray[np.generic]], first: int) -> Block:
        """A stored block with the term numbers of this process."""
        number = np.array([self._vocabulary(name) for name in names], np.int32)
        sizes = np.diff(arrays["offsets"])
        every = np.repeat(number, sizes)
        rows = arrays["rows"].astype(np.int32) + np.int32(first)
        return freeze(first, len(self), every, rows, arrays["counts"].astype(np.uint8))


def _key(cube: MemCube) -> list[str]:
    """The turn as it is searched: date and speaker, then the words. A memory put as data is searched by its strings."""
    origin = cube.origin
    found = date_terms(origin.said_at) if origin.said_at else []
    found += terms(origin.speaker) if origin.speaker else []
    found += terms(cube.key) if cube.key else []
    found += terms(cube.text)
    if isinstance(cube.payload, Plaintext) and cube.payload.data is not None:
        found += terms(" ".join(_strings(cube.payload.data)))
    return found


def _strings(data: JsonValue) -> list[str]:
    match data:
        case str():
            return [data]
        case list():
            return [s for item in data for s in _strings(item)]
        case dict():
            return [s for item in data.values() for s in _strings(item)]
        case _:
            return [] if data is None or isinstance(data, bool) else [str(data)]


def _packed(names: dict[str, JsonValue], arrays: dict[str, NDArray[np.generic]]) -> bytes:
    head = json.dumps(
        {"analysis": ANALYSIS, **names, "arrays": [[n, a.dtype.str, len(a)] for n, a in arrays.items()]}, ensure_ascii=False
    ).encode()
    return b"".join((len(head).to_bytes(8, "little"), head, *(a.tobytes() for a in arrays.values())))


def _unpacked(data: bytes) -> tuple[dict[str, list[str]], dict[str, NDArray[np.generic]]]:
    size = int.from_bytes(data[:8], "little")
    names = json.loads(data[8 : 8 + size])
    if names["analysis"] != ANALYSIS:
        raise Corrupt("the words index was made by another version of memos; it is rebuilt")
    arrays: dict[str, NDArray[np.generic]] = {}
    at = 8 + size
    for name, kind, length in names["arrays"]:
        values = np.frombuffer(data, np.dtype(kind), length, at)
        arrays[name] = values
        at += values.nbytes
    return names, arrays
