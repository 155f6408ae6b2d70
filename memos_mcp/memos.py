"""class Memos: the public API. `remember` is the first journey of the system; that of `recall` is `recalling.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Self

from pydantic import JsonValue

from memos_mcp.accesses import AccessLog
from memos_mcp.activation import LastingBackend
from memos_mcp.answers import Answer, Namespace, Page, Recall, Remembered, Status
from memos_mcp.cube import Interval, Kind, MemCube, Ref, SourceClass
from memos_mcp.errors import Conflict, InvalidInput
from memos_mcp.interface import answering, branches, checks, followers
from memos_mcp.interface.before import Said, turns_of
from memos_mcp.interface.bound import Bound, Never, When, now_in_utc
from memos_mcp.interface.consolidating import following
from memos_mcp.interface.cubes import drafted
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.offices import Offices
from memos_mcp.interface.putting import Given, put_under, renamed
from memos_mcp.interface.recalling import Asked, recalled
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.sifting import page, sieve_of
from memos_mcp.interface.spending import Spending
from memos_mcp.interface.statuses import status_of
from memos_mcp.interface.update import Edit, Rewrite
from memos_mcp.interface.waiting import settled
from memos_mcp.models import Answerer
from memos_mcp.operation.hot import Hot
from memos_mcp.operation.lanes import Lanes
from memos_mcp.operation.lifecycle import Move
from memos_mcp.operation.paths import MemoryPathResolver
from memos_mcp.parametric import AdapterBackend
from memos_mcp.ports import Caller, Change, Event, How, MemoryAdapter, MemReader, Name, Route, Which
from memos_mcp.traversal import Traversal

MOST = 100  # memories in one answer
MOST_TOKENS = 100_000  # of context


@recorded()
class Memos(Offices):
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
        clock: Callable[[], datetime] = now_in_utc,
        guard: Guard | None = None,
        accesses: AccessLog | None = None,
        about: str = "",
        hot: int = 64,
        graph: Traversal | None = None,
        closing: AsyncExitStack | None = None,
        consolidation: bool = False,
        scheduling: followers.Terms | None = None,
        answerer: Answerer | None = None,
        backend: LastingBackend | None = None,
        parametric: AdapterBackend | None = None,
        spending: Spending | None = None,
    ) -> None:
        self.caller = caller
        on = Bound(vault, Lanes(routes), caller, path, clock, guard or Guard(), accesses, graph=graph)
        on = replace(on, spending=spending, alone=answerer is None)
        self._reader = reader
        self._routes, self._answerer = tuple(routes), answerer
        self._resolver, self._hot = MemoryPathResolver(), Hot(vault, hot)
        self._about = about
        self._whole = True
        self._closing = closing or AsyncExitStack()
        on = followers.projected(on, self._routes, self._closing, backend, parametric, scheduling)
        self._on = following(on, self._routes, self._closing) if consolidation else on

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
        expires: datetime | timedelta | None = None,
        settle: bool = False,
    ) -> Remembered:
        """Store what a text, a message or a list of messages says; all of it or, on an error, nothing.

        A statement already known at the path is counted instead of stored again. `source` names where it comes from:
        remembering the same source twice changes nothing. Secrets are masked; what gives orders and is not from the
        user goes to quarantine. New memories are over at the time `expires`, or so long from now. `settle` waits as the
        verb does. Cost: about 0.1 ms a message and one disk sync. Raises InvalidInput, Denied.
        """
        home = self._on.writable(path)
        given = checks.check_origin(
            source=source,
            source_class=source_class,
            session=session,
            speaker=speaker,
            said_at=said_at,
            uri=uri,
            actor=self.caller.user,
        )
        labels, owner, now = self._on.guard.labels(checks.check_tags(tags)), self.caller.user, self._on.clock()
        checks.check_kinds([kind] if kind else [])
        end = checks.check_end(expires, now)
        reading = await self._on.guard.read(self._reader, content, given)
        cubes = [drafted(d, home, owner=owner, kind=kind, tags=labels, now=now, end=end) for d in reading.drafts]
        changes = [Change("remember", c.id, c, once=d.once) for c, d in zip(cubes, reading.drafts, strict=True)]
        events = await self._on.commit(*changes)
        new = [event.cube for event in events if event.action == "remember"]
        if settle:
            await self.settle()
        return Remembered(
            home,
            tuple(event.subject for event in events),
            len(new),
            len(events) - len(new),
            reading.fallback,
            masked=reading.masked,
            quarantined=sum(cube is not None and bool(cube.quarantined) for cube in new),
        )

    async def recall(
        self,
        question: str,
        *,
        path: str | None = None,
        limit: int = 10,
        budget: int = 1500,
        lanes: Sequence[str] = (),
        at: When | None = None,
        during: Interval | None = None,
        where: str = "",
        turns: Sequence[Said] = (),
        explain: bool = False,
    ) -> Recall:
        """The memories that answer a question, best first, packed into `budget` tokens of context.

        Searches beneath `path`, or everything the caller may read: as it was `at` a moment or snapshot. `during` is the
        time asked about, instead of what the question says; what it refers to is looked for in the `turns` before it.
        Only what `where` says is taken (docs/reference/query.md), and ranked by its words too. With `explain` the
        answer has its plan. A lane that fails is named in `missing`; recall fails only if all do. Cost: 2 ms at 1,000
        memories, 7 ms at 50,000. Raises InvalidInput, Denied, NotFound.
        """
        checks.check_range("limit", limit, MOST)
        checks.check_range("budget", budget, MOST_TOKENS)
        before, among = turns_of(turns), tuple(lanes)
        asked = Asked(question, path, limit, budget, among, at, during, where, before, explain)
        return await recalled(self._on, self._reader, self._resolver, self._hot, asked)

    async def ask(
        self,
        question: str,
        *,
        path: str | None = None,
        limit: int = 10,
        budget: int = 1500,
        at: When | None = None,
        where: str = "",
        turns: Sequence[Said] = (),
        session: str | None = None,
        within: float | None = None,
        explain: bool = False,
    ) -> Answer:
        """What a chat model answers from the memories that `recall` finds with the same arguments, citing them.

        It is sent those that fit into `budget` tokens as the caller sees them, the last turns and the question, secrets
        masked; those of a warm prefix it has read already, those of an adapter it has learnt, if that is the better way
        (`via`), also to begin `within` so many seconds, by what is known. Of the `session` all goes as text. It is not
        asked if nothing is found. If it does not answer in time, or not usably, `missing` says why, and the recall is
        there all the same. No word is stored. Raises as `recall`, and Misconfigured: no model is set, or its server
        refuses the key or does not know it.
        """
        answering.check(self._answerer, self._on)
        soon = checks.check_within(within)
        found = await self.recall(
            question, path=path, limit=limit, budget=budget, at=at, where=where, turns=turns, explain=explain
        )
        asking = answering.Asking(self._on, found, turns_of(turns), budget, at, where, session, soon)
        return await answering.answered(self._answerer, asking)

    async def feedback(self, access: str, *, good: bool) -> None:
        """An answer was good, or not: how memories are given to a model is chosen by that, for who asked (`ask`).

        `access` is its `recall.access`, of one of his last 100 answers, each once; only memories in another form than
        text make a choice. Raises NotFound, InvalidInput (there is no such memory), Conflict, Denied.
        """
        from memos_mcp.interface.outcomes import judged  # it loads where there is something to choose between

        await judged(self._on, checks.check_id(access), good=good)

    async def put(
        self,
        path: str | None,
        key: str,
        *,
        text: str | None = None,
        data: JsonValue = None,
        kind: Kind = "document",
        tags: Sequence[str] = (),
        source_class: SourceClass = "user",
        expect: int | None = None,
        expires: datetime | timedelta | Never | None = None,
    ) -> MemCube:
        """Store exactly this text or JSON value under a key: no reader, no duplicate rule; only secrets are masked.

        A key in use gets a new version. `expect` is the version that must be current (0: none yet); without it the
        last write wins. It is over at the time `expires`, so long from now, or never; without, an end that is set
        stays. Raises InvalidInput, Denied, Conflict.
        """
        given = Given(text, data, kind, tags, source_class, expect, expires)
        return await put_under(self._on, path, key, given)

    async def get(
        self, id: str | None = None, *, path: str | None = None, key: str | None = None, version: int | None = None
    ) -> MemCube:
        """One memory, by id or by the key it was put under; `version` chooses an earlier one. Raises NotFound."""
        if (id is None) == (key is None):
            raise InvalidInput("give either the id of a memory or its key")
        if version is not None and version < 1:
            raise InvalidInput(f"versions begin at 1; there is no version {version}")
        if key is not None:
            home = await self._on.looked_at(path)
            found = await self._on.one(Name(home, checks.check_key(key)), key)
            if version in (None, found.version):
                return found
            return await self._on.one(Ref(id=found.id, version=version), key)
        return await self._on.one(Ref(id=checks.check_id(id), version=version))

    async def browse(
        self,
        path: str | None = None,
        *,
        kinds: Sequence[Kind] = (),
        tags: Sequence[str] = (),
        source: str = "",
        session: str = "",
        source_class: SourceClass | None = None,
        where: str = "",
        limit: int = 20,
        after: int = 0,
    ) -> Page:
        """Memories newest first; `after` of the last page continues. Raises InvalidInput, Denied.

        Only what `where` says is taken (docs/reference/query.md). Those of a source, session or class of sources are
        looked for one by one: 3 µs for each at the path; with `where` 50 µs, and after 5,000 the page ends.
        """
        checks.check_range("limit", limit, MOST)
        place = await self._on.readable(path)
        which = Which(checks.check_kinds(kinds), checks.check_tags(tags), source, session, source_class)
        cubes, more = await page(self._on, place, which, sieve_of(where, self._on.clock()), after=after, limit=limit)
        total = sum((await self._on.vault.count(place.paths, permit=place.permit)).values())
        return Page(tuple(cubes), place.paths, total, more)

    async def namespaces(self, path: str | None = None) -> tuple[Namespace, ...]:
        """The paths that hold memories, and how many."""
        where = await self._on.readable(path)
        counts = await self._on.vault.count(where.paths, permit=where.permit)
        return tuple(Namespace(at, counts[at]) for at in sorted(counts))

    async def update(
        self,
        id: str,
        text: str | None = None,
        *,
        data: JsonValue = None,
        how: How = "overwrite",
        edits: Sequence[Edit] = (),
        base: int | None = None,
        kind: Kind | None = None,
        tags: Sequence[str] | None = None,
        source_class: SourceClass = "user",
        move: Move | None = None,
        expect: int | None = None,
        label: str = "",
        reason: str = "",
    ) -> MemCube:
        """Write a new version: `overwrite` the text, `append` a line, or `merge` in the lines not yet there.

        `data` is replaced, extended (lists) or patched (objects, RFC 7396) likewise. `edits` change passages and leave
        the rest. With a `base`, merge takes text, edits and data as made from that version and merges them with what
        became of it since; what does not go together is raised as MergeConflict, never guessed. `move` takes it to
        another state in the same commit, as `lifecycle.move`. `expect` is the version that must be current. The log
        keeps `label` before the reason. A change that changes nothing makes no version.
        Raises NotFound, Denied, Conflict, InvalidInput, IllegalMove.
        """
        checks.check_kinds([kind] if kind else [])
        checks.check_origin(source_class=source_class)
        why = checks.check_reason(": ".join(part for part in (label and checks.check_label(label), reason) if part))
        labels = None if tags is None else self._on.guard.labels(checks.check_tags(tags))
        asked = Rewrite(text, checks.check_data(data), how, tuple(edits), base, kind, labels, source_class, move)
        asked.check()

        async def attempt() -> MemCube:
            old = await self.get(id)
            self._on.check("write", old)
            if move is not None:
                self._on.check("govern", old)
            if expect not in (None, old.version):
                raise Conflict(f"memory {id} is at version {old.version}, not {expect}: read it again, then repeat")
            then = old if base in (None, old.version) else checks.check_whole(await self.get(id, version=base))
            changes = await asked.changes(self._on.guard, old, then, why, self._on.clock())
            return await self._on.written(changes[-1], old, changes[:-1]) if changes else old

        return await self._on.repeated(attempt, expect)

    async def forget(self, id: str, *, expect: int | None = None, reason: str = "") -> Event:
        """Remove a memory: the words of all its versions are deleted; the log keeps who, when and why.

        Raises NotFound, Denied, Conflict.
        """
        why = checks.check_reason(reason)
        (old,) = await self._on.governed_ones([id])
        (event,) = await self._on.commit(Change("forget", old.id, expect=expect, reason=why))
        return event

    async def forget_all(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Remove memories, all of them or, on an error, none; as `forget`. Raises NotFound, Denied."""
        why = checks.check_reason(reason)
        olds = await self._on.governed_ones(ids)
        return await self._on.commit(*(Change("forget", old.id, reason=why) for old in olds))

    async def rename(
        self, keys: Mapping[str, str], *, path: str | None = None, reason: str = ""
    ) -> tuple[MemCube, ...]:
        """Give memories other keys at the same path, all of them or, on an error, none; ids and versions stay.

        Raises InvalidInput, NotFound, Denied, Conflict: a new key is in use, or one was changed meanwhile.
        """
        return await renamed(self._on, keys, path, reason)

    async def history(self, id: str) -> tuple[Event, ...]:
        """Every line of the log about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        return await self.log.of(id)

    async def status(self) -> Status:
        """Where memories go, how many there are, and how each lane is."""
        return await status_of(self._on, self._about, self._hot, whole=self._whole)

    async def settle(self, seconds: float = 60.0) -> Status:
        """Wait until all is consolidated and no lane is at work, so many seconds at most; then as `status`."""
        await settled(self._on, seconds)
        return await self.status()

    async def rebuild(self, lane: str) -> None:
        """Build a lane's projection again from the log. Cost: about 80 µs a memory. Raises InvalidInput."""
        await self._on.lanes.chosen([lane]).rebuild()

    def acting_as(self, caller: Caller) -> Memos:
        """The same system as another caller sees it; shares everything, costs nothing."""
        return self._with(self._on.acting_as(caller))

    async def on_branch(self, label: str, path: str | None = None) -> Memos:
        """The same system with a what-if branch in the place of its original; `branches` makes one.

        What was changed there is found, and what is changed stays there. `branches` says where the label is looked for.
        Raises NotFound, InvalidInput, Denied.
        """
        return self._with(await branches.opened(self._on, label, path))

    def _with(self, on: Bound) -> Memos:
        other = copy(self)
        other.caller, other._on = on.caller, on
        other._whole = self._whole and on.caller.user == self.caller.user
        other._about, other._closing = self._about if on.caller.user == self.caller.user else "", AsyncExitStack()
        return other

    async def aclose(self) -> None:
        """Finish and close the vault."""
        await self._closing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
