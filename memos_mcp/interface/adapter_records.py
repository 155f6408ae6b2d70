"""The adapters of a vault in its ledger: which there are, which are current, wanted, refused, and owed their end.

A note holds no word of a memory. What belongs together is written in one commit, so that a process which was killed
leaves an adapter with its record and its place, or neither.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from memos_mcp.answers import Release
from memos_mcp.cube import Ref
from memos_mcp.interface.parsed import Parsed
from memos_mcp.ledger import Note, Noted
from memos_mcp.parametric import Budget, GateReport, Recipe
from memos_mcp.ports import Caller, MemoryAdapter

T = TypeVar("T")

SYSTEM = Caller("memos/trainer")
"""Who writes these notes: a name that no user can have."""
KIND = "adapter"
"""The kind of the ledger's notes that are adapters, by their names."""
CURRENT = "adapter.current"
"""The kind of those that name the adapter of a topic and a user which answers."""
WANTED = "adapter.wanted"
"""The kind of those that say what is being trained, or will be."""
REFUSED = "adapter.refused"
"""The kind of those that say what the gate did not let through."""
OWED = "adapter.owed"
"""The kind of those of adapters that the backend still has to remove."""
UNLEARNT = "adapter.unlearnt"
"""The kind of those that name memories from which the backend still has to remove whatever was trained."""
TURN = "adapter.turn"
"""Kind and key of the note that says which process trains."""
_BUDGET, _RECIPE = Budget(), Recipe()


@dataclass(frozen=True, slots=True)
class Want:
    """A topic to be trained from these memories, for a user with these roles, in this context, within a path."""

    topic: str
    by: str
    ids: tuple[str, ...]
    at: datetime
    why: str = ""
    roles: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    within: str = ""
    budget: Budget = _BUDGET
    recipe: Recipe = _RECIPE

    @property
    def key(self) -> str:
        """By which notes of the topic are found."""
        return key_of(self.topic, self.by)

    @property
    def caller(self) -> Caller:
        """Whose rights decide what may be learnt."""
        return Caller(self.by, self.roles, self.context, within=self.within)


@dataclass(frozen=True, slots=True)
class Kept:
    """An adapter, what it would be trained again by, and what was measured of it."""

    release: Release
    want: Want
    report: GateReport | None = None

    def fulfils(self, want: Want, sources: Collection[Ref]) -> bool:
        """Was it trained for the same topic and user in the same way, from exactly these?"""
        had = self.want
        same = (had.key, had.recipe, had.budget) == (want.key, want.recipe, want.budget)
        return same and self.release.how == "trained" and set(self.release.sources) == set(sources)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the gate did not let through, and why; the same memories in the same versions are not tried again."""

    topic: str
    by: str
    sources: tuple[Ref, ...]
    at: datetime
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taught:
    """What became of a training: an adapter, or why there is none (`report`). `known`: there was nothing to train.

    `left_out` are memories that could not be learnt, each with why.
    """

    report: GateReport
    release: Release | None = None
    known: bool = False
    left_out: tuple[tuple[Ref, str], ...] = ()


@cache
def _form(of: type[object]) -> TypeAdapter[Any]:
    """How they are read and written; made when it is first used, as it takes some milliseconds."""
    return TypeAdapter(of)


class Records:
    """The notes about adapters. What cannot be read, of another version of this program, is left out."""

    def __init__(self, vault: MemoryAdapter) -> None:
        self._vault = vault
        self._parsed = Parsed[Kept | None](lambda note: _read(note, Kept))

    async def all(self) -> tuple[Release, ...]:
        """Every adapter there is, of everybody and every model, the oldest first."""
        return tuple(each.release for each in await self.kept())

    async def kept(self) -> tuple[Kept, ...]:
        """The same, with what they would be trained again by."""
        found = filter(None, self._parsed.all(await self._vault.ledger.list(KIND)))
        return tuple(sorted(found, key=lambda each: (each.release.at, each.release.name)))

    async def one(self, name: str) -> Kept | None:
        """One of them."""
        return _read(await self._vault.ledger.read(KIND, name), Kept)

    async def current(self) -> dict[str, str]:
        """The name of the adapter that answers, by the key of its topic and user."""
        return {note.key: str(note.value) for note in await self._vault.ledger.list(CURRENT)}

    async def wants(self) -> tuple[Want, ...]:
        """What is being trained, or will be, the oldest first."""
        return tuple(sorted(await self._every(WANTED, Want), key=lambda each: each.at))

    async def refusals(self) -> tuple[Refusal, ...]:
        """What was refused last, of each topic and user."""
        return tuple(await self._every(REFUSED, Refusal))

    async def owed(self) -> tuple[Release, ...]:
        """The adapters that the backend still has to remove."""
        return tuple(kept.release for kept in await self._every(OWED, Kept))

    async def unlearnt(self) -> tuple[str, ...]:
        """The memories from which the backend still has to remove what was trained."""
        return tuple(note.key for note in await self._vault.ledger.list(UNLEARNT))

    async def want(self, want: Want) -> None:
        """It is to be trained."""
        await self._write(Noted(WANTED, want.key, _told(want)))

    async def unwant(self, want: Want) -> None:
        """It is not any more."""
        await self._write(Noted(WANTED, want.key, None))

    async def promoted(self, kept: Kept) -> None:
        """It was trained, and answers from now on; an earlier end of the same must not end this one."""
        name, key = kept.release.name, kept.want.key
        await self._write(
            Noted(KIND, name, _told(kept)),
            Noted(CURRENT, key, name),
            Noted(WANTED, key, None),
            Noted(REFUSED, key, None),
            Noted(OWED, name, None),
        )

    async def shared(self, want: Want, release: Release) -> None:
        """Somebody else had it trained from the same memories: it answers for the topic of both."""
        notes = (Noted(kind, want.key, None) for kind in (WANTED, REFUSED))
        await self._write(Noted(CURRENT, want.key, release.name), *notes)

    async def refused(self, want: Want, refusal: Refusal) -> None:
        """It was trained and may not be used."""
        value = _told(refusal)
        await self._write(Noted(REFUSED, want.key, value), Noted(WANTED, want.key, None))

    async def turned(self, release: Release) -> None:
        """This one of its topic answers from now on."""
        await self._write(Noted(CURRENT, key_of(release.topic, release.by), release.name))

    async def retired(self, kept: Kept, again: Want | None) -> None:
        """It is out of reach, and owed its end; if it answered, its topic has none, and is trained `again`."""
        name, key = kept.release.name, kept.want.key
        answered = {its for its, current in (await self.current()).items() if current == name}
        notes = [Noted(KIND, name, None), Noted(OWED, name, _told(kept))]
        notes += [Noted(CURRENT, its, None) for its in sorted(answered)]
        if key in answered and again is not None:
            notes.append(Noted(WANTED, key, _told(again)))
        await self._write(*notes)

    async def paid(self, release: Release) -> None:
        """The backend has removed it."""
        await self._write(Noted(OWED, release.name, None))

    async def unlearn(self, ids: Sequence[str], *, done: bool) -> None:
        """What was trained from these has to be removed, or was."""
        await self._write(*(Noted(UNLEARNT, id, None if done else True) for id in ids))

    async def _every(self, kind: str, of: type[T]) -> list[T]:
        found = (_read(note, of) for note in await self._vault.ledger.list(kind))
        return [each for each in found if each is not None]

    async def _write(self, *notes: Noted) -> None:
        if notes:
            await self._vault.commit((), caller=SYSTEM, notes=notes)


def key_of(topic: str, by: str) -> str:
    """By which notes of a user's topic are found."""
    return f"{topic} {by}"


def _read(note: Note | None, of: type[T]) -> T | None:
    with contextlib.suppress(ValidationError):
        return None if note is None else _form(of).validate_python(note.value)
    return None


def _told(of: Kept | Want | Refusal) -> JsonValue:
    return _form(type(of)).dump_python(of, mode="json")
