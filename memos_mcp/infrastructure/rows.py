"""What a lane keeps of every version of every memory of one root: a row in columns, numbered in log order.

Every process numbers rows alike, as the numbers follow from the log. A row is current while its `until` is open.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memos_mcp.branching import is_over
from memos_mcp.cube import SHELVED, Governance, Interval, MemCube, Ref, State
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.authors import author_of
from memos_mcp.infrastructure.names import NAMED, Names
from memos_mcp.infrastructure.packing import Packed
from memos_mcp.infrastructure.views import Followed, Ints, View
from memos_mcp.ports import Event, Permit, Where

OPEN = (1 << 63) - 1
_NO_RULES = Governance()
_PERMITS = 1024
_COLUMNS = {
    "since": "q",  # log position that wrote the row
    "until": "q",  # log position that replaced or forgot it
    "version": "i",
    "slot": "i",  # which memory it is a version of
    "place": "i",
    "session": "i",  # -1: none, or it is no turn but what a model made of one
    "author": "i",  # -1: the words are gone
    "begin": "q",  # seconds since 1970: when it holds in the world, or else was said, or else was stored
    "end": "q",
    "access": "i",  # which access class: its path and its rules
    "expires": "q",
    "shelved": "q",  # log position from which the memory is not recalled: it is archived or over
}
TYPES: Mapping[str, type[np.integer]] = {"q": np.int64, "i": np.int32}


def _times(cube: MemCube | None) -> dict[str, int]:
    if cube is None:
        return {"begin": OPEN, "end": -OPEN}
    if cube.valid is not None:
        return {"begin": seconds(cube.valid.start, -OPEN), "end": seconds(cube.valid.end, OPEN)}
    said = seconds(cube.origin.said_at or cube.created_at, 0)
    return {"begin": said, "end": said + 1}


def worded(event: Event) -> MemCube | None:
    """The version that a line wrote, if it may be found: it was not forgotten since and is not in quarantine."""
    return None if event.cube is None or event.cube.quarantined else event.cube


def seconds(moment: datetime | None, otherwise: int) -> int:
    """Whole seconds since 1970."""
    return math.floor(moment.timestamp()) if moment else otherwise


class Rows:
    """The rows of a root. Not thread-safe: who owns them holds a lock."""

    def __init__(self) -> None:
        self.seq = 0
        self._columns: dict[str, array[int]] = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._ids: list[str] = []
        self._slots: dict[str, int] = {}
        self._current: dict[int, int] = {}
        self._former: dict[int, list[int]] = {}
        self._names = Names()
        self._places, self._sessions, self._authors = self._names.place, self._names.session, self._names.author
        self._classes = self._names.access
        self._permitted: OrderedDict[tuple[Hashable, int], NDArray[np.bool_]] = OrderedDict()
        self._mortal = False
        self._told: Ints = np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self._columns["since"])

    @property
    def held(self) -> int:
        """Bytes in memory, estimated for Python's objects."""
        return 64 * len(self) + 260 * len(self._ids)

    def follow(self, event: Event) -> Followed:
        """Follow a line that was not followed before."""
        self.seq = event.seq
        shelved = self._shelved(event.subject)
        if event.action in ("remember", "put", "update", "release", "arrive", "fork"):
            if event.action in ("arrive", "fork"):
                shelved = event.seq if event.state in SHELVED else OPEN
            self._close(event)
            added = self._add(event, shelved)
            held = event.cube is not None and event.cube.quarantined
            return Followed(added, self._wordless(event.subject) if held else (), self._alike(event.subject, added))
        if event.action in ("forget", "quarantine", "depart"):
            self._close(event)
            return Followed(forgotten=self._blanked(event, self._rows_of(event.subject)))
        if event.action == "compact":
            rows = [row for row in self._rows_of(event.subject) if self._columns["version"][row] == event.version]
            return Followed(forgotten=self._blanked(event, rows))
        if event.action in ("move", "freeze", "thaw") and event.state is not None:
            return self._moved(event, event.state, shelved)
        if event.action == "govern" and event.cube is not None:
            rows = self._rows_of(event.subject)
            for row in rows:
                self._columns["access"][row], self._columns["expires"][row] = self._class_of(event.cube)
            return Followed(governed=rows)
        return Followed()

    def _alike(self, subject: str, added: int) -> list[int]:
        """Earlier versions come under the rules of a new one: it may be from another class of sources."""
        access, author = self._columns["access"], self._columns["author"]
        rows = [
            r for r in self._rows_of(subject) if author[r] >= 0 and author[added] >= 0 and access[r] != access[added]
        ]
        for row in rows:
            access[row] = access[added]
        return rows

    def _shelved(self, subject: str) -> int:
        """Since when a memory is not recalled, as its newest row says."""
        rows = self._rows_of(subject)
        return self._columns["shelved"][rows[-1]] if rows else OPEN

    def _moved(self, event: Event, state: State, shelved: int) -> Followed:
        """What comes back from the shelf has a new row, so that every moment in between knows that it lay there."""
        if state not in SHELVED:
            if shelved == OPEN:
                return Followed()
            self._close(event)
            return Followed(self._add(event, OPEN))
        rows = self._rows_of(event.subject)[-1:]
        for row in rows if shelved == OPEN else ():
            self._columns["shelved"][row] = event.seq
        return Followed(governed=rows)

    def _blanked(self, event: Event, rows: list[int]) -> list[int]:
        """Rows of a memory, of which nothing is kept but that there were some: not who said it, when, or where."""
        blank = {"session": -1, "author": -1, **_times(None), "expires": OPEN}
        for row in rows:
            for name, value in blank.items():
                self._columns[name][row] = value
            self._columns["access"][row] = self._classes((event.path, _NO_RULES))
        return rows

    def _rows_of(self, subject: str) -> list[int]:
        """The rows of all versions of a memory."""
        slot = self._slots.get(subject, -1)
        return self._former.get(slot, []) + ([self._current[slot]] if slot in self._current else [])

    def _wordless(self, subject: str) -> list[int]:
        """The same, from now on shown at no moment: their words may not be found."""
        rows = self._rows_of(subject)
        for row in rows:
            self._columns["author"][row] = -1
        return rows

    def _class_of(self, cube: MemCube) -> tuple[int, int]:
        """The access class of a memory, and when it expires: that is no part of it, or there would be too many."""
        rules = cube.governance
        if rules.expires_at is None:
            return self._classes((cube.path, rules)), OPEN
        self._mortal = True
        return self._classes((cube.path, rules.model_copy(update={"expires_at": None}))), seconds(
            rules.expires_at, OPEN
        )

    def _add(self, event: Event, shelved: int) -> int:
        """A new row. One whose words may not be found keeps its row, so that numbers stay equal."""
        cube = worded(event)
        slot = self._slots.get(event.subject)
        if slot is None:
            slot = self._slots[event.subject] = len(self._ids)
            self._ids.append(event.subject)
        origin = cube.origin if cube else None
        access, expires = self._class_of(cube) if cube else (self._classes((event.path, _NO_RULES)), OPEN)
        row = {
            "since": event.seq,
            "until": OPEN if origin else event.seq,
            "version": event.version,
            "slot": slot,
            "place": self._places(event.path),
            "session": self._sessions(origin.session) if origin and origin.session and not origin.model else -1,
            "author": self._authors(author_of(origin)) if origin else -1,
            **_times(cube),
            "access": access,
            "expires": expires,
            "shelved": shelved,
        }
        self._current[slot] = len(self)
        for name, value in row.items():
            self._columns[name].append(value)
        return len(self) - 1

    def _close(self, event: Event) -> None:
        row = self.row_of(event.subject)
        if row is not None:
            slot = self._slots[event.subject]
            self._former.setdefault(slot, []).append(self._current.pop(slot))
            if self._columns["until"][row] == OPEN:
                self._columns["until"][row] = event.seq

    def row_of(self, subject: str) -> int | None:
        """The row of the current version of a memory."""
        slot = self._slots.get(subject)
        return self._current.get(slot) if slot is not None else None

    def shown(self, ref: Ref, mask: NDArray[np.bool_]) -> int | None:
        """The row of a version, if it is the newest one in the mask."""
        row = next((row for row in reversed(self._rows_of(ref.id)) if mask[row]), None)
        return row if row is not None and ref.version in (None, self._columns["version"][row]) else None

    def named(self, row: int) -> tuple[str, int]:
        """Id and version of a row."""
        return self._ids[self._columns["slot"][row]], self._columns["version"][row]

    def since(self, row: int) -> int:
        """Log position at which a row was written."""
        return self._columns["since"][row]

    def current(self, row: int) -> bool:
        """Is it the current version of a memory?"""
        return self._columns["until"][row] == OPEN

    def session(self, row: int) -> int:
        """The number of its session; -1 if it has none."""
        return self._columns["session"][row]

    @property
    def sessions(self) -> int:
        """How many there are."""
        return len(self._sessions.names)

    def author(self, row: int) -> str:
        """Who said it; empty if its words are gone."""
        number = self._columns["author"][row]
        return self._authors.names[number] if number >= 0 else ""

    def priority(self, row: int) -> int:
        """What its rules say of how it stands among equals."""
        return self._classes.names[self._columns["access"][row]][1].priority

    def authors(self, shown: NDArray[np.bool_]) -> frozenset[str]:
        """Everybody who said one of these rows."""
        numbers = self.column("author")[shown]
        return frozenset(self._authors.names[n] for n in np.flatnonzero(np.bincount(numbers[numbers >= 0])).tolist())

    def within(self, during: Interval) -> NDArray[np.bool_]:
        """The rows that hold, or were said, at some time of an interval."""
        start, end = seconds(during.start, -OPEN), seconds(during.end, OPEN)
        return (self.column("begin") < end) & (self.column("end") > start)

    def column(self, name: str) -> NDArray[np.integer]:
        """A column as an array: a copy, as a view would forbid the column to grow."""
        values = self._columns[name]
        return np.array(values, TYPES[values.typecode])

    def paths_under(self, paths: Sequence[str]) -> tuple[str, ...]:
        """The paths of rows at or beneath any of these."""
        return tuple(p for p in self._places.names if any(p == q or p.startswith(f"{q}/") for q in paths))

    def permitted(self, permit: Permit | None) -> NDArray[np.bool_] | None:
        """Which access classes somebody may read; None: all. Cost: 5 µs a class, 1 µs when asked again."""
        if permit is None:
            return None
        key = (permit.key, len(self._classes.names))
        known = self._permitted.get(key)
        if known is None:
            allowed = [permit.allows(path, rules) for path, rules in self._classes.names]
            known = self._permitted[key] = np.array(allowed, np.bool_)
            while len(self._permitted) > _PERMITS:
                self._permitted.popitem(last=False)
        return None if known.all() else known

    def sight(self, under: tuple[str, ...], where: Where) -> Hashable:
        """What a view hangs on, beside the rows themselves."""
        permitted = self.permitted(where.permit)
        seen = self._seen(under, where)
        return under, None if permitted is None else permitted.tobytes(), self._expired(where.permit), seen

    def _seen(self, under: Sequence[str], where: Where) -> tuple[int | None, frozenset[str]]:
        """As of which position these rows are seen, and which memories are left out: a branch lies over them."""
        fork = where.fork
        if fork is None or any(map(is_over, under)):
            return where.at, frozenset()
        without = frozenset(subject for subject in fork.without if subject in self._slots)
        return fork.at if where.at is None else min(fork.at, where.at), without

    def _expired(self, permit: Permit | None) -> int:
        """How many rows have expired."""
        if permit is None or not self._mortal:
            return 0
        return int((self.column("expires") <= seconds(permit.now, 0)).sum())

    def view(self, under: Sequence[str], where: Where) -> View:
        """The rows directly at these paths, current now or at a position. Cost: 5 ms for 50,000 rows."""
        until = self.column("until")
        mask = until == OPEN
        at, without = self._seen(under, where)
        if at is not None:
            mask = (until > at) & (self.column("since") <= at) & (self.column("author") >= 0)
        mask &= self.column("shelved") > (OPEN - 1 if at is None else at)
        mask[[row for subject in without for row in self._rows_of(subject)]] = False
        permitted = self.permitted(where.permit)
        if permitted is not None:
            mask &= permitted[self.column("access")]
        if where.permit is not None and self._mortal:
            mask &= self.column("expires") > seconds(where.permit.now, 0)
        if len(under) < len(self._places.names):
            allowed = np.zeros(len(self._places.names), np.bool_)
            allowed[[self._places.numbers[p] for p in under]] = True
            mask &= allowed[self.column("place")]
        session, author, slot = self.column("session"), self.column("author"), self.column("slot")
        if len(self._told) != len(self):  # as they follow each other in sessions, whoever asks
            self._told = np.lexsort((slot, session)).astype(np.int32)
        rows = self._told[(mask & (session >= 0))[self._told]]
        first, second = rows[:-1], rows[1:]
        beside = (session[first] == session[second]) & (author[first] != author[second])
        before = np.full(len(mask), -1, np.int32)
        after = np.full(len(mask), -1, np.int32)
        before[second[beside]] = first[beside]
        after[first[beside]] = second[beside]
        masked = permitted is not None or at is not None or bool(self._expired(where.permit))
        return View(mask, int(mask.sum()), before, after, masked)

    # What follows turns rows into segments and back. Both are pure functions of the log range they cover.

    def between(self, after: int, upto: int) -> tuple[int, int]:
        """Rows written in the log range (after, upto]."""
        since = self._columns["since"]
        return bisect_right(since, after), bisect_right(since, upto)

    def export(self, after: int, upto: int) -> Packed:
        """The rows of a log range, and what it closed of earlier ones."""
        first, last = self.between(after, upto)
        column = {name: self.column(name) for name in _COLUMNS}
        until, slots = column.pop("until"), column["slot"]
        used = {name: self._names.used(name, column[name][first:last]) for name in NAMED}
        closed = np.flatnonzero((until[:last] > after) & (until[:last] <= upto)).astype(np.int32)
        known = int(slots[:first].max()) + 1 if first else 0
        arrays: dict[str, NDArray[np.generic]] = {
            **{name: values[first:last] for name, values in column.items()},
            **{name: numbers for name, (_, numbers) in used.items()},
            "closed": closed,
            "closed_at": until[closed],
        }
        names: dict[str, Sequence[str]] = {
            "ids": self._ids[known : int(slots[first:last].max()) + 1] if last > first else [],
            **{NAMED[name]: its for name, (its, _) in used.items()},
        }
        return Packed(first, names, arrays)

    def load(self, piece: Packed, upto: int) -> int:
        """Append a segment that follows what is already here; how many rows. Raises Corrupt if it does not."""
        first = len(self)
        if piece.first != first:
            raise Corrupt("an index has a gap; run `memos rebuild` with its name")
        rows = len(piece.arrays["slot"])
        if not _COLUMNS.keys() - {"until"} <= piece.arrays.keys():
            raise Corrupt("an index is of another shape; run `memos rebuild` with its name")
        for name, values in self._columns.items():
            part = np.full(rows, OPEN, np.int64) if name == "until" else piece.arrays[name]
            if name in NAMED:
                part = self._names.renumbered(name, part, piece.names.get(NAMED[name], ()))
            values.frombytes(part.tobytes())
        for subject in piece.names["ids"]:
            self._slots[subject] = len(self._ids)
            self._ids.append(subject)
        self._current.update(zip(piece.arrays["slot"].tolist(), range(first, first + rows), strict=True))
        closed: list[int] = piece.arrays["closed"].tolist()
        for row, at in zip(closed, piece.arrays["closed_at"].tolist(), strict=True):
            self._columns["until"][row] = at
            slot = self._columns["slot"][row]
            self._former.setdefault(slot, []).append(row)
            if self._current.get(slot) == row:
                del self._current[slot]
        self._mortal = self._mortal or bool((self.column("expires") < OPEN).any())
        self.seq = upto
        return rows
