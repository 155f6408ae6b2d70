"""Backends as they are before the first question: who does not ask waits for no model, and needs none to forget."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

from memos_mcp.activation import ActivationBackend, Progress, Reply, Room, Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import Conflict, Unavailable
from memos_mcp.infrastructure.blobs import Blobs
from memos_mcp.ledger import Ledger

_KEY, _SECRET = "key", "activation"
_AGE = 600  # seconds: an older file that nobody names was left by a process that was killed


class Later:
    """A backend that is opened by the first call that needs it. `drop` needs it only if it is open, or has no files."""

    def __init__(
        self,
        model: str,
        opened: Callable[[], Awaitable[ActivationBackend]],
        *,
        folder: Path | None = None,
        timeout_s: float = 120,
    ) -> None:
        """`folder` is where it keeps blocks as files, if it does; an answer may take `timeout_s`."""
        self.model = model
        self._opened, self._timeout = opened, timeout_s
        self._blobs = Blobs(folder) if folder is not None else None
        self._backend: ActivationBackend | None = None
        self._opening = anyio.Lock()

    async def room(self) -> Room:
        """As the port says."""
        return await (await self._open()).room()

    async def capacity(self) -> Capacity | None:
        """As the port says; asking opens nothing."""
        return await self._backend.capacity() if self._backend is not None else None

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        """As the port says; however long it takes."""
        return await (await self._open()).warm(sources, tenant=tenant, pinned=pinned, told=told)

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        """As the port says; what takes too long is Unavailable."""
        backend = await self._open()
        async with self._in_time():
            return await backend.generate(activation, prompt, tenant=tenant, limit=limit)

    async def verify(self, activation: Activation) -> None:
        """As the port says."""
        await (await self._open()).verify(activation)

    async def drop(self, activation: Activation) -> str:
        """As the port says."""
        if self._backend is None and self._blobs is not None:
            if activation.blob is not None:
                await self._blobs.drop(activation.blob)
            return ""
        return await (await self._open()).drop(activation)

    async def tidy(self, kept: Sequence[Activation]) -> None:
        """Remove files that none of these names, and that are old enough for nobody to be writing them."""
        if self._blobs is None:
            return
        known = {each.blob for each in kept}
        for name in await self._blobs.names():
            if name not in known:
                path = anyio.Path(self._blobs.folder / name[:2] / name[2:])
                with suppress(FileNotFoundError):
                    if time.time() - (await path.stat()).st_mtime > _AGE:
                        await self._blobs.drop(name)

    async def aclose(self) -> None:
        """As the port says."""
        if self._backend is not None:
            await self._backend.aclose()

    async def _open(self) -> ActivationBackend:
        async with self._opening:
            if self._backend is None:
                self._backend = await self._opened()
            return self._backend

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        try:
            with anyio.fail_after(self._timeout):
                yield
        except TimeoutError as exc:
            raise Unavailable(
                f"{self.model} gave no answer in {self._timeout:g} s: ask less at once, or raise activation.timeout_s"
            ) from exc


async def secret_of(ledger: Ledger) -> str:
    """What keeps tenants apart on a server: made once for a vault, and never shown. Raises Unavailable."""
    while True:
        note = await ledger.read(_KEY, _SECRET)
        if note is not None:
            return str(note.value)
        with suppress(Conflict):  # another process made it
            await ledger.write(_KEY, _SECRET, secrets.token_hex(32), expect=0)
