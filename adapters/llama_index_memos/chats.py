"""The chat of a session in this process: what was said is in MemOS already, so a database holds it once too often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import PrivateAttr
from typing_extensions import override


@dataclass(slots=True)
class _Kept:
    number: int
    message: ChatMessage
    status: MessageStatus


class InProcessChats(AsyncDBChatStore):
    """As LlamaIndex's own chat store in the memory of its process, which takes 2.5 ms a turn; this takes 10 µs.

    It ends with the process. For a chat that lasts: `MemosMemory.from_client(…, async_database_uri=…)`.
    """

    _chats: dict[str, list[_Kept]] = PrivateAttr(default_factory=dict[str, list[_Kept]])
    _numbers: Iterator[int] = PrivateAttr(default_factory=lambda: count(1))

    @classmethod
    @override
    def class_name(cls) -> str:
        return "InProcessChats"

    @override
    async def get_messages(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        start = offset or 0
        return _copies(islice(self._of(key, status), start, None if limit is None else start + limit))

    @override
    async def count_messages(self, key: str, status: MessageStatus | None = MessageStatus.ACTIVE) -> int:
        return sum(1 for _ in self._of(key, status))

    @override
    async def add_message(self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE) -> None:
        await self.add_messages(key, [message], status)

    @override
    async def add_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        kept = [_Kept(next(self._numbers), _copy(each), status) for each in messages]
        if kept:
            self._chats.setdefault(key, []).extend(kept)

    @override
    async def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        await self.delete_messages(key)
        await self.add_messages(key, messages, status)

    @override
    async def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        found = [each for each in self._of(key, None) if each.number == idx]
        self._keep(key, (each for each in self._of(key, None) if each.number != idx))
        return found[0].message if found else None

    @override
    async def delete_messages(self, key: str, status: MessageStatus | None = None) -> None:
        self._keep(key, (each for each in self._of(key, None) if status not in (None, each.status)))

    @override
    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        gone = list(islice(self._of(key, MessageStatus.ACTIVE), n))
        numbers = {each.number for each in gone}
        self._keep(key, (each for each in self._of(key, None) if each.number not in numbers))
        return _copies(gone)

    @override
    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        oldest = list(islice(self._of(key, MessageStatus.ACTIVE), n))
        for each in oldest:
            each.status = MessageStatus.ARCHIVED
        return _copies(oldest)

    @override
    async def get_keys(self) -> list[str]:
        return list(self._chats)

    def _of(self, key: str, status: MessageStatus | None) -> Iterator[_Kept]:
        return (each for each in self._chats.get(key, ()) if status in (None, each.status))

    def _keep(self, key: str, kept: Iterable[_Kept]) -> None:
        left = list(kept)
        if left:
            self._chats[key] = left
        else:
            self._chats.pop(key, None)


def _copies(kept: Iterable[_Kept]) -> list[ChatMessage]:
    return [_copy(each.message) for each in kept]


def _copy(message: ChatMessage) -> ChatMessage:
    """A message that may be changed: a memory puts what it recalls into the blocks of one."""
    blocks = [block.model_copy() for block in message.blocks]
    return message.model_copy(update={"blocks": blocks, "additional_kwargs": dict(message.additional_kwargs)})
