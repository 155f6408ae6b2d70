"""Postings of a run of rows: for each term the rows that hold it and how often. Frozen once built."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Counts = NDArray[np.uint8]

NONE: tuple[Ints, Counts] = (np.empty(0, np.int32), np.empty(0, np.uint8))


@dataclass(frozen=True)
class Block:
    """Postings of the rows `[first, last)`: `rows[offsets[i]:offsets[i+1]]` hold the term `terms[i]` (ascending)."""

    first: int
    last: int
    terms: Ints
    offsets: Ints
    rows: Ints
    counts: Counts

    @property
    def held(self) -> int:
        """Bytes in memory."""
        arrays = (self.terms, self.offsets, self.rows, self.counts, *self.__dict__.get("_by_row", ()))
        return sum(each.nbytes for each in arrays)

    def find(self, term: int) -> tuple[Ints, Counts]:
        """Rows with the term and its count in each."""
        i = int(self.terms.searchsorted(term))
        if i == len(self.terms) or self.terms[i] != term:
            return NONE
        here = slice(self.offsets[i], self.offsets[i + 1])
        return self.rows[here], self.counts[here]

    def of_rows(self, rows: Ints) -> Ints:
        """Terms of some rows. Cost: 10 µs a row, and once 50 ms for a million postings."""
        order, starts = self._by_row
        here = rows[(rows >= self.first) & (rows < self.last)] - self.first
        pieces = [order[starts[row] : starts[row + 1]] for row in here.tolist()]
        at = np.concatenate(pieces) if pieces else NONE[0]
        return self.terms[self.offsets.searchsorted(at, "right") - 1]

    @cached_property
    def _by_row(self) -> tuple[Ints, Ints]:
        """The places of the postings row by row, and where each row begins among them."""
        order = np.argsort(self.rows, kind="stable").astype(np.int32)
        counts = np.bincount(self.rows - self.first, minlength=self.last - self.first)
        return order, np.append(0, np.cumsum(counts)).astype(np.int32)

    def lengths(self, terms: Ints) -> Ints:
        """How many rows hold each term."""
        at = np.minimum(self.terms.searchsorted(terms), max(len(self.terms) - 1, 0))
        if not len(self.terms):
            return np.zeros(len(terms), np.int32)
        return np.where(self.terms[at] == terms, self.offsets[at + 1] - self.offsets[at], 0).astype(np.int32)

    def flat(self) -> tuple[Ints, Ints, Counts]:
        """Term, row and count of every posting."""
        return np.repeat(self.terms, np.diff(self.offsets)), self.rows, self.counts

    def without(self, gone: Ints) -> Block:
        """The same without any trace of some rows."""
        terms, rows, counts = self.flat()
        keep = ~np.isin(rows, gone)
        return freeze(self.first, self.last, terms[keep], rows[keep], counts[keep])


def freeze(first: int, last: int, terms: Ints, rows: Ints, counts: Counts) -> Block:
    """A block from unsorted postings. Cost: one stable sort."""
    order = np.argsort(terms, kind="stable")
    ordered = terms[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    offsets = np.append(starts, len(ordered)).astype(np.int32)
    return Block(first, last, ordered[starts], offsets, rows[order], counts[order])


def merge(blocks: Sequence[Block]) -> Block:
    """One block out of neighbouring ones."""
    terms, rows, counts = (np.concatenate(part) for part in zip(*(b.flat() for b in blocks), strict=True))
    return freeze(blocks[0].first, blocks[-1].last, terms, rows, counts)


class Tail:
    """The newest rows, still growing: flat arrays, searched by scanning (a few thousand postings)."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.last = first
        self._terms = array("i")
        self._rows = array("i")
        self._counts = array("B")

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return 9 * len(self._terms)

    def add(self, terms: Sequence[int], counts: Sequence[int]) -> None:
        """Append the next row."""
        self._terms.extend(terms)
        self._counts.extend(counts)
        self._rows.extend([self.last] * len(terms))
        self.last += 1

    def find(self, term: int) -> tuple[Ints, Counts]:
        """As Block.find."""
        if not self._terms:
            return NONE
        terms, rows, counts = self._views()
        at = np.flatnonzero(terms == term)
        return rows[at], counts[at]

    def lengths(self, terms: Ints) -> Ints:
        """As Block.lengths."""
        held = self._views()[0]
        found = np.zeros(len(terms), np.int32)
        at = np.minimum(terms.searchsorted(held), max(len(terms) - 1, 0))
        if len(terms) and len(held):
            np.add.at(found, at[terms[at] == held], 1)
        return found

    def of_rows(self, rows: Ints) -> Ints:
        """As Block.of_rows."""
        terms, places, _ = self._views()
        return terms[np.isin(places, rows)]

    def block(self) -> Block:
        """The rows so far, frozen."""
        terms, rows, counts = self._views()
        return freeze(self.first, self.last, terms.copy(), rows.copy(), counts.copy())

    def _views(self) -> tuple[Ints, Ints, Counts]:
        return (
            np.frombuffer(self._terms, np.int32),
            np.frombuffer(self._rows, np.int32),
            np.frombuffer(self._counts, np.uint8),
        )
