"""A sentence as words and mentions, and what its words do in a clause. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memos_mcp.operation.entity_values import Entity, How
from memos_mcp.operation.entity_verbs import BROKEN_OFF, VERBS, Verb
from memos_mcp.operation.entity_words import PREPOSITIONS

BOUNDS = frozenset(
    ", ; : ( ) and but because so while although though when whenever if unless that who which whose or – - — since "
    "until".split()
)
NOT = frozenset(
    "not never don't doesn't didn't isn't aren't wasn't weren't won't haven't hasn't hardly without".split()
)
MAYBE = frozenset("if might would could should may can will must whether unless 'll 'd".split())
FILLERS = frozenset(
    "also really still just now already always usually often sometimes absolutely both then only finally recently "
    "truly actually currently quite very mostly even ever particularly especially simply".split()
)
AUX = frozenset("am is are was were be been being 's 'm 're has have had 've do does did".split())
BE = frozenset("am is are was were 's 'm 're".split())
ARTICLES = frozenset({"a", "an"})
DETERMINERS = frozenset("a an the my our his her its their your some any this these those another such".split())
BEFORE_OBJECT = DETERMINERS | frozenset(
    "two three four five six several many much quite really very all both more".split()
)
_LIKE_AFTER = FILLERS | NOT | frozenset("do does did would 'd and but who or to".split())
_ENDS_PHRASE = (
    PREPOSITIONS
    | BOUNDS
    | NOT
    | (AUX - {"being"})
    | frozenset(
        "than too now then again every each today yesterday tomorrow here there full well anymore any once "
        "before more most best to he she it they i we you at up down away together very so last next this "
        "called named all no".split()
    )
)


class Item(NamedTuple):
    """A word of a sentence, or a mention: `entity` is None for words."""

    lower: str
    start: int
    end: int
    entity: Entity | None = None
    how: How | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """The items of a sentence, asked by their place; beyond its end there is nothing."""

    items: Sequence[Item]

    def word(self, at: int) -> str:
        """The word at a place, in lower case; of a mention its first."""
        return self.items[at].lower if 0 <= at < len(self.items) else ""

    def entity(self, at: int) -> Entity | None:
        """Who or what is mentioned at a place."""
        return self.items[at].entity if 0 <= at < len(self.items) else None

    def plain(self, at: int) -> str:
        """The word at a place that is no mention; empty for a mention."""
        return "" if self.entity(at) is not None else self.word(at)

    def behind_articles(self, at: int) -> int:
        """The place behind words such as `the`, `two` and `really`."""
        while self.plain(at) in BEFORE_OBJECT or self.plain(at) in FILLERS:
            at += 1
        return at

    def may_be_verb(self, at: int) -> bool:
        """May a predicate begin here."""
        word = self.word(at)
        return (
            word in VERBS or word in FILLERS or word in AUX or word in NOT or word in MAYBE or word in BROKEN_OFF
        ) or word in {"used", "no"}

    def verb(self, at: int) -> Verb | None:
        """The longest verb of the table that begins here; none behind an article."""
        if self.entity(at) is not None or self.plain(at - 1) in DETERMINERS:
            return None
        if self.word(at) == "like" and self.entity(at - 1) is None and at and self.word(at - 1) not in _LIKE_AFTER:
            return None  # feel like, sounds like
        for verb in VERBS.get(self.word(at), ()):
            if all(self.plain(at + 1 + n) == word for n, word in enumerate(verb.rest)):
                return verb
        return None

    def phrase_end(self, start: int, most: int) -> int:
        """The place behind the common words that name one thing."""
        at = start
        while at < len(self.items) and at - start < most and self.entity(at) is None and _in_phrase(self.word(at)):
            at += 1
        return at

    def closes(self, at: int, *, named: bool) -> bool:
        """Is what stands before `at` one more object, and not the subject of the next clause."""
        if at >= len(self.items):
            return True
        return not self.may_be_verb(at) if named else self.word(at) in {".", "!", ",", ";", "?", "and", "or"}


def _in_phrase(word: str) -> bool:
    return (word[0].isalpha() or word[0].isdigit()) and word not in _ENDS_PHRASE
