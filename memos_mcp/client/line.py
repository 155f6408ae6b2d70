"""A thread with an event loop of its own: what runs there is waited for by any thread and from any other loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from threading import Lock, Thread, current_thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 5.0  # seconds that what was open may take to close


@dataclass(frozen=True, slots=True)
class _Started(Generic[T]):
    loop: asyncio.AbstractEventLoop
    over: asyncio.Event
    held: T


class Line(Generic[T]):
    """The loop and what `opened` gives on it; both end with `stop`, or with the process.

    A process that was forked has a copy without its thread: it makes one of its own (`of_this_process`).
    """

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self.closed = False
        self._pid = os.getpid()
        self._lock = Lock()
        self._working: set[asyncio.Task[Any]] = set()
        started = Future[_Started[T]]()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(opened, started)), name="memos", daemon=True)
        self._thread.start()
        self._on = started.result()

    @property
    def of_this_process(self) -> bool:
        """Does its thread run here?"""
        return self._pid == os.getpid()

    def begin(self, work: Callable[[T], Coroutine[Any, Any, R]]) -> Future[R] | None:
        """Start work on the loop; cancelling the future cancels the work. None if the line is closed."""
        with self._lock:  # so that nothing begins after the end was told: nobody would end it
            if self.closed:
                return None
            return asyncio.run_coroutine_threadsafe(self._do(work), self._on.loop)

    def stop(self) -> None:
        """End all work and close what was opened; whoever waits for work is told that it was cancelled."""
        if not self.of_this_process:
            return
        with self._lock:
            first, self.closed = not self.closed, True
        if first:
            self._on.loop.call_soon_threadsafe(self._on.over.set)
        if current_thread() is not self._thread:
            self._thread.join(_PATIENCE)

    async def _do(self, work: Callable[[T], Coroutine[Any, Any, R]]) -> R:
        task = asyncio.current_task()
        if task is not None:
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await work(self._on.held)

    async def _serve(self, opened: Callable[[], AbstractAsyncContextManager[T]], started: Future[_Started[T]]) -> None:
        over = asyncio.Event()
        try:
            async with opened() as held:
                started.set_result(_Started(asyncio.get_running_loop(), over, held))
                await over.wait()
                for each in self._working:  # not what they began: each ends that itself
                    each.cancel()
                await asyncio.gather(*self._working, return_exceptions=True)
        except BaseException as exc:
            if started.done():
                raise
            started.set_exception(exc)
