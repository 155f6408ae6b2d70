"""MemCube: the unit of memory (MemOS, short paper §4.2, Figure 4).

A cube is a payload (plaintext, activation or parametric) with descriptive, governance and behavioural metadata.
It is frozen: a change is a new version. Tensors never sit in a cube; a payload names a checksummed blob instead.
"""

from __future__ import annotations

import secrets
from base64 import b32hexencode
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

SCHEMA = 1
"""Version of the stored form; a row says with which one it was written."""

Kind = Literal["preference", "fact", "event", "instruction", "skill", "document"]
"""Semantic type of a memory (docs/reference/words.md says where the borders are)."""

SourceClass = Literal["user", "assistant", "tool", "web", "document", "system"]

EntityKind = Literal["person", "place", "organisation", "thing", "date"]
RelationKind = Literal[
    "likes", "dislikes", "wants", "has", "made", "does", "is", "lives-in", "from", "works-at", "studies-at", "visited",
    "met", "kin", "knows", "part-of", "related",
]  # fmt: skip

Suspicion = Literal["injection", "persistent_instruction", "exfiltration", "by-hand"]
"""Why a memory is in quarantine: what it was found to be, or somebody's decision."""


class State(StrEnum):
    """Lifecycle states (long paper §5.4.3; Expired from §5.2, Frozen from the Time Machine paragraph)."""

    GENERATED = "generated"
    ACTIVATED = "activated"
    MERGED = "merged"
    ARCHIVED = "archived"
    EXPIRED = "expired"
    FROZEN = "frozen"


SHELVED = frozenset({State.ARCHIVED, State.EXPIRED})
"""States in which a memory is neither recalled nor listed nor counted at its path."""
COLD = SHELVED | {State.FROZEN}
"""States in which a store keeps payloads where they take little room and last."""
FIXED = frozenset({State.EXPIRED, State.FROZEN})
"""States in which nothing changes what a memory says."""


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("the moment is before the year 1 or after the year 9999 in UTC") from exc


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time, kept in UTC; one without a zone is read as UTC."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ref(_Value):
    """One version of a memory; `version=None` means the current one."""

    id: str
    version: int | None = Field(default=None, ge=1)


class Interval(_Value):
    """Half-open `[start, end)`; `None` leaves that side open."""

    start: Moment | None = None
    end: Moment | None = None


class Link(_Value):
    """A semantic edge to another memory."""

    kind: Literal["same-entity", "follows", "supports", "contradicts", "supersedes", "derived-from", "part-of"]
    target: str


class Origin(_Value):
    """Where a memory comes from: descriptive metadata, kept for its whole life (long paper §5.3.2, Provenance API)."""

    provenance: str = Field(default="", description="provenance id; lasts as long as the memory")
    source: str = Field(default="", description="name of the text, file or conversation it was read from")
    source_class: SourceClass = "user"
    session: str | None = Field(default=None, description="conversation the turn belongs to")
    position: int | None = Field(default=None, ge=0, description="place among the drafts of its source, from 0")
    span: tuple[int, int] | None = Field(default=None, description="characters [start, end) of the source")
    speaker: str | None = None
    said_at: Moment | None = None
    actor: str | None = Field(default=None, description="caller who stored it")
    model: str | None = Field(default=None, description="model that produced it, if one did")
    trigger: str | None = Field(default=None, description="event or task that caused it")
    uri: str | None = None
    derived_from: tuple[Ref, ...] = ()


Span = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""Characters [start, end) of the text of a memory."""
MOST_MENTIONED = 256


class MentionedEntity(_Value):
    """Somebody or something that a text speaks of: by where its name stands or, of people, by role and whose it is.

    Without name and role it is who speaks.
    """

    kind: EntityKind
    name: Span | None = None
    role: Span | None = Field(default=None, description="where the role stands of a person without a name: sister")
    whose: int | None = Field(default=None, ge=0, description="the entity, an earlier one, that has him in this role")
    at: tuple[Span, ...] = Field(default=(), max_length=MOST_MENTIONED, description="where it is spoken of")
    aliases: tuple[Span, ...] = Field(default=(), max_length=MOST_MENTIONED, description="where other names stand")


class MentionedRelation(_Value):
    """What a sentence says of two entities; these are named by their place in the list."""

    source: int = Field(ge=0)
    kind: RelationKind
    target: int = Field(ge=0)
    sentence: Span
    detail: Span | None = Field(default=None, description="where the word stands that it was said with")
    ended: bool = Field(default=False, description="it held once")


class ModelMentions(_Value):
    """Whom and what a chat model found a text to speak of. It has no words, only places: none outlives its text."""

    model: str
    read: tuple[Span, ...] = Field(default=(), max_length=MOST_MENTIONED, description="what of the text it has read")
    entities: tuple[MentionedEntity, ...] = Field(default=(), max_length=MOST_MENTIONED)
    relations: tuple[MentionedRelation, ...] = Field(default=(), max_length=MOST_MENTIONED)


class Governance(_Value):
    """Who may use a memory, for how long, and how carefully: governance attributes."""

    owner: str = ""
    readers: tuple[str, ...] = Field(default=(), description="names, role:<name>, or * for everybody")
    writers: tuple[str, ...] = ()
    denied: tuple[str, ...] = Field(default=(), description="neither read nor write it, whatever else allows them to")
    read_only: bool = Field(default=False, description="nobody changes what it says")
    contexts: tuple[str, ...] = Field(
        default=(),
        description="kind:value of contexts it may be used in; from-web:name: who may, if it is from the web",
    )
    expires_at: Moment | None = None
    held: bool = Field(default=False, description="under legal hold: never swept, forgotten or erased")
    decay: float | None = Field(default=None, ge=0, description="share of priority lost per day without use")
    sensitivity: tuple[str, ...] = ()
    priority: int = Field(default=0, ge=-10, le=10)
    licence: str | None = None
    watermark: str | None = None
    came_from: tuple[SourceClass, ...] = Field(
        default=("user",), description="classes of the sources of all its versions; kept by the store"
    )


class Usage(_Value):
    """How a memory is used: behavioural indicators, counted by the system and never part of a version."""

    sightings: int = Field(default=1, ge=0, description="how often the same statement was remembered")
    reads: int = Field(default=0, ge=0)
    last_read_at: Moment | None = None
    relevance: float | None = Field(default=None, ge=0, le=1)
    fingerprint: str | None = None


class Plaintext(_Value):
    """Explicit knowledge: a text, a JSON value, or both."""

    kind: Literal["plaintext"] = "plaintext"
    text: str = ""
    data: JsonValue = None


class Activation(_Value):
    """KV cache of other memories for one model; `blob` is None when a server keeps the bytes in its own cache."""

    kind: Literal["activation"] = "activation"
    sources: tuple[Ref, ...]
    fingerprint: str
    tokens: int = Field(ge=0)
    blob: str | None = None


class Parametric(_Value):
    """A LoRA adapter trained from other memories for one base model; `fingerprint` is of that."""

    kind: Literal["parametric"] = "parametric"
    sources: tuple[Ref, ...]
    fingerprint: str
    rank: int = Field(ge=1)
    blob: str
    name: str = Field(default="", description="topic@version, as servers know it; never given again")
    merged: tuple[str, ...] = Field(default=(), description="adapters it was put together from: it only resembles them")


Payload = Annotated[Plaintext | Activation | Parametric, Field(discriminator="kind")]


class MemCube(_Value):
    """One version of one memory.

    `meaning` is its gist in one line, `key` the name of a memory stored verbatim by `put`. Content (meaning, payload,
    mentions, kind, tags, links, valid, origin) makes a version; governance, state, quarantine and usage have their own
    revisions. `hidden` is not stored: it says what is left out for whoever reads it now.
    """

    id: str = Field(min_length=1, max_length=64)
    version: int = Field(default=1, ge=1)
    path: str
    key: str | None = None
    meaning: str = ""
    kind: Kind = "fact"
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    valid: Interval | None = Field(default=None, description="when it holds in the world")
    state: State = State.GENERATED
    quarantined: tuple[Suspicion, ...] = Field(default=(), description="why recall leaves it out; empty: it does not")
    vouched_by: str = Field(default="", description="who took it out of quarantine: it is not suspected again")
    hidden: tuple[str, ...] = Field(default=(), description="classes of personal data that the reader gets marks for")
    created_at: Moment
    updated_at: Moment
    origin: Origin = Origin()
    governance: Governance = Governance()
    usage: Usage = Usage()
    mentions: ModelMentions | None = Field(
        default=None, description="what a model found it to speak of, if one read it"
    )
    payload: Payload

    @property
    def ref(self) -> Ref:
        """This very version."""
        return Ref(id=self.id, version=self.version)

    @property
    def text(self) -> str:
        """The words of a plaintext memory; empty for activation and parametric ones."""
        return self.payload.text if isinstance(self.payload, Plaintext) else ""


CONTENT = frozenset({"meaning", "kind", "tags", "links", "valid", "origin", "mentions", "payload"})
"""The fields that make a version."""


def new_id() -> str:
    """A fresh memory id: 80 random bits as 16 lower-case letters and digits, hard to guess and short to quote."""
    return b32hexencode(secrets.token_bytes(10)).decode().lower()


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a cube (docs/reference/memcube.schema.json)."""
    return MemCube.model_json_schema(mode="serialization") | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "MemCube",
    }
