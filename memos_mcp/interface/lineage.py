"""What a memory was made from, and what was made from it, as far as memories say so themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from memos_mcp.cube import MemCube, Origin
from memos_mcp.ports import Action, Event

Direction = Literal["up", "down", "both"]
"""Up to what it was made from, down to what was made from it."""
Tie = Literal["derived-from", "supersedes"]
"""One was made from the other, or says what is now in its place."""


@dataclass(frozen=True, slots=True)
class Descent:
    """A version of a memory, the first that says so, comes from another memory."""

    id: str
    version: int
    source: str
    source_version: int | None
    tie: Tie


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the log: what was done to a memory, by whom and why, and the origin that was stated with it."""

    seq: int
    at: datetime
    action: Action
    version: int
    by: str
    reason: str
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Traced:
    """A memory, and all that was done to it. `provenance` is the id that it keeps for its whole life.

    `away` says how many steps it is from what was asked for: those it was made from are below 0. `cube` is its current
    version, None once it is forgotten; `steps` are oldest first.
    """

    id: str
    provenance: str
    path: str
    away: int
    cube: MemCube | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The memories that one comes from and those that come from it, and which comes from which.

    `unknown` are ids that a memory names of what it was made from: nothing is there, or nothing that the caller may
    know of. `more`: the lineage goes on beyond what was asked for.
    """

    id: str
    memories: tuple[Traced, ...]
    descents: tuple[Descent, ...]
    unknown: tuple[str, ...] = ()
    more: bool = False


def traced(events: Sequence[Event], away: int, current: MemCube | None) -> Traced:
    """The memory of these lines of the log."""
    first = next((event.cube.origin.provenance for event in events if event.cube), "")
    steps = tuple(map(_step, events))
    return Traced(events[0].subject, first or events[0].subject, events[0].path, away, current, steps)


def descents(cubes: Iterable[MemCube]) -> tuple[Descent, ...]:
    """What these versions of a memory come from, each once: by the version that said so first."""
    found: dict[tuple[str, Tie], Descent] = {}
    for cube in sorted(cubes, key=lambda cube: cube.version):
        for each in _named(cube):
            if each.source != cube.id:
                found.setdefault((each.source, each.tie), each)
    return tuple(found.values())


def _named(cube: MemCube) -> Iterable[Descent]:
    for ref in cube.origin.derived_from:
        yield Descent(cube.id, cube.version, ref.id, ref.version, "derived-from")
    for link in cube.links:
        if link.kind == "derived-from" or link.kind == "supersedes":
            yield Descent(cube.id, cube.version, link.target, None, link.kind)


def _step(event: Event) -> Step:
    origin = event.cube.origin if event.cube else event.origin
    return Step(event.seq, event.at, event.action, event.version, event.caller, event.reason, origin)
