"""A trace under a policy, and under one that knows the future."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.scheduler_traces import Line, Trace
from memos_mcp.operation.scheduling import Block, Held, Limits, Policy, after, plan
from memos_mcp.operation.uses import Use, Uses

BYTES = 46_080
"""KV cache of a token: a model of 135 M parameters in 32 bits (2 × 30 layers × 3 heads × 64 × 4 bytes)."""
_LOOK = 64  # uses between two plans in which everything may be promoted, beside those after a miss


def prefill(tokens: int) -> float:
    """Seconds, fitted to that model on a CPU: 1.7 for 512 tokens, 8.5 for 2,048, 19.9 for 4,096, 49.7 for 8,192."""
    return 0.0033 * tokens + 3.4e-7 * tokens**2


def block_of(line: Line, building: float = 1.0) -> Block:
    """What a memory of a trace takes and saves; to build it takes so many prefills."""
    seconds = prefill(line.tokens)
    size = line.tokens * BYTES
    labels = frozenset(line.labels)
    return Block(
        line.id, line.version, size, line.tokens, seconds, building * seconds, labels=labels, vector=line.vector
    )


@dataclass(slots=True)
class Figures:
    """What came of it: hits among uses, seconds of prefill saved by them and of all, and what promotions cost."""

    uses: int = 0
    hits: int = 0
    asked: float = 0.0
    saved: float = 0.0
    built: float = 0.0
    moved: int = 0
    promotions: int = 0
    demotions: int = 0

    @property
    def net(self) -> float:
        """Seconds saved, less those that were spent to build."""
        return self.saved - self.built


@dataclass(slots=True)
class Run:
    """One simulation."""

    policy: Policy
    limits: Limits
    building: float = 1.0
    uses: Uses = field(default_factory=Uses)
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    figures: Figures = field(default_factory=Figures)
    promoted: deque[float] = field(default_factory=deque[float])

    def follow(self, trace: Trace) -> Figures:
        """Line by line; a plan after each use that missed, each change, and every 64 uses."""
        for line in trace:
            block = self.uses.blocks.get(line.id)
            if line.what == "use" and block is not None:
                self._used(line, block)
            elif line.what == "memory" and block is None:
                self.uses.known(block_of(line, self.building))
            elif line.what == "memory":
                self.uses.changed(block_of(line, self.building), line.at)
                self._plan(line.at, ())
            else:
                self.uses.erased(line.id)
                self._plan(line.at, ())
        return self.figures

    def _used(self, line: Line, block: Block) -> None:
        figures = self.figures
        figures.uses += 1
        figures.asked += block.prefill
        hit = line.id in self.held
        if hit:
            figures.hits += 1
            figures.saved += block.prefill
        self.uses.used(Use(line.id, line.at, frozenset(line.labels), line.vector, line.first))
        if figures.uses % _LOOK == 0:
            self._plan(line.at, ())
        if not hit:
            self._plan(line.at, (line.id,))

    def _plan(self, at: float, asked: Sequence[str]) -> None:
        while self.promoted and self.promoted[0] <= at - self.limits.interval:
            self.promoted.popleft()
        decisions = plan(
            self.policy,
            self.uses.blocks,
            self.held,
            self.uses.now(at),
            self.limits,
            promoted=tuple(self.promoted),
            asked=asked,
            explain=False,
        )
        self.held = after(self.held, decisions, self.figures.uses)
        for each in decisions:
            if each.move == "promote":
                self.promoted.append(at)
                self.figures.promotions += 1
                self.figures.moved += each.bytes
                self.figures.built += self.uses.blocks[each.id].build
            else:
                self.figures.demotions += 1


def total_bytes(trace: Trace) -> int:
    """Of the blocks of all memories, as they are first."""
    sizes: dict[str, int] = {}
    for line in trace:
        if line.what == "memory":
            sizes.setdefault(line.id, line.tokens * BYTES)
    return sum(sizes.values())


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps that a block could be held over: from a use to the next of the same version, by number of use.

    Those of a version follow one another; `first` marks where one begins. `build` is what it costs to begin to hold.
    """

    uses: int
    first: NDArray[np.bool_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    bytes: NDArray[np.float64]
    value: NDArray[np.float64]
    build: NDArray[np.float64]


def gaps(trace: Trace, budget: int, building: float = 1.0) -> Gaps:
    """Those of a trace that fit into the budget at all."""
    runs: dict[tuple[str, int], list[int]] = {}
    known: dict[str, Block] = {}
    blocks: dict[tuple[str, int], Block] = {}
    number = 0
    for line in trace:
        if line.what == "memory":
            known[line.id] = blocks[line.id, line.version] = block_of(line, building)
        elif line.what == "erased":
            known.pop(line.id, None)
        elif line.id in known:
            runs.setdefault((line.id, known[line.id].version), []).append(number)
            number += 1
    rows = [
        (at == 0, start, end, blocks[key].bytes, blocks[key].prefill, blocks[key].build)
        for key, uses in runs.items()
        if blocks[key].bytes <= budget
        for at, (start, end) in enumerate(pairwise(uses))
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    first, start, end, size, value, build = table.T
    return Gaps(number, first > 0, start.astype(np.int64), end.astype(np.int64), size, value, build)


def bound(over: Gaps, budget: int, rounds: int = 200) -> tuple[float, float]:
    """Seconds that nobody can save more than, and seconds that somebody who knows the future does save.

    Blocks of different sizes make the optimum NP-hard. Above it: the Lagrangian dual of its linear relaxation (the
    flow of Berger, Beckmann and Harchol-Balter 2018, Practical Bounds on Optimal Caching with Variable Object Sizes):
    each moment has a price for a byte, and only what pays it is held; valid at any prices, these are found by
    subgradients. Below it: the gaps that pay best at these prices, as far as they fit.
    """
    price = best_price = np.zeros(max(over.uses, 1))
    best = float(over.value.sum())
    for number in range(rounds if len(over.value) else 0):
        ahead = np.concatenate(([0.0], np.cumsum(price)))
        gain = over.value - over.bytes * (ahead[over.end] - ahead[over.start])
        held, saved = _best(gain, over)
        dual = float(price.sum() * budget) + saved
        if dual < best:
            best, best_price = dual, price
        taken = np.zeros(over.uses + 1)
        np.add.at(taken, over.start[held], over.bytes[held])
        np.add.at(taken, over.end[held], -over.bytes[held])
        excess = np.cumsum(taken)[: over.uses] - budget
        norm = float(np.square(excess).sum())
        target = best * (1 - 0.1 / (1 + number / 20))
        price = np.maximum(0.0, price + (dual - target) / norm * excess)
    return best, _filled(over, budget, best_price)


def _best(gain: NDArray[np.float64], over: Gaps) -> tuple[NDArray[np.bool_], float]:
    """Which gaps to hold at these gains, each stretch of them less its build, and what that comes to."""
    if not over.build.any():
        held = gain > 0
        return held, float(gain[held].sum())
    ways: list[tuple[bool, bool]] = []  # at each gap: was it held before if it is now, and if it is not
    chosen = np.zeros(len(gain), dtype=np.bool_)
    total, inside, outside, begin = 0.0, -math.inf, 0.0, 0
    steps = list(zip(gain.tolist(), over.build.tolist(), [*over.first.tolist()[1:], True], strict=True))
    for at, (value, build, last) in enumerate(steps):
        ways.append((inside >= outside - build, inside > outside))
        inside, outside = value + max(inside, outside - build), max(inside, outside)
        if last:
            total += max(inside, outside)
            holding = inside > outside
            for back in range(at, begin - 1, -1):
                chosen[back] = holding
                holding = ways[back][0] if holding else ways[back][1]
            inside, outside, begin = -math.inf, 0.0, at + 1
    return chosen, total


def _filled(over: Gaps, budget: int, price: NDArray[np.float64]) -> float:
    """What the gaps save that pay best at these prices, put in one after the other as far as there is room."""
    ahead = np.concatenate(([0.0], np.cumsum(price)))
    gain = over.value - over.bytes * (ahead[over.end] - ahead[over.start])
    chosen, _ = _best(gain, over)
    room = np.full(over.uses, float(budget))
    held = np.zeros(len(gain), dtype=np.bool_)
    rank = gain / (over.bytes * (over.end - over.start))
    for wanted in (chosen, ~chosen):
        for at in np.flatnonzero(wanted)[np.argsort(-rank[wanted], kind="stable")]:
            span = room[over.start[at] : over.end[at]]
            if (not over.build.any() or chosen[at] or _joins(held, over, at)) and span.min() >= over.bytes[at]:
                span -= over.bytes[at]
                held[at] = True
    before = np.concatenate(([False], held[:-1])) & ~over.first
    return float(over.value[held].sum() - over.build[held & ~before].sum())


def _joins(held: NDArray[np.bool_], over: Gaps, at: int) -> bool:
    """Is a gap beside it held, so that it costs no build of its own?"""
    after = at + 1 < len(held) and not over.first[at + 1] and bool(held[at + 1])
    return after or (not over.first[at] and bool(held[at - 1]))
