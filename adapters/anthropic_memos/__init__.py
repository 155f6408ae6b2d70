"""Anthropic's memory tool (`memory_20250818`) on the vault of memos: every file is a memory with versions.

    tool = MemosMemoryTool(memos_mcp.sync.open())
    client.beta.messages.tool_runner(tools=[tool], …)

The names are loaded when they are first used; without the library anthropic that raises MissingExtra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anthropic_memos.tool import AsyncMemosMemoryTool, MemosMemoryTool

__all__ = ["AsyncMemosMemoryTool", "MemosMemoryTool"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"anthropic_memos has no {name!r}; it has {' and '.join(__all__)}")
    from anthropic_memos import tool

    return getattr(tool, name)
