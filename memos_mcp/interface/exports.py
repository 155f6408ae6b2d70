"""Conversations as programs keep them in JSON: ChatGPT and Claude exports, lists of messages under a name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from memos_mcp.interface.chat import named_session
from memos_mcp.interface.parts import Format

_WORDY = frozenset({"text", "multimodal_text"})  # what is said; the others are code run, pages read, thoughts
_SAID = frozenset({"user", "assistant"})


class Conversation(NamedTuple):
    """Messages in the order they were said, the name of their session if they have one, and what wrote them down."""

    session: str | None
    messages: list[JsonValue]
    format: Format = "messages"


def conversation_in(value: JsonValue) -> Conversation | None:
    """The conversation that an object holds; None if it holds none.

    Of a ChatGPT conversation only the branch that was last shown is read, and of that what was said: no system
    prompts, calls of tools or their results. Of a Claude conversation the words, not the attachments.
    """
    if not isinstance(value, dict):
        return None
    mapping, said, messages = value.get("mapping"), value.get("chat_messages"), value.get("messages")
    if isinstance(mapping, dict):
        name = value.get("conversation_id") or value.get("id")
        return Conversation(_name(name), list(_of_chatgpt(mapping, value.get("current_node"))), "ChatGPT")
    if isinstance(said, list):
        return Conversation(_name(value.get("uuid")), list(_of_claude(said)), "Claude")
    if isinstance(messages, list) and (not messages or any(map(is_spoken, messages))):
        return Conversation(_name(named_session(value) or value.get("id")), messages)
    return None


def is_worded(value: JsonValue) -> bool:
    """Could this be a message, where messages are to be expected?"""
    return isinstance(value, dict) and ("content" in value or "text" in value)


def is_spoken(value: JsonValue) -> bool:
    """Is this a message wherever it stands: does it say who speaks?"""
    return isinstance(value, dict) and is_worded(value) and isinstance(value.get("role") or value.get("speaker"), str)


def _name(value: JsonValue) -> str | None:
    return str(value) if isinstance(value, str | int) and str(value).strip() else None


def _of_chatgpt(mapping: dict[str, JsonValue], current: JsonValue) -> Iterator[JsonValue]:
    for node in reversed(list(_branch(mapping, current))):
        message = node.get("message")
        if isinstance(message, dict) and (said := _said(message)):
            yield said


def _branch(mapping: dict[str, JsonValue], current: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """The nodes from the one shown last, or else the last without children, up to the root."""
    if not isinstance(current, str) or current not in mapping:
        ends = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
        current = ends[-1] if ends else None
    seen: set[str] = set()
    while isinstance(current, str) and current not in seen:
        seen.add(current)
        node = mapping.get(current)
        if not isinstance(node, dict):
            return
        yield node
        current = node.get("parent")


def _said(message: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    author, content, about = message.get("author"), message.get("content"), message.get("metadata")
    hidden = isinstance(about, dict) and about.get("is_visually_hidden_from_conversation")
    if hidden or not isinstance(author, dict) or not isinstance(content, dict):
        return None
    role, parts = author.get("role"), content.get("parts")
    sort = content.get("content_type")
    if not isinstance(role, str) or not isinstance(sort, str) or not isinstance(parts, list):
        return None
    if role not in _SAID or sort not in _WORDY or message.get("recipient") not in (None, "all"):
        return None
    return {"role": role, "content": _joined(parts), "said_at": message.get("create_time")}


def _of_claude(messages: list[JsonValue]) -> Iterator[JsonValue]:
    for message in messages:
        if not isinstance(message, dict):
            yield message
            continue
        content, text = message.get("content"), message.get("text")
        blocks = content if isinstance(content, list) else []
        words = _joined([b for b in blocks if isinstance(b, dict) and b.get("type") == "text"])
        words = words or (text if isinstance(text, str) else "")
        yield {"role": message.get("sender"), "content": words, "said_at": message.get("created_at")}


def _joined(parts: list[JsonValue]) -> str:
    words = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(word for word in words if isinstance(word, str) and word.strip()).strip()
