"""Conversations, from the shapes they are kept in: messages of chat APIs, JSON, transcripts. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import JsonValue

from memos_mcp.cube import SourceClass
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.moments import moment
from memos_mcp.late import late

SHAPES = (
    'a message is {"role", "content"} or {"speaker", "text", "said_at"}; a conversation is a list of messages or '
    '{"messages": […], "session"}'
)

_ROLES: Mapping[str, SourceClass] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "system": "system",
    "developer": "system",
}
_SAID_AT = ("said_at", "timestamp", "time", "created_at", "date")
_UNSAID = frozenset({"thinking", "redacted_thinking", "reasoning"})
_PICTURED = {"image_url": "image", "input_image": "image", "input_audio": "audio", "input_file": "file"}


class Turn(NamedTuple):
    """What somebody said: the words, and where they begin in what was read; `span` has their header too."""

    text: str
    at: int
    span: tuple[int, int]
    name: str | None = None
    role: str | None = None
    said_at: datetime | None = None
    source_class: SourceClass | None = None
    session: str | None = None


def messages_in(text: str) -> JsonValue:
    """The messages that a JSON document or JSON Lines hold; None if the text is anything else.

    A document must be a list of messages, or an object with one, beyond doubt: other JSON is a text like any other.
    """
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        document: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return _json_lines(text)
    messages = document.get("messages") if isinstance(document, dict) else document
    return document if isinstance(messages, list) and messages and all(map(_is_message, messages)) else None


def _json_lines(text: str) -> JsonValue:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return None
    try:
        found: list[JsonValue] = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(m, dict) and ("content" in m or "text" in m) for m in found) else None


def _is_message(value: JsonValue) -> bool:
    if not isinstance(value, dict):
        return False
    role, speaker = value.get("role"), value.get("speaker")
    spoken = (isinstance(role, str) and role in _ROLES) or isinstance(speaker, str)
    return spoken and ("content" in value or "text" in value)


def turns_of(message: dict[str, JsonValue], index: int, session: str | None) -> list[Turn]:
    """The turns of one message: none without words, several if it has the results of tools.

    Raises InvalidInput, naming the message, if it has no known shape.
    """
    content = message.get("content")
    if content is None:
        content = message.get("text")
    role, name = message.get("role"), message.get("speaker") or message.get("name")
    said_at = _said_at(message, index)
    session = _word(named_session(message), "session", index) or session
    role, name = _word(role, "role", index), _word(name, "speaker", index)
    if role is None and name in _ROLES:
        role, name = name, None
    source_class = _ROLES.get(role) or _ROLES.get(role.lower()) if role else None
    if isinstance(content, str):
        text = content.strip()
        at = 0 if len(text) == len(content) else content.find(text)
        return [Turn(text, at, (at, at + len(text)), name, role, said_at, source_class, session)] if text else []
    if isinstance(content, list):
        return [
            Turn(text, 0, (0, len(text)), None, "tool", said_at, "tool", session)
            if of_tool
            else Turn(text, 0, (0, len(text)), name, role, said_at, source_class, session)
            for text, of_tool in _blocks(content, index)
        ]
    if content is None and role:
        return []
    raise refused(index, f"has no words under content or text: {SHAPES}")


def named_session(shape: dict[str, JsonValue]) -> JsonValue:
    """What a message or a conversation names as its session."""
    return shape.get("session") or shape.get("session_id") or shape.get("conversation_id")


def refused(index: int, why: str) -> InvalidInput:
    """The error about one message of a list."""
    return InvalidInput(f"message {index} (counted from 0) {why}")


def _word(value: JsonValue, what: str, index: int) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise refused(index, f"has a {what} that is not text: {SHAPES}")


def _said_at(message: dict[str, JsonValue], index: int) -> datetime | None:
    for key in _SAID_AT:
        if (value := message.get(key)) not in (None, ""):
            found = moment(value)
            if found is None:
                shown = str(value)[:40]
                raise refused(index, f"has {key} {shown!r}, which is no certain date: write it as 2023-05-08T13:56:00Z")
            return found
    return None


def _blocks(content: Sequence[JsonValue], index: int) -> Iterator[tuple[str, bool]]:
    """Runs of what was said and results of tools, in order; what is neither is named in brackets among words."""
    run: list[str] = []
    has_words = False
    for block in content:
        words = block if isinstance(block, str) else block.get("text") if isinstance(block, dict) else None
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(words, str):
            run.append(words)
            has_words = has_words or bool(words.strip())
        elif kind == "tool_result" and isinstance(block, dict):
            if has_words:
                yield "\n".join(run).strip(), False
            run, has_words = [], False
            yield from _result(block.get("content"), index)
        elif isinstance(kind, str) and isinstance(block, dict):
            run += [] if kind in _UNSAID else [_named(kind, block)]
        else:
            raise refused(index, 'has a block without a type: {"type": "text", "text": …}')
    if has_words:
        yield "\n".join(run).strip(), False


def _result(content: JsonValue, index: int) -> Iterator[tuple[str, bool]]:
    if isinstance(content, list):
        found = [text for text, _ in _blocks([b for b in content if not _is_result(b)], index)]
        content = "\n".join(found)
    if isinstance(content, str) and content.strip():
        yield content.strip(), True


def _is_result(block: JsonValue) -> bool:
    return isinstance(block, dict) and block.get("type") == "tool_result"


def _named(kind: str, block: dict[str, JsonValue]) -> str:
    name = block.get("name")
    return f"[{_PICTURED.get(kind, kind)}{f' {name}' if isinstance(name, str) else ''}]"


_WIDE = "\uff1a"
_WHO = rf"\*{{0,2}}(?P<who>[^\s:{_WIDE}\[\](){{}}*#>|-][^:{_WIDE}\[\](){{}}*\n]{{0,39}})\*{{0,2}}"
_COLON = rf"[ \t]?(?::(?=\s|\*|$)|{_WIDE})\*{{0,2}}"
_STAMPED = (
    late(rf"\*{{0,2}}\[(?P<when>[^\]\n]{{3,40}})\]\*{{0,2}}[ \t]*(?:[-–][ \t]*)?{_WHO}{_COLON}"),
    late(
        r"(?P<when>\d[\dT:/., -]{3,28}?(?:Z|UTC|(?i: ?[ap]\.?m\.?)| ?[+-]\d\d:?\d\d)?)"
        rf",?[ \t]+(?:[-–][ \t]+)?{_WHO}{_COLON}"
    ),
    late(rf"{_WHO}[ \t]*[(\[](?P<when>[^)\]\n]{{3,40}})[)\]]\*{{0,2}}{_COLON}"),
)
_BOLD = late(r"\*\*(?P<who>[^\s:*][^:*\n]{0,39})(?::\*\*|\*\*[ \t]?:)(?=\s|$)")
_BARE = late(rf"{_WHO}{_COLON}")
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_AROUND_DAY = " \t\r\n#*=_-–—·[]()"
_PARTICLES = frozenset("de del della der den di du da la le van von bin ibn al of the and".split())
_LABELS = frozenset(
    "a abstract action address age agenda answer author background bug cc city conclusion cons context country "
    "critical date debug description edit email error example exception fatal file fix friday from goal hint "
    "hypothesis idea important info ingredients input introduction item key language link location log meeting "
    "method monday name note notes notice output p.s phone place plan problem pros ps q question reason references "
    "remark requirements response result results risk risks saturday section size solution source status step "
    "subject subtitle summary sunday task thursday time tip title to todo topic trace tuesday type update url usage "
    "value version warn warning website wednesday".split()
)
_TALK = late(
    r"[?!\uff1f\uff01我你您]|\b(?:i|you|we|me|my|your|our|us|hi|hello|hey|thanks|yes|no|ok|okay)\b", re.IGNORECASE
)


class _Head(NamedTuple):
    """Where a turn begins (with a line that dates it), its stamp and its words, who speaks and when."""

    start: int
    stamp: int
    words: int
    who: str
    when: str
    day: str


def transcript(text: str, said_at: datetime | None = None) -> list[Turn]:
    """The turns of a written conversation; none unless the text is one beyond doubt, from its first line on.

    `said_at` gives the day of stamps that have only a time. A stamp without a certain date stays in the words.
    Cost: 5 µs a line.
    """
    for find, beyond_doubt in ((_stamped, _dated), (_bold, _talk), (_bare, _talk)):
        if heads := _heads(text, find):
            return _turns(text, beyond_doubt(text, heads), said_at)
    return []


def _heads(text: str, find: Callable[[str], re.Match[str] | None]) -> list[_Head]:
    heads: list[_Head] = []
    at, day_at, day = 0, -1, ""
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        head = find(line) if ":" in line or _WIDE in line else None
        if head:
            when = head.groupdict().get("when") or ""
            heads.append(_Head(start if day_at < 0 else day_at, start, start + head.end(), _name(head), when, day))
            day_at, day = -1, ""
        elif line.strip():
            if not _is_day(line):
                day_at, day = -1, ""
                if not heads:
                    return []
            else:
                day_at, day = start if day_at < 0 else day_at, line.strip(_AROUND_DAY)
    return heads


def _is_day(line: str) -> bool:
    bare = line.strip(_AROUND_DAY)
    return len(line) < 80 and not bare.isdecimal() and moment(bare, day_first=True) is not None


def _name(head: re.Match[str]) -> str:
    return head["who"].strip(" \t*")


def _stamped(line: str) -> re.Match[str] | None:
    found = next((m for m in (pattern.match(line) for pattern in _STAMPED) if m), None)
    if found is None or _name(found).lower() in _LABELS:
        return None
    return found if any(moment(found["when"], order, day=_ANY_DAY) for order in (True, False)) else None


def _bold(line: str) -> re.Match[str] | None:
    return _of_person(_BOLD.match(line))


def _bare(line: str) -> re.Match[str] | None:
    return _of_person(_BARE.match(line))


def _of_person(found: re.Match[str] | None) -> re.Match[str] | None:
    """Only a role or what looks like the name of a person or an account."""
    if found is None:
        return None
    name = _name(found)
    if _role(name):
        return found
    words = name.split()
    called = name[:1].isalpha() and len(words) <= 4 and name.lower().rstrip(" .#0123456789") not in _LABELS
    return found if called and all(not w[0].islower() or w in _PARTICLES for w in words) else None


def _role(name: str) -> str | None:
    return name if name.lower() in _ROLES and name != "Ai" else None


def _dated(text: str, heads: list[_Head]) -> list[_Head]:
    first = heads[0]
    alone = text[first.stamp] in "[*0123456789" and ":" in first.when and moment(first.when, day_first=True)
    return heads if len(heads) > 1 or alone else []


def _talk(text: str, heads: list[_Head]) -> list[_Head]:
    """Headings and lists of properties look the same; so people must talk to each other, in most of the lines."""
    if _role(heads[0].who):
        heads = [head for head in heads if _role(head.who)]
        return heads if len(heads) > 1 else []
    stops = [*(head.start for head in heads[1:]), len(text)]
    talking = [h.who for h, stop in zip(heads, stops, strict=True) if _TALK.search(text, h.words, stop)]
    speakers = len({head.who for head in heads})
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    enough = len(set(talking)) > 1 and (len(heads) > speakers or len(talking) == len(heads))
    return heads if enough and len(heads) * 3 >= lines else []


def _turns(text: str, heads: list[_Head], day: datetime | None) -> list[Turn]:
    turns: list[Turn] = []
    order = _order([head.when for head in heads])
    begin = -1
    for head, stop in zip(heads, [*(head.start for head in heads[1:]), len(text)], strict=False):
        day = moment(head.day, order) or day
        said_at = moment(head.when, order, day=day) if head.when else day
        at = head.stamp if head.when and said_at is None else head.words
        words = text[at:stop].strip()
        begin = head.start if begin < 0 else begin
        if words:
            at = text.index(words, at)
            role = _role(head.who)
            source_class = _ROLES[role.lower()] if role else None
            name = None if role else head.who
            turns.append(Turn(words, at, (begin, at + len(words)), name, role, said_at, source_class))
            begin = -1
    if turns and begin >= 0:  # the last one said nothing
        turns[-1] = turns[-1]._replace(span=(turns[-1].span[0], len(text.rstrip())))
    return turns


def _order(stamps: Sequence[str]) -> bool | None:
    """Whether the day comes first in 5/8/2023, if the other stamps tell."""
    slashed = [stamp for stamp in stamps if "/" in stamp]
    possible = [first for first in (True, False) if all(moment(stamp, first) for stamp in slashed)]
    return possible[0] if len(possible) == 1 else None
