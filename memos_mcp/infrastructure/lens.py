"""What lanes see of a memory: all of it, or what everybody may see who may read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from memos_mcp.cube import MemCube
from memos_mcp.ports import Event


def _whole(cube: MemCube) -> MemCube:
    return cube


@dataclass(frozen=True, slots=True)
class Lens:
    """`view` is what is indexed of a memory; `stamp` stands in segments: those made through another are made anew."""

    view: Callable[[MemCube], MemCube] = _whole
    stamp: int = 0

    def lines(self, events: Sequence[Event]) -> Sequence[Event]:
        """Lines of the log with what may be indexed of what they wrote."""
        if self.view is _whole:
            return events
        return [event if event.cube is None else replace(event, cube=self.view(event.cube)) for event in events]


CLEAR = Lens()
"""Lanes see everything."""
