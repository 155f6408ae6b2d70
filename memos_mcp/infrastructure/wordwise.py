"""The words of memories one by one: how well each word of a question is met by some word of a memory. Late interaction.

A word is kept as the signs of its vector in turned coordinates, one bit for each dimension: 48 bytes where half floats
take 768. The turn spreads what a model puts into few dimensions over all, so that every sign tells as much as another;
against a question in full precision a sign is worth 0.8 of its number (Charikar 2002; the sum over 384 of them is
within 0.03 of the cosine).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Rows = NDArray[np.float32]

_SEED = 384
NEAR = 0.7  # of the same meaning; recall is flat in 0.6–0.8
_OF_A_SIGN = float(np.sqrt(np.pi / 2))  # over the mean size of a number that is spread like all others
_ROOM = 256  # words a store begins with; it doubles


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The words of a question in the coordinates of the codes, each with the number of its probe; and their weights."""

    words: Rows
    probes: NDArray[np.int64]
    weights: NDArray[np.float32]


def codes_of(words: Rows) -> Codes:
    """The signs of each word's vector, packed."""
    return np.packbits(words @ _turn(words.shape[1]) > 0, axis=1)


def asked(probes: Sequence[tuple[Rows, float]]) -> Asked | None:
    """The words of some probes, each with its weight. None if there are none."""
    probes = [(words, weight) for words, weight in probes if len(words)]
    if not probes:
        return None
    every = np.concatenate([words for words, _ in probes])
    of = np.repeat(np.arange(len(probes)), [len(words) for words, _ in probes])
    weights = np.array([weight for _, weight in probes], np.float32)
    return Asked(every @ _turn(every.shape[1]), of, weights / weights.sum())


def width(dimension: int) -> int:
    """Bytes of a word."""
    return (dimension + 7) // 8


def nearest(question: Asked, codes: Codes, firsts: Sequence[int]) -> Rows:
    """For each memory and each word of the question the nearest cosine among the memory's words.

    The words of a memory are the `codes` from its place in `firsts` up to the next. Cost: 1 ms for 100 memories.
    """
    dimension = question.words.shape[1]
    signs = np.unpackbits(codes, axis=1, count=dimension).astype(np.float32)
    products = 2 * (signs @ question.words.T) - question.words.sum(axis=1)
    scale = np.float32(_OF_A_SIGN / np.sqrt(dimension))
    return np.asarray(np.maximum.reduceat(products, np.asarray(firsts), axis=0) * scale, np.float32)


def met(question: Asked, near: Rows) -> NDArray[np.float32]:
    """How well each memory meets the question: the mean of `nearest` over its words, the rare ones counting more.

    Rare is what few of these memories have a word near to: a word in another form or a synonym counts as met.
    """
    having = (near > NEAR).sum(axis=0)
    rarity = np.log(1 + (len(near) - having + 0.5) / (having + 0.5))
    whole = np.bincount(question.probes, rarity)[question.probes]
    return np.asarray(near @ (rarity / whole * question.weights[question.probes]), np.float32)


@lru_cache(maxsize=2)
def _turn(dimension: int) -> Rows:
    """The same turn everywhere: stored codes outlive the process."""
    dice = np.random.default_rng(_SEED).standard_normal((dimension, dimension))
    q, r = np.linalg.qr(dice)
    return np.ascontiguousarray(q * np.sign(np.diag(r)), np.float32)


class WordStore:
    """The codes of the words of rows, one after another as they come."""

    def __init__(self, dimension: int) -> None:
        self._codes: Codes = np.zeros((0, width(dimension)), np.uint8)
        self._used = 0
        self._first: NDArray[np.int64] = np.zeros(0, np.int64)
        self._count: NDArray[np.uint8] = np.zeros(0, np.uint8)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return self._codes.nbytes + 9 * len(self._count)

    def grow(self, rows: int) -> None:
        """Room for so many rows; those that come have no words yet."""
        more = rows - len(self._count)
        self._first = np.concatenate((self._first, np.zeros(more, np.int64)))
        self._count = np.concatenate((self._count, np.zeros(more, np.uint8)))

    def put(self, row: int, codes: Codes) -> None:
        """Give a row its words."""
        self._reserve(len(codes))
        self._codes[self._used : self._used + len(codes)] = codes
        self._first[row], self._count[row] = self._used, len(codes)
        self._used += len(codes)

    def erase(self, row: int) -> None:
        """Nothing of the words of a row is left."""
        first = int(self._first[row])
        self._codes[first : first + int(self._count[row])] = 0
        self._count[row] = 0

    def load(self, first: int, counts: NDArray[np.uint8], codes: Codes) -> None:
        """Give the rows from `first` on their words."""
        self._reserve(len(codes))
        self._codes[self._used : self._used + len(codes)] = codes
        ends = np.cumsum(counts.astype(np.int64))
        here = slice(first, first + len(counts))
        self._first[here], self._count[here] = self._used + ends - counts, counts
        self._used += len(codes)

    def export(self, first: int, last: int) -> tuple[NDArray[np.uint8], Codes]:
        """How many words each of the rows has, and their codes one after another."""
        return self._count[first:last], self._codes[self._places(range(first, last))]

    def size(self, first: int, last: int) -> int:
        """Bytes of the words of these rows."""
        return int(self._count[first:last].sum()) * self._codes.shape[1]

    def nearest(self, question: Asked, rows: Sequence[int]) -> tuple[list[int], Rows]:
        """The rows that have words, and for each the nearest to each word of the question."""
        having = [row for row in rows if self._count[row]]
        if not having:
            return [], np.zeros((0, len(question.words)), np.float32)
        counts = self._count[having].astype(np.int64)
        firsts = (np.cumsum(counts) - counts).tolist()
        return having, nearest(question, self._codes[self._places(having)], firsts)

    def _places(self, rows: Sequence[int]) -> NDArray[np.int64]:
        counts = self._count[rows].astype(np.int64)
        before = np.cumsum(counts) - counts
        return np.arange(int(counts.sum())) + np.repeat(self._first[rows] - before, counts)

    def _reserve(self, more: int) -> None:
        room = len(self._codes)
        if self._used + more > room:
            grown = np.zeros((max(_ROOM, self._used + more, 2 * room), self._codes.shape[1]), np.uint8)
            grown[: self._used] = self._codes[: self._used]
            self._codes = grown
