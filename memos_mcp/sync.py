"""The same API without an event loop: scripts, notebooks, threads. Written by `make twin`.

One background thread runs the loop; calls may come from any thread. Cost: about 0.1 ms a call on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from threading import Thread
from typing import Any, Self

import anyio
from anyio.from_thread import BlockingPortal
from pydantic import JsonValue

from memos_mcp import memos as twin
from memos_mcp import wiring
from memos_mcp.answers import Answer, Namespace, Page, Recall, Remembered, Status
from memos_mcp.cube import Interval, Kind, MemCube, SourceClass
from memos_mcp.ending import with_the_program
from memos_mcp.interface.before import Said
from memos_mcp.interface.bound import Never, When
from memos_mcp.interface.update import Edit
from memos_mcp.operation.lifecycle import Move
from memos_mcp.ports import Caller, Event, How
from memos_mcp.settings import Settings
from memos_mcp.sync_objects.offices import Offices


def open(settings: Settings | None = None, **given: Any) -> Memos:
    """A blocking Memos for the local user, as `memos_mcp.open`. Raises Misconfigured."""
    return Memos(wiring.open(settings, **given), _loop())


_PATIENCE = 5.0  # seconds that a loop may take to end while somebody waits for it
_running: dict[BlockingPortal, Thread] = {}


def _loop() -> BlockingPortal:
    """An event loop on a thread of its own; it ends with `Memos.close`, or with the program."""
    started = Future[BlockingPortal]()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()

    thread = Thread(target=anyio.run, args=(serve,), name="memos", daemon=False)
    thread.start()
    portal = started.result()
    _running[portal] = thread
    with_the_program(_cut)
    return portal


def _cut() -> None:
    """Cancel what nobody closed."""
    for portal, thread in list(_running.items()):
        if thread.is_alive():  # not so in a process that was forked
            with suppress(RuntimeError):  # it has just ended
                portal.start_task_soon(portal.stop, True)


class Memos(Offices):
    """A memory system as one caller sees it; see `memos_mcp.Memos`. Use as `with`, or call `close` at the end."""

    def __init__(self, memos: twin.Memos, portal: BlockingPortal) -> None:
        self._memos = memos
        self._portal = portal

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self._memos.caller

    def remember(
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
        return self._portal.call(
            partial(
                self._memos.remember,
                content,
                path=path,
                source=source,
                source_class=source_class,
                session=session,
                speaker=speaker,
                said_at=said_at,
                uri=uri,
                kind=kind,
                tags=tags,
                expires=expires,
                settle=settle,
            )
        )

    def recall(
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
        return self._portal.call(
            partial(
                self._memos.recall,
                question,
                path=path,
                limit=limit,
                budget=budget,
                lanes=lanes,
                at=at,
                during=during,
                where=where,
                turns=turns,
                explain=explain,
            )
        )

    def ask(
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
        return self._portal.call(
            partial(
                self._memos.ask,
                question,
                path=path,
                limit=limit,
                budget=budget,
                at=at,
                where=where,
                turns=turns,
                session=session,
                within=within,
                explain=explain,
            )
        )

    def feedback(self, access: str, *, good: bool) -> None:
        """An answer was good, or not: how memories are given to a model is chosen by that, for who asked (`ask`).

        `access` is its `recall.access`, of one of his last 100 answers, each once; only memories in another form than
        text make a choice. Raises NotFound, InvalidInput (there is no such memory), Conflict, Denied.
        """
        return self._portal.call(partial(self._memos.feedback, access, good=good))

    def put(
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
        return self._portal.call(
            partial(
                self._memos.put,
                path,
                key,
                text=text,
                data=data,
                kind=kind,
                tags=tags,
                source_class=source_class,
                expect=expect,
                expires=expires,
            )
        )

    def get(
        self, id: str | None = None, *, path: str | None = None, key: str | None = None, version: int | None = None
    ) -> MemCube:
        """One memory, by id or by the key it was put under; `version` chooses an earlier one. Raises NotFound."""
        return self._portal.call(partial(self._memos.get, id, path=path, key=key, version=version))

    def browse(
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
        return self._portal.call(
            partial(
                self._memos.browse,
                path,
                kinds=kinds,
                tags=tags,
                source=source,
                session=session,
                source_class=source_class,
                where=where,
                limit=limit,
                after=after,
            )
        )

    def namespaces(self, path: str | None = None) -> tuple[Namespace, ...]:
        """The paths that hold memories, and how many."""
        return self._portal.call(partial(self._memos.namespaces, path))

    def update(
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
        return self._portal.call(
            partial(
                self._memos.update,
                id,
                text,
                data=data,
                how=how,
                edits=edits,
                base=base,
                kind=kind,
                tags=tags,
                source_class=source_class,
                move=move,
                expect=expect,
                label=label,
                reason=reason,
            )
        )

    def forget(self, id: str, *, expect: int | None = None, reason: str = "") -> Event:
        """Remove a memory: the words of all its versions are deleted; the log keeps who, when and why.

        Raises NotFound, Denied, Conflict.
        """
        return self._portal.call(partial(self._memos.forget, id, expect=expect, reason=reason))

    def forget_all(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Remove memories, all of them or, on an error, none; as `forget`. Raises NotFound, Denied."""
        return self._portal.call(partial(self._memos.forget_all, ids, reason=reason))

    def rename(self, keys: Mapping[str, str], *, path: str | None = None, reason: str = "") -> tuple[MemCube, ...]:
        """Give memories other keys at the same path, all of them or, on an error, none; ids and versions stay.

        Raises InvalidInput, NotFound, Denied, Conflict: a new key is in use, or one was changed meanwhile.
        """
        return self._portal.call(partial(self._memos.rename, keys, path=path, reason=reason))

    def history(self, id: str) -> tuple[Event, ...]:
        """Every line of the log about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        return self._portal.call(partial(self._memos.history, id))

    def status(self) -> Status:
        """Where memories go, how many there are, and how each lane is."""
        return self._portal.call(self._memos.status)

    def settle(self, seconds: float = 60.0) -> Status:
        """Wait until all is consolidated and no lane is at work, so many seconds at most; then as `status`."""
        return self._portal.call(partial(self._memos.settle, seconds))

    def rebuild(self, lane: str) -> None:
        """Build a lane's projection again from the log. Cost: about 80 µs a memory. Raises InvalidInput."""
        return self._portal.call(partial(self._memos.rebuild, lane))

    def on_branch(self, label: str, path: str | None = None) -> Memos:
        """The same system with a what-if branch in the place of its original; `branches` makes one.

        What was changed there is found, and what is changed stays there. `branches` says where the label is looked for.
        Raises NotFound, InvalidInput, Denied.
        """
        return Memos(self._portal.call(partial(self._memos.on_branch, label, path)), self._portal)

    def acting_as(self, caller: Caller) -> Memos:
        """The same system as another caller sees it; shares everything, costs nothing."""
        return Memos(self._memos.acting_as(caller), self._portal)

    def close(self) -> None:
        """Finish, close the vault and end the loop."""
        self._portal.call(self._memos.aclose)
        self._portal.call(self._portal.stop)
        if thread := _running.pop(self._portal, None):
            thread.join(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
