"""Entities and relations of a memory by a chat model: the same as by rules (`mentioned.reading_of` gives them so).

Each has its place in the text: what the model says stands there and does not is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal, cast, get_args

import anyio
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.cube import EntityKind, MentionedEntity, MentionedRelation, ModelMentions, RelationKind, Span
from memos_mcp.errors import Unavailable
from memos_mcp.interface.framing import framed
from memos_mcp.interface.mentioned import role_of, used
from memos_mcp.interface.screening import masked, secrets_of
from memos_mcp.models import Chat
from memos_mcp.operation.entity_values import normal

MOST_CHARACTERS = 8_000
"""Of a longer text the rest is not sent."""
_MOST = 200  # of one memory
_LONGEST_NAME = 200
_I = frozenset("i me my mine myself".split())
_KINDS: tuple[EntityKind, ...] = ("thing", "place", "person")  # each has a normal form of its own
_SYSTEM = "entities.txt"


async def entities_by_model(chat: Chat, text: str, *, speaker: str = "", timeout_s: float = 60) -> ModelMentions:
    """The entities and relations of a memory as the model finds them, each by where it stands in the text.

    `speaker` is who says `I` (the user, if empty). Secrets are masked before the text is sent. A name or sentence that
    does not stand in the text is dropped, and a relation without both of its entities; a person without a name goes by
    his role and whose he is. Raises Unavailable (no answer within `timeout_s`, not of the right shape), Misconfigured.
    """
    text = text[:MOST_CHARACTERS]
    shown = masked(text, secrets_of(text))
    memory = framed("memory", [{"text": shown, "speaker": speaker or "user"}])
    system = files("memos_mcp.interface").joinpath("prompts", _SYSTEM).read_text("utf-8")
    with anyio.move_on_after(timeout_s):
        answer = await chat.complete(system, memory, SCHEMA)
        try:
            found = _Answer.model_validate(answer)
        except ValidationError as exc:
            raise Unavailable(f"the chat model {chat.model!r} did not answer with entities and relations") from exc
        return _Places(text, speaker or "user", found).mentions(chat.model)
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


@dataclass(slots=True, eq=False)
class _Meant:
    """An entity as the answer has it: who speaks, a name, or a role of somebody."""

    named: _Named | None = None
    at: list[Span] = field(default_factory=list[Span])
    aliases: list[Span] = field(default_factory=list[Span])
    number: int = -1


class _Places:
    """One answer, by where it stands in the text. Entities are known by the normal form of their names."""

    def __init__(self, text: str, speaker: str, answer: _Answer) -> None:
        self.text, self.answer = text, answer
        self.speaker = normal(speaker, "person")
        self.meant: dict[str, _Meant] = {self.speaker: _Meant()}
        self.entities: list[MentionedEntity] = []

    def mentions(self, model: str) -> ModelMentions:
        """All that stands there."""
        behind: dict[str, int] = {}
        for each in self.answer.entities:
            start = _place(self.text, each.said, behind.get(each.said, 0))
            key = self._key(each.name if each.said.lower() not in _I else each.said, each.kind)
            if start >= 0 and (key in self.meant or self._is_named(each)):
                behind[each.said] = start + len(each.said)
                self.meant.setdefault(key, _Meant(each)).at.append((start, behind[each.said]))
        self._number()
        for each in self.answer.aliases:
            start, entity = _place(self.text, each.alias, 0), self._known(each.name)
            if entity is not None and start >= 0 and each.alias != each.name:
                entity.aliases.append((start, start + len(each.alias)))
        for meant in self.meant.values():
            if meant.number >= 0:
                its = {"at": _few(meant.at), "aliases": _few(meant.aliases)}
                self.entities[meant.number] = self.entities[meant.number].model_copy(update=its)
        relations = dict.fromkeys(found for each in self.answer.relations if (found := self._relation(each)))
        read = ((0, len(self.text)),)
        return used(ModelMentions(model=model, read=read, entities=tuple(self.entities), relations=tuple(relations)))

    def _key(self, name: str, kind: EntityKind) -> str:
        """`I` and the name of who speaks are the same."""
        plain = normal(name, kind)
        return self.speaker if name.lower() in _I or normal(name, "person") == self.speaker else plain

    def _is_named(self, each: _Named) -> bool:
        """Does the name stand in the text, or is it that of a role?"""
        return bool(each.name.strip()) and (_place(self.text, each.name, 0) >= 0 or _role(each) is not None)

    def _number(self) -> None:
        """Who speaks, then names, then roles: whose somebody is comes before him."""
        by_role = [m for m in self.meant.values() if m.named and _place(self.text, m.named.name, 0) < 0]
        names = [meant for meant in self.meant.values() if meant not in by_role]
        for meant in (*names, *sorted(by_role, key=lambda m: m.named.name.count("'s ") if m.named else 0)):
            if (entity := self._entity(meant)) is not None:
                meant.number = len(self.entities)
                self.entities.append(entity)

    def _entity(self, meant: _Meant) -> MentionedEntity | None:
        named = meant.named
        if named is None:
            return MentionedEntity(kind="person")
        start = _place(self.text, named.name, 0)
        if start >= 0:
            return MentionedEntity(kind=named.kind, name=(start, start + len(named.name)))
        owner, role = self._known(named.name.rpartition("'s ")[0]), _role(named)
        if owner is None or role is None:
            return None
        first = meant.at[0][0]
        return MentionedEntity(kind="person", role=(first + role[0], first + role[1]), whose=owner.number)

    def _known(self, name: str) -> _Meant | None:
        """Whom a name means that is spoken of."""
        keys = [self._key(name, kind) for kind in _KINDS]
        found = [meant for key in keys if (meant := self.meant.get(key)) and meant.number >= 0]
        return found[0] if found else None

    def _relation(self, each: _Related) -> MentionedRelation | None:
        start = self.text.find(each.sentence)
        source, target = self._known(each.source), self._known(each.target)
        if start < 0 or source is None or target is None or source is target:
            return None
        detail = _place(each.sentence, each.detail, 0) if each.detail else -1
        return MentionedRelation(
            source=source.number,
            kind=each.kind,
            target=target.number,
            sentence=(start, start + len(each.sentence)),
            detail=(start + detail, start + detail + len(each.detail)) if detail >= 0 else None,
            ended=each.ended,
        )


def _role(named: _Named) -> Span | None:
    """Where in his words somebody's role stands, if his name is that of a role: Tom's sister."""
    owner, _, role = named.name.rpartition("'s ")
    return role_of(named.said, role) if owner and named.kind == "person" else None


def _few(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(dict.fromkeys(spans))[:_MOST]


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
