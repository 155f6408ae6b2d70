"""Work that follows what happens, in a task of its own: soon after, again when it failed, and now and then anyway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds: before the first time, after the last news, after the first news at most, between two times.

    What failed is tried again after `again[0]`, doubling to `again[1]`; without news it is done every `idle`.
    """

    grace: float = 1.0
    quiet: float = 0.5
    patience: float = 10.0
    between: float = 5.0
    again: tuple[float, float] = (1.0, 300.0)
    idle: float = 600.0


class Background:
    """Does `work` after it was woken. It says why it has to be tried again, or nothing, and raises nothing of ours."""

    def __init__(self, work: Callable[[], Awaitable[str]], pace: Pace) -> None:
        self._do, self._pace = work, pace
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    def wake(self) -> None:
        """Something happened."""
        if not self._closed:
            if self._worker is None:
                self._worker = asyncio.get_running_loop().create_task(self._work())
            self._news.set()

    async def aclose(self) -> None:
        """Stop; what was begun is cancelled."""
        self._closed = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _work(self) -> None:
        pace = self._pace
        await asyncio.sleep(pace.grace)
        wait, longest = pace.again
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pace.idle)
            await self._calm()
            if await self._do():
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)
                self._news.set()
            else:
                wait = pace.again[0]
                await asyncio.sleep(pace.between)

    async def _calm(self) -> None:
        """Until nothing came for a while, and not for ever."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._pace.patience
        while self._news.is_set() and loop.time() < until:
            self._news.clear()
            await asyncio.sleep(self._pace.quiet)
