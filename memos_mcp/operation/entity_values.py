"""What a memory says of whom: entities, where they are mentioned, and relations between them. Pure values."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, get_args

from memos_mcp.cube import EntityKind, Interval, RelationKind
from memos_mcp.late import late

ENTITY_KINDS: tuple[EntityKind, ...] = get_args(EntityKind)
RELATION_KINDS: tuple[RelationKind, ...] = get_args(RelationKind)
How = Literal["name", "role", "pronoun", "phrase", "time"]

_HONORIFIC = late(
    r"^(?:(?:dr|mr|mrs|ms|miss|mx|prof|professor|doctor|sir|dame|herr|frau|señor|señora|aunt|uncle|auntie)\.? )+"
)
_SPACES = late(r"[\s_]+")
_ARTICLE = late(r"^(?:the|a|an) ")


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """Somebody or something that memories speak of, under the name that is known for it."""

    kind: EntityKind
    name: str


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity, and the characters [start, end) that speak of it; `how` says by what."""

    entity: Entity
    start: int
    end: int
    how: How = "name"


@dataclass(frozen=True, slots=True)
class Relation:
    """What a sentence says: `source` stands in this relation to `target`.

    `detail` is the word it was said with (of kin and acquaintances the role), `sentence` the characters [start, end)
    that say so, `when` the one time that the sentence names; `ended`: it held once.
    """

    source: Entity
    kind: RelationKind
    target: Entity
    sentence: tuple[int, int]
    detail: str = ""
    when: Interval | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was found in a memory. `aliases` are further names that it gives for an entity."""

    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()
    aliases: tuple[tuple[Entity, str], ...] = ()

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Each entity once, in order of its first mention."""
        return tuple(dict.fromkeys(mention.entity for mention in self.mentions))


@dataclass(frozen=True, slots=True)
class Time:
    """A time expression: the characters [start, end) of the text, and the interval that it means."""

    start: int
    end: int
    interval: Interval


def normal(name: str, kind: EntityKind = "thing") -> str:
    """The form in which two spellings of a name are the same: case, spaces, accents, titles, article and plural."""
    plain = unicodedata.normalize("NFKD", name.replace("’", "'")).casefold().strip(" @.,;:!?\"'")
    plain = "".join([c for c in plain if not unicodedata.combining(c)])
    plain = _SPACES.sub(" ", plain)
    if kind == "person":
        return _HONORIFIC.sub("", plain) or plain
    plain = _ARTICLE.sub("", plain)
    return _singular(plain) if kind == "thing" else plain


def _singular(plain: str) -> str:
    if plain.endswith("ies") and len(plain) > 5:
        return f"{plain[:-3]}y"
    if plain.endswith("s") and not plain.endswith(("ss", "us", "is")) and len(plain) > 3:
        return plain[:-1]
    return plain


def entity_id(space: str, entity: Entity) -> str:
    """The id of an entity of a space: the same for the same kind and name, whenever and by whomever it is made."""
    whole = "\0".join((space, entity.kind, normal(entity.name, entity.kind)))
    return f"e_{sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
