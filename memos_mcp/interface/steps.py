"""Steps of a pipeline: pure functions from a memory to what becomes of it. `from memos_mcp import steps`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from memos_mcp.cube import MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.conditions import holds
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.query import parse
from memos_mcp.interface.update import updated
from memos_mcp.operation.lifecycle import moved
from memos_mcp.ports import Event

Step = Callable[[MemCube, datetime], MemCube | None]
"""What becomes of a memory at a moment; None: it goes no further, and stays as it is."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The memories that came through, as they are now, and the lines of the log that were written for them."""

    cubes: tuple[MemCube, ...]
    events: tuple[Event, ...]


def only(conditions: str) -> Step:
    """A step that lets those memories through of which the conditions of a query hold: `kind:fact AND -tag:work`."""

    def step(cube: MemCube, now: datetime) -> MemCube | None:
        where = parse(conditions, now=now).where
        if where is None:
            raise InvalidInput(f"{conditions!r} is no condition; write one such as tag:health")
        return cube if holds(where, cube, now) else None

    return step


def append(text: str) -> Step:
    """A step that adds a line to a plaintext memory."""
    return lambda cube, _: reworded(cube, updated(cube, text, None, "append"))


def tag(*tags: str) -> Step:
    """A step that gives memories these tags as well."""
    return lambda cube, _: cube.model_copy(update={"tags": tuple(dict.fromkeys((*cube.tags, *tags)))})


def archive() -> Step:
    """A step that puts memories on the shelf."""
    return lambda cube, _: cube.model_copy(update={"state": moved(cube.state, "archive")})
