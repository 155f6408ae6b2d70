"""Shortest paths, searched from both ends: what was reached from each of them, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")


class Side(Generic[K]):
    """What was reached from one end, level by level, and from where."""

    def __init__(self, start: K) -> None:
        self.frontier = {start}
        self.parents: dict[K, set[K]] = {start: set()}

    def reached(self, steps: Iterable[tuple[K, K]]) -> None:
        """One level more: where edges lead from the frontier."""
        level: dict[K, set[K]] = {}
        for start, to in steps:
            if to not in self.parents:
                level.setdefault(to, set()).add(start)
        self.parents |= level
        self.frontier = set(level)

    def before(self, nodes: set[K]) -> set[K]:
        """Every node between these and the start."""
        found, waiting = set[K](), nodes
        while waiting:
            waiting = {parent for each in waiting for parent in self.parents[each]} - found
            found |= waiting
        return found

    def back(self, node: K, order: Callable[[K], str]) -> Iterator[list[K]]:
        """The chains from the parents of a node to the start, in order."""
        if not self.parents[node]:
            yield []
        for parent in sorted(self.parents[node], key=order):
            for rest in self.back(parent, order):
                yield [parent, *rest]


def chains(sides: tuple[Side[K], Side[K]], met: Iterable[K], order: Callable[[K], str]) -> Iterator[list[K]]:
    """Every chain from the first end to the other through where both sides met, in the order of ids."""
    for middle in sorted(met, key=order):
        for head in sides[0].back(middle, order):
            for tail in sides[1].back(middle, order):
                yield [*reversed(head), middle, *tail]
