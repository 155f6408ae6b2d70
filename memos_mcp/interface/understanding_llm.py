"""MemReader's understanding of a sentence by a chat model, with the same result as by rules (long paper §5.3.1).

The model only marks words; what they mean as a time is read by `times.py`, and what nobody said is not taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Literal, cast, get_args

import anyio
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.cube import Interval, Kind
from memos_mcp.errors import Unavailable
from memos_mcp.interface.commands import is_chat
from memos_mcp.interface.framing import framed, shown
from memos_mcp.interface.rewriting import LONGEST
from memos_mcp.interface.times import found_in
from memos_mcp.interface.understanding import meant
from memos_mcp.late import late
from memos_mcp.models import Chat
from memos_mcp.search import Intent, Layer, Output, Turn, Understanding

_MOST_TURNS = 12
_MOST_PEOPLE = 50
_MOST = 20  # topics, entities or pieces written out
_LONGEST_NAME = 200
_OUTPUTS: Mapping[Intent, Output] = {
    "retrieve": "answer", "compare": "answer", "count": "answer", "summarise": "summary", "list": "list",
}  # fmt: skip
_WORD = late(r"[^\W_]+")
_LIKE = 4  # letters by which forms of a word are told to be one: live, lives, lived


async def meant_by_model(
    chat: Chat,
    sentence: str,
    turns: Sequence[Turn] = (),
    *,
    now: datetime,
    people: Collection[str] = (),
    timeout_s: float = 20,
) -> Understanding:
    """What a sentence said at `now` after `turns` asks for, as the model reads it; `people` are names of persons.

    Sent are the first 2,000 characters of it and of each of the last dozen turns, with secrets masked; courtesy is not
    sent. Names, topics and anchors that stand nowhere in what was said are left out, and a time that was not said is
    none. Raises Unavailable (no answer within `timeout_s`, not of the right shape, or a sentence rewritten into
    something that nobody said) and Misconfigured: then `meant` reads it by rules.
    """
    if is_chat(sentence):
        return meant(sentence, turns, now=now, people=people)
    said = [Turn(shown(turn.text), turn.by_user) for turn in turns[-_MOST_TURNS:]]
    asked = shown(sentence)
    turns_said = framed("turns", ({"from": "user" if t.by_user else "assistant", "text": t.text} for t in said))
    sentence_said: dict[str, JsonValue] = {
        "text": asked,
        "people": [shown(name) for name in sorted(people)[:_MOST_PEOPLE]],
    }
    text = f"{turns_said}\n{framed('sentence', [sentence_said])}"
    with anyio.move_on_after(timeout_s):
        answer = _checked(await chat.complete(_system(), text, SCHEMA), chat.model)
        return _understood(sentence, answer, [asked, *(turn.text for turn in said)], now, chat.model)
    raise Unavailable(f"the chat model {chat.model!r} did not answer within {timeout_s:g} s")


class _Filled(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    said: str = Field(max_length=LONGEST)
    meant: str = Field(max_length=LONGEST)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    alone: str = Field(min_length=1, max_length=2 * LONGEST)
    filled: list[_Filled] = Field(max_length=_MOST)
    intent: Intent
    topics: list[str] = Field(max_length=_MOST)
    entities: list[str] = Field(max_length=_MOST)
    anchor: str | None = Field(max_length=_LONGEST_NAME)
    time: str | None = Field(max_length=_LONGEST_NAME)
    kinds: list[Kind] = Field(max_length=6)
    scope: Layer | None


def _enum(of: object, *, more: Literal["null"] | None = None) -> JsonValue:
    names = cast("list[JsonValue]", list(get_args(of)))
    return {"type": ["string", more], "enum": [*names, None]} if more else {"type": "string", "enum": names}


_TEXTS: JsonValue = {"type": "array", "items": {"type": "string"}}
_OPTIONAL: JsonValue = {"type": ["string", "null"]}
_PAIRS: JsonValue = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"said": {"type": "string"}, "meant": {"type": "string"}},
        "required": ["said", "meant"],
        "additionalProperties": False,
    },
}
_FIELDS: Mapping[str, JsonValue] = {
    "alone": {"type": "string"},
    "filled": _PAIRS,
    "intent": _enum(Intent),
    "topics": _TEXTS,
    "entities": _TEXTS,
    "anchor": _OPTIONAL,
    "time": _OPTIONAL,
    "kinds": {"type": "array", "items": _enum(Kind)},
    "scope": _enum(Layer, more="null"),
}
SCHEMA: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": dict(_FIELDS),
    "required": list(_FIELDS),
    "additionalProperties": False,
}
"""What the model is to answer: every field required and no other allowed, as strict schemas are."""


def _system() -> str:
    return files("memos_mcp.interface").joinpath("prompts", "understanding.txt").read_text("utf-8")


def _checked(answer: JsonValue, model: str) -> _Answer:
    try:
        return _Answer.model_validate(answer)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise Unavailable(
            f"the chat model {model!r} did not answer with an understanding: {where}: {first['msg']}"
        ) from exc


def _understood(sentence: str, answer: _Answer, said: Sequence[str], now: datetime, model: str) -> Understanding:
    whole = " ".join(said).lower()
    alone = " ".join(answer.alone.split())
    if _is_invented(alone, whole):
        raise Unavailable(f"the chat model {model!r} rewrote the sentence with words that nobody said")
    if " ".join(said[0].split()) == alone:
        alone = sentence
    none = answer.intent == "none"
    entities = tuple(dict.fromkeys(name for name in map(_tidy, answer.entities) if name and name.lower() in whole))
    anchor = _tidy(answer.anchor or "")
    return Understanding(
        asked=sentence,
        alone=alone,
        intent=answer.intent,
        topics=()
        if none
        else tuple(dict.fromkeys(t for t in (_tidy(each).lower() for each in answer.topics) if t and t in whole)),
        entities=entities,
        anchor=anchor if anchor.lower() in alone.lower() and not none else "",
        during=None if none else _during(answer.time, alone, whole, now),
        kinds=() if none else tuple(dict.fromkeys(answer.kinds)),
        scope=None if none else answer.scope,
        output=_OUTPUTS.get(answer.intent, "none"),
        filled=tuple((each.said, each.meant) for each in answer.filled if each.said.lower() in said[0].lower()),
    )


def _tidy(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_NAME]


def _during(words: str | None, alone: str, whole: str, now: datetime) -> Interval | None:
    """The time that the marked words mean where they stand; none if nobody said them."""
    marked = " ".join((words or "").split())
    if not marked or not all(word in whole for word in _WORD.findall(marked.lower())):
        return None
    start = alone.lower().find(marked.lower())
    found = found_in(alone, now) if start >= 0 else []
    inside = [each.interval for each in found if each.span[0] < start + len(marked) and start < each.span[1]]
    inside = inside or [each.interval for each in found_in(marked, now) or found_in(f"in {marked}", now)]
    return min(inside, key=_length, default=None)


def _length(interval: Interval) -> float:
    if interval.start is None or interval.end is None:
        return float("inf")
    return (interval.end - interval.start).total_seconds()


def _is_invented(alone: str, whole: str) -> bool:
    """Are more than a quarter of its longer words, or one of its numbers, of no form that was said?"""
    known = {word[:_LIKE] for word in _WORD.findall(whole)}
    words = [word for word in _WORD.findall(alone.lower()) if len(word) >= _LIKE or word.isdecimal()]
    new = [word for word in words if word[:_LIKE] not in known]
    return 4 * len(new) > len(words) or any(word.isdecimal() for word in new)
