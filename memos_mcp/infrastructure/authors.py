"""Who said a memory: a name, or the part he plays. Pure."""

from __future__ import annotations

from memos_mcp.cube import Origin

PARTS = frozenset({"user", "assistant", "tool", "web", "document", "system"})
"""Authors that are parts, not names."""
USER = frozenset({"user", "human"})
_ASSISTANT = frozenset({"assistant", "ai", "bot", "model"})


def author_of(origin: Origin) -> str:
    """Who said it: a name, or the part he plays: user, assistant, tool, web, document, system."""
    said_by = (origin.speaker or "").strip()
    role = said_by.lower()
    if role in _ASSISTANT:
        return "assistant"
    return "user" if role in USER else said_by or origin.source_class
