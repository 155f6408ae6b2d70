"""Provenance API: where memories come from, what became of them, and PROV-JSON for others (long paper §5.3.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from pydantic import JsonValue

from memos_mcp.cube import MemCube, Origin, Ref, State
from memos_mcp.errors import Conflict, InvalidInput
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.lineage import Descent, Direction, Lineage, Traced, descents, traced
from memos_mcp.interface.prov import prov
from memos_mcp.interface.recording import recorded
from memos_mcp.ports import Change, Event, Which

_DEEPEST = 50
_MOST = 500  # memories of a lineage
_LINES = 10_000  # of a memory's log
_MOST_SOURCES = 100
_MOST_AT_ONCE = 10_000  # memories of a document
_PAGE = 500


@dataclass(slots=True)
class _Walk:
    """What has been found so far: the lines of each memory, how far away it is, and what is named and not known."""

    lines: dict[str, tuple[Event, ...]]
    away: dict[str, int]
    unknown: dict[str, None] = field(default_factory=dict[str, None])
    more: bool = False

    @property
    def full(self) -> bool:
        """Has it as many memories as an answer holds?"""
        return len(self.lines) >= _MOST


@recorded("provenance.")
class Provenance:
    """Where memories come from. Hangs off `Memos.provenance`.

    The id of a memory is its provenance id: no other ever has it, and it stays through every version, move and merge.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def trace(self, id: str, direction: Direction = "both", *, depth: int = 10) -> Lineage:
        """What a memory was made from, and what was made from it, `depth` steps far, each with what was done to it.

        Follows what versions say: `derived_from` and the links `derived-from` and `supersedes`. What the caller may not
        know of is left out; if a memory that he may read names it, its id stands in `unknown`, as that of one that
        never was. Cost: 0.3 ms a memory, and 10 µs a step for each version in the vault that names a source. Raises
        NotFound, InvalidInput.
        """
        checks.check_range("depth", depth, _DEEPEST)
        return _lineage(id, await self._walk(id, direction, depth))

    async def attach(
        self,
        id: str,
        *,
        derived_from: Sequence[str] = (),
        trigger: str | None = None,
        model: str | None = None,
        uri: str | None = None,
        expect: int | None = None,
        reason: str = "",
    ) -> MemCube:
        """State what a memory was made from, what caused it, by which model, and where more is to be found.

        A new version: sources are added to those known, with the version they have now; the rest is replaced. Raises
        NotFound, Denied, Conflict, InvalidInput.
        """
        why = checks.check_reason(reason)
        ids = list(dict.fromkeys([derived_from] if isinstance(derived_from, str) else derived_from))
        given = {name: value for name, value in (("trigger", trigger), ("model", model), ("uri", uri)) if value}
        checks.check_origin(**given)
        if not (ids or given):
            raise InvalidInput("say what is to be attached: derived_from, trigger, model or uri")
        if id in ids or len(ids) > _MOST_SOURCES:
            raise InvalidInput(f"a memory is made from up to {_MOST_SOURCES} others, and not from itself")
        stated: dict[str, object] = {name: self._on.guard.masked(value)[0] for name, value in given.items()}
        sources = [(await self._on.one(Ref(id=checks.check_id(each)))).ref for each in ids]

        async def attempt() -> MemCube:
            old = await self._on.one(Ref(id=checks.check_id(id)))
            self._on.check("write", old)
            if expect not in (None, old.version):
                raise Conflict(f"memory {id} is at version {old.version}, not {expect}: read it again, then repeat")
            origin = old.origin.model_copy(update=stated | {"derived_from": _with(old.origin, sources)})
            if origin == old.origin:
                return old
            cube = old.model_copy(update={"version": old.version + 1, "origin": origin})
            return await self._on.written(Change("update", id, cube, expect=old.version, reason=why), cube)

        return await self._on.repeated(attempt, expect)

    async def prov(
        self,
        ids: Sequence[str] = (),
        *,
        path: str | None = None,
        direction: Direction | None = None,
        depth: int = 10,
    ) -> dict[str, JsonValue]:
        """A document in PROV-JSON (W3C): of these memories, or of all at and beneath a path; ids and names, no words.

        With a direction, of those memories too that a trace from each finds. Cost: 0.3 ms a memory. Raises NotFound,
        InvalidInput, Denied.
        """
        checks.check_range("depth", depth, _DEEPEST)
        if bool(ids) == (path is not None):
            raise InvalidInput("name what the document is about: ids of memories, or a path")
        lines: dict[str, tuple[Event, ...]] = {}
        async for id in self._at(path) if path is not None else _each(ids):
            if id not in lines:
                lines |= (await self._walk(id, direction, depth)).lines
            if len(lines) > _MOST_AT_ONCE:
                raise InvalidInput(f"a document holds at most {_MOST_AT_ONCE:,} memories: name a path further down")
        return prov((), (event for events in lines.values() for event in events))

    async def _walk(self, id: str, direction: Direction | None, depth: int) -> _Walk:
        """All that is found from a memory. Raises NotFound, InvalidInput."""
        if direction not in (None, *get_args(Direction)):
            raise InvalidInput(f"a direction is one of {', '.join(get_args(Direction))}, not {direction!r}")
        root = await self._lines(checks.check_id(id))
        if not root:
            raise self._on.unknown(id)
        walk = _Walk({id: root}, {id: 0})
        if direction in ("up", "both"):
            await self._up(walk, id, depth)
        if direction in ("down", "both"):
            await self._down(walk, id, depth)
        return walk

    async def _up(self, walk: _Walk, id: str, depth: int) -> None:
        front = [id]
        for step in range(1, depth + 2):
            named = [each.source for at in front for each in _descents(walk.lines[at])]
            front = list[str]()
            for each in dict.fromkeys(named):
                if each in walk.lines or each in walk.unknown:
                    continue
                if step > depth or walk.full:
                    walk.more = True
                    return
                front += await self._found(walk, each, -step)
                if each not in walk.lines:
                    walk.unknown[each] = None

    async def _down(self, walk: _Walk, id: str, depth: int) -> None:
        front = [id]
        for step in range(1, depth + 2):
            makers, front = front, list[str]()
            for each in await self._on.vault.made_from(makers) if makers else ():
                if each in walk.lines:
                    continue
                if step <= depth and not walk.full:
                    front += await self._found(walk, each, step)
                elif await self._lines(each):
                    walk.more = True
                    return

    async def _found(self, walk: _Walk, id: str, away: int) -> Sequence[str]:
        """The memory, noted, if the caller may know of it."""
        lines = await self._lines(id)
        if not lines:
            return ()
        walk.lines[id], walk.away[id] = lines, away
        return (id,)

    async def _lines(self, id: str) -> tuple[Event, ...]:
        """All lines about a memory, as `log.of`; none if he may not know of it."""
        events = await self._on.vault.events(subject=id, limit=_LINES)
        if not events or not self._on.may_read(events[0]):
            return ()
        return tuple(replace(event, cube=event.cube and self._on.guard.seen(event.cube)) for event in events)

    async def _at(self, path: str) -> AsyncGenerator[str]:
        where = await self._on.readable(path)
        which = Which(states=tuple(State))
        rows = await self._on.vault.scan(where, which, limit=_PAGE)
        while rows:
            for _, cube in rows:
                yield cube.id
            rows = await self._on.vault.scan(where, which, after=rows[-1][0], limit=_PAGE)


async def _each(ids: Sequence[str]) -> AsyncGenerator[str]:
    for id in ids:
        yield id


def _with(origin: Origin, sources: Sequence[Ref]) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys((*origin.derived_from, *sources)))


def _lineage(id: str, walk: _Walk) -> Lineage:
    known = walk.lines.keys() | walk.unknown.keys()
    found = (each for lines in walk.lines.values() for each in _descents(lines))
    memories = sorted((_traced(lines, walk.away[at]) for at, lines in walk.lines.items()), key=lambda each: each.away)
    return Lineage(
        id, tuple(memories), tuple(each for each in found if each.source in known), tuple(walk.unknown), walk.more
    )


def _descents(lines: Sequence[Event]) -> tuple[Descent, ...]:
    return descents(event.cube for event in lines if event.cube)


def _traced(lines: Sequence[Event], away: int) -> Traced:
    gone = any(event.action == "forget" for event in lines)
    current = None if gone else next((event.cube for event in reversed(lines) if event.cube), None)
    return traced(lines, away, current)
