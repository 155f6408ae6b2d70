"""One task in the background that keeps the graph up with the log, so that nobody who remembers waits for a server.

It holds nothing: what is to do is what the log has and the graph has not, so whoever is killed loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib

from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.spaces import REST, Spaces

_GATHERED = 0.05  # seconds that what comes is gathered: whoever stores one memory after another is not held up
_GRACE = 0.2  # seconds before it begins: a command that ends at once does not wait for it


class Follower:
    """Follows whenever it is woken, until nothing waits; what does not answer is tried again every few seconds."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._working = self._looked = self._closed = False

    @property
    def busy(self) -> bool:
        """Is there work that is not held up?"""
        ended = self._task is None or self._task.done()
        return not ended and (self._working or self._news.is_set()) and not self._spaces.down

    def wake(self) -> None:
        """There is something to do."""
        self._news.set()
        self.start()

    def start(self) -> None:
        """Begin; the first thing is to see whether the store answers."""
        if self._task is None and not self._closed:
            self._news.set()
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def follow(self) -> None:
        """Do what there is to do, or some of it."""
        with contextlib.suppress(MemosError):  # what does not answer is told to who asks it
            if not self._looked:
                await self._spaces.look()
                self._looked = True
            await self._spaces.apply(())

    async def aclose(self) -> None:
        """Stop where it is."""
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        await asyncio.sleep(_GRACE)
        while True:
            self._working = True
            self._news.clear()
            await self.follow()
            if self._spaces.down:
                await asyncio.sleep(REST)
            elif not self._spaces.late:
                self._working = False
                await self._news.wait()
                await asyncio.sleep(_GATHERED)
