"""The same API without an event loop: scripts, notebooks, threads. Written by `make twin`.

One background thread runs the loop; calls may come from any thread. Cost: about 0.1 ms a call on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from threading import Thread
from types import TracebackType
from typing import Any, Literal, Self

import anyio
from anyio.from_thread import BlockingPortal
from pydantic import JsonValue

from memos_mcp import memos as twin
from memos_mcp import wiring
from memos_mcp.answers import Namespace, News, Page, Recall, Remembered, Status
from memos_mcp.cube import Governance, Kind, MemCube, SourceClass
from memos_mcp.infrastructure.decisions import Act, Decision
from memos_mcp.ports import Caller, Event, How, Revision
from memos_mcp.settings import Settings


def open(settings: Settings | None = None, **given: Any) -> Memos:
    """A blocking Memos for the local user, as `memos_mcp.open`. Raises Misconfigured."""
    return Memos(wiring.open(settings, **given), _loop())


def _loop() -> BlockingPortal:
    """An event loop on a thread of its own; it ends with `Memos.close`, or with the process."""
    started = Future[BlockingPortal]()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()

    Thread(target=anyio.run, args=(serve,), name="memos", daemon=True).start()
    return started.result()


class Acl:
    """The rules of memories. Hangs off `Memos.acl`."""

    def __init__(self, of: twin.Acl, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def show(self, id: str) -> Governance:
        """The rules of a memory. Raises NotFound."""
        return self._portal.call(partial(self._of.show, id))

    def change(
        self,
        ids: Sequence[str],
        *,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        denied: Sequence[str] | None = None,
        read_only: bool | None = None,
        contexts: Sequence[str] | None = None,
        expires_at: datetime | Literal["never"] | None = None,
        reason: str = "",
    ) -> tuple[MemCube, ...]:
        """Change what is given of the rules of memories, all of them or, on an error, none; the rest stays.

        Names are users, `role:<name>`, or `*` for everybody. A context is `kind:value`, such as `application:clinic`;
        `hours:08-18` and `days:mon-fri` are asked of the clock (UTC). No version is written. Takes effect at once, in
        every process. Raises NotFound, Denied, InvalidInput.
        """
        return self._portal.call(
            partial(
                self._of.change,
                ids,
                readers=readers,
                writers=writers,
                denied=denied,
                read_only=read_only,
                contexts=contexts,
                expires_at=expires_at,
                reason=reason,
            )
        )

    def explain(
        self,
        id: str,
        act: Act = "read",
        *,
        user: str | None = None,
        roles: Sequence[str] = (),
        context: Sequence[str] = (),
        at: datetime | None = None,
    ) -> Decision:
        """May somebody do this to a memory, and by which rule? Of others than himself a caller asks what he governs.

        Raises NotFound, Denied, InvalidInput.
        """
        return self._portal.call(partial(self._of.explain, id, act, user=user, roles=roles, context=context, at=at))

    def report(self, id: str | None = None, *, path: str | None = None, limit: int = 1000) -> tuple[Revision, ...]:
        """Every change of rules, of one memory or of all beneath a path, oldest first: who, when, from what to what.

        Only of memories that the caller governs. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.report, id, path=path, limit=limit))


class Log:
    """The change log. Hangs off `Memos.log`."""

    def __init__(self, of: twin.Log, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def news(self, after: int = -1, *, limit: int = 1000) -> News:
        """Lines after a position, of those the caller may read; without one none, and where the log ends now."""
        return self._portal.call(partial(self._of.news, after, limit=limit))

    def of(self, id: str) -> tuple[Event, ...]:
        """Every line about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        return self._portal.call(partial(self._of.of, id))


class Quarantine:
    """What is kept from recall, browse and context; `get` still gives it by its id. Hangs off `Memos.quarantine`."""

    def __init__(self, of: twin.Quarantine, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def list(self, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories in quarantine, newest first, each with why; `after` of the last page continues."""
        return self._portal.call(partial(self._of.list, path, limit=limit, after=after))

    def add(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Put memories there, all of them or, on an error, none. Raises NotFound, Denied, Conflict."""
        return self._portal.call(partial(self._of.add, ids, reason=reason))

    def release(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Let memories be found again, all of them or none; they are not suspected once more until they change.

        The caller vouches for them, which takes the scope `admin`. Raises NotFound, Denied, Conflict.
        """
        return self._portal.call(partial(self._of.release, ids, reason=reason))

    def undo(
        self,
        source: str = "",
        *,
        session: str = "",
        source_class: SourceClass | None = None,
        path: str | None = None,
        reason: str = "",
    ) -> tuple[Event, ...]:
        """Forget all that was first remembered from a source, a session or a class of sources, in quarantine or not.

        Searches beneath `path`, or the caller's home. All of it or, on an error, nothing. Cost: 3 µs for each memory
        there. Raises InvalidInput, Denied.
        """
        return self._portal.call(
            partial(self._of.undo, source, session=session, source_class=source_class, path=path, reason=reason)
        )


class Memos:
    """A memory system as one caller sees it; see `memos_mcp.Memos`. Use as `with`, or call `close` at the end."""

    def __init__(self, memos: twin.Memos, portal: BlockingPortal) -> None:
        self._memos = memos
        self._portal = portal

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self._memos.caller

    @property
    def acl(self) -> Acl:
        """Who may use a memory."""
        return Acl(self._memos.acl, self._portal)

    @property
    def log(self) -> Log:
        """What happened."""
        return Log(self._memos.log, self._portal)

    @property
    def quarantine(self) -> Quarantine:
        """What recall leaves out because it looks hostile."""
        return Quarantine(self._memos.quarantine, self._portal)

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
    ) -> Remembered:
        """Store what a text, a message or a list of messages says; all of it or, on an error, nothing.

        A statement already known at the path is counted instead of stored again. `source` names where it comes from:
        remembering the same source twice changes nothing. Secrets are masked; what gives orders and is not from the
        user goes to quarantine. Cost: about 0.1 ms a message and one disk sync. Raises InvalidInput, Denied.
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
            )
        )

    def recall(
        self, question: str, *, path: str | None = None, limit: int = 10, budget: int = 1500, lanes: Sequence[str] = ()
    ) -> Recall:
        """The memories that answer a question, best first, packed into `budget` tokens of context.

        Searches beneath `path`, or everything the caller may read. A lane that fails is named in `missing`; recall
        fails only if all do. Cost: 1 ms at 1,000 memories, 6 ms at 50,000. Raises InvalidInput, Denied.
        """
        return self._portal.call(
            partial(self._memos.recall, question, path=path, limit=limit, budget=budget, lanes=lanes)
        )

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
    ) -> MemCube:
        """Store exactly this text or JSON value under a key: no reader, no duplicate rule; only secrets are masked.

        A key in use gets a new version. `expect` is the version that must be current (0: none yet); without it the
        last write wins. Raises InvalidInput, Denied, Conflict.
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
        limit: int = 20,
        after: int = 0,
    ) -> Page:
        """Memories newest first; `after` of the last page continues. Raises InvalidInput, Denied.

        Those of a source, session or class of sources are looked for one by one: 3 µs for each at the path.
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
        kind: Kind | None = None,
        tags: Sequence[str] | None = None,
        source_class: SourceClass = "user",
        expect: int | None = None,
        reason: str = "",
    ) -> MemCube:
        """Write a new version: `overwrite` the text, `append` a line, or `merge` in the lines not yet there.

        `data` is replaced, extended (lists) or patched (objects, RFC 7396) likewise. `expect` is the version it was
        read at. A change that changes nothing makes no version. Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(
            partial(
                self._memos.update,
                id,
                text,
                data=data,
                how=how,
                kind=kind,
                tags=tags,
                source_class=source_class,
                expect=expect,
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
        """Wait until no lane has anything to do in the background, so many seconds at most; then as `status`."""
        return self._portal.call(partial(self._memos.settle, seconds))

    def rebuild(self, lane: str) -> None:
        """Build a lane's projection again from the log. Cost: about 80 µs a memory. Raises InvalidInput."""
        return self._portal.call(partial(self._memos.rebuild, lane))

    def acting_as(self, caller: Caller) -> Memos:
        """The same system as another caller sees it; shares everything, costs nothing."""
        return Memos(self._memos.acting_as(caller), self._portal)

    def close(self) -> None:
        """Finish, close the vault and end the loop."""
        self._portal.call(self._memos.aclose)
        self._portal.call(self._portal.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
