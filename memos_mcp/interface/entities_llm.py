"""Entities and relations of a memory by a chat model: the same result as by rules (`operation/entities.py`).

Each has its place in the text: what the model says stands there and does not is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Literal, cast, get_args

import anyio
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.errors import Unavailable
from memos_mcp.interface.screening import masked, secrets_of
from memos_mcp.models import Chat
from memos_mcp.operation.entity_values import Entity, How, Mention, Reading, Relation, RelationKind, Time, normal

MOST_CHARACTERS = 8_000
"""Of a longer text the rest is not sent."""
_MOST = 200  # of one memory
_LONGEST_NAME = 200
_PRONOUNS = frozenset(
    "i me my mine myself we us our ours he him his himself she her hers herself they them their theirs it its".split()
)
_I = frozenset("i me my mine myself".split())
_SYSTEM = "entities.txt"


async def entities_by_model(
    chat: Chat, text: str, *, speaker: str = "", times: Sequence[Time] = (), timeout_s: float = 60
) -> Reading:
    """The entities and relations of a memory as the model finds them, each with where it stands.

    `speaker` is who says `I` (the user, if empty), `times` are the text's time expressions. Secrets are masked before
    the text is sent. A name or sentence that does not stand in the text is dropped, and a relation without both of its
    entities. Raises Unavailable (no answer within `timeout_s`, not of the right shape) and Misconfigured.
    """
    shown = masked(text[:MOST_CHARACTERS], secrets_of(text[:MOST_CHARACTERS]))
    line = json.dumps({"text": shown, "speaker": speaker or "user"}, ensure_ascii=False).replace("<", "\\u003c")
    system = files("memos_mcp.interface").joinpath("prompts", _SYSTEM).read_text("utf-8")
    with anyio.move_on_after(timeout_s):
        answer = await chat.complete(system, f"<memory>\n{line}\n</memory>", SCHEMA)
        try:
            found = _Answer.model_validate(answer)
        except ValidationError as exc:
            raise Unavailable(f"the chat model {chat.model!r} did not answer with entities and relations") from exc
        return _reading(found, text, Entity("person", speaker or "user"), times)
    raise Unavailable(f"the chat model {chat.model!r} did not answer within {timeout_s:g} s")


_Kind = Literal["person", "place", "organisation", "thing"]
_CONFIG = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class _Named(BaseModel):
    model_config = _CONFIG

    said: str = Field(min_length=1, max_length=_LONGEST_NAME)
    name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    kind: _Kind


class _Alias(BaseModel):
    model_config = _CONFIG

    name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    alias: str = Field(min_length=1, max_length=_LONGEST_NAME)


class _Related(BaseModel):
    model_config = _CONFIG

    source: str = Field(max_length=_LONGEST_NAME)
    kind: RelationKind
    target: str = Field(max_length=_LONGEST_NAME)
    detail: str = Field(max_length=_LONGEST_NAME)
    sentence: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    ended: bool


class _Answer(BaseModel):
    model_config = _CONFIG

    entities: list[_Named] = Field(max_length=_MOST)
    aliases: list[_Alias] = Field(max_length=_MOST)
    relations: list[_Related] = Field(max_length=_MOST)


def _listed(fields: Mapping[str, JsonValue]) -> JsonValue:
    item: JsonValue = {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }
    return {"type": "array", "items": item}


def _enum(of: object) -> JsonValue:
    return {"type": "string", "enum": cast("list[JsonValue]", list(get_args(of)))}


_TEXT: JsonValue = {"type": "string"}
_LISTS: Mapping[str, JsonValue] = {
    "entities": _listed({"said": _TEXT, "name": _TEXT, "kind": _enum(_Kind)}),
    "aliases": _listed({"name": _TEXT, "alias": _TEXT}),
    "relations": _listed(
        {
            "source": _TEXT,
            "kind": _enum(RelationKind),
            "target": _TEXT,
            "detail": _TEXT,
            "sentence": _TEXT,
            "ended": {"type": "boolean"},
        }
    ),
}
SCHEMA: Mapping[str, JsonValue] = {
    "type": "object",
    "properties": dict(_LISTS),
    "required": list(_LISTS),
    "additionalProperties": False,
}
"""What the model is to answer: every field required and no other allowed, as strict schemas are."""


def _reading(answer: _Answer, text: str, speaker: Entity, times: Sequence[Time]) -> Reading:
    mentions: list[Mention] = []
    known = {normal(speaker.name, "person"): speaker}
    behind: dict[str, int] = {}
    for each in answer.entities:
        start = _place(text, each.said, behind.get(each.said, 0))
        entity = _entity(each, text, speaker)
        if start < 0 or entity is None:
            continue
        behind[each.said] = start + len(each.said)
        known.setdefault(normal(entity.name, entity.kind), entity)
        entity = known[normal(entity.name, entity.kind)]
        mentions.append(Mention(entity, start, start + len(each.said), _how(each, entity)))
    mentions += [Mention(Entity("date", text[t.start : t.end]), t.start, t.end, "time") for t in times]
    named = {normal(entity.name): entity for entity in known.values()}
    return Reading(
        tuple(sorted(mentions, key=lambda mention: (mention.start, mention.end))),
        tuple(dict.fromkeys(r for each in answer.relations if (r := _relation(each, text, named, times)))),
        tuple(
            (entity, each.alias)
            for each in answer.aliases
            if (entity := named.get(normal(each.name)))
            and _place(text, each.alias, 0) >= 0
            and each.alias != entity.name
        ),
    )


def _place(text: str, said: str, start: int) -> int:
    """Where the words stand as words of their own, from `start` on; -1 if nowhere."""
    at = text.find(said, start)
    while at >= 0:
        end = at + len(said)
        if not (text[at - 1 : at].isalnum() and said[0].isalnum()) and not (
            text[end : end + 1].isalnum() and said[-1].isalnum()
        ):
            return at
        at = text.find(said, at + 1)
    return -1


def _entity(named: _Named, text: str, speaker: Entity) -> Entity | None:
    """The entity of a mention; None if its name stands nowhere."""
    name = " ".join(named.name.split())
    if named.said.lower() in _I or normal(name, "person") == normal(speaker.name, "person"):
        return speaker
    return Entity(named.kind, name) if name and _place(text, named.name, 0) >= 0 else None


def _how(named: _Named, entity: Entity) -> How:
    if named.said.lower() in _PRONOUNS:
        return "pronoun"
    if normal(named.said, entity.kind) == normal(entity.name, entity.kind):
        return "name" if any(char.isupper() for char in named.said) else "phrase"
    return "role" if entity.kind == "person" else "phrase"


def _relation(related: _Related, text: str, named: Mapping[str, Entity], times: Sequence[Time]) -> Relation | None:
    start = text.find(related.sentence)
    source, target = named.get(normal(related.source)), named.get(normal(related.target))
    if start < 0 or source is None or target is None or source == target:
        return None
    end = start + len(related.sentence)
    within = [time.interval for time in times if start <= time.start and time.end <= end]
    detail = " ".join(related.detail.split())
    return Relation(
        source, related.kind, target, (start, end), detail, within[0] if len(within) == 1 else None, related.ended
    )
