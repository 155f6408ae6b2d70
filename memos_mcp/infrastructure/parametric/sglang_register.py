"""What was given to servers, and what they are never asked for again: in the ledger, so that a restart knows it."""

from __future__ import annotations

import secrets
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memos_mcp.errors import Conflict, Corrupt, InvalidInput, Unavailable
from memos_mcp.ledger import Ledger, Note

_KIND, _NAMES = "adapter", "adapter name"


class Record(BaseModel):
    """An adapter on the servers of one model, known there as `served`.

    `refused`: what it was known as before; `sources`: the ids of the memories that it was trained from.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    state: Literal["attaching", "on", "off", "dropped"] = "off"
    part: str = ""
    model: str = ""
    sources: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def served(self) -> str:
        """Its name on the servers: `topic@version` and something that nobody guesses."""
        return f"{self.name}-{self.part}"

    def begun(self, name: str, model: str, sources: tuple[str, ...]) -> Record:
        """The same, about to be given to the servers of a model under a new name."""
        return Record(
            name=name,
            state="attaching",
            part=secrets.token_hex(16),
            model=model,
            sources=sources,
            refused=self.ended().refused,
        )

    def on(self) -> Record:
        """The same, on all servers."""
        return self.model_copy(update={"state": "on"})

    def ended(self, *, dropped: bool = False) -> Record:
        """The same, never to be asked for again under the name that it had."""
        refused = (*self.refused, self.served) if self.part else self.refused
        return Record(name=self.name, state="dropped" if dropped else "off", sources=self.sources, refused=refused)


class Register:
    """The records of all adapters. Each change is whole or not made, whoever else makes one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(self, blob: str) -> tuple[Record, int]:
        """The record of an adapter and its revision; 0 if there is none. Raises Unavailable, Corrupt."""
        note = await self._ledger.read(_KIND, blob)
        return (_record(note), note.revision) if note else (Record(), 0)

    async def all(self) -> dict[str, Record]:
        """Every record there ever was, by blob. Raises Unavailable, Corrupt."""
        return {note.key: _record(note) for note in await self._ledger.list(_KIND)}

    async def write(self, blob: str, record: Record, revision: int) -> int:
        """Change what was read at a revision. Raises Unavailable, also if another process changed it since."""
        try:
            return await self._ledger.write(_KIND, blob, record.model_dump(mode="json"), expect=revision)
        except Conflict as exc:
            raise Unavailable(
                f"another process attaches or detaches {record.name or blob} just now: try again"
            ) from exc

    async def end(self, blob: str, *, dropped: bool = False) -> tuple[Record, Record]:
        """Whatever else happens to it, nobody asks for it from now on; what it was, and is. Raises Unavailable."""
        while True:
            was, revision = await self.read(blob)
            now = was.ended(dropped=dropped or was.state == "dropped")
            if now == was:
                return was, now
            try:
                await self._ledger.write(_KIND, blob, now.model_dump(mode="json"), expect=revision)
            except Conflict:
                continue
            return was, now

    async def abandoned(self, blob: str, record: Record) -> Record:
        """End what was begun and is still as it was then; what it is now. Raises Unavailable."""
        was, revision = await self.read(blob)
        if was != record:
            return was
        try:
            await self._ledger.write(_KIND, blob, was.ended().model_dump(mode="json"), expect=revision)
        except Conflict:
            return (await self.read(blob))[0]
        return was.ended()

    async def claim(self, name: str, blob: str) -> None:
        """A name is of one adapter, for ever. Raises InvalidInput if it is of another, Unavailable."""
        note = await self._ledger.read(_NAMES, name)
        if note is None:
            try:
                await self._ledger.write(_NAMES, name, blob, expect=0)
                return
            except Conflict:
                note = await self._ledger.read(_NAMES, name)
        if note is None or note.value != blob:
            raise InvalidInput(f"the name {name} was given to another adapter: names are never given again, train anew")


def _record(note: Note) -> Record:
    try:
        return Record.model_validate(note.value)
    except ValidationError as exc:
        raise Corrupt(
            f"what the ledger says of the adapter {note.key} cannot be read: restore it from a backup"
        ) from exc
