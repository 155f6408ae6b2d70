"""The blocking Memos where an asynchronous one is asked for, and how to run what is written for that without a loop."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar

from memos_mcp import MemCube, Page, sync

T = TypeVar("T")


class BlockingQuarantine:
    """As `Memos.quarantine`."""

    def __init__(self, memos: sync.Memos) -> None:
        self._of = memos.quarantine

    async def list(self, path: str, *, limit: int, after: int) -> Page:
        """A page of memories in quarantine."""
        return self._of.list(path, limit=limit, after=after)


class Blocking:
    """The verbs that files need. Each blocks until it is done: none ever waits for an event loop."""

    def __init__(self, memos: sync.Memos) -> None:
        self._memos = memos

    @property
    def quarantine(self) -> BlockingQuarantine:
        """What is kept from recall."""
        return BlockingQuarantine(self._memos)

    async def get(self, *, path: str, key: str) -> MemCube:
        """As `Memos.get`, like all of these."""
        return self._memos.get(path=path, key=key)

    async def browse(self, path: str, *, limit: int, after: int) -> Page:
        """A page of memories."""
        return self._memos.browse(path, limit=limit, after=after)

    async def put(self, path: str, key: str, *, text: str, source_class: Literal["assistant"], expect: int) -> MemCube:
        """Store a text under a key."""
        return self._memos.put(path, key, text=text, source_class=source_class, expect=expect)

    async def update(
        self, id: str, text: str, *, source_class: Literal["assistant"], expect: int, reason: str
    ) -> MemCube:
        """Write a new version."""
        return self._memos.update(id, text, source_class=source_class, expect=expect, reason=reason)

    async def forget_all(self, ids: Sequence[str], *, reason: str) -> object:
        """Forget several."""
        return self._memos.forget_all(ids, reason=reason)

    async def rename(self, keys: Mapping[str, str], *, path: str, reason: str) -> object:
        """Give them other keys."""
        return self._memos.rename(keys, path=path, reason=reason)


def ended(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns or raises that waits for nothing: it runs to its end here and now, in this thread."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("this was to wait for nothing, but it waited")
