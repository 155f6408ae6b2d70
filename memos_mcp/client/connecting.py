"""`connect`: the verbs of a memory system, asynchronous and blocking, over whatever the caller has of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

from anyio import to_thread
from anyio.lowlevel import current_token

from memos_mcp import sync
from memos_mcp.client.blocking import BlockingClient
from memos_mcp.client.faces import Client
from memos_mcp.client.verbs import VERBS
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.memos import Memos


def _nothing() -> None:
    """There is nothing to close."""


async def _done() -> None:
    """The same."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A memory system that programs ask by either face; `inline` is the blocking one for code that is written once.

    Each of its coroutines is done without ever waiting for an event loop, so `coroutine.send(None)` runs it to its end.
    Use as `with` or `async with`, or close it at the end: that closes what `connect` opened, never a Memos given to it.
    """

    asynchronous: Client
    blocking: BlockingClient
    inline: Client
    _close: Callable[[], None] = _nothing
    _aclose: Callable[[], Awaitable[None]] = _done

    def close(self) -> None:
        """Close the connection, if `connect` opened it."""
        self._close()

    async def aclose(self) -> None:
        """The same without blocking."""
        await self._aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def connect(
    memos: Memos | sync.Memos | str | Connected, *, token: str | None = None, timeout: float = 60.0
) -> Connected:
    """The verbs of a memory system in this process, or of the server at a URL such as http://127.0.0.1:8765/mcp.

    `token`, and the `timeout` of an answer in seconds, are for a URL. An asynchronous Memos answers on its event loop
    alone: its blocking verbs raise InvalidInput. Nothing is called before the first verb. Raises Misconfigured.
    """
    if token is not None and not isinstance(memos, str):
        raise Misconfigured("a token is for a server at a URL: a Memos knows its caller")
    match memos:
        case Connected():
            return Connected(memos.asynchronous, memos.blocking, memos.inline)
        case Memos():
            return _of(Client(partial(_awaited, memos, _Home())), _refused)
        case sync.Memos():
            return _of(Client(partial(_threaded, memos)), partial(_blocking, memos))
        case str():
            from memos_mcp.client.remote import Remote

            remote = Remote(memos, token=token, timeout=timeout)
            return _of(Client(remote.ask), remote.ask_now, remote.close, remote.aclose)
        case _:
            raise Misconfigured(
                f"connect takes a Memos, a sync.Memos, or the URL of a server, not {type(memos).__name__}"
            )


def _of(
    asynchronous: Client,
    ask: Callable[..., Any],
    close: Callable[[], None] = _nothing,
    aclose: Callable[[], Awaitable[None]] = _done,
) -> Connected:
    async def inline(verb: str, **given: object) -> object:
        return ask(verb, **given)

    return Connected(asynchronous, BlockingClient(ask), Client(inline), close, aclose)


def _refused(verb: str, **_: object) -> object:
    raise InvalidInput(
        f"{verb}: this Memos is asynchronous, and this is a call without an event loop: "
        "give what memos_mcp.sync.open() opens, or use the asynchronous methods"
    )


class _Home:
    """The event loop of a Memos: that in which it is given, else first asked. Elsewhere its answers may never come."""

    def __init__(self) -> None:
        self._loop: object = None
        with suppress(RuntimeError):  # there is none yet
            self._loop = current_token()

    def check(self) -> None:
        """Raise InvalidInput in any other loop."""
        here = current_token()
        self._loop = self._loop or here
        if self._loop != here:
            raise InvalidInput(
                "this Memos is asynchronous and belongs to another event loop: "
                "give what memos_mcp.sync.open() opens, or ask it where it was opened"
            )


async def _awaited(memos: Memos, home: _Home, verb: str, **given: object) -> object:
    home.check()
    return await VERBS[verb].run(memos, **given)


async def _threaded(memos: sync.Memos, verb: str, **given: object) -> object:
    """A write that has begun is done to its end before a cancelled task goes on; who only looks is not waited for."""
    looks = VERBS[verb].scope == "read"
    return await to_thread.run_sync(partial(_blocking, memos, verb, **given), abandon_on_cancel=looks)


def _blocking(memos: sync.Memos, verb: str, **given: object) -> object:
    return _BLOCKING[verb](memos, **given)


def _extend(memos: sync.Memos, ids: str | Sequence[str], expires: datetime | timedelta) -> None:
    memos.acl.change([ids] if isinstance(ids, str) else ids, expires_at=expires)


_BLOCKING: dict[str, Callable[..., Any]] = {
    "remember": sync.Memos.remember,
    "recall": sync.Memos.recall,
    "ask": sync.Memos.ask,
    "feedback": sync.Memos.feedback,
    "put": sync.Memos.put,
    "get": sync.Memos.get,
    "browse": sync.Memos.browse,
    "namespaces": sync.Memos.namespaces,
    "forget": sync.Memos.forget,
    "forget_all": sync.Memos.forget_all,
    "extend": _extend,
    "settle": sync.Memos.settle,
    "status": sync.Memos.status,
}
