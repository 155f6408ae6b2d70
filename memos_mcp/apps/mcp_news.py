"""Clients are told what changed in the memory, whoever changed it: this process, another one, a command.

One follower reads the log for all who listen, and only while somebody does. A listener hears of what his caller may
read and of nothing else; what he has not fetched yet is kept once, so a thousand changes are one notification.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from memos_mcp.apps.mcp_resources import OF_THE_USER, PROFILE, RECENT, SCHEME
from memos_mcp.errors import MemosError
from memos_mcp.memos import Memos
from memos_mcp.ports import Caller, Event

logger = logging.getLogger(__name__)

SOON = 0.2
"""Seconds between two looks at the log while it changes: so often a listener is told at most."""
LATE = 0.8
"""Seconds between two looks while it does not."""

_LINES = 1000  # of the log, read at once
_SAME_LIST = ("update", "sight", "freeze", "thaw")


class Ear:
    """One who listens: iterate over it for what he has not heard yet. It ends when the server does."""

    def __init__(self, wants: Callable[[ServerEvent], bool]) -> None:
        self.wants = wants
        self._waiting: dict[ServerEvent, None] = {}
        self._rung = anyio.Event()
        self._closed = False

    def tell(self, events: Iterable[ServerEvent]) -> None:
        """Keep what he wants until he fetches it."""
        for event in filter(self.wants, events):
            self._waiting[event] = None
            self._rung.set()

    def close(self) -> None:
        """There will be no more."""
        self._closed = True
        self._rung.set()

    async def __aiter__(self) -> AsyncIterator[ServerEvent]:
        """What is new, as it comes."""
        while self._waiting or not self._closed:
            await self._rung.wait()
            if not self._closed:
                self._rung = anyio.Event()
            waiting, self._waiting = self._waiting, {}
            for event in waiting:
                yield event


@dataclass(slots=True)
class _View:
    """What one caller may read, as far as the log was read for him."""

    memos: Memos
    after: int
    ears: list[Ear] = field(default_factory=list[Ear])


class News:
    """Follows the log for all listeners of a server. `over` says that it stops: then everybody has heard all."""

    def __init__(self, tasks: TaskGroup, over: Callable[[], bool] = lambda: False) -> None:
        self.tasks = tasks
        self._over = over
        self._views: dict[Caller, _View] = {}
        self._following: anyio.CancelScope | None = None
        self._stirred = anyio.Event()

    @asynccontextmanager
    async def listening(self, memos: Memos, wants: Callable[[ServerEvent], bool]) -> AsyncGenerator[Ear]:
        """An ear for what this caller may read and wants, from now on. Raises Unavailable, Corrupt."""
        ear = await self.join(memos, wants)
        try:
            yield ear
        finally:
            self.leave(ear)

    async def join(self, memos: Memos, wants: Callable[[ServerEvent], bool]) -> Ear:
        """As `listening`, until `leave`."""
        last = await memos.log.news()
        view = self._views.setdefault(memos.caller, _View(memos, last.upto))
        ear = Ear(wants)
        view.ears.append(ear)
        if self._following is None:
            self._following = anyio.CancelScope()
            self.tasks.start_soon(self._follow, self._following)
        return ear

    def leave(self, ear: Ear) -> None:
        """He listens no more; with the last one the log is left alone."""
        ear.close()
        for caller, view in [*self._views.items()]:
            if ear in view.ears:
                view.ears.remove(ear)
            if not view.ears:
                del self._views[caller]
        if self._following is not None and not self._views:
            self._following.cancel()
            self._following = None

    def stir(self) -> None:
        """This process has written something: look soon."""
        self._stirred.set()

    async def _follow(self, scope: anyio.CancelScope) -> None:
        with scope:
            pause = SOON
            while not self._over():
                await anyio.sleep(SOON)
                with anyio.move_on_after(pause - SOON):
                    await self._stirred.wait()
                self._stirred = anyio.Event()
                pause = SOON if await self._look() else min(2 * pause, LATE)
            for view in self._views.values():
                for ear in view.ears:
                    ear.close()

    async def _look(self) -> bool:
        """Read what is new, once for each caller; if the first is told that the log ends where it did, that is all."""
        end = -1
        views = [*self._views.values()]
        before = [view.after for view in views]
        for view in views:
            if end < 0 or view.after < end:
                await self._read(view)
                end = max(end, view.after)
        return before != [view.after for view in views]

    async def _read(self, view: _View) -> None:
        try:
            found = await view.memos.log.news(view.after, limit=_LINES)
        except MemosError as error:  # it is said again with the next call; who listens goes on listening
            logger.warning("the log cannot be followed", extra={"why": str(error)})
            return
        view.after = found.upto
        events = announced(found.events)
        for ear in view.ears:
            ear.tell(events)


def announced(lines: Sequence[Event]) -> tuple[ServerEvent, ...]:
    """What these lines of the log mean for resources, each said once."""
    return tuple(dict.fromkeys(event for line in lines for event in _announced(line)))


def _announced(line: Event) -> Iterator[ServerEvent]:
    yield ResourceUpdated(f"{SCHEME}{line.subject}")
    yield ResourceUpdated(RECENT)
    first = line.action == "remember" or (line.action == "put" and line.version == 1)
    if not (first and line.cube and line.cube.kind not in OF_THE_USER):
        yield ResourceUpdated(PROFILE)
    if first or line.action not in (*_SAME_LIST, "put"):
        yield ResourcesListChanged()
