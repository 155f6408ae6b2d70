"""MemosMemoryBlock: what MemOS knows, as a memory block of LlamaIndex's Memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Literal, cast

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer  # pyright: ignore[reportUnknownVariableType] says not what it gives
from pydantic import Field, PrivateAttr, SecretStr, field_serializer
from typing_extensions import override

from llama_index_memos.reaching import face, reached
from llama_index_memos.turns import SAID, asked, size, told, turn_of
from memos_mcp import Connected

_MOST = 100  # memories in one answer
_MOST_TOKENS = 100_000  # of context
_NO_SESSION = "llama-index"  # of messages that come without one


class MemosMemoryBlock(BaseMemoryBlock[str]):
    """Recalls what answers the user's last message, and remembers messages that leave the short-term memory.

    `memos` is a `sync.Memos`, a `Memos` (asynchronous methods only), what `memos_mcp.connect` gives, or the URL of a
    server. Sessions may share a block: with the scope `session` each sees what was said in it alone; with `user`
    everything that the caller may read at `path` or beneath it, of all sessions. What can be read in the chat already
    is not repeated. Whoever opened `memos` closes it.
    """

    name: str = Field(default="memos", description="The name of the block in the prompt.")
    description: str | None = Field(default="What is remembered of earlier conversations.")
    priority: int = Field(default=1, description="0: never cut; 1: the first to be kept.")
    memos: object = Field(default=None, repr=False, description="The memory system; only a URL is saved.")
    token: SecretStr | None = Field(default=None, exclude=True, description="For a URL; never saved.")
    path: str | None = Field(default=None, description="Where to write, and beneath which to search.")
    scope: Literal["session", "user"] = Field(default="session", description="Whose memories are seen.")
    where: str = Field(default="", description="Only what fulfils these conditions (docs/reference/query.md).")
    similarity_top_k: int = Field(default=10, ge=1, le=_MOST, description="The most memories in the prompt.")
    budget: int = Field(default=1500, ge=1, le=_MOST_TOKENS, description="The most tokens of them.")
    roles: tuple[MessageRole, ...] = Field(default=SAID, description="Whose messages are remembered.")

    _on: Connected = PrivateAttr()

    @classmethod
    def class_name(cls) -> str:
        """The name in what is saved."""
        return "MemosMemoryBlock"

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._on = reached(self.memos, self.token.get_secret_value() if self.token else None)

    @field_serializer("memos")
    def _only_a_url(self, memos: object) -> str | None:
        return memos if isinstance(memos, str) else None

    async def hear(self, message: ChatMessage, session: str, place: str) -> None:
        """Remember a message of a session; with the same words at the same place of it again, nothing changes."""
        turn = turn_of(message, self.roles)
        if turn is not None:
            await face(self._on).remember(
                turn, path=self.path, source=f"llama-index/{session}/{place}", session=session
            )

    @override
    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        session = session_id or _NO_SESSION
        question, turns = asked(messages or [])
        if not question:
            return ""
        heard = [words for each in messages or [] if (words := each.content)]
        found = await face(self._on).recall(
            question,
            path=self.path,
            limit=min(_MOST, self.similarity_top_k + len(heard)),
            budget=min(_MOST_TOKENS, self.budget + sum(map(size, heard)) + 20 * len(heard)),
            where=self._where(session),
            turns=turns,
        )
        return told(found, session, heard, self.similarity_top_k, self.budget)

    @override
    async def _aput(self, messages: list[ChatMessage]) -> None:
        for message in messages:
            session = message.additional_kwargs.get("session_id")
            words = f"{message.role.value}\0{message.content}".encode(errors="replace")
            place = blake2b(words, digest_size=8).hexdigest()
            await self.hear(message, session if isinstance(session, str) else _NO_SESSION, place)

    @override
    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Leave out the last lines, which answer least, until so many tokens are saved."""
        if not isinstance(content, str):  # pyright: ignore[reportUnnecessaryIsInstance] Memory sends [] for nothing
            return None
        count = cast("Callable[[str], Sequence[object]]", get_tokenizer())
        most = len(count(content)) - tokens_to_truncate
        while content and len(count(content)) > most:
            content = content.rpartition("\n")[0]
        return content or None

    def _where(self, session: str) -> str:
        """The conditions of one call: nothing of a session is kept in the block."""
        if self.scope == "user":
            return self.where
        quoted = session.replace("\\", "\\\\").replace('"', '\\"')
        mine = f'session:"{quoted}"'
        return f"({self.where}) AND {mine}" if self.where else mine


def blocks_of(blocks: Sequence[BaseMemoryBlock[Any]]) -> list[MemosMemoryBlock]:
    """Those of MemOS."""
    return [block for block in blocks if isinstance(block, MemosMemoryBlock)]
