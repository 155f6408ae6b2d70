"""MemosToolSpec: recall, remember and forget as tools of an agent."""

# No `annotations` from the future: LlamaIndex reads the types of parameters as they stand in the signature.

from typing import Annotated

from llama_index.core.tools.tool_spec.base import BaseToolSpec

from llama_index_memos.reaching import ended, reached
from memos_mcp import Client, Remembered

_QUESTION = "What you want to know, as a question or in its words."
_FACT = "A statement that can be understood alone, with names instead of pronouns."
_ID = "The id in brackets before a memory that recall gave, such as 4h2k9d0a7c1e5g3f."
_REASON = "Why, in a few words: the log keeps it."


class MemosToolSpec(BaseToolSpec):
    """Tools for a model: `FunctionAgent(tools=MemosToolSpec(memos).to_tool_list())`.

    `memos` is a `sync.Memos`, a `Memos` (the agent calls the asynchronous functions), what `memos_mcp.connect` gives,
    or the URL of a server. Writes at `path` and searches beneath it. What the model remembers is its word, not the
    user's: its source class is `assistant`.
    """

    spec_functions: list[str | tuple[str, str]] = [  # noqa: RUF012 as BaseToolSpec declares it
        ("recall", "arecall"),
        ("remember", "aremember"),
        ("forget", "aforget"),
    ]

    def __init__(
        self,
        memos: object,
        *,
        token: str | None = None,
        path: str | None = None,
        similarity_top_k: int = 10,
        budget: int = 1500,
    ) -> None:
        self._on = reached(memos, token)
        self._path = path
        self._limit = similarity_top_k
        self._budget = budget

    def recall(self, question: Annotated[str, _QUESTION]) -> str:
        """Search the long-term memory: what the user said, likes or decided, and what happened, in any conversation."""
        return ended(self._recalled(self._on.inline, question))

    async def arecall(self, question: Annotated[str, _QUESTION]) -> str:
        """As `recall`, without blocking."""
        return await self._recalled(self._on.asynchronous, question)

    def remember(self, fact: Annotated[str, _FACT]) -> str:
        """Keep a fact for later conversations. Use it when the user asks you to, or tells what will matter again."""
        return ended(self._remembered(self._on.inline, fact))

    async def aremember(self, fact: Annotated[str, _FACT]) -> str:
        """As `remember`, without blocking."""
        return await self._remembered(self._on.asynchronous, fact)

    def forget(self, memory_id: Annotated[str, _ID], reason: Annotated[str, _REASON] = "") -> str:
        """Remove a memory for good, only when the user asks for it."""
        return ended(self._forgotten(self._on.inline, memory_id, reason))

    async def aforget(self, memory_id: Annotated[str, _ID], reason: Annotated[str, _REASON] = "") -> str:
        """As `forget`, without blocking."""
        return await self._forgotten(self._on.asynchronous, memory_id, reason)

    async def _recalled(self, memos: Client, question: str) -> str:
        found = await memos.recall(question, path=self._path, limit=self._limit, budget=self._budget)
        return found.context or f"Nothing found: {found.summary}."

    async def _remembered(self, memos: Client, fact: str) -> str:
        return _said_of(await memos.remember(fact, path=self._path, source_class="assistant"))

    async def _forgotten(self, memos: Client, memory_id: str, reason: str) -> str:
        await memos.forget(memory_id.strip("[] "), reason=reason)
        return "Forgotten."


def _said_of(done: Remembered) -> str:
    said = f"Remembered as {', '.join(done.ids)}." if done.new else f"Known already, as {', '.join(done.ids)}."
    masked = f" Left out: {done.masked} secret(s)." if done.masked else ""
    held = (
        " It is kept from recall until the user has looked at it: it reads like an order." if done.quarantined else ""
    )
    return f"{said}{masked}{held}"
