"""class Memos: the public API. `remember` and `recall` read top to bottom as the two journeys of the system."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import anyio
from pydantic import JsonValue

from memos_mcp.answers import Namespace, Page, Recall, Recalled, Remembered, Status
from memos_mcp.cube import Kind, MemCube, Plaintext, Ref, SourceClass
from memos_mcp.errors import Conflict, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.cubes import drafted, named
from memos_mcp.interface.duplicates import statement_key
from memos_mcp.interface.reader import check_text
from memos_mcp.interface.update import updated
from memos_mcp.operation.context import pack
from memos_mcp.operation.lanes import Lanes
from memos_mcp.operation.operator import Fused
from memos_mcp.ports import (
    Caller,
    Change,
    Event,
    How,
    MemoryAdapter,
    MemReader,
    Name,
    Route,
)

MOST = 100  # memories in one answer
MOST_TOKENS = 100_000  # of context
_LOOK = 0.02  # seconds between two looks at what is under way
_ATTEMPTS = 100  # each time another change went through, so only a crowd comes near


def _now() -> datetime:
    return datetime.now(UTC)


class Memos:
    """A memory system as one caller sees it.

    Everything is checked against the caller; `acting_as` gives another caller's view of the same system. Use as
    `async with`, or call `aclose` at the end. Every verb may raise Unavailable, Corrupt, Misconfigured.
    """

    def __init__(
        self,
        *,
        vault: MemoryAdapter,
        reader: MemReader,
        routes: Sequence[Route],
        caller: Caller,
        path: str | None = None,
        clock: Callable[[], datetime] = _now,
        about: str = "",
        closing: AsyncExitStack | None = None,
    ) -> None:
        self.caller = caller
        self._vault = vault
        self._reader = reader
        self._routes = tuple(routes)
        self._lanes = Lanes(routes)
        self._path = path
        self._clock = clock
        self._about = about
        self._closing = closing or AsyncExitStack()

    async def remember(
        self,
        content: JsonValue,
        *,
        path: str | None = None,
        source: str = "",
        source_class: SourceClass = "user",
        session: str | None = None,
        speaker: str | None = None,
        said_at: datetime | None = None,
        uri: str | None = None,
        kind: Kind | None = None,
        tags: Sequence[str] = (),
    ) -> Remembered:
        """Store what a text, a message or a list of messages says; all of it or, on an error, nothing.

        A statement already known at the path is counted instead of stored again. `source` names where it comes from:
        remembering the same source twice changes nothing. Cost: about 0.1 ms a message and one disk sync.
        Raises InvalidInput, Denied.
        """
        home = governance.check_write(self.caller, path or self._home())
        given = checks.check_origin(
            source=source,
            source_class=source_class,
            session=session,
            speaker=speaker,
            said_at=said_at,
            uri=uri,
            actor=self.caller.user,
        )
        labels, owner, now = checks.check_tags(tags), self.caller.user, self._clock()
        checks.check_kinds([kind] if kind else [])
        reading = await self._reader.read(content, origin=given)
        cubes = [drafted(draft, home, owner=owner, kind=kind, tags=labels, now=now) for draft in reading.drafts]
        changes = [Change("remember", c.id, c, once=d.once) for c, d in zip(cubes, reading.drafts, strict=True)]
        events = await self._vault.commit(changes, caller=self.caller)
        await self._lanes.apply(events)
        new = sum(event.action == "remember" for event in events)
        return Remembered(home, tuple(e.subject for e in events), new, len(events) - new, reading.fallback)

    async def recall(
        self,
        question: str,
        *,
        path: str | None = None,
        limit: int = 10,
        budget: int = 1500,
        lanes: Sequence[str] = (),
    ) -> Recall:
        """The memories that answer a question, best first, packed into `budget` tokens of context.

        Searches beneath `path`, or everything the caller may read. A lane that fails is named in `missing`; recall
        fails only if all do. Cost: 1 ms at 1,000 memories, 6 ms at 50,000. Raises InvalidInput, Denied.
        """
        asked = check_text(question, "the question")
        where = governance.readable(self.caller, path or self._path)
        chosen = self._lanes.chosen(lanes)
        checks.check_range("limit", limit, MOST)
        checks.check_range("budget", budget, MOST_TOKENS)
        people = await self._lanes.people(where)
        call = self._reader.understand(asked, now=self._clock(), people=people, asker=self.caller.user)
        ranking = await chosen.rank(call, where, limit)
        memories = await self._fetch(ranking.fused[:limit])
        packed = pack([m.cube for m in memories], budget)
        return Recall(
            question=question,
            context=packed.text,
            memories=memories,
            used=packed.used,
            left_out=packed.left_out,
            paths=where.paths,
            searched=ranking.searched,
            missing=ranking.missing,
            pending=ranking.pending,
        )

    async def put(
        self,
        path: str | None,
        key: str,
        *,
        text: str | None = None,
        data: JsonValue = None,
        kind: Kind = "document",
        tags: Sequence[str] = (),
        expect: int | None = None,
    ) -> MemCube:
        """Store exactly this text or JSON value under a key: no reader, no duplicate rule.

        A key in use gets a new version. `expect` is the version that must be current (0: none yet); without it the
        last write wins. Raises InvalidInput, Denied, Conflict.
        """
        home = governance.check_write(self.caller, path or self._home())
        name = Name(home, checks.check_key(key))
        labels = checks.check_tags(tags)
        checks.check_kinds([kind])
        if text is None and data is None:
            raise InvalidInput("there is nothing to put: give text or data")
        payload = Plaintext(text=checks.check_note(text or "", "the text"), data=checks.check_data(data))

        async def attempt() -> MemCube:
            old = next(iter(await self._vault.get([name])), None)
            version = old.version if old else 0
            if expect not in (None, version):
                raise Conflict(f"{name.key!r} at {home} is at version {version}, not {expect}: read it again first")
            cube = named(name, payload, old, owner=self.caller.user, kind=kind, tags=labels, now=self._clock())
            try:
                return (await self._committed(Change("put", cube.id, cube, expect=version))).cube or cube
            except NotFound as exc:
                raise Conflict(f"{name.key!r} at {home} was forgotten meanwhile: repeat") from exc

        return await self._repeated(attempt, expect)

    async def get(
        self, id: str | None = None, *, path: str | None = None, key: str | None = None, version: int | None = None
    ) -> MemCube:
        """One memory, by id or by the key it was put under; `version` chooses an earlier one. Raises NotFound."""
        if (id is None) == (key is None):
            raise InvalidInput("give either the id of a memory or its key")
        if version is not None and version < 1:
            raise InvalidInput(f"versions begin at 1; there is no version {version}")
        if key is not None:
            home = governance.readable(self.caller, path or self._home()).paths[0]
            found = await self._vault.get([Name(home, checks.check_key(key))])
            if found and version not in (None, found[0].version):
                found = await self._vault.get([Ref(id=found[0].id, version=version)])
        else:
            found = await self._vault.get([Ref(id=checks.check_id(id), version=version)])
        if not found or not governance.may_read(self.caller, found[0].path):
            raise self._unknown(key or id or "", version)
        return found[0]

    async def browse(
        self,
        path: str | None = None,
        *,
        kinds: Sequence[Kind] = (),
        tags: Sequence[str] = (),
        limit: int = 20,
        after: int = 0,
    ) -> Page:
        """Memories newest first; `after` of the last page continues. Raises InvalidInput, Denied."""
        checks.check_range("limit", limit, MOST)
        where = governance.readable(self.caller, path or self._path)
        rows = await self._vault.scan(
            where, kinds=checks.check_kinds(kinds), tags=checks.check_tags(tags), after=after, limit=limit + 1
        )
        total = sum((await self._vault.count(where.paths)).values())
        more = rows[limit - 1][0] if len(rows) > limit else 0
        return Page(tuple(cube for _, cube in rows[:limit]), where.paths, total, more)

    async def namespaces(self, path: str | None = None) -> tuple[Namespace, ...]:
        """The paths that hold memories, and how many."""
        where = governance.readable(self.caller, path)
        counts = await self._vault.count(where.paths)
        return tuple(Namespace(at, counts[at]) for at in sorted(counts))

    async def update(
        self,
        id: str,
        text: str | None = None,
        *,
        data: JsonValue = None,
        how: How = "overwrite",
        kind: Kind | None = None,
        tags: Sequence[str] | None = None,
        expect: int | None = None,
        reason: str = "",
    ) -> MemCube:
        """Write a new version: `overwrite` the text, `append` a line, or `merge` in the lines not yet there.

        `data` is replaced, extended (lists) or patched (objects, RFC 7396) likewise. `expect` is the version it was
        read at. A change that changes nothing makes no version. Raises NotFound, Denied, Conflict, InvalidInput.
        """
        if text is None and data is None and kind is None and tags is None:
            raise InvalidInput("there is nothing to update: give text, data, kind or tags")
        checks.check_kinds([kind] if kind else [])
        why, value = checks.check_reason(reason), checks.check_data(data)
        labels = None if tags is None else checks.check_tags(tags)

        async def attempt() -> MemCube:
            old = await self.get(id)
            governance.check_write(self.caller, old.path)
            if expect not in (None, old.version):
                raise Conflict(f"memory {id} is at version {old.version}, not {expect}: read it again, then repeat")
            words = None if text is None else check_text(text, "the new text", empty=old.key is not None)
            payload = updated(old, words, value, how)
            new = {"payload": payload, "kind": kind or old.kind, "tags": old.tags if labels is None else labels}
            cube = old.model_copy(update=new)
            if cube == old:
                return old
            stated = old.key is None and old.origin.session is None
            once = statement_key(payload.text, old.origin.speaker) if stated else None
            cube = cube.model_copy(update={"version": old.version + 1})
            change = Change("update", id, cube, expect=old.version, once=once, reason=why)
            return (await self._committed(change)).cube or cube

        return await self._repeated(attempt, expect)

    async def forget(self, id: str, *, expect: int | None = None, reason: str = "") -> Event:
        """Remove a memory: the words of all its versions are deleted; the log keeps who, when and why.

        Raises NotFound, Denied, Conflict.
        """
        why = checks.check_reason(reason)
        old = await self.get(id)
        governance.check_write(self.caller, old.path)
        return await self._committed(Change("forget", old.id, expect=expect, reason=why))

    async def forget_all(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Remove memories, all of them or, on an error, none; as `forget`. Raises NotFound, Denied."""
        why = checks.check_reason(reason)
        olds = [await self.get(id) for id in dict.fromkeys(ids)]
        for old in olds:
            governance.check_write(self.caller, old.path)
        return await self._all_committed([Change("forget", old.id, reason=why) for old in olds])

    async def rename(
        self, keys: Mapping[str, str], *, path: str | None = None, reason: str = ""
    ) -> tuple[MemCube, ...]:
        """Give memories other keys at the same path, all of them or, on an error, none; ids and versions stay.

        Raises InvalidInput, NotFound, Denied, Conflict: a new key is in use, or one was changed meanwhile.
        """
        home = governance.check_write(self.caller, path or self._home())
        why, names = checks.check_reason(reason), [checks.check_key(new) for new in keys.values()]
        olds = [await self.get(path=home, key=key) for key in keys]
        cubes = [
            old.model_copy(update={"version": old.version + 1, "key": new})
            for old, new in zip(olds, names, strict=True)
        ]
        changes = [Change("update", c.id, c, expect=c.version - 1, reason=why) for c in cubes]
        events = await self._all_committed(changes)
        return tuple(event.cube or cube for event, cube in zip(events, cubes, strict=True))

    async def history(self, id: str) -> tuple[Event, ...]:
        """Every line of the log about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        events = await self._vault.events(subject=checks.check_id(id), limit=10_000)
        if not events or not governance.may_read(self.caller, events[0].path):
            raise self._unknown(id, None)
        return tuple(events)

    async def status(self) -> Status:
        """Where memories go, how many there are, and how each lane is."""
        where = governance.readable(self.caller, self._path)
        counts = await self._vault.count(where.paths)
        return Status(
            user=self.caller.user,
            path=self._home(),
            paths=where.paths,
            memories=sum(counts.values()),
            lanes=self._lanes.states(),
            vault=self._about,
        )

    async def settle(self, seconds: float = 60.0) -> Status:
        """Wait until no lane has anything to do in the background, so many seconds at most; then as `status`."""
        with anyio.move_on_after(seconds):
            while any(lane.busy for lane in self._lanes.states()):  # noqa: ASYNC110 - lanes tell their state, no more
                await anyio.sleep(_LOOK)
        return await self.status()

    async def rebuild(self, lane: str) -> None:
        """Build a lane's projection again from the log. Cost: about 80 µs a memory. Raises InvalidInput."""
        await self._lanes.chosen([lane]).rebuild()

    def acting_as(self, caller: Caller) -> Memos:
        """The same system as another caller sees it; shares everything, costs nothing."""
        return Memos(
            vault=self._vault,
            reader=self._reader,
            routes=self._routes,
            caller=caller,
            clock=self._clock,
            about=self._about if caller.user == self.caller.user else "",
        )

    async def aclose(self) -> None:
        """Finish and close the vault."""
        await self._closing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _home(self) -> str:
        return self._path or governance.home(self.caller)

    async def _committed(self, change: Change) -> Event:
        (event,) = await self._all_committed([change])
        return event

    async def _all_committed(self, changes: Sequence[Change]) -> tuple[Event, ...]:
        events = await self._vault.commit(changes, caller=self.caller)
        await self._lanes.apply(events)
        return tuple(events)

    async def _repeated(self, attempt: Callable[[], Awaitable[MemCube]], expect: int | None) -> MemCube:
        """Begin anew when somebody else came first, unless the caller said which version he means."""
        for _ in range(_ATTEMPTS if expect is None else 0):
            with contextlib.suppress(Conflict):
                return await attempt()
        return await attempt()

    async def _fetch(self, ranking: Sequence[Fused]) -> tuple[Recalled, ...]:
        """The cubes behind the hits; a second look at who may read them, now that the paths are known."""
        cubes = {cube.ref: cube for cube in await self._vault.get([fused.ref for fused in ranking])}
        return tuple(
            Recalled(cubes[fused.ref], fused.score, fused.lanes)
            for fused in ranking
            if fused.ref in cubes and governance.may_read(self.caller, cubes[fused.ref].path)
        )

    def _unknown(self, what: str, version: int | None) -> NotFound:
        which = f" version {version}" if version else ""
        return NotFound(f"{self.caller.user} has no memory {what!r}{which}; recall or browse to find its id")
