"""KV blocks in memory and on the disk, each within its budget: what was used longest ago goes, what is pinned stays."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
from anyio import CapacityLimiter, to_thread

from memos_mcp.cube import Ref
from memos_mcp.errors import Corrupt, NotFound
from memos_mcp.infrastructure.activation import blocks
from memos_mcp.infrastructure.activation.blocks import Block, Header
from memos_mcp.infrastructure.activation.budget import Budget, Held
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, check
from memos_mcp.infrastructure.blobs import Blobs

logger = logging.getLogger(__name__)


class Stock:
    """The blocks of one folder, which belongs to one process at a time. All of them can be made again.

    Pins last as long as the process: who wants a block to stay says so when it is opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory: int,
        disk: int,
        device: str = "cpu",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._blobs = Blobs(folder)
        self._device, self._clock = device, clock
        self.memory: Budget = Budget("the memory of the device", memory)
        self.disk: Budget = Budget("the disk", disk)
        self._loaded: dict[str, Block] = {}
        self._headers: dict[str, Header] = {}
        self._begins: dict[str, dict[str, int]] = {}
        self._changing = anyio.Lock()
        self._reading = CapacityLimiter(2)

    async def open(self) -> None:
        """Look at what the folder holds; what cannot be read counts and is the first to leave. Raises Unavailable."""
        await self._blobs.sweep()
        for name in await self._blobs.names():
            async with self._changing:
                await self._learn(name)

    def longest(self, begins: Sequence[str]) -> tuple[str, int] | None:
        """Of these beginnings, the longest that a block has: its name, and how many sources that is."""
        for count in range(len(begins), 0, -1):
            for name, its in self._begins.get(begins[count - 1], {}).items():
                return name, its
        return None

    def same(self, begin: str, sources: Sequence[Ref]) -> str | None:
        """The block of exactly these sources that begins so and ends there."""
        for name in self._begins.get(begin, {}):
            if self._headers[name].sources == tuple(sources):
                return name
        return None

    def composed(self, joined: Sequence[str], share: float) -> str | None:
        """The block that was composed of these."""
        for name, header in self._headers.items():
            if header.joined == tuple(joined) and header.share == share:
                return name
        return None

    async def keep(self, block: Block, *, pinned: bool = False) -> str:
        """Store a block and keep it in memory; its name. Raises Unavailable; then it was not stored."""
        async with self._changing:
            self.memory.leaving(block.size)
            await self._leave(self.disk.leaving(block.stored))
            name = await self._blobs.put_file(partial(blocks.write, block))
            self._know(name, block.header, block.ids)
            size = (await anyio.Path(self._path(name)).stat()).st_size
            self.disk = self.disk.having(Held(name, size, self._clock(), pinned))
            self._load(name, block)
            return name

    async def get(self, name: str, here: Fingerprint) -> Block:
        """A block, made for this model, from memory or from the disk.

        Raises Mismatch, NotFound, Corrupt, Unavailable.
        """
        async with self._changing:
            block = self._loaded.get(name)
            if block is None:
                path = await self._whole(name)
                check((await to_thread.run_sync(blocks.header, path, limiter=self._reading)).fingerprint, here)
                if name not in self._headers:
                    await self._learn(name)
                block = await to_thread.run_sync(blocks.read, path, self._device, limiter=self._reading)
                self._load(name, block)
            check(block.header.fingerprint, here)
            self._use(name)
            return block

    async def drop(self, name: str) -> None:
        """Remove it, pinned or not; one that is not there is no error. Raises Unavailable."""
        async with self._changing:
            await self._leave([name])

    def pin(self, name: str, *, on: bool) -> None:
        """Keep it whatever comes, or no longer. Raises NotFound."""
        if name not in {each.name for each in self.disk.held}:
            raise NotFound(f"there is no KV block {name}: warm its memories again")
        self.disk, self.memory = self.disk.pinned(name, on=on), self.memory.pinned(name, on=on)

    def unload(self) -> None:
        """Let go of what is in memory; the disk still has it."""
        self._loaded.clear()
        self.memory = Budget(self.memory.place, self.memory.limit)

    async def _whole(self, name: str) -> Path:
        try:
            return await self._blobs.file(name)
        except NotFound:
            raise NotFound(f"the KV block {name} is not kept any more: warm its memories again") from None
        except Corrupt as exc:
            raise Corrupt(f"the KV block {name} is not what was written: warm its memories again, or drop it") from exc

    async def _learn(self, name: str) -> None:
        path = anyio.Path(self._path(name))
        used = 0.0
        try:
            self._know(name, *await to_thread.run_sync(blocks.glance, self._path(name), limiter=self._reading))
            used = (await path.stat()).st_mtime
        except (Corrupt, NotFound) as exc:
            logger.warning("a KV block cannot be read", extra={"block": name, "why": str(exc)})
        if await path.exists():
            self.disk = self.disk.having(Held(name, (await path.stat()).st_size, used))

    def _load(self, name: str, block: Block) -> None:
        pinned = any(each.name == name and each.pinned for each in self.disk.held)
        self.memory = self.memory.without([name])
        for gone in self.memory.leaving(block.size):
            self._loaded.pop(gone)
            self.memory = self.memory.without([gone])
        self._loaded[name] = block
        self.memory = self.memory.having(Held(name, block.size, self._clock(), pinned))

    def _use(self, name: str) -> None:
        now = self._clock()
        self.memory, self.disk = self.memory.used(name, now), self.disk.used(name, now)
        try:
            os.utime(self._path(name), (now, now))  # for the next process
        except OSError as exc:
            logger.debug("the use of a KV block was not noted", extra={"block": name, "why": str(exc)})

    async def _leave(self, names: Sequence[str]) -> None:
        for name in names:
            await self._blobs.drop(name)
            self._loaded.pop(name, None)
            self._headers.pop(name, None)
            for having in self._begins.values():
                having.pop(name, None)
            self._begins = {begin: having for begin, having in self._begins.items() if having}
            self.memory, self.disk = self.memory.without([name]), self.disk.without([name])

    def _know(self, name: str, header: Header, ids: Sequence[int]) -> None:
        self._headers[name] = header
        if header.joined:
            return  # not what the model would have read in one go
        for count, begin in enumerate(blocks.prefixes(header.fingerprint, ids, header.lengths), 1):
            self._begins.setdefault(begin, {})[name] = count

    def _path(self, name: str) -> Path:
        return self._blobs.folder / name[:2] / name[2:]
