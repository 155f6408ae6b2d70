"""Memory, retriever and tools for LlamaIndex on a memory system in this process or behind a URL.

    memory = MemosMemory.from_client(memos_mcp.sync.open())
    await FunctionAgent(llm=llm).run("…", memory=memory)

The names are loaded when they are first used; without the library llama-index-core the import raises MissingExtra.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from memos_mcp import MissingExtra

if TYPE_CHECKING:
    from llama_index_memos.block import MemosMemoryBlock
    from llama_index_memos.memory import MemosMemory
    from llama_index_memos.retriever import MemosRetriever
    from llama_index_memos.tools import MemosToolSpec

__all__ = ["MemosMemory", "MemosMemoryBlock", "MemosRetriever", "MemosToolSpec"]

_WHERE = {
    "MemosMemory": "memory",
    "MemosMemoryBlock": "block",
    "MemosRetriever": "retriever",
    "MemosToolSpec": "tools",
}

try:
    _there = find_spec("llama_index.core")
except ModuleNotFoundError as exc:
    raise MissingExtra("llama-index") from exc
if _there is None:
    raise MissingExtra("llama-index")


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"llama_index_memos has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"llama_index_memos.{_WHERE[name]}"), name)
