"""The vault of memos for LangChain and LangGraph: what is remembered outlives threads, processes and agents.

    store = MemosStore(memos_mcp.sync.open())
    create_agent(model, tools=[…], store=store, middleware=[MemosMemoryMiddleware(memos)])

The names are loaded when they are first used; without the library langchain the import raises MissingExtra.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from memos_mcp import MissingExtra

if TYPE_CHECKING:
    from langchain_memos.history import MemosChatMessageHistory
    from langchain_memos.middleware import MemosMemoryMiddleware
    from langchain_memos.retriever import MemosRetriever
    from langchain_memos.store import MemosStore
    from langchain_memos.tools import MemosForgetTool, MemosRememberTool, MemosSearchTool

__all__ = [
    "MemosChatMessageHistory",
    "MemosForgetTool",
    "MemosMemoryMiddleware",
    "MemosRememberTool",
    "MemosRetriever",
    "MemosSearchTool",
    "MemosStore",
]

_WHERE = {
    "MemosChatMessageHistory": "history",
    "MemosForgetTool": "tools",
    "MemosMemoryMiddleware": "middleware",
    "MemosRememberTool": "tools",
    "MemosRetriever": "retriever",
    "MemosSearchTool": "tools",
    "MemosStore": "store",
}

if any(find_spec(each) is None for each in ("langchain", "langchain_core", "langgraph")):
    raise MissingExtra("langchain")


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"langchain_memos has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"langchain_memos.{_WHERE[name]}"), name)
