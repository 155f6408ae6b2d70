"""What the scheduler did, in the ledger: a note for each decision, and whose turn it is to carry out new ones.

A note is written before what it says is done, and marked when it is: after a kill each block has its decision, and what
was not done has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import anyio
from pydantic import TypeAdapter, ValidationError

from memos_mcp.errors import Conflict, MemosError
from memos_mcp.ledger import Noted
from memos_mcp.operation.scheduling import Move
from memos_mcp.ports import Caller, MemoryAdapter

SYSTEM = Caller("memos/scheduler")
"""Who builds blocks here: a name that no user can have."""
KIND = "schedule"
"""The kind of the ledger's notes that are decisions."""
TURN = "schedule.turn"
"""Kind and key of the note that says who carries out decisions."""
KEPT = 500
"""Decisions that are kept, the newest."""
_RENEWED = 60.0  # seconds after which what takes long says that it is still at it
_LEASE = timedelta(minutes=3)  # longer than most blocks take to build; it is renewed before each
Cause = Literal["worth", "room", "state", "size"]


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that was carried out, or, if not `done`, is about to be. No words of memories are in it."""

    move: Move
    id: str
    version: int
    bytes: int
    reason: str
    cause: Cause
    policy: str
    at: datetime
    block: str = ""
    done: bool = False

    @property
    def key(self) -> str:
        """They sort by when they were made."""
        return f"{int(self.at.timestamp() * 1_000_000):017d} {self.id} {self.move}"


_MADE = TypeAdapter(Made)


class Decisions:
    """The decisions of a vault."""

    def __init__(self, vault: MemoryAdapter) -> None:
        self._vault = vault

    async def all(self) -> list[Made]:
        """Those that were carried out, oldest first; what cannot be read is left out."""
        return [each for _, each in await self._notes() if each.done]

    async def begin(self, made: Iterable[Made]) -> None:
        """They are about to be carried out."""
        await self._write([Noted(KIND, each.key, _MADE.dump_python(each, mode="json")) for each in made])

    async def done(self, made: Iterable[Made]) -> None:
        """They were."""
        await self.begin(replace(each, done=True) for each in made)

    async def undone(self, made: Iterable[Made]) -> None:
        """They were not, and will not be."""
        await self._write([Noted(KIND, each.key, None) for each in made])

    async def settle(self, held: Collection[str]) -> None:
        """What a process left that was killed: done or not, by what is held; and only the newest are kept."""
        notes = await self._notes()
        for _, each in notes:
            if not each.done:
                right = (each.id in held) == (each.move == "promote")
                await (self.done([each]) if right else self.undone([each]))
        old = [key for key, _ in notes[: max(0, len(notes) - KEPT)]]
        await self._write([Noted(KIND, key, None) for key in old])

    async def _notes(self) -> list[tuple[str, Made]]:
        found: list[tuple[str, Made]] = []
        for note in await self._vault.ledger.list(KIND):
            with contextlib.suppress(ValidationError):  # of another version of this program
                found.append((note.key, _MADE.validate_python(note.value)))
        return found

    async def _write(self, notes: Sequence[Noted]) -> None:
        if notes:
            await self._vault.commit((), caller=SYSTEM, notes=notes)


class Turn:
    """Of several processes over a vault one at a time does this; who was killed holds the rest up 3 min."""

    def __init__(self, vault: MemoryAdapter, clock: Callable[[], datetime], kind: str = TURN) -> None:
        self._ledger, self._clock, self._kind = vault.ledger, clock, kind
        self._by, self._revision = secrets.token_hex(8), 0

    async def take(self, *, anyway: bool) -> bool:
        """Is it this process's turn now? `anyway`: it is taken from another, who stops after what he is building."""
        note = await self._ledger.read(self._kind, self._kind)
        if note is not None and isinstance(note.value, dict) and not anyway:
            until = datetime.fromisoformat(str(note.value.get("until")))
            if note.value.get("by") != self._by and until > self._clock():
                return False
        self._revision = note.revision if note is not None else 0
        return await self.renew()

    async def renew(self) -> bool:
        """Is it still?"""
        until = (self._clock() + _LEASE).isoformat()
        with contextlib.suppress(Conflict):
            value = {"by": self._by, "until": until}
            self._revision = await self._ledger.write(self._kind, self._kind, {**value}, expect=self._revision)
            return True
        return False

    @asynccontextmanager
    async def held(self, busy: str) -> AsyncGenerator[None]:
        """It stays this process's turn for as long as that takes. Raises Conflict, with these words, if it is not."""
        if not await self.take(anyway=False):
            raise Conflict(busy)
        keeping = asyncio.get_running_loop().create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError, MemosError):
                await keeping
            with anyio.CancelScope(shield=True):
                await self.end()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_RENEWED)
            await self.renew()

    async def end(self) -> None:
        """Let others."""
        with contextlib.suppress(Conflict):
            await self._ledger.write(self._kind, self._kind, None, expect=self._revision)
