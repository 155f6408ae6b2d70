"""Pipelines: memories that were found go through steps, and what became of them is written at once (§5.3.3, §5.4.1).

Nothing is written before the last step is done, so a step that fails leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from memos_mcp.cube import MemCube, Plaintext, Ref, State
from memos_mcp.errors import Conflict, InvalidInput
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.moving import BY_HAND
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.steps import Ran, Step
from memos_mcp.interface.update import Rewrite
from memos_mcp.operation.lifecycle import Move, moved, why_not
from memos_mcp.ports import Change

_MOST = 1000  # memories, or steps


@recorded("pipelines.")
class Pipelines:
    """Memories through steps. Hangs off `Memos.pipelines`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def run(self, ids: Sequence[str | MemCube], steps: Sequence[Step], *, reason: str = "") -> Ran:
        """Send memories through the steps, in order, and write all that changed in one commit, or nothing.

        They are given by id, or as they were found (`recall(…).cubes`): then none may have changed since. A step
        changes text, data, kind, tags and state. Raises NotFound, Denied, Conflict, InvalidInput, IllegalMove, and what
        a step raises. Cost: a read of each memory, and one transaction.
        """
        why = checks.check_reason(reason)
        checks.check_range("the number of memories", len(ids), _MOST)
        checks.check_range("the number of steps", len(steps), _MOST)
        now = self._on.clock()
        changes: list[Change] = []
        through: list[MemCube] = []
        given = {each if isinstance(each, str) else each.id: each for each in ids}
        for old in [await self._current(each) for each in given.values()]:
            new: MemCube | None = old
            for step in steps:
                new = step(new, now)
                if new is None:
                    break
            else:
                through.append(old)
                changes += await self._changes(old, new, why, now)
        events = await self._on.commit(*changes) if changes else ()
        return Ran(tuple([await self._on.own(cube.id) for cube in through]), events)

    async def _current(self, given: str | MemCube) -> MemCube:
        if isinstance(given, str):
            return await self._on.one(Ref(id=checks.check_id(given)))
        cube = await self._on.one(Ref(id=given.id))
        if cube.version != given.version:
            raise Conflict(
                f"memory {given.id} is at version {cube.version} and was found as {given.version}: recall once more"
            )
        return cube

    async def _changes(self, old: MemCube, new: MemCube, reason: str, now: datetime) -> Sequence[Change]:
        asked = _asked(old, new)
        if asked is None:
            return ()
        self._on.check("write", old)
        if asked.move is not None:
            self._on.check("govern", old)
        return await asked.changes(self._on.guard, old, old, reason, now)


def _asked(old: MemCube, new: MemCube) -> Rewrite | None:
    """The update that makes the one of the other; None: nothing is to be done. Raises InvalidInput, IllegalMove."""
    changed = {
        "payload": old.payload,
        "mentions": old.mentions,
        "kind": old.kind,
        "tags": old.tags,
        "state": old.state,
    }
    if new.model_copy(update=changed) != old:
        raise InvalidInput(
            "a step changes text, data, kind, tags and state; rules are changed by `acl`, a path by `lifecycle`"
        )
    if new == old:
        return None
    payload = new.payload
    if not isinstance(payload, Plaintext):
        raise InvalidInput(
            f"memory {old.id} is {old.payload.kind}: its payload is made from its sources, not by a step"
        )
    checks.check_kinds([new.kind])
    move = None if new.state is old.state else _move(old.state, new.state)
    return Rewrite(
        payload.text,
        checks.check_data(payload.data),
        kind=new.kind,
        tags=checks.check_tags(new.tags),
        source_class=old.origin.source_class,
        move=move,
    )


def _move(old: State, new: State) -> Move:
    for move in BY_HAND:
        if not why_not(old, move) and moved(old, move) is new:
            return move
    raise InvalidInput(f"no move leads from {old} to {new}; a step takes one of {', '.join(BY_HAND)}")
