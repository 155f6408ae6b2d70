"""What the verbs of MemLifecycle answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memos_mcp.cube import MemCube, State
from memos_mcp.keeping import Copy, Sizes
from memos_mcp.operation.lifecycle import Advice, Move
from memos_mcp.ports import Event


@dataclass(frozen=True, slots=True)
class Life:
    """Where a memory stands: its state and what that means, the moves it can make, and the one that is due."""

    id: str
    state: State
    says: str
    moves: tuple[Move, ...]
    due: Advice | None
    strength: float
    heat: float
    held: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shelved:
    """Memories in some states, newest first; `after` continues, 0 at the end."""

    cubes: tuple[MemCube, ...]
    after: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: the lines of its moves, how many memories it looked at; `after` continues, 0 at the end."""

    moves: tuple[Event, ...]
    looked: int
    after: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased. `copies` were made while it was there and still hold it; `left` says what could not be done."""

    events: tuple[Event, ...]
    copies: tuple[Copy, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compressed:
    """Versions that lost their words, payloads that were moved to where they belong, how large the vault was and is."""

    compacted: int
    moved: int
    before: Sizes
    after: Sizes
