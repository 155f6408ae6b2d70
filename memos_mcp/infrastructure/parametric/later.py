"""Adapters before a model is open: who neither trains nor asks waits for none, and needs none to forget.

They are trained in this process, and answer here or on servers that read them from a folder.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import anyio
from anyio import to_thread

from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, Governance, Parametric
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.infrastructure.parametric import retiring
from memos_mcp.infrastructure.parametric.folders import place_of, removed
from memos_mcp.parametric import Judge, Lesson, Pair, ParametricBackend, Progress, Trained, Trainer

T = TypeVar("T")

_NO_RULES = Governance()
_AGE = 600.0  # seconds: an older adapter that nobody names was left by a process that was killed
_MOST = 8  # adapters that stay attached in this process


class Here(Trainer, ParametricBackend, Protocol):
    """A model of this process."""

    async def merge(self, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
        """As the port says."""
        ...

    async def cartridge(self, lesson: Lesson, block: Path, judge: Judge, *, told: Progress | None = None) -> Trained:
        """As the port says, with the file of the block."""
        ...

    async def adopt(self, folder: Path, topic: str, *, rules: Governance = _NO_RULES) -> Parametric:
        """As the port says."""
        ...


class Served(ParametricBackend, Protocol):
    """Servers that answer with what was trained here."""

    async def retire(self, sources: Collection[str]) -> list[str]:
        """Drop whatever was trained from a memory with one of these ids. Raises Unavailable."""
        ...


class Later:
    """An AdapterBackend that is opened by the first call that needs it."""

    def __init__(
        self,
        model: str,
        opened: Callable[[], Awaitable[Here]],
        folder: Path,
        *,
        served: Callable[[], Awaitable[Served]] | None = None,
        blocks: Path | None = None,
        timeout_s: float = 120,
    ) -> None:
        """`folder` has the adapters, `blocks` the KV blocks of the same model; an answer may take `timeout_s`."""
        self.model, self._blocks = model, blocks
        self._folder, self._timeout = folder, timeout_s
        self._here = _Opened(opened)
        self._served = _Opened(served) if served else None
        self._attached: OrderedDict[str, Parametric] = OrderedDict()

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        """As the port says; however long it takes."""
        return await (await self._here.get()).train(lesson, judge, told=told)

    async def merge(self, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
        """As the port says."""
        return await (await self._here.get()).merge(lesson, adapters, judge)

    async def cartridge(
        self, lesson: Lesson, block: Activation, judge: Judge, *, told: Progress | None = None
    ) -> Trained:
        """As the port says."""
        if self._blocks is None or block.blob is None:
            raise InvalidInput(
                "the KV block is kept by a server, or by no model of this machine: only one that parametric.model has "
                "read in this process can be trained further"
            )
        file = self._blocks / block.blob[:2] / block.blob[2:]
        return await (await self._here.get()).cartridge(lesson, file, judge, told=told)

    async def adopt(self, folder: Path, topic: str, *, rules: Governance = _NO_RULES) -> Parametric:
        """As the port says."""
        return await (await self._here.get()).adopt(folder, topic, rules=rules)

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        """As the port says; what it needs is attached."""
        here = await self._here.get()
        if adapter is not None:
            await here.attach(adapter)
        return await here.likelihood(adapter, pairs)

    async def capacity(self) -> Capacity | None:
        """As the port says; asking opens nothing."""
        answering = (self._served or self._here).known
        return await answering.capacity() if answering is not None else None

    async def attach(self, adapter: Parametric) -> None:
        """As the port says; of those in this process the one that was not used for longest goes."""
        backend = await self._answering()
        await backend.attach(adapter)
        self._attached[adapter.blob] = adapter
        self._attached.move_to_end(adapter.blob)
        while self._served is None and len(self._attached) > _MOST:
            _, oldest = self._attached.popitem(last=False)
            await backend.detach(oldest)

    async def detach(self, adapter: Parametric) -> None:
        """As the port says."""
        self._attached.pop(adapter.blob, None)
        await (await self._answering()).detach(adapter)

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        """As the port says; what it needs is attached, and what takes too long is Unavailable."""
        async with self._in_time():
            if adapter is not None:
                await self.attach(adapter)
            return await (await self._answering()).generate(adapter, prompt, limit=limit)

    async def verify(self, adapter: Parametric) -> None:
        """As the port says."""
        await (await self._answering()).verify(adapter)

    async def drop(self, adapter: Parametric) -> None:
        """As the port says; a server that is not there is told by the next try."""
        self._attached.pop(adapter.blob, None)
        if here := self._here.known:
            await here.drop(adapter)
        else:
            await to_thread.run_sync(removed, place_of(self._folder, adapter.blob), self._folder)
        if self._served is not None:
            await (await self._served.get()).drop(adapter)

    async def retire(self, sources: Collection[str]) -> list[str]:
        """As the port says."""
        if here := self._here.known:
            gone = await here.retire(sources)
        else:
            files = await to_thread.run_sync(retiring.retired, self._folder, frozenset(sources))
            gone = list(filter(None, files.values()))
        if self._served is not None:
            gone += await (await self._served.get()).retire(sources)
        return list(dict.fromkeys(gone))

    async def size(self, adapter: Parametric) -> int:
        """As the port says."""
        return await to_thread.run_sync(retiring.size, self._folder, adapter.blob)

    async def tidy(self, kept: Sequence[Parametric]) -> None:
        """Remove adapters that none of these names, and that are old enough for nobody to be about to.

        Trainings of that age that do not say from what they learn go with them.
        """
        names = {each.blob for each in kept}
        for blob in await to_thread.run_sync(partial(retiring.unnamed, self._folder, names, _AGE)):
            await to_thread.run_sync(removed, place_of(self._folder, blob), self._folder)
        for training in await to_thread.run_sync(retiring.aimless, self._folder, _AGE):
            await to_thread.run_sync(removed, training, self._folder)

    async def aclose(self) -> None:
        """As the port says."""
        for each in (self._here.known, self._served and self._served.known):
            if each is not None:
                await each.aclose()

    async def _answering(self) -> ParametricBackend:
        return await (self._served or self._here).get()

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        try:
            with anyio.fail_after(self._timeout):
                yield
        except TimeoutError as exc:
            raise Unavailable(
                f"{self.model} gave no answer in {self._timeout:g} s: ask less at once, or raise parametric.timeout_s"
            ) from exc


class _Opened(Generic[T]):
    """What is opened once."""

    def __init__(self, opened: Callable[[], Awaitable[T]]) -> None:
        self.known: T | None = None
        self._open, self._opening = opened, anyio.Lock()

    async def get(self) -> T:
        async with self._opening:
            if self.known is None:
                self.known = await self._open()
            return self.known
