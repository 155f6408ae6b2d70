"""The vectors of one root in memory: a row of half floats for every version that was embedded, and its words.

Rows are those of `Rows`. The vector of a memory in a search is its own with a share of its neighbours', mixed by
arithmetic on their scores: nothing is embedded twice, and a neighbour that one may not read mixes in nowhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import simsimd
from numpy.typing import NDArray

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.packing import Packed, packed, unpacked
from memos_mcp.infrastructure.rows import Rows
from memos_mcp.infrastructure.views import Ints, View
from memos_mcp.infrastructure.wordwise import Asked, Codes, WordStore, width
from memos_mcp.infrastructure.wordwise import Rows as WordRows
from memos_mcp.ports import Event, Where

LAYOUT = 2
"""Version of the form of a segment; one of another version is made anew."""
NEIGHBOUR = 0.3  # an answer needs its question; recall is flat in 0.15–0.5
_VIEWS = 4
_ROOM = 64  # rows a matrix begins with; it doubles

_PAIRS = 4096  # multiplied at once
_NO_ROWS: Ints = np.zeros(0, np.int32)
_NO_WORDS: Mapping[int, Codes] = {}

Vector = NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class VectorsView:
    """The current rows under some paths that have a vector, with their neighbours, and the length of the mix."""

    rows: View
    there: NDArray[np.bool_]
    before: Ints
    after: Ints
    length: NDArray[np.float32]

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self.rows.held + 13 * len(self.there)


class Shelf:
    """Everything the vectors route knows of one root. Not thread-safe: the route holds a lock.

    Without a model (its id empty) it takes what is stored as it is: enough to remove what is forgotten.
    """

    def __init__(self, model: str = "", dimension: int = 0, stamp: int = 0) -> None:
        self.rows = Rows()
        self.erased: set[int] = set()
        self.changed: set[int] = set()
        self._model = model
        self._layout = LAYOUT + stamp
        self._matrix: Vector = np.zeros((0, dimension), np.float16)
        self._words = WordStore(dimension)
        self._known: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._blank: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._settled = 0
        self._products = Products()
        self._views: OrderedDict[Hashable, VectorsView] = OrderedDict()

    @property
    def seq(self) -> int:
        """Log position it followed up to."""
        return self.rows.seq

    @property
    def whole(self) -> int:
        """Log position up to which every version has its vector."""
        self._settle()
        return self.rows.since(self._settled) - 1 if self._settled < len(self.rows) else self.rows.seq

    @property
    def held(self) -> int:
        """Bytes in memory, estimated for Python's objects."""
        views = sum(view.held for view in list(self._views.values()))
        return self.rows.held + self._matrix.nbytes + self._words.held + 38 * len(self._known) + views

    def follow(self, events: Sequence[Event]) -> None:
        """Follow lines of the log; new versions wait for their vectors."""
        for event in events:
            if event.seq > self.seq:
                self._views.clear()
                did = self.rows.follow(event)
                self._grow()
                self.changed.update(map(self.rows.since, did.governed))
                for row in did.forgotten:
                    self._matrix[row] = 0
                    self._words.erase(row)
                    self._known[row] = self._blank[row] = True
                    self.erased.add(self.rows.since(row))

    def waiting(self, most: int) -> list[int]:
        """The first rows, in the order of the log, that have no vector yet."""
        self._settle()
        unknown = self._settled + np.flatnonzero(~self._known[self._settled : len(self.rows)])
        return [int(row) for row in unknown[:most]]

    def pending(self, shown: NDArray[np.bool_] | None = None) -> int:
        """How many versions wait for their vector; of those that are shown to somebody."""
        self._settle()
        waiting = ~self._known[self._settled : len(self.rows)]
        return int(waiting.sum() if shown is None else (waiting & shown[self._settled :]).sum())

    def put(
        self, rows: Sequence[int], vectors: Iterable[NDArray[np.floating]], words: Mapping[int, Codes] = _NO_WORDS
    ) -> None:
        """Give rows their vectors, of unit length, or zero for what has no words any more; and what words they have."""
        self._views.clear()
        for row, vector in zip(rows, vectors, strict=True):
            if not self._known[row]:
                self._matrix[row] = vector
                self._known[row] = True
                self._blank[row] = not vector.any()
                if row in words:
                    self._words.put(row, words[row])

    def view(self, where: Where) -> VectorsView:
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

    def scores(self, query: Vector, view: VectorsView) -> NDArray[np.float32]:
        """The cosine of each row's mix with the query; -1 for rows not shown or without a vector."""
        rows = len(self.rows)
        if not rows:
            return np.zeros(0, np.float32)
        own = np.asarray(simsimd.cdist(query.reshape(1, -1), self._matrix[:rows], metric="dot"), np.float32)[0]
        mixed = own.copy()
        for near in (view.before, view.after):
            there = near >= 0
            mixed[there] += np.float32(NEIGHBOUR) * own[near[there]]
        return np.where(view.there, mixed / view.length, np.float32(-1))

    def vectors(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Their own vectors, without a share of the neighbours'."""
        return self._matrix[rows].astype(np.float32)

    def nearest(self, question: Asked, rows: Sequence[int]) -> tuple[list[int], WordRows]:
        """Those of the rows that have words, and for each the nearest cosine to each word of a question."""
        return self._words.nearest(question, rows)

    def size(self, after: int, upto: int) -> tuple[int, int]:
        """Rows in a log range, and about the bytes of their segment."""
        first, last = self.rows.between(after, upto)
        return last - first, (last - first) * (2 * self._matrix.shape[1] + 60) + self._words.size(first, last)

    def export(self, after: int, upto: int) -> bytes:
        """The segment of a log range: rows, vectors, words, and the model that made them."""
        piece = self.rows.export(after, upto)
        first, last = self.rows.between(after, upto)
        vectors = self._matrix[first:last].reshape(-1)
        names = {**piece.names, "model": [self._model]}
        counts, codes = self._words.export(first, last)
        made = {"vectors": vectors, "counts": counts, "words": codes.reshape(-1)}
        return packed(Packed(first, names, {**piece.arrays, **made}), self._layout)

    def load(self, data: bytes, upto: int) -> None:
        """Append a segment that follows what is already here. Raises Corrupt if it does not, or is another model's."""
        piece = unpacked(data, self._layout)
        vectors = self._vectors_of(piece)
        first = len(self.rows)
        self.rows.load(piece, upto)
        self._grow()
        here = slice(first, len(self.rows))
        self._matrix[here] = vectors
        self._known[here] = True
        self._blank[here] = ~vectors.any(axis=1)
        self._words.load(first, *self._words_of(piece))

    def adopt(self, data: bytes) -> None:
        """Take the vectors of a segment that another process wrote, for rows that are here already."""
        piece = unpacked(data, self._layout)
        vectors = self._vectors_of(piece)
        last = min(len(self.rows), piece.first + len(vectors))
        rows = range(piece.first, last)
        counts, codes = self._words_of(piece)
        words = np.split(codes, np.cumsum(counts.astype(np.int64))[:-1])
        self.put(rows, vectors[: len(rows)], {row: its for row, its in zip(rows, words, strict=False) if len(its)})

    def _vectors_of(self, piece: Packed) -> Vector:
        (model,) = piece.names.get("model") or ("",)
        rows = len(piece.arrays["slot"])
        flat = piece.arrays["vectors"].astype(np.float16)
        dimension = len(flat) // rows if rows else self._matrix.shape[1]
        if not self._model and not len(self.rows):
            self._model = model
            self._matrix = np.zeros((0, dimension), np.float16)
            self._words = WordStore(dimension)
        if model != self._model or dimension != self._matrix.shape[1]:
            raise Corrupt("the vectors are of another model; they are made anew")
        return flat.reshape(rows, dimension)

    def _words_of(self, piece: Packed) -> tuple[NDArray[np.uint8], Codes]:
        counts, flat = (piece.arrays[name].astype(np.uint8) for name in ("counts", "words"))
        return counts, flat.reshape(int(counts.sum()), width(self._matrix.shape[1]))

    def _settle(self) -> None:
        """Move on the mark before which every row has its vector."""
        first, count = self._settled, min(len(self.rows), len(self._known))  # another thread may be adding rows
        unknown = np.flatnonzero(~self._known[first:count])
        self._settled = first + int(unknown[0]) if len(unknown) else count

    def _grow(self) -> None:
        rows, room = len(self.rows), len(self._known)
        if rows <= room:
            return
        more = max(_ROOM, rows, 2 * room) - room
        self._matrix = np.concatenate((self._matrix, np.zeros((more, self._matrix.shape[1]), np.float16)))
        self._known = np.concatenate((self._known, np.zeros(more, np.bool_)))
        self._blank = np.concatenate((self._blank, np.zeros(more, np.bool_)))
        self._words.grow(len(self._known))

    def _view(self, rows: View) -> VectorsView:
        """Which rows can be found, and the length of the mix of each, from the products of neighbours' vectors."""
        count = len(self.rows)
        there = rows.shown & self._known[:count] & ~self._blank[:count]
        # A row without a vector has no neighbours, or their products with nothing would be kept for later.
        before, after = (
            np.where(there & (near >= 0) & there[near], near, np.int32(-1)) for near in (rows.before, rows.after)
        )
        share = np.float32(NEIGHBOUR)
        length = np.ones(count, np.float32)
        for near in (before, after):
            length += (near >= 0) * share * share
        own = np.arange(count, dtype=np.int32)
        length += 2 * share * self._products.of("before", self._matrix, own, before)
        length += 2 * share * self._products.of("after", self._matrix, own, after)
        length += 2 * share * share * self._products.of("both", self._matrix, before, after)
        return VectorsView(rows, there, before, after, np.sqrt(np.maximum(length, np.float32(1e-6))))


def made_by(data: bytes, model: str, dimension: int, stamp: int = 0) -> bool:
    """Is a segment the work of this model? Raises Corrupt."""
    piece = unpacked(data, LAYOUT + stamp)
    numbers = len(piece.arrays["vectors"]) == dimension * len(piece.arrays["slot"])
    return numbers and list(piece.names.get("model", ())) == [model]


class Products:
    """The dot products of rows with their neighbours; a pair is multiplied once."""

    def __init__(self) -> None:
        self._pairs: dict[str, tuple[Ints, Ints, NDArray[np.float32]]] = {}

    def of(self, which: str, matrix: Vector, left: Ints, right: Ints) -> NDArray[np.float32]:
        """Row by row the product of `left` and `right`; 0 where one is -1."""
        known_left, known_right, known = self._pairs.get(which, (_NO_ROWS, _NO_ROWS, np.zeros(0, np.float32)))
        found = np.zeros(len(left), np.float32)
        same = np.zeros(len(left), np.bool_)
        old = min(len(known), len(left))
        same[:old] = (known_left[:old] == left[:old]) & (known_right[:old] == right[:old])
        found[:old] = np.where(same[:old], known[:old], 0)
        new = np.flatnonzero(~same & (left >= 0) & (right >= 0))
        for at in range(0, len(new), _PAIRS):
            part = new[at : at + _PAIRS]
            one, other = (matrix[rows[part]].astype(np.float32) for rows in (left, right))
            found[part] = np.einsum("ij,ij->i", one, other)
        self._pairs[which] = left, right, found
        return found
