"""For tests with LlamaIndex: a model that answers as a test says, and chats that leave no connection open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from typing_extensions import override

from llama_index_memos import MemosMemory

Answer = Callable[[Sequence[ChatMessage]], ChatMessage | str]


class Talker(FunctionCallingLLM):
    """Says what `answer` makes of the messages: words, or a call made by `calling`."""

    answer: Answer
    seen: list[list[ChatMessage]] = Field(default_factory=list[list[ChatMessage]])

    @property
    @override
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=30_000, is_chat_model=True, is_function_calling_model=True)

    @property
    def prompt(self) -> str:
        """All that the last call was sent."""
        return "\n".join(f"{message.role.value}: {message.content}" for message in self.seen[-1])

    @override
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        self.seen.append([message.model_copy(deep=True) for message in messages])
        said = self.answer(messages)
        message = ChatMessage(role=MessageRole.ASSISTANT, content=said) if isinstance(said, str) else said
        return ChatResponse(message=message, delta=message.content)

    @override
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Generator[ChatResponse]:
        yield self.chat(messages)

    @override
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self.chat(messages)

    @override
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse]:
        async def streamed() -> AsyncGenerator[ChatResponse]:
            yield self.chat(messages)

        return streamed()

    @override
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=str(self.chat([ChatMessage(prompt)]).message.content))

    @override
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return self.complete(prompt)

    @override
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Generator[CompletionResponse]:
        yield self.complete(prompt)

    @override
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse]:
        async def streamed() -> AsyncGenerator[CompletionResponse]:
            yield self.complete(prompt)

        return streamed()

    @override
    def _prepare_chat_with_tools(
        self,
        tools: Any,
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        asked = [ChatMessage(user_msg) if isinstance(user_msg, str) else user_msg] if user_msg else []
        return {"messages": [*(chat_history or []), *asked]}

    @override
    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        return response.message.additional_kwargs.get("calls", [])


def calling(tool: str, **arguments: Any) -> ChatMessage:
    """The message of a model that calls a tool."""
    call = ToolSelection(tool_id="1", tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs={"calls": [call]})


class Chats:
    """Memories whose chats are in memory, as is LlamaIndex's default, but closed at the end: nobody else does."""

    def __init__(self) -> None:
        self.engines: list[AsyncEngine] = []

    def engine(self) -> AsyncEngine:
        """A database of its own."""
        self.engines.append(create_async_engine("sqlite+aiosqlite:///:memory:"))
        return self.engines[-1]

    def memory(self, memos: object, **given: Any) -> MemosMemory:
        """A memory with such a chat."""
        return MemosMemory.from_client(memos, async_engine=self.engine(), **given)


@contextmanager
def chatting() -> Generator[Chats]:
    """Chats, and an event loop that is closed at the end: LlamaIndex makes one for blocking calls if there is none."""
    loop, chats = asyncio.new_event_loop(), Chats()
    asyncio.set_event_loop(loop)
    try:
        yield chats
    finally:
        for engine in chats.engines:
            loop.run_until_complete(engine.dispose())
        asyncio.set_event_loop(None)
        loop.close()
