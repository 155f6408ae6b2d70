"""What callers are told of adapters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memos_mcp.answers import Changed, Release, Way
from memos_mcp.cube import MemCube, Ref
from memos_mcp.interface.knowing import Found
from memos_mcp.operation.releases import release_of
from memos_mcp.parametric import Budget, Figures, Recipe


@dataclass(frozen=True, slots=True)
class Adapter:
    """A version of a topic: memories trained into an adapter of `model`, and what its gate found.

    Held-out answers gained `gain` nats per token, other text lost `harm`, merging cost `lost`; None: it was not
    measured. `current`: it answers for its topic. `why` says why it cannot be used; empty: it can, as far as is known.
    `sources` are its memories: none of an adapter that is shown to who may not read it.
    """

    name: str
    topic: str
    version: int
    model: str
    how: Way
    rank: int
    merged: tuple[str, ...]
    sources: tuple[Ref, ...]
    memories: int
    tokens: int
    bytes: int
    at: datetime
    seconds: float
    by: str
    gain: float | None
    harm: float | None
    lost: float | None
    current: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A memory that was not learnt, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of memories that were trained or merged: an adapter, or why its gate `refused` it.

    `known`: there was nothing to train. `gain` and `harm` are what the gate judged by; None: it could not be measured.
    """

    adapter: Adapter | None
    gain: float | None
    harm: float | None
    refused: tuple[str, ...] = ()
    known: bool = False
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """What the scheduler would have trained by itself, now or not, in about so many seconds, and why."""

    topic: str
    memories: int
    seconds: float
    now: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A topic that is being trained or will be or, if `refused`, was and may not be used; `since` when, and why."""

    topic: str
    by: str
    since: datetime
    memories: int
    refused: bool
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An adapter, what its training might take and how it went; `figures`: what was measured, of each memory too."""

    adapter: Adapter
    budget: Budget
    recipe: Recipe
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class Between:
    """The memories that only the newer adapter was trained from, only the older, and another version of by each."""

    older: str
    newer: str
    added: tuple[MemCube, ...]
    gone: tuple[MemCube, ...]
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """An adapter that nothing can reach any more; `said` is what of that has to be done later."""

    name: str
    said: str = ""


def shown(found: Found[Release], *, why: str, is_current: bool) -> Adapter:
    """An adapter as it is told to who may know of it."""
    release = found.made
    topic, version = release_of(release.payload)
    return Adapter(
        name=release.name,
        topic=topic,
        version=version,
        model=release.model,
        how=release.how,
        rank=release.payload.rank,
        merged=release.payload.merged,
        sources=release.sources if found.open else (),
        memories=len(release.sources),
        tokens=release.tokens,
        bytes=release.bytes,
        at=release.at,
        seconds=release.seconds,
        by=release.by,
        gain=release.gain,
        harm=release.harm,
        lost=release.lost,
        current=is_current,
        why=why,
    )
