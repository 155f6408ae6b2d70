"""Chat messages in the shapes people have them: OpenAI, Anthropic, speaker and text, transcripts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from memos_mcp.cube import SourceClass
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.moments import moment

SHAPES = (
    "a text; a message such as {'role': 'user', 'content': '…'} or {'speaker': 'Ada', 'text': '…', 'said_at': '…'}; "
    "a list of these; or {'session': '…', 'messages': […]}"
)
_CLASS: dict[str, SourceClass] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_SPEAKER = ("speaker", "name", "role")
_WORDS = ("text", "content")
_WHEN = ("said_at", "timestamp", "created_at", "time", "date")
_SESSION = ("session", "session_id", "conversation_id")

_DATE_IN_HEAD = r"(?P<when>[^\])\n]{4,40}?)"
_TURN = re.compile(
    rf"^(?:\[{_DATE_IN_HEAD}\]\s*|(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}[T ]\d{{2}}:\d{{2}}\S*)\s+)?"
    r"(?P<bold>\*\*)?(?P<who>[^\W\d_][\w.'’ -]{0,39}?)(?:\s*\((?P<after>[^)\n]{4,40})\))?(?(bold):?\*\*)\s*:(?(bold)|(?=\s))[ \t]*",
    re.MULTILINE,
)
_DATE_LINE = re.compile(r"^#{0,6}[ \t]*(?P<when>[^\n:]{6,40}?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who, when and what; `span` is where it stands in a transcript, head included."""

    text: str
    speaker: str | None = None
    source_class: SourceClass | None = None
    said_at: datetime | None = None
    session: str | None = None
    span: tuple[int, int] | None = None


def message(shape: JsonValue, index: int) -> Message:
    """The message in a mapping. Raises InvalidInput."""
    if not isinstance(shape, dict):
        raise InvalidInput(f"element {index} is {_named(shape)}; accepted are {SHAPES}")
    words = _first(shape, _WORDS)
    if words is None:
        raise InvalidInput(f"element {index} has neither 'content' nor 'text'; accepted are {SHAPES}")
    text, tool = _text(words, index)
    role = shape.get("role")
    known = _CLASS.get(role.lower()) if isinstance(role, str) else None
    speaker, session = _first(shape, _SPEAKER), _first(shape, _SESSION)
    for what, value in (("speaker", speaker), ("session", session)):
        if not isinstance(value, str | None):
            raise InvalidInput(f"the {what} of element {index} is {_named(value)}; it must be a text")
    return Message(
        text=text,
        speaker=speaker if isinstance(speaker, str) else None,
        source_class="tool" if tool else known,
        said_at=_when(_first(shape, _WHEN), index),
        session=session if isinstance(session, str) else None,
    )


def messages_in(text: str) -> list[JsonValue] | None:
    """The messages of a JSON or JSON Lines text, if that is unmistakably what it is."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    for parse in (_document, _lines):
        found = parse(text)
        if found and all(isinstance(m, dict) and _first(m, _WORDS) is not None and _first(m, _SPEAKER) for m in found):
            return found
    return None


def transcript(text: str) -> list[Message] | None:
    """The turns of a transcript, or None: it takes two turns, a known way to head them, and nothing before the first."""
    heads = [m for m in _TURN.finditer(text) if _is_head(m)]
    if len(heads) < 2 or len({m["who"] for m in heads}) > max(2, len(heads) // 2):
        return None
    dates = [(d.start(), d.end(), when) for d in _DATE_LINE.finditer(text) if (when := moment(d["when"]))]
    before = text[: heads[0].start()]
    if before.strip() and not any(d[0] <= len(before) and before[d[1] :].strip() == "" for d in dates):
        return None
    return list(_turns(text, heads, dates))


def _turns(text: str, heads: Sequence[re.Match[str]], dates: Sequence[tuple[int, int, datetime]]) -> Iterator[Message]:
    ends = [m.start() for m in heads[1:]] + [len(text)]
    start = 0
    for head, end in zip(heads, ends, strict=True):
        written = head["when"] or head["iso"] or head["after"]
        dated = [d for d in dates if d[0] < head.start()]
        said_at = moment(written) if written else dated[-1][2] if dated else None
        inside = [d for d in dates if head.end() <= d[0] < end]
        stop = inside[0][0] if inside else end
        words = text[head.end() : stop].strip()
        if words:
            yield Message(words, head["who"].strip(), _CLASS.get(head["who"].lower()), said_at, None, (start, stop))
            start = stop


def _is_head(head: re.Match[str]) -> bool:
    written = head["when"] or head["iso"] or head["after"]
    return moment(written) is not None if written else len(head["who"].split()) <= 3 and head["who"][0].isupper()


def _document(text: str) -> list[JsonValue] | None:
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        inner = found.get("messages")
        return inner if isinstance(inner, list) else None
    return found if isinstance(found, list) else None


def _lines(text: str) -> list[JsonValue] | None:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _text(words: JsonValue, index: int) -> tuple[str, bool]:
    """The words of a message, and whether they are a tool's."""
    if isinstance(words, str):
        return words, False
    if not isinstance(words, list):
        raise InvalidInput(f"the content of element {index} is {_named(words)}; it must be a text or a list of blocks")
    parts: list[str] = []
    tool = False
    for block in words:
        if isinstance(block, str):
            parts.append(block)
        elif isinstance(block, dict):
            kind = str(block.get("type", "text"))
            tool = tool or kind == "tool_result"
            inner = _first(block, _WORDS)
            parts.append(_text(inner, index)[0] if inner is not None else f"[{kind.replace('_', ' ')}]")
        else:
            raise InvalidInput(f"a block in the content of element {index} is {_named(block)}; accepted are {SHAPES}")
    return "\n".join(part for part in parts if part), tool


def _when(written: JsonValue, index: int) -> datetime | None:
    if written is None or written == "":
        return None
    found = moment(written) if isinstance(written, str | int | float) and not isinstance(written, bool) else None
    if found is None:
        raise InvalidInput(
            f"the time of element {index} ({str(written)[:40]!r}) cannot be read; write 2026-03-02T09:14:00Z"
        )
    return found


def _first(shape: dict[str, JsonValue], names: Sequence[str]) -> JsonValue:
    return next((shape[name] for name in names if shape.get(name) is not None), None)


def _named(value: JsonValue) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(
        type(value), "a number"
    )
