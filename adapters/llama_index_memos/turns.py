"""Messages of LlamaIndex as turns of MemOS, and what is recalled as the text of a prompt. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llama_index.core.llms import ChatMessage, MessageRole
from pydantic import JsonValue

from memos_mcp import Recall

SAID = (MessageRole.USER, MessageRole.ASSISTANT)
"""Whose messages are remembered. What tools answer is not: it would be remembered anew each time it is looked up."""
_TURNS = 10  # before the question: what "there" or "she" can refer to
_LONGEST = 2_000  # characters of a question: its end says what is wanted


def turn_of(message: ChatMessage, roles: Collection[MessageRole] = SAID) -> dict[str, JsonValue] | None:
    """What is remembered of a message; None if it has no words, or is of another role."""
    words = message.content
    if message.role not in roles or not words or words.isspace():
        return None
    return {"role": message.role.value, "content": words}


def asked(messages: Sequence[ChatMessage]) -> tuple[str, list[dict[str, JsonValue]]]:
    """The last that the user said, and the turns before it; an empty question if he said nothing."""
    for place in range(len(messages) - 1, -1, -1):
        question = turn_of(messages[place], (MessageRole.USER,))
        if question is not None:
            before = [turn for each in messages[:place] if (turn := turn_of(each))]
            return str(question["content"])[-_LONGEST:], before[-_TURNS:]
    return "", []


def size(text: str) -> int:
    """An estimate of the tokens of a text."""
    return (len(text.encode(errors="replace")) + 3) // 4


def told(found: Recall, session: str | None, heard: Sequence[str], limit: int, budget: int) -> str:
    """The context of a recall, without what stands in the chat already: turns of the session that can be read in it."""
    kept = list[str]()
    left = budget
    for place, text in zip(found.memories, _lines(found), strict=False):
        said = place.cube.text
        if place.cube.origin.session == session and said and any(said in words for words in heard):
            continue
        left -= size(text) + 1
        if len(kept) == limit or (left < 0 and kept):
            break
        kept.append(text)
    return "\n".join(kept)


def _lines(found: Recall) -> list[str]:
    """The context cut before each memory: every one begins with its id in brackets."""
    starts = list[int]()
    at = 0
    for memory in found.memories[: found.used]:
        at = found.context.index(f"[{memory.cube.id}] ", at)
        starts.append(at)
    stops = [*(start - 1 for start in starts[1:]), len(found.context)]
    return [found.context[start:stop] for start, stop in zip(starts, stops, strict=False)]
