"""Activation memory follows the log: KV blocks of memories, as long as each of these is what was read (long §5.4.2).

The plaintext stays the truth. What blocks there are stands in the ledger, so that every process of a vault knows them;
the backend has the bytes. A block with a memory that is changed, moved or forgotten is dropped at once, and none is
used before each of its memories was looked at again (`standing.py`). A process that was killed in between leaves a
debt, or bytes without a record: nothing can reach them, and the next look takes them along.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import replace
from datetime import datetime

import anyio
from pydantic import JsonValue, TypeAdapter

from memos_mcp.activation import LastingBackend, Progress, Reply, Room, Source
from memos_mcp.answers import KvBlock, Prefix, kept_for
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, MemCube
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.dialogues import is_over
from memos_mcp.interface.framing import as_line
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.parsed import Parsed
from memos_mcp.interface.standing import Standing, words
from memos_mcp.ledger import Note
from memos_mcp.operation import prefixes
from memos_mcp.ports import MAIN, Event, MemoryAdapter

logger = logging.getLogger(__name__)

KIND = "kv"
"""The kind of the ledger's notes that are blocks."""
HITS = "kv.hits"
"""The kind of those that count their uses."""
OWED = "kv.owed"
"""The kind of those whose bytes the backend still has to remove."""
_TRIES = 8
_LEFT = 1000  # forgotten memories of which it is known what is left
_QUIET = frozenset({"sight"})  # lines that change nothing of what is read
_BLOCK = TypeAdapter(KvBlock)
_COUNTED = {"hits", "saved", "last_used_at"}


class Activations:
    """The KV blocks of a vault."""

    name = "activation"

    def __init__(
        self,
        vault: MemoryAdapter,
        backend: LastingBackend,
        guard: Guard,
        clock: Callable[[], datetime],
        *,
        dialogues: bool = False,
    ) -> None:
        """`dialogues`: answers may leave blocks behind."""
        self.in_dialogues = dialogues
        self._vault, self._backend, self._guard, self._clock = vault, backend, guard, clock
        self._standing = Standing(vault, guard)
        self._building = anyio.Lock()
        self._left: dict[str, str] = {}
        self._parsed = Parsed(_plain)

    @property
    def model(self) -> str:
        """The model that blocks are built for here."""
        return self._backend.model

    async def room(self) -> Room:
        """How much may be kept. Raises Misconfigured, MissingExtra, Unavailable."""
        return await self._backend.room()

    @property
    def building(self) -> bool:
        """Is a block being built here, so that another would have to wait for it?"""
        return self._building.locked()

    async def capacity(self) -> Capacity | None:
        """How much the model reads and how busy it is; None before it was asked anything here."""
        return await self._backend.capacity()

    async def blocks(self, *, counted: bool = True) -> tuple[KvBlock, ...]:
        """Every block there is, of everybody and every model, the oldest first; with hits, if they are `counted`."""
        ledger = self._vault.ledger
        notes = await ledger.list(KIND)
        hits = {note.key: note.value for note in await ledger.list(HITS)} if notes and counted else {}
        found = (_used(block, hits.get(block.name)) for block in self._parsed.all(notes))
        return tuple(sorted(found, key=lambda each: (each.at, each.name)))

    async def block(self, name: str) -> KvBlock:
        """One of them. Raises NotFound."""
        note = await self._vault.ledger.read(KIND, name)
        if note is None:
            raise self.unknown(name)
        hits = await self._vault.ledger.read(HITS, name)
        return _read(note, hits and hits.value)

    async def pace(self) -> float | None:
        """Seconds that this model takes to read a token, as last measured by a block; it is not opened for that."""
        measured = [each.pace for each in await self.blocks(counted=False) if each.model == self.model and each.pace]
        return measured[-1] if measured else None

    def unknown(self, name: str) -> NotFound:
        """What is said of a block that is not there, or not for who asks: the same."""
        return NotFound(f"there is no KV block {name!r}: `memos kv list` shows those there are")

    async def build(
        self, cubes: Sequence[MemCube], *, by: str, user: str = "", pinned: bool = False, told: Progress | None = None
    ) -> KvBlock:
        """A block of these memories, as they are in the vault, in the order of their age; the same if there is one.

        `user`: it is of a dialogue of his, and for nobody else.
        Costs about as much as one question with all of them. Raises InvalidInput (one cannot be kept, or all are too
        much), Conflict (one was changed meanwhile: nothing is kept), and as the backend.
        """
        chosen = self._chosen(cubes)
        tenant, sources = prefixes.tenant_of(chosen), [self._source(cube) for cube in chosen]
        apart = kept_for(tenant, user)
        async with self._building:
            started = time.perf_counter()
            activation = await self._backend.warm(sources, tenant=apart, pinned=pinned, told=told)
            seconds = time.perf_counter() - started
            room = await self._backend.room()
        block = KvBlock(
            name=_name(activation, apart),
            activation=activation,
            model=self.model,
            bytes=room.per_token * activation.tokens,
            at=self._clock(),
            seconds=seconds,
            by=by,
            tenant=tenant,
            pace=room.seconds,
            pinned=pinned,
            user=user,
        )
        kept = await self._noted(block)
        await self._vault.ledger.write(OWED, kept.name, None)  # an earlier drop of the same must not end this one
        if await self._standing.of(kept) is None:
            await self.drop([kept.name], why="a memory in it was changed while it was read")
            raise Conflict("a memory was changed while the model read it: build the block again")
        return kept

    async def drop(self, names: Collection[str], *, why: str) -> str:
        """Remove blocks, at once: nothing can reach them any more. Returns what of that cannot be promised.

        What the backend cannot be told now, it is told later. Those that are not there are no error.
        """
        cannot: dict[str, None] = {}
        for name in names:
            note = await self._vault.ledger.read(KIND, name)
            if note is not None:
                await self._vault.ledger.write(OWED, name, note.value)
                logger.info("a KV block is dropped", extra={"block": name, "why": why})
                cannot[await self._paid(name)] = None
        return " ".join(filter(None, cannot))

    async def _paid(self, name: str) -> str:
        """A block that is to be dropped is, here and at the backend."""
        owed = await self._vault.ledger.read(OWED, name)
        for kind in (KIND, HITS):
            await self._vault.ledger.write(kind, name, None)
        if owed is None:
            return ""
        try:
            said = await self._backend.drop(_read(owed, None).activation)
        except Corrupt as exc:
            logger.warning("what a KV block takes is not known", extra={"block": name, "why": str(exc)})
            said = "What the ledger said of it could not be read: what it takes is freed when nobody needs it."
        except (Unavailable, Misconfigured) as exc:
            logger.warning("what a KV block takes is freed later", extra={"block": name, "why": str(exc)})
            return f"The block is out of reach, but what it takes is freed later: {exc}"
        await self._vault.ledger.write(OWED, name, None)
        return said

    async def pin(self, name: str, *, on: bool) -> KvBlock:
        """Keep a block whatever comes, or no longer. Raises NotFound, Conflict.

        The backend is told of a pin when it reads the memories, now or again; what it holds now, it holds as it did.
        """
        for _ in range(_TRIES):
            block, note = await self.block(name), await self._vault.ledger.read(KIND, name)
            if block.pinned == on or note is None:
                return block
            value: JsonValue = _BLOCK.dump_python(replace(block, pinned=on), mode="json", exclude=_COUNTED)
            with contextlib.suppress(Conflict):
                await self._vault.ledger.write(KIND, name, value, expect=note.revision)
                return replace(block, pinned=on)
        raise Conflict("other processes are changing the same KV block: try again")

    async def verify(self, name: str) -> str:
        """Why a block cannot be used as it is; empty if it can. Raises NotFound (there is none), Unavailable."""
        return (await self.looked_at(name))[0]

    async def looked_at(self, name: str) -> tuple[str, bool]:
        """The same, and whether that is all: the backend does not hold it here, so the next question has it read again.

        Raises NotFound (there is none), Unavailable, Misconfigured.
        """
        block = await self.block(name)
        if await self._standing.of(block) is None:
            return "a memory in it is not what was read any more", False
        try:
            await self._backend.verify(block.activation)
        except (NotFound, Corrupt, InvalidInput) as exc:
            return str(exc), isinstance(exc, NotFound)
        return "", False

    async def apply(self, events: Sequence[Event]) -> None:
        """Drop what contained a memory that these lines changed. Raises Unavailable."""
        changed = [each for each in events if each.branch == MAIN and each.subject and each.action not in _QUIET]
        gone = {each.subject for each in changed if each.action == "forget"}
        ids = {each.subject for each in changed}
        blocks = await self.blocks(counted=False) if ids else ()
        over = [each for each in prefixes.touched(blocks, ids) if await self._standing.of(each) is None]
        for block in over:
            said = await self.drop([block.name], why="a memory in it was changed")
            self._left |= {ref.id: said for ref in block.sources if said and ref.id in gone}
        for id in list(self._left)[:-_LEFT]:
            del self._left[id]
        if over:
            await self._tidied()

    def left(self, ids: Collection[str]) -> tuple[str, ...]:
        """What the backend could not promise when the blocks of these memories, forgotten just now, were dropped."""
        return tuple(dict.fromkeys(self._left.pop(id) for id in ids if id in self._left))

    async def follow(self) -> None:
        """Drop every block with a memory that is not what was read any more, and what earlier drops left behind."""
        for block in await self.blocks():
            if await self._standing.of(block) is None:
                await self.drop([block.name], why="a memory in it was changed")
            elif is_over(block, self._clock()):
                await self.drop([block.name], why="its dialogue is over")
        await self._tidied()

    async def _tidied(self) -> None:
        """What earlier drops could not finish is done, and what no record names is gone."""
        for note in await self._vault.ledger.list(OWED):
            await self._paid(note.key)
        await self._backend.tidy([block.activation for block in await self.blocks(counted=False)])

    async def covering(self, on: Bound, used: Sequence[MemCube], beneath: Sequence[str]) -> Prefix | None:
        """The block that saves most of reading these, of those that whoever asks may use beneath these paths."""
        user, there = on.caller.user, await self.blocks(counted=False)
        blocks = [each for each in there if each.model == self.model and each.is_for(user)]
        for block, covers in prefixes.serving(blocks, used):
            if await self._standing.usable(on, block, beneath) is not None:
                return Prefix(block.name, block.activation.tokens, block.sources, covers)
        return None

    async def answer(
        self, on: Bound, prefix: Prefix, prompt: str, *, beneath: Sequence[str], limit: int, new: bool = False
    ) -> tuple[Reply, tuple[MemCube, ...]]:
        """What the model says after a block, and the memories in it as whoever asks sees them.

        What the backend has lost is read again; a `new` block was read for this answer. Raises NotFound (it may not be
        used any more), and as the backend.
        """
        block = await self.block(prefix.block)
        cubes = await self._standing.usable(on, block, beneath)
        if cubes is None:
            raise NotFound("a memory in the KV block was changed meanwhile")
        try:
            reply = await self._backend.generate(block.activation, prompt, tenant=block.kept_for, limit=limit)
        except (NotFound, Corrupt, InvalidInput) as exc:
            if isinstance(exc, InvalidInput) and not await self.verify(block.name):
                raise
            block = await self._again(block, cubes)
            reply = await self._backend.generate(block.activation, prompt, tenant=block.kept_for, limit=limit)
            if block.activation.blob is not None:  # a server may still have had what this process did not know
                reply = replace(reply, cold=True, reused=0)
        if new:
            reply = replace(reply, reused=0, read=reply.read + reply.reused)
        await self._counted(block.name, 0 if reply.cold else reply.reused)
        return reply, tuple(cube for cube in map(on.shown, cubes) if cube is not None)

    async def plain(self, on: Bound, prompt: str, *, limit: int) -> Reply:
        """What the model says to a prompt without any block; kept apart from what others ask. Raises as the backend."""
        return await self._backend.generate(None, prompt, tenant=f"user {on.caller.user}", limit=limit)

    async def aclose(self) -> None:
        """Let go of the backend; the blocks stay."""
        await self._backend.aclose()

    async def _again(self, block: KvBlock, cubes: Sequence[MemCube]) -> KvBlock:
        """The same memories, read again; what is left of the block goes if it is another one now."""
        again = await self.build(cubes, by=block.by, user=block.user, pinned=block.pinned)
        if again.name != block.name:
            await self.drop([block.name], why="it was lost, and its memories were read again")
        return again

    def _chosen(self, cubes: Sequence[MemCube]) -> tuple[MemCube, ...]:
        if not cubes:
            raise InvalidInput("a KV block is made of memories: name at least one")
        for cube in cubes:
            if not prefixes.keepable(self._guard.seen(cube)):
                raise InvalidInput(
                    f"memory {cube.id} cannot stand in a KV block: it has no words, is archived, over or in quarantine"
                )
        return prefixes.ordered(cubes)

    def _source(self, cube: MemCube) -> Source:
        seen = self._guard.seen(cube)
        return Source(cube.ref, as_line({"id": cube.id, "from": cube.origin.source_class, "text": words(seen)}))

    async def _noted(self, block: KvBlock) -> KvBlock:
        """In the ledger; one that is there already stays, and is pinned if this one is."""
        value: JsonValue = _BLOCK.dump_python(block, mode="json", exclude=_COUNTED)
        for _ in range(_TRIES):
            note = await self._vault.ledger.read(KIND, block.name)
            if note is not None:
                old = _read(note, None)
                if old.pinned == block.pinned or not block.pinned:
                    return old
                value = _BLOCK.dump_python(replace(old, pinned=True), mode="json", exclude=_COUNTED)
            with contextlib.suppress(Conflict):
                await self._vault.ledger.write(KIND, block.name, value, expect=note.revision if note else 0)
                return _BLOCK.validate_python(value)
        raise Conflict("other processes are building the same KV block: try again")

    async def _counted(self, name: str, saved: int) -> None:
        """One more use; that it is not counted fails no answer."""
        try:
            for _ in range(_TRIES):
                note = await self._vault.ledger.read(HITS, name)
                hits, before = _hits(note.value) if note else (0, 0)
                value: JsonValue = {"hits": hits + 1, "saved": before + saved, "at": self._clock().isoformat()}
                with contextlib.suppress(Conflict):
                    await self._vault.ledger.write(HITS, name, value, expect=note.revision if note else 0)
                    return
        except MemosError as exc:
            logger.info("the use of a KV block is not counted", extra={"block": name, "why": str(exc)})


def _name(activation: Activation, apart: str) -> str:
    """The same memories read by the same model for the same people have one name, in whatever process."""
    refs = "\n".join(f"{ref.id} {ref.version}" for ref in activation.sources)
    return hashlib.sha256(f"{activation.fingerprint}\n{apart}\n{refs}".encode()).hexdigest()[:16]


def _read(note: Note, hits: JsonValue) -> KvBlock:
    """The block that a note of the ledger is of. Raises Corrupt."""
    return _used(_plain(note), hits)


def _plain(note: Note) -> KvBlock:
    with _readable(note.key):
        return _BLOCK.validate_python(note.value)


def _used(block: KvBlock, hits: JsonValue) -> KvBlock:
    if not isinstance(hits, dict):
        return block
    with _readable(block.name):
        number, saved = _hits(hits)
        return replace(block, hits=number, saved=saved, last_used_at=datetime.fromisoformat(str(hits.get("at"))))


@contextlib.contextmanager
def _readable(name: str) -> Generator[None]:
    try:
        yield
    except ValueError as exc:
        raise Corrupt(f"what the ledger says of the KV block {name} cannot be read: `memos kv drop` it") from exc


def _hits(value: JsonValue) -> tuple[int, int]:
    return (int(str(value.get("hits", 0))), int(str(value.get("saved", 0)))) if isinstance(value, dict) else (0, 0)
