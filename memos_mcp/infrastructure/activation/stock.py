"""KV blocks in memory and on the disk, each within its budget: what was used longest ago goes, what is pinned stays."""

from __future__ import annotations

import contextlib
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


_ABANDONED_S = 3600
"""A file that nobody wrote to for so long is of a writer that was killed."""


class Stock:
    """The blocks of one folder, which several processes may share. All of them can be made again.

    What one drops or pushes out, no other serves; what one made, the others find. Pins hold in the process that set
    them, and as long as it lives: who wants a block to stay says so when it is opened.
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

    async def look(self) -> None:
        """See what the folder holds: what others made, used and removed. First of all, and when something is missed.

        What cannot be read counts and is the first to leave; what a killed writer left is swept. Raises Unavailable.
        """
        await self._blobs.sweep(time.time() - _ABANDONED_S)
        async with self._changing:
            await self._look()

    def fits(self, size: int) -> None:
        """Raises Unavailable if so many bytes fit no budget."""
        self.memory.leaving(size)
        self.disk.leaving(size)

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
            await self._look()
            await self._leave(self.disk.leaving(block.stored))
            name = await self._blobs.put_file(partial(blocks.write, block))
            self._know(name, block.header, block.ids)  # no waiting from here on: who is called off now has stored it
            size, _ = self._found([name]).get(name, (block.stored, 0.0))
            self.disk = self.disk.having(Held(name, size, self._clock(), pinned))
            self._load(name, block)
            self._use(name)
            return name

    async def get(self, name: str, here: Fingerprint) -> Block:
        """A block, made for this model, from memory or from the disk.

        Raises Mismatch, NotFound, Corrupt, Unavailable.
        """
        async with self._changing:
            block = self._loaded.get(name)
            if block is not None and not await self._blobs.has(name):
                self._forget([name])
                raise _gone(name)
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

    async def verify(self, name: str, here: Fingerprint) -> Header:
        """Look whether the file of a block is there, whole, and made for this model. Raises as `get`."""
        path = await self._whole(name)
        said = await to_thread.run_sync(blocks.header, path, limiter=self._reading)
        check(said.fingerprint, here)
        await to_thread.run_sync(blocks.read, path, limiter=self._reading)
        return said

    async def drop(self, name: str) -> bool:
        """Remove it, pinned or not; False if it was not there. Raises Unavailable."""
        async with self._changing:
            had = await self._blobs.has(name)
            await self._leave([name])
            return had

    def pin(self, name: str, *, on: bool) -> None:
        """Keep it whatever comes, or no longer. Raises NotFound."""
        if name not in {each.name for each in self.disk.held}:
            raise _gone(name)
        self.disk, self.memory = self.disk.pinned(name, on=on), self.memory.pinned(name, on=on)

    def unload(self) -> None:
        """Let go of what is in memory; the disk still has it."""
        self._loaded.clear()
        self.memory = Budget(self.memory.place, self.memory.limit)

    async def _whole(self, name: str) -> Path:
        try:
            return await self._blobs.file(name)
        except NotFound:
            self._forget([name])
            raise _gone(name) from None
        except Corrupt as exc:
            raise Corrupt(f"the KV block {name} is not what was written: warm its memories again, or drop it") from exc

    async def _look(self) -> None:
        found = await to_thread.run_sync(self._found, await self._blobs.names(), limiter=self._reading)
        self._forget([each.name for each in self.disk.held if each.name not in found])
        known = {each.name: each.used for each in self.disk.held}
        for name, (_, used) in found.items():
            if name not in known:
                await self._learn(name)
            elif name in self._headers and used > known[name]:
                self.disk = self.disk.used(name, used)

    def _found(self, names: Sequence[str]) -> dict[str, tuple[int, float]]:
        """How large each of these files is and when it was used; those that are not there any more are left out."""
        found: dict[str, tuple[int, float]] = {}
        for name in names:
            with contextlib.suppress(OSError):
                its = self._path(name).stat()
                found[name] = its.st_size, its.st_mtime
        return found

    async def _learn(self, name: str) -> None:
        why = ""
        try:
            self._know(name, *await to_thread.run_sync(blocks.glance, self._path(name), limiter=self._reading))
        except (Corrupt, NotFound) as exc:
            why = str(exc)
        for size, used in self._found([name]).values():  # none, if another process has dropped it meanwhile
            if why:
                logger.warning("a KV block cannot be read", extra={"block": name, "why": why})
            self.disk = self.disk.having(Held(name, size, used if name in self._headers else 0.0))

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
            self._forget([name])

    def _forget(self, names: Sequence[str]) -> None:
        for name in names:
            self._loaded.pop(name, None)
            self._headers.pop(name, None)
            for having in self._begins.values():
                having.pop(name, None)
        self._begins = {begin: having for begin, having in self._begins.items() if having}
        self.memory, self.disk = self.memory.without(names), self.disk.without(names)

    def _know(self, name: str, header: Header, ids: Sequence[int]) -> None:
        self._headers[name] = header
        if header.joined:
            return  # not what the model would have read in one go
        for count, begin in enumerate(blocks.prefixes(header.fingerprint, header.tenant, ids, header.lengths), 1):
            self._begins.setdefault(begin, {})[name] = count

    def _path(self, name: str) -> Path:
        return self._blobs.folder / name[:2] / name[2:]


def _gone(name: str) -> NotFound:
    return NotFound(f"the KV block {name} is not kept any more: warm its memories again")
