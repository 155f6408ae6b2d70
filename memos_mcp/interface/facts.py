"""The facts that a chat model finds stated in turns: what it is asked, and what becomes of its answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.cube import Interval
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.infrastructure.tokens import terms
from memos_mcp.interface.duplicates import normalise, statement_key
from memos_mcp.interface.framing import as_line
from memos_mcp.interface.moments import moment
from memos_mcp.interface.reader import check_text
from memos_mcp.late import late
from memos_mcp.ports import Draft

_LONGEST = 2_000
_LONGEST_MEANING = 200
_LONGEST_TAG = 64
_MOST_TAGS = 8
_MOST_FACTS = 500  # of one part
_DAY = late(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
_NOBODY = frozenset(terms("user assistant"))


@dataclass(frozen=True, slots=True)
class Part:
    """Turns that are sent in one question, by their numbers."""

    turns: Mapping[int, Draft]
    text: str


def parts_of(drafts: Sequence[Draft], most: int) -> Iterator[Part]:
    """As few parts as can be; a turn is never cut, so a long one may be a part of its own."""
    turns: dict[int, Draft] = {}
    lines: list[str] = []
    size = 0
    for number, draft in enumerate(drafts, start=1):
        if not is_sent(draft):
            continue
        line = _line(number, draft)
        if turns and size + len(line) > most:
            yield _joined(turns, lines)
            turns, lines, size = {}, [], 0
        turns[number] = draft
        lines.append(line)
        size += len(line)
    if turns:
        yield _joined(turns, lines)


def is_sent(draft: Draft) -> bool:
    """Are its words for the model?"""
    return draft.origin.source_class != "system"


def _joined(turns: Mapping[int, Draft], lines: Sequence[str]) -> Part:
    return Part(turns, "\n".join(("<turns>", *lines, "</turns>")))


def _line(number: int, draft: Draft) -> str:
    origin = draft.origin
    turn: dict[str, JsonValue] = {"turn": number}
    if origin.said_at is not None:
        turn["said"] = origin.said_at.strftime("%A %Y-%m-%d %H:%M")
    if origin.speaker:
        turn["speaker"] = origin.speaker
    turn |= {"from": origin.source_class, "text": draft.text}
    return as_line(turn)


def facts_of(answer: JsonValue, turns: Mapping[int, Draft], model: str) -> list[Draft]:
    """The facts in a model's answer about numbered turns, without those that cannot be used.

    Left out are facts of turns that were not asked about, empty or overlong ones, those of no known kind, repeats, and
    instructions that are not a user's own words. Raises Unavailable if the answer is no list of facts, or if there are
    some and none has the shape of a fact.
    """
    try:
        listed = _Facts.model_validate(answer).facts
    except ValidationError as exc:
        raise Unavailable(f"the chat model {model!r} did not answer with a list of facts") from exc
    facts = [fact for item in listed if (fact := _fact(item)) and fact.turn in turns]
    if listed and not facts:
        raise Unavailable(f"the chat model {model!r} answered with {len(listed)} facts, and none can be used")
    drafts = {draft.once: draft for fact in reversed(facts) if (draft := _draft(fact, turns[fact.turn], model))}
    return list(reversed(drafts.values()))


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    text: str = Field(max_length=_LONGEST)
    kind: Literal["preference", "fact", "event", "instruction", "skill"]
    turn: int
    valid_from: str | None = None
    valid_to: str | None = None
    tags: tuple[str, ...] | None = None
    meaning: str | None = None


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    facts: list[JsonValue] = Field(max_length=_MOST_FACTS)


_OPTIONAL: JsonValue = {"type": ["string", "null"]}
_FIELDS: Mapping[str, JsonValue] = {
    "text": {"type": "string"},
    "kind": {"type": "string", "enum": ["preference", "fact", "event", "instruction", "skill"]},
    "turn": {"type": "integer"},
    "valid_from": _OPTIONAL,
    "valid_to": _OPTIONAL,
    "tags": {"type": "array", "items": {"type": "string"}},
    "meaning": _OPTIONAL,
}
# Strict schemas, as OpenAI defines them, list every field as required and allow no others.
SCHEMA: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": {
        "facts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict(_FIELDS),
                "required": list(_FIELDS),
                "additionalProperties": False,
            },
        }
    },
    "required": ["facts"],
    "additionalProperties": False,
}


def _fact(item: JsonValue) -> _Fact | None:
    try:
        return _Fact.model_validate(item)
    except ValidationError:
        return None


def _draft(fact: _Fact, turn: Draft, model: str) -> Draft | None:
    """The fact as a draft; None if it is not to be stored, or says no more than its turn."""
    text = _line_of(fact.text)
    if not text or normalise(text) == normalise(turn.text):
        return None
    if fact.kind == "instruction" and not _own_words(text, turn):
        return None
    return Draft(
        text,
        fact.kind,
        _line_of(fact.meaning or "")[:_LONGEST_MEANING],
        tags=_tags(fact.tags or ()),
        valid=_interval(fact.valid_from, fact.valid_to),
        origin=turn.origin.model_copy(update={"model": model}),
        once=statement_key(text, turn.origin.speaker),
    )


def _line_of(text: str) -> str:
    """The text on one line; empty if it cannot be stored."""
    try:
        return " ".join(check_text(text).split())
    except InvalidInput:
        return ""


def _own_words(text: str, turn: Draft) -> bool:
    """Whether most of an instruction stands in a user's turn: a tool may talk a model into naming the wrong turn."""
    words = set(terms(text)) - _NOBODY
    return turn.origin.source_class == "user" and 2 * len(words & set(terms(turn.text))) >= max(len(words), 1)


def _tags(tags: Sequence[str]) -> tuple[str, ...]:
    named = (_line_of(tag).lower() for tag in tags)
    return tuple(dict.fromkeys(t for t in named if t and t.isprintable() and len(t) <= _LONGEST_TAG))[:_MOST_TAGS]


def _interval(first: str | None, last: str | None) -> Interval | None:
    """From the start of the one to the start of the other; none if that makes no sense."""
    begin, stop = _unit(first), _unit(last)
    start, end = begin and begin[0], stop and stop[0]
    if start and end and end <= start:
        end = stop[1] if stop and start == end else None  # the same day named twice is that day
        if end is None or end <= start:
            return None
    return Interval(start=start, end=end) if start or end else None


def _unit(text: str | None) -> tuple[datetime, datetime] | None:
    """The year, month or day that is named, or a moment as such."""
    named = _DAY.fullmatch(text.strip()) if text else None
    if named is None:
        at = moment(text) if text else None
        return (at, at) if at else None
    year, month, day = (int(part) if part else 0 for part in named.groups())
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day:
            return start, start + timedelta(days=1)
        return start, datetime(year + (month in {0, 12}), month % 12 + 1 if month else 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):  # no such day
        return None
