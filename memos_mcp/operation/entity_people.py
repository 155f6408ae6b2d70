"""Who is meant: people by their role, and pronouns. Pure but for `People`, which belongs to one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from memos_mcp.operation.entity_tokens import Token
from memos_mcp.operation.entity_values import Entity
from memos_mcp.operation.entity_words import (
    FEMALE,
    FIRST_NAMES,
    KIN,
    KIN_FEMALE,
    KIN_MALE,
    KNOWN_AS,
    MALE,
    PREPOSITIONS,
    ROLE_TRAITS,
    SAME_ROLE,
)

Gender = Literal["", "f", "m"]
SPEAKER = frozenset("i me myself we us ourselves".split())
MINE = frozenset({"my", "our"})
THEIRS = frozenset({"his", "her", "their"})
_GENDERS: dict[str, Gender] = {
    "he": "m",
    "him": "m",
    "his": "m",
    "himself": "m",
    "she": "f",
    "her": "f",
    "herself": "f",
}
_TITLES: dict[str, Gender] = {
    "mr": "m", "herr": "m", "sir": "m", "uncle": "m", "señor": "m",
    "mrs": "f", "ms": "f", "miss": "f", "frau": "f", "dame": "f", "aunt": "f", "señora": "f",
}  # fmt: skip
_MOST_TRAITS = 3
_MOST_PEOPLE = 30  # who was spoken of before these is not meant by a pronoun
_NOT_HUMAN_ALONE = frozenset({"manager", "assistant", "client", "lead", "tutor", "trainer"})
_ALONE = KNOWN_AS - _NOT_HUMAN_ALONE


class Role(NamedTuple):
    """A role such as `sister` or `next-door neighbour`: the index behind it, and the word for it."""

    end: int
    role: str


def role_at(tokens: Sequence[Token], at: int) -> Role | None:
    """The role of somebody that begins at a token, after the words that say whose he is."""
    end = at
    while end < len(tokens) and end - at <= _MOST_TRAITS:
        word = tokens[end].lower
        if _is_role(word):
            while end + 1 < len(tokens) and _is_role(tokens[end + 1].lower) and not tokens[end + 1].capital:
                end += 1
            role = tokens[end].lower
            return Role(end + 1, SAME_ROLE.get(role, role))
        known = word in ROLE_TRAITS
        if not known and not _could_be_a_trait(tokens, end):
            return None
        end += 1
    return None


def _is_role(word: str) -> bool:
    return word in KIN or word in KNOWN_AS


def _could_be_a_trait(tokens: Sequence[Token], at: int) -> bool:
    """One unknown word may stand before an acquaintance: my car mechanic, but not my password manager."""
    if (
        at + 1 >= len(tokens)
        or not tokens[at].word
        or tokens[at].capital
        or tokens[at].lower in PREPOSITIONS
        or "'" in tokens[at].lower
    ):
        return False
    return tokens[at + 1].lower in _ALONE and tokens[at].lower.isalpha() and not tokens[at].lower.endswith("s")


def gender_of(name: str, role: str = "") -> Gender:
    """What a role, a title or a first name says; empty if none does."""
    if role in KIN_FEMALE:
        return "f"
    if role in KIN_MALE:
        return "m"
    first = name.split(" ", 1)[0].lower().rstrip(".")
    if first in _TITLES:
        return _TITLES[first]
    if first not in FIRST_NAMES or (first in FEMALE and first in MALE):
        return ""
    return "f" if first in FEMALE else "m"


class _Person(NamedTuple):
    entity: Entity
    gender: Gender
    sentence: int


@dataclass(slots=True)
class People:
    """The people of a memory in the order they are spoken of."""

    sentence: int = 0
    found: list[_Person] = field(default_factory=list[_Person])

    def add(self, entity: Entity, gender: Gender) -> None:
        """Somebody is spoken of."""
        self.found = [*self.found[-_MOST_PEOPLE:], _Person(entity, gender, self.sentence)]

    def rename(self, old: Entity, new: Entity) -> None:
        """Somebody known by his role turns out to have a name."""
        self.found = [each._replace(entity=new) if each.entity == old else each for each in self.found]

    def meant_by(self, pronoun: str) -> Entity | None:
        """Whom he, she, his, her or their mean: of the last sentence with such a person the first; None if unsure."""
        gender = _GENDERS.get(pronoun, "")
        for sentence in sorted({each.sentence for each in self.found}, reverse=True):
            here = [each for each in self.found if each.sentence == sentence]
            sure = [each.entity for each in here if gender and each.gender == gender]
            could = [each.entity for each in here if not gender or not each.gender]
            if sure or could:
                return (sure or could)[0]
        return None
