"""How the classes reach a memory system: what they do is written once, as coroutines over its `Client`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from anyio import CancelScope

from memos_mcp import Client, Connected, InvalidInput, Memos, connect, sync

T = TypeVar("T")

_blocks = ContextVar("blocks", default=False)


def reached(memos: object, token: str | None = None) -> Connected:
    """The memory system that was given: a Memos of either kind, what `connect` gave, or the URL of a server.

    Raises InvalidInput if it is none of these, as after loading what was saved with an open Memos.
    """
    if isinstance(memos, Memos | sync.Memos | Connected | str) and memos:
        return connect(memos, token=token)
    given = "there is none" if memos is None else f"this is a {type(memos).__name__}"
    raise InvalidInput(
        f"{given}, where a Memos, what memos_mcp.connect() gives, or the URL of a server is needed: "
        "an open Memos is not saved with what uses it, so give it again, as in from_dict(saved, memos=…)"
    )


def face(of: Connected) -> Client:
    """The verbs as the method that was called needs them: those that wait for no loop within `blocking`."""
    return of.inline if _blocks.get() else of.asynchronous


async def blocking(work: Coroutine[Any, Any, T]) -> T:
    """The same work for a blocking method, which runs it in another loop: an asynchronous Memos refuses."""
    _blocks.set(True)  # each run has a copy of the context
    return await work


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What is begun is done, even if the caller is cancelled meanwhile: he hears of that afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as exc:
                cancelled = exc
    if cancelled:
        task.exception()  # looked at, so that nobody is told that it was not
        raise cancelled
    return task.result()


def ended(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns or raises that waits for nothing: it runs to its end here and now, in this thread."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("this was to wait for nothing, but it waited")
