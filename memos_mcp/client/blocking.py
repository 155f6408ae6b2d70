"""The verbs of a program that has no event loop. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from memos_mcp.answers import Answer, Namespace, Page, Recall, Remembered, Status
from memos_mcp.cube import Interval, Kind, MemCube, SourceClass
from memos_mcp.interface.before import Said
from memos_mcp.interface.bound import Never, When
from memos_mcp.ports import Event

Ask = Callable[..., Any]
"""Answers the verb that is named first, with what is given for it by name."""


class BlockingClient:
    """The same verbs as those of Client. Each blocks the thread that calls it; none needs an event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

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
        """As `Memos.remember`: store what a text, a message or a list of messages says."""
        return self._ask(
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
        """As `Memos.recall`: the memories that answer a question, best first."""
        return self._ask(
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
        """As `Memos.ask`: what a chat model answers from the memories that recall finds."""
        return self._ask(
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

    def feedback(self, access: str, *, good: bool) -> None:
        """As `Memos.feedback`: an answer was good, or not. Over HTTP it takes the scope `write`."""
        self._ask("feedback", access=access, good=good)

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
        """As `Memos.put`: store exactly this under a key."""
        return self._ask(
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

    def get(
        self, id: str | None = None, *, path: str | None = None, key: str | None = None, version: int | None = None
    ) -> MemCube:
        """As `Memos.get`: one memory, by its id or by its key."""
        return self._ask("get", id=id, path=path, key=key, version=version)

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
        """As `Memos.browse`: memories, newest first."""
        return self._ask(
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

    def namespaces(self, path: str | None = None) -> tuple[Namespace, ...]:
        """As `Memos.namespaces`: the paths that hold memories."""
        return self._ask("namespaces", path=path)

    def forget(self, id: str, *, expect: int | None = None, reason: str = "") -> Event:
        """As `Memos.forget`: remove a memory."""
        return self._ask("forget", id=id, expect=expect, reason=reason)

    def forget_all(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """As `Memos.forget_all`: remove memories, all of them or none."""
        return self._ask("forget_all", ids=ids, reason=reason)

    def extend(self, ids: str | Sequence[str], expires: datetime | timedelta) -> None:
        """Memories end at the time `expires`, or so long from now: all of them or, on an error, none.

        No version is written; it is `Memos.acl.change` of the end alone. Raises NotFound, Denied, InvalidInput.
        """
        self._ask("extend", ids=ids, expires=expires)

    def settle(self, seconds: float = 60.0) -> Status:
        """As `Memos.settle`: wait until all can be found, so many seconds at most."""
        return self._ask("settle", seconds=seconds)

    def status(self) -> Status:
        """As `Memos.status`: who calls, and how the system is."""
        return self._ask("status")
