"""Chat messages in the shapes people have them: OpenAI, Anthropic, speaker and text, transcripts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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

_HEAD = re.compile(
    r"^(?:\[(?P<when>[^\]\n]{4,40})\][ \t]*|(?P<iso>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*)[ \t]+)?"
    r"(?P<bold>\*\*)?(?P<who>[^\W\d_][\w.'’ -]{0,39}?)(?:[ \t]*\((?P<after>[^)\n]{4,40})\))?"
    r"(?(bold)(?:\*\*:|:\*\*)|:)(?=\s)",
    re.MULTILINE,
)
_DATE_LINE = re.compile(r"^#{0,6}[ \t]*(?P<when>[^\n:]{6,40}?)[ \t]*$", re.MULTILINE)
# What stands before a colon without having said anything.
_LABELS = frozenset(
    "note notes todo warning example examples tip tips summary title author date time subject from to cc re ps fyi "
    "question answer ingredients steps problem solution result results conclusion agenda address phone email update "
    "http https total name location topic".split()
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who, when and what. In a transcript `span` is where it stands, head included; `at` where it speaks."""

    text: str
    speaker: str | None = None
    source_class: SourceClass | None = None
    said_at: datetime | None = None
    session: str | None = None
    span: tuple[int, int] | None = None
    at: int = 0


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


def messages_in(text: str) -> JsonValue:
    """The messages of a JSON or JSON Lines text, if that is unmistakably what it is; None for any other text."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    whole = _json(text)
    inner = whole.get("messages") if isinstance(whole, dict) else whole
    if isinstance(inner, list) and inner and all(_said_by_somebody(m) for m in inner):
        return whole
    lines = [line for line in text.splitlines() if line.strip()]
    each = [_json(line) for line in lines] if len(lines) > 1 or _said_by_somebody(whole) else []
    if each and all(isinstance(m, dict) and _first(m, _WORDS) is not None for m in each):
        return each
    return None


def transcript(text: str) -> list[Message] | None:
    """The turns of a transcript, or None: it takes two turns and nothing but a date before the first."""
    heads = [m for m in _HEAD.finditer(text) if _is_head(text, m)]
    if len(heads) < 2 or len({m["who"] for m in heads}) > max(2, len(heads) // 2):
        return None
    dates = [(d.start(), d.end(), when) for d in _DATE_LINE.finditer(text) if (when := moment(d["when"]))]
    before = text[: heads[0].start()].strip()
    if before and moment(before.lstrip("# ")) is None:
        return None
    turns = list(_turns(text, heads, dates))
    if len(turns) < 2:
        return None
    # What follows the last words (a date, a speaker who says nothing) belongs to the last turn.
    last = turns[-1]
    return [*turns[:-1], replace(last, span=(last.span[0] if last.span else 0, len(text.rstrip())))]


def _turns(text: str, heads: Sequence[re.Match[str]], dates: Sequence[tuple[int, int, datetime]]) -> Iterator[Message]:
    ends = [m.start() for m in heads[1:]] + [len(text)]
    start = 0
    for head, end in zip(heads, ends, strict=True):
        written = head["when"] or head["iso"] or head["after"]
        dated = [when for at, _, when in dates if at < head.start()]
        said_at = moment(written) if written else dated[-1] if dated else None
        stop = next((at for at, _, _ in dates if head.end() <= at < end), end)
        said = text[head.end() : stop]
        words = said.strip()
        if words:
            at = head.end() + len(said) - len(said.lstrip())
            role = _CLASS.get(head["who"].lower())
            yield Message(words, head["who"].strip(), role, said_at, None, (start, at + len(words)), at)
            start = stop


def _is_head(text: str, head: re.Match[str]) -> bool:
    """Does somebody begin to speak here? A date says so; without one, a capitalised name and words beside it."""
    written = head["when"] or head["iso"] or head["after"]
    if written:
        return moment(written) is not None
    who = head["who"]
    beside = text[head.end() : head.end() + 200].split("\n", 1)[0]
    named = who[0].isupper() or who.lower() in _CLASS
    return named and len(who.split()) <= 3 and who.lower() not in _LABELS and bool(beside.strip() or head["bold"])


def _json(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _said_by_somebody(shape: JsonValue) -> bool:
    return isinstance(shape, dict) and _first(shape, _WORDS) is not None and bool(_first(shape, _SPEAKER))


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
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case None:
            return "null"
        case bool():
            return "true or false"
        case _:
            return "a number"
