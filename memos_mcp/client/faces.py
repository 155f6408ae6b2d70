"""The verbs that a program needs of a memory system, wherever it runs; `blocking.py` is the same without a loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from memos_mcp.answers import Answer, Namespace, Page, Recall, Remembered, Status
from memos_mcp.cube import Interval, Kind, MemCube, SourceClass
from memos_mcp.interface.before import Said
from memos_mcp.interface.bound import Never, When
from memos_mcp.ports import Event

Ask = Callable[..., Awaitable[Any]]
"""Answers the verb that is named first, with what is given for it by name."""


class Client:
    """What `connect` gives: the verbs of Memos of these names, with the same promises and errors.

    A server that did not answer is Unavailable: what it says tells whether a write may have been done.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

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
        """As `Memos.remember`: store what a text, a message or a list of messages says."""
        return await self._ask(
            "remember",
            content=content,
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
        """As `Memos.recall`: the memories that answer a question, best first."""
        return await self._ask(
            "recall",
            question=question,
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
        """As `Memos.ask`: what a chat model answers from the memories that recall finds."""
        return await self._ask(
            "ask",
            question=question,
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

    async def feedback(self, access: str, *, good: bool) -> None:
        """As `Memos.feedback`: an answer was good, or not. Over HTTP it takes the scope `write`."""
        await self._ask("feedback", access=access, good=good)

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
        """As `Memos.put`: store exactly this under a key."""
        return await self._ask(
            "put",
            path=path,
            key=key,
            text=text,
            data=data,
            kind=kind,
            tags=tags,
            source_class=source_class,
            expect=expect,
            expires=expires,
        )

    async def get(
        self, id: str | None = None, *, path: str | None = None, key: str | None = None, version: int | None = None
    ) -> MemCube:
        """As `Memos.get`: one memory, by its id or by its key."""
        return await self._ask("get", id=id, path=path, key=key, version=version)

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
        """As `Memos.browse`: memories, newest first."""
        return await self._ask(
            "browse",
            path=path,
            kinds=kinds,
            tags=tags,
            source=source,
            session=session,
            source_class=source_class,
            where=where,
            limit=limit,
            after=after,
        )

    async def namespaces(self, path: str | None = None) -> tuple[Namespace, ...]:
        """As `Memos.namespaces`: the paths that hold memories."""
        return await self._ask("namespaces", path=path)

    async def forget(self, id: str, *, expect: int | None = None, reason: str = "") -> Event:
        """As `Memos.forget`: remove a memory."""
        return await self._ask("forget", id=id, expect=expect, reason=reason)

    async def forget_all(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """As `Memos.forget_all`: remove memories, all of them or none."""
        return await self._ask("forget_all", ids=ids, reason=reason)

    async def extend(self, ids: str | Sequence[str], expires: datetime | timedelta) -> None:
        """Memories end at the time `expires`, or so long from now: all of them or, on an error, none.

        No version is written; it is `Memos.acl.change` of the end alone. Raises NotFound, Denied, InvalidInput.
        """
        await self._ask("extend", ids=ids, expires=expires)

    async def settle(self, seconds: float = 60.0) -> Status:
        """As `Memos.settle`: wait until all can be found, so many seconds at most."""
        return await self._ask("settle", seconds=seconds)

    async def status(self) -> Status:
        """As `Memos.status`: who calls, and how the system is."""
        return await self._ask("status")
