"""Consolidation for callers: what was done to memories when others came, what contradicts, and the way back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import datetime

import anyio

from memos_mcp.cube import SHELVED, MemCube, Ref
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.consolidated import KIND, Deed, deed_of, undoing
from memos_mcp.interface.consolidating import tells
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.stating import statement
from memos_mcp.operation.consolidation import Relation, decide

_MOST = 100
_LINES = 1000  # of the log that are counted as waiting
_END = 1 << 63
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Consolidating:
    """Whether new memories are looked at beside older ones, how many of the caller's wait for it, and what is wrong."""

    on: bool
    pending: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Consolidated:
    """What was done to two memories when the new one came: `what` in words, and the rule that decided.

    `did`: linked, joined (the new one is archived, and counted as one more sighting of the old one), or ended.
    """

    id: str
    other: str
    relation: Relation
    did: str
    reason: str
    at: datetime
    undone: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was done, newest first; `after` goes on, empty at the end."""

    deeds: tuple[Consolidated, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two memories that cannot both hold, and why."""

    old: MemCube
    new: MemCube
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Contradictions:
    """Pairs that still contradict each other, newest first; `after` goes on, empty at the end."""

    pairs: tuple[Contradiction, ...]
    after: str = ""


@recorded("consolidation.")
class Consolidation:
    """What became of memories when others came. Hangs off `Memos.consolidation`.

    Somebody sees what was done to two memories if he may read both.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def status(self) -> Consolidating:
        """Is it on, and how many of the memories that the caller may read wait for it: up to 1,000."""
        await self._on.look_again()
        governance.check_scope(self._on.caller, "read")
        follower = self._on.consolidation
        if follower is None or self._on.branch_at:
            return Consolidating(False)
        lines = await self._on.vault.events(after=await follower.position(), limit=_LINES)
        told = {line.subject for line in lines if tells(line) and self._on.may_read(line)}
        return Consolidating(True, len(told), follower.why)

    async def run(self, seconds: float = 60.0) -> Consolidating:
        """Do now what would be done in the background, so many seconds at most; then as `status`. Raises Denied."""
        governance.check_scope(self._on.caller, "write")
        follower = self._on.consolidation
        if follower is not None and not self._on.branch_at:
            with anyio.move_on_after(seconds):
                await follower.run()
        return await self.status()

    async def contradictions(self, path: str | None = None, *, limit: int = 20, after: str = "") -> Contradictions:
        """The pairs that were found to contradict each other and still do; both are kept. Raises InvalidInput, Denied.

        One that was forgotten, ended, archived or changed since contradicts nothing. Cost: 1 ms a pair.
        """
        checks.check_range("limit", limit, _MOST)
        found: list[tuple[str, Contradiction]] = []
        async for deed, old, new in self._known(path, after):
            if deed.relation not in ("contradiction", "update") or deed.joined or deed.ended or deed.undone:
                continue
            if old.state in SHELVED or new.state in SHELVED or old.quarantined or new.quarantined:
                continue
            decision = decide(statement(old), statement(new))
            if decision.relation in ("contradiction", "update"):
                found.append((_name(deed), Contradiction(old, new, deed.reason, deed.at)))
            if len(found) > limit:
                break
        return Contradictions(tuple(pair for _, pair in found[:limit]), _after([name for name, _ in found], limit))

    async def decided(
        self, path: str | None = None, *, id: str | None = None, limit: int = 20, after: str = ""
    ) -> Decided:
        """What was done to memories at or beneath a path, or to one of them, and why. Raises InvalidInput, Denied."""
        checks.check_range("limit", limit, _MOST)
        if id is not None:
            checks.check_id(id)
        found: list[Deed] = []
        async for deed, _, _ in self._known(path, after):
            if id in (None, deed.new, deed.old):
                found.append(deed)
            if len(found) > limit:
                break
        return Decided(tuple(map(_told, found[:limit])), _after([_name(each) for each in found], limit))

    async def undo(self, id: str, other: str, *, reason: str = "") -> Consolidated:
        """Undo what was done to two memories, in either order: it is not done again.

        Their links go, what ended holds as before, and what was put away is in use. All of it or, on an error, nothing;
        what was undone already stays so. Raises NotFound, Denied, Conflict (repeat), IllegalMove.
        """
        if self._on.branch_at:
            raise InvalidInput("a branch is not consolidated: undo it in the original")
        why = checks.check_reason(reason) or "consolidation was wrong here"
        cubes = {each: await self._on.one(Ref(id=checks.check_id(each))) for each in (id, other)}
        deed = await self._of(cubes[id], cubes[other])
        if deed.undone:
            return _told(deed)
        if deed.joined:
            self._on.check("govern", cubes[deed.new])
        changes = undoing(deed, cubes, why)
        for change in changes:
            self._on.check("write", cubes[change.subject])
        undone = replace(deed, undone=self._on.caller.user)
        await self._on.commit(*changes, notes=[undone.noted()])
        return _told(undone)

    async def _of(self, one: MemCube, other: MemCube) -> Deed:
        """What was done to these two. Raises NotFound."""
        pair = {one.id, other.id}
        for place in dict.fromkeys((one.path, other.path, "")):  # they may have been taken elsewhere since
            for note in await self._on.vault.ledger.list(KIND, place):
                deed = deed_of(note)
                if {deed.new, deed.old} == pair:
                    return deed
        raise NotFound(f"nothing was done to {one.id} and {other.id} together; consolidation.decided lists what was")

    async def _known(self, path: str | None, after: str) -> AsyncGenerator[tuple[Deed, MemCube, MemCube]]:
        """Deeds of which he may read both memories, newest first, from the one after `after` on."""
        where = await self._on.readable(path)
        notes = {note.key: note for place in where.paths for note in await self._on.vault.ledger.list(KIND, place)}
        first = _place(after)
        deeds = sorted((each for each in map(deed_of, notes.values()) if _order(each) > first), key=_order)
        for deed in deeds:
            if not any(is_beneath(deed.path, place) for place in where.paths):
                continue
            cubes = {cube.id: cube for cube in await self._on.vault.get([Ref(id=deed.old), Ref(id=deed.new)])}
            old, new = (self._on.shown(cubes[id]) if id in cubes else None for id in (deed.old, deed.new))
            if old and new:
                yield deed, old, new


def _order(deed: Deed) -> tuple[int, str]:
    """Newest first."""
    return -deed.seq, deed.old


def _name(deed: Deed) -> str:
    """By which a page goes on."""
    return f"{deed.seq}-{deed.old}"


def _place(after: str) -> tuple[int, str]:
    """The place in the order that a page goes on from. Raises InvalidInput."""
    seq, dash, old = after.partition("-")
    if not after:
        return (-_END, "")
    if not dash or not seq.isdecimal() or len(seq) > _DIGITS:
        raise InvalidInput(f"there is no page after {after!r}: begin anew without it")
    return -int(seq), old


def _after(names: list[str], limit: int) -> str:
    return names[limit - 1] if len(names) > limit else ""


def _told(deed: Deed) -> Consolidated:
    did = "joined" if deed.joined else "ended" if deed.ended else "linked"
    return Consolidated(deed.new, deed.old, deed.relation, did, deed.reason, deed.at, deed.undone)
