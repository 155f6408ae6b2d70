"""The lanes of a system, asked together: one fan-out to find, one to score what any of them found."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import anyio

from memos_mcp.answers import Missing
from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, MemosError
from memos_mcp.operation.operator import Fused, candidates, fuse, liked, linked
from memos_mcp.ports import Event, Route, Where
from memos_mcp.search import Lane, MemoryCall

logger = logging.getLogger(__name__)

T = TypeVar("T")

CANDIDATES = 50
"""The best of each lane: rescored by all lanes, the union loses half a point of recall (facts, measured)."""
NEAR = 5
"""Hits from which links are followed; flat in 3–5."""
BEST = 3
"""Hits that others are compared with, if advice is wanted; flat in 2–5."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """All memories some lane found, best first; how many were looked through; which lanes failed or lag behind."""

    fused: tuple[Fused, ...] = ()
    searched: int = 0
    missing: tuple[Missing, ...] = ()
    pending: int = 0
    found: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many each lane found."""


@dataclass(slots=True)
class _Asked:
    """Lanes that were asked, and those that failed."""

    routes: dict[str, Route]
    failed: dict[str, MemosError] = field(default_factory=dict[str, MemosError])

    async def at_once(self, ask: Callable[[Route], Awaitable[T]]) -> dict[str, T]:
        """The answers of all routes that have not failed; they may have to wait for models and servers."""
        answers: dict[str, T] = {}
        async with anyio.create_task_group() as tasks:
            for route in reversed(self.routes.values()):  # who waits for a model begins, the others work meanwhile
                tasks.start_soon(self._one, route, ask, answers)
        return answers

    async def in_turn(self, ask: Callable[[Route], Awaitable[T]]) -> dict[str, T]:
        """The same for short work: tasks would take longer than it."""
        answers: dict[str, T] = {}
        for route in self.routes.values():
            await self._one(route, ask, answers)
        return answers

    async def _one(self, route: Route, ask: Callable[[Route], Awaitable[T]], answers: dict[str, T]) -> None:
        if route.name not in self.failed:
            try:
                answers[route.name] = await ask(route)
            except MemosError as exc:
                self.failed[route.name] = exc


class Beside(Protocol):
    """What follows the log as lanes do, but finds nothing: KV blocks."""

    name: str

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines of the log; applying one twice changes nothing."""
        ...


class Lanes:
    """The routes of a system, and what follows the log beside them."""

    def __init__(self, routes: Sequence[Route], *, named: bool = False, beside: Sequence[Beside] = ()) -> None:
        self._routes = {route.name: route for route in routes}
        self._named, self._beside = named, tuple(beside)

    def chosen(self, names: Sequence[str]) -> Lanes:
        """Only these; all if none is named. Raises InvalidInput."""
        unknown = [name for name in names if name not in self._routes]
        if unknown:
            raise InvalidInput(f"there is no lane {unknown[0]!r}; this system has {', '.join(self._routes)}")
        return Lanes([self._routes[name] for name in names], named=True) if names else self

    def over(self, wrapped: Callable[[Route], Route]) -> Lanes:
        """The same, each route wrapped."""
        routes = [wrapped(route) for route in self._routes.values()]
        return Lanes(routes, named=self._named, beside=self._beside)

    async def people(self, where: Where) -> frozenset[str]:
        """Who speaks in the memories; a lane that fails here is named when it is searched."""
        known = await _Asked(self._routes).in_turn(lambda route: route.people(where))
        return frozenset[str]().union(*known.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Of its routes."""
        return tuple(self._routes)

    async def rank(self, call: MemoryCall, where: Where, limit: int, *, among: Sequence[Ref] = ()) -> Ranking:
        """Everything any lane found, scored by every lane; `among` some, those and no others, found or not.

        Fails only if all lanes do: raises what the first raised.
        """
        asked = _Asked(self._routes)
        most = max(limit, CANDIDATES)
        found = await asked.at_once(lambda route: route.find(call, where, most))
        if not found:
            raise next(iter(asked.failed.values()))
        every = [hit.ref for name in sorted(found) for hit in found[name].hits]
        newest = {ref.id: ref for ref in sorted(every, key=lambda ref: ref.version or 0)}
        refs = list(among or {ref.id: newest[ref.id] for ref in every}.values())
        scored = await asked.in_turn(lambda route: route.score(call, where, refs))
        hits = [hit for name in sorted(scored) for hit in scored[name]]
        known = {hit.ref.id for hit in hits}
        for name in sorted(asked.failed.keys() & found.keys()):  # it failed in between: what it found still counts
            hits += [hit for hit in found[name].hits if hit.ref.id not in known and (not among or hit.ref in among)]
        fused = fuse(call, candidates(hits), [name for name in scored if scored[name]])
        if fused:
            asks, again = (BEST, liked) if call.question_kind == "request" else (NEAR, linked)
            near = [each.ref for each in fused[:asks]]
            beside = await asked.in_turn(lambda route: route.score(call, where, refs, near))
            fused = again(fused, [hit for name in sorted(beside) for hit in beside[name]])
        reached = {each.ref.id for each in fused}
        return Ranking(
            fused=(*fused, *(Fused(ref, 0.0, {}) for ref in among if ref.id not in reached)),
            searched=max(each.searched for each in found.values()),
            missing=tuple(Missing(name, str(exc)) for name, exc in asked.failed.items()) + self._off(),
            pending=sum(each.pending for each in found.values())
            + sum(self._routes[name].lane().pending for name in asked.failed if name not in found),
            found={name: len(each.hits) for name, each in sorted(found.items())},
        )

    def _off(self) -> tuple[Missing, ...]:
        """Lanes that were asked for by name and are off: nobody shall take their silence for an answer."""
        states = self.states() if self._named else ()
        return tuple(Missing(lane.name, lane.why) for lane in states if not lane.on)

    async def apply(self, events: Sequence[Event]) -> None:
        """Bring the lanes up to date. What fails is caught up from the log: the truth is stored already."""
        for route in (*self._beside, *self._routes.values()):
            try:
                await route.apply(events)
            except MemosError as exc:
                logger.warning("a lane will catch up later", extra={"route": route.name, "why": str(exc)})

    async def rebuild(self) -> None:
        """Build the projections again from the log."""
        for route in self._routes.values():
            await route.reset()

    def states(self, *, whole: bool = True) -> tuple[Lane, ...]:
        """How each lane is; `whole`: with what it holds, and what waits for it or is done, of everybody."""
        lanes = (route.lane() for route in self._routes.values())
        return tuple(lane if whole else replace(lane, pending=0, held=0, busy=False) for lane in lanes)
