"""How adapters end: out of reach at once, and gone as far as the backend can be told; the rest stands as owed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from memos_mcp.answers import Release
from memos_mcp.cube import Ref
from memos_mcp.errors import MemosError
from memos_mcp.interface.adapter_records import Kept, Records
from memos_mcp.parametric import AdapterBackend
from memos_mcp.ports import MemoryAdapter

logger = logging.getLogger(__name__)

CHANGED = "a memory in it was changed"


class Ends:
    """Ends adapters of a vault. All of it raises Unavailable if the vault cannot be written."""

    def __init__(
        self, vault: MemoryAdapter, records: Records, backend: AdapterBackend, clock: Callable[[], datetime]
    ) -> None:
        self._vault, self._records, self._backend, self._clock = vault, records, backend, clock

    async def retired(self, name: str, why: str, *, owed: bool = False) -> None:
        """Out of reach; it is wanted again, if it answered. One that is not there is no error.

        What it takes is freed now, or stays `owed`, for who is not to wait for a server.
        """
        kept = await self._records.one(name)
        if kept is None:
            return
        again = replace(kept.want, at=self._clock(), why=why) if kept.release.how in ("trained", "cartridge") else None
        await self._records.retired(kept, again)
        logger.info("an adapter is retired", extra={"adapter": name, "why": why})
        if not owed:
            await self.paid(kept.release)

    async def dropped(self, kept: Kept) -> str:
        """Out of reach, and not wanted again; what of that has to be done later."""
        await self._records.retired(kept, None)
        return await self.paid(kept.release)

    async def paid(self, release: Release) -> str:
        """What it takes is freed, or why that has to be done later."""
        try:
            await self._backend.drop(release.payload)
        except MemosError as exc:
            logger.warning("an adapter is removed later", extra={"adapter": release.name, "why": str(exc)})
            return f"The adapter is out of reach, but what it takes is freed later: {exc}"
        await self._records.paid(release)
        return ""

    async def forgotten(self, ids: Sequence[str]) -> None:
        """Whatever was trained from those of these that are not there any more is gone, or noted as owed."""
        there = {cube.id for cube in await self._vault.get([Ref(id=id) for id in ids])}
        await self.unlearnt([id for id in ids if id not in there])

    async def unlearnt(self, ids: Collection[str]) -> None:
        """Whatever else was trained from these, half-trained things too, is gone, or noted as owed."""
        if not ids:
            return
        try:
            await self._backend.retire(ids)
        except MemosError as exc:
            logger.warning("what was trained from memories is removed later", extra={"why": str(exc)})
            await self._records.unlearn(sorted(ids), done=False)
        else:
            owed = await self._records.unlearnt()
            await self._records.unlearn([id for id in owed if id in ids], done=True)
