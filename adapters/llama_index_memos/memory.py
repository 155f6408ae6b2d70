"""MemosMemory: LlamaIndex's Memory, where every turn reaches MemOS and not only what leaves the short-term queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast

from llama_index.core.async_utils import asyncio_run  # pyright: ignore[reportUnknownVariableType] says not what it runs
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemoryBlock, InsertMethod, Memory
from llama_index.core.prompts import RichPromptTemplate
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import Field, PrivateAttr, SecretStr, field_serializer, field_validator
from typing_extensions import override

from llama_index_memos.block import MemosMemoryBlock, blocks_of
from llama_index_memos.chats import InProcessChats
from llama_index_memos.reaching import blocking, to_its_end
from llama_index_memos.turns import SAID
from memos_mcp import InvalidInput

_STORED = {"chat_store", "async_database_uri", "async_engine", "table_name", "db_schema"}
"""Options of `from_defaults` that say where the chat is."""


class MemosMemory(Memory):
    """A Memory that writes each turn of the user and the assistant to MemOS once, and recalls through its block.

    Where a Memory fits, it fits: agents, chat engines, other memory blocks, any chat store (by default the chat is in
    this process). The chat is that of its session; `reset` clears it, and MemOS keeps what was said. A turn goes to
    MemOS first: if that fails, the error is raised and the chat is as it was, so that the same call can be repeated.
    It is known by its session and its place in it: put again, nothing changes. A cancelled call leaves it in both, in
    MemOS alone, or in neither.

    With an asynchronous `Memos` the blocking methods (`put`, `get`, …) raise InvalidInput and change nothing.
    """

    sql_store: AsyncDBChatStore = Field(default_factory=InProcessChats, exclude=True, description="Where the chat is.")
    _next: int | None = PrivateAttr(default=None)
    _said: dict[int, int] = PrivateAttr(default_factory=dict[int, int])

    @classmethod
    @override
    def class_name(cls) -> str:
        return "MemosMemory"

    @classmethod
    def from_client(
        cls,
        memos: object,
        *,
        token: str | None = None,
        path: str | None = None,
        scope: Literal["session", "user"] = "user",
        where: str = "",
        similarity_top_k: int = 10,
        budget: int = 1500,
        roles: Sequence[MessageRole] = SAID,
        memory_blocks: Sequence[BaseMemoryBlock[Any]] = (),
        **given: Any,
    ) -> Self:
        """A memory on a `sync.Memos`, a `Memos`, what `memos_mcp.connect` gives, or the URL of a server.

        One Memos is one user. With the scope `user` all his sessions share what is remembered; with `session` each
        session has its own. Messages of other `roles` are not remembered. Everything else is as for
        `Memory.from_defaults`: session_id, token_limit, …
        """
        block = MemosMemoryBlock(
            memos=memos,
            token=None if token is None else SecretStr(token),
            path=path,
            scope=scope,
            where=where,
            similarity_top_k=similarity_top_k,
            budget=budget,
            roles=tuple(roles),
        )
        return cls.from_defaults(memory_blocks=[block, *memory_blocks], **given)

    @classmethod
    @override
    def from_defaults(  # pyright: ignore[reportIncompatibleMethodOverride] as in Memory itself
        cls, session_id: str | None = None, chat_history: list[ChatMessage] | None = None, **given: Any
    ) -> Self:
        """As `Memory.from_defaults`; among the `memory_blocks` is a MemosMemoryBlock. The history is remembered too."""
        made = super().from_defaults(  # pyright: ignore[reportUnknownMemberType] says not what a tokenizer gives
            session_id=session_id, **given
        )
        made = cast("Self", made)
        if not _STORED & given.keys():
            made.sql_store = InProcessChats()
        if chat_history:
            made.set(chat_history)
        return made

    @classmethod
    @override
    def from_dict(
        cls, data: Mapping[str, Any], *, memos: object = None, token: str | None = None, **given: Any
    ) -> Self:
        """The memory that `to_dict` saved, without the chat, which is in its store. An open Memos is given again."""
        saved = {**data, **given}
        saved.pop("class_name", None)
        saved["memory_blocks"] = [_block(each, memos, token) for each in saved.get("memory_blocks", [])]
        return cls(**saved)

    @override
    def model_post_init(self, context: Any, /) -> None:
        """Its own blocks read alone: what leaves the queue was remembered when it came."""
        super().model_post_init(context)
        if not blocks_of(self._blocks):
            raise InvalidInput(
                "a MemosMemory needs a memory system: make it by MemosMemory.from_client(memos), or with a "
                "MemosMemoryBlock among its memory_blocks"
            )
        self.memory_blocks = [
            each.model_copy(update={"accept_short_term_memory": False}) if isinstance(each, MemosMemoryBlock) else each
            for each in self._blocks
        ]

    @property
    def _blocks(self) -> list[BaseMemoryBlock[Any]]:
        return cast(  # the base says not of what its blocks are
            "list[BaseMemoryBlock[Any]]",
            self.memory_blocks,  # pyright: ignore[reportUnknownMemberType]
        )

    @field_validator("memory_blocks_template", mode="before")
    @classmethod
    def _made_again(cls, template: object) -> object:
        return RichPromptTemplate(template) if isinstance(template, str) else template

    @field_serializer("memory_blocks_template", "insert_method")
    def _as_text(self, value: RichPromptTemplate | InsertMethod) -> str:
        return value.template_str if isinstance(value, RichPromptTemplate) else value.value

    @field_serializer("memory_blocks")
    def _with_their_names(self, blocks: list[BaseMemoryBlock[Any]]) -> list[dict[str, Any]]:
        names = [{"class_name": each.class_name()} if isinstance(each, MemosMemoryBlock) else {} for each in blocks]
        return [each.model_dump(mode="json") | name for each, name in zip(blocks, names, strict=True)]

    @override
    async def aput(self, message: ChatMessage) -> None:
        place = await self._place()
        await self._through([message], place)
        await to_its_end(super().aput(message))
        self._next = place + 1

    @override
    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        place = await self._place()
        await self._through(messages, place)
        await to_its_end(super().aput_messages(messages))
        self._next = place + len(messages)

    @override
    async def aset(self, messages: list[ChatMessage]) -> None:
        await self._through(messages, 0)
        await to_its_end(super().aset(messages))
        self._next = len(messages)

    @override
    async def areset(self, status: MessageStatus | None = None) -> None:
        await super().areset(status)
        self._next = None
        self._said.clear()

    @override
    def put(self, message: ChatMessage) -> None:
        asyncio_run(blocking(self.aput(message)))

    @override
    def put_messages(self, messages: list[ChatMessage]) -> None:
        asyncio_run(blocking(self.aput_messages(messages)))

    @override
    def set(self, messages: list[ChatMessage]) -> None:
        asyncio_run(blocking(self.aset(messages)))

    @override
    def get(self, input: str | ChatMessage | None = None, **block_kwargs: Any) -> list[ChatMessage]:
        return asyncio_run(blocking(self.aget(input=input, **block_kwargs)))

    async def _place(self) -> int:
        """Of the next message in its session: looked up once, as that takes as long as to write it."""
        if self._next is None:
            self._next = await to_its_end(self.sql_store.count_messages(self.session_id, status=None))
        return self._next

    async def _through(self, messages: Sequence[ChatMessage], place: int) -> None:
        block = blocks_of(self._blocks)[0]
        for at, message in enumerate(messages, place):
            words = hash((message.role, message.content))
            if self._said.get(at) != words:  # a history that is set again costs nothing
                await block.hear(message, self.session_id, str(at))
                self._said[at] = words


def _block(saved: BaseMemoryBlock[Any] | Mapping[str, Any], memos: object, token: str | None) -> BaseMemoryBlock[Any]:
    """A block of MemOS made again. Raises InvalidInput for any other: what it needs is not saved."""
    if isinstance(saved, BaseMemoryBlock):
        return saved
    if saved.get("class_name") != MemosMemoryBlock.class_name():
        raise InvalidInput(
            f"the block {saved.get('name')!r} cannot be made again from what was saved: give it, with a "
            "MemosMemoryBlock, as memory_blocks=[…]"
        )
    fields = {name: value for name, value in saved.items() if name != "class_name"}
    again = {"token": token} if memos is None else {"token": token, "memos": memos}
    return MemosMemoryBlock.model_validate(fields | again)
