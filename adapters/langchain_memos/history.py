"""The messages of one conversation, for code that was written for LangChain's chat message histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from typing_extensions import override

from langchain_memos.blocking import ended
from langchain_memos.names import path_of, root_of
from langchain_memos.reach import Known
from memos_mcp import Client, Conflict, MemCube, Plaintext, connect

_MOST = 100  # memories in one answer of a memory system


class MemosChatMessageHistory(BaseChatMessageHistory):
    """The messages of a session, each a memory at `<path>/<session>` (`<home>/chats` unless said), in order.

    For compatibility alone: LangChain has deprecated chat message histories, and takes them away with its version 2.
    Give an agent a checkpointer for the messages of a thread and MemosMemoryMiddleware for what outlives it. An
    asynchronous Memos answers asynchronous calls alone. Raises Denied, InvalidInput.
    """

    def __init__(self, session_id: str, memos: Known, path: str | None = None) -> None:
        self._connected = connect(memos)
        self._session = session_id
        self._root = root_of(path)

    @property
    @override
    def messages(self) -> list[BaseMessage]:  # pyright: ignore[reportIncompatibleVariableOverride] as in LangChain's own
        """All of them, oldest first."""
        return ended(self._all(self._connected.inline))

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        return await self._all(self._connected.asynchronous)

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        ended(self._add(self._connected.inline, messages))

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        await self._add(self._connected.asynchronous, messages)

    @override
    def clear(self) -> None:
        ended(self._clear(self._connected.inline))

    @override
    async def aclear(self) -> None:
        await self._clear(self._connected.asynchronous)

    async def _all(self, client: Client) -> list[BaseMessage]:
        cubes = sorted(await self._cubes(client), key=lambda cube: cube.key or "")
        return messages_from_dict([data for cube in cubes if (data := _data_of(cube))])

    async def _add(self, client: Client, messages: Sequence[BaseMessage]) -> None:
        """Two that write at once write one after the other: no message is lost."""
        path = await self._path(client)
        last = (await client.browse(path, limit=1)).cubes
        number = int(last[0].key or 0) if last else 0
        for message in messages:
            data, written = message_to_dict(message), False
            while not written:
                number += 1
                try:
                    await client.put(path, f"{number:08}", text=str(message.text), data=data, expect=0)
                    written = True
                except Conflict:
                    continue

    async def _clear(self, client: Client) -> None:
        ids = [cube.id for cube in await self._cubes(client)]
        if ids:
            await client.forget_all(ids)

    async def _cubes(self, client: Client) -> list[MemCube]:
        path = await self._path(client)
        page = await client.browse(path, limit=_MOST)
        found = list(page.cubes)
        while page.after:
            page = await client.browse(path, limit=_MOST, after=page.after)
            found += page.cubes
        return [cube for cube in found if cube.path == path and cube.key]

    async def _path(self, client: Client) -> str:
        if self._root is None:
            self._root = f"{(await client.status()).path}/chats"
        return path_of(self._root, (self._session,))


def _data_of(cube: MemCube) -> dict[str, object] | None:
    data = cube.payload.data if isinstance(cube.payload, Plaintext) else None
    return cast("dict[str, object]", data) if isinstance(data, dict) else None
