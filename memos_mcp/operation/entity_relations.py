"""Relations that the clauses of a sentence state: who, which verb, whom or what. Pure.

The subject is what stands at the start of a clause; a clause that begins with a verb goes on with the subject before.
What is negated, asked or only possible states nothing, but for wishes, for likes and dislikes, and for what is no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from memos_mcp.operation.entity_clauses import ARTICLES, AUX, BE, BOUNDS, FILLERS, MAYBE, NOT, Item, Sentence
from memos_mcp.operation.entity_values import Entity, EntityKind, RelationKind
from memos_mcp.operation.entity_verbs import BROKEN_OFF, EDUCATION, IMPLIED, LIGHT, STATES, VERBS, Verb
from memos_mcp.operation.entity_words import NAMED_AFTER, PREPOSITIONS, REGIONS

_LONGEST = 4  # words of a thing without a name
_FAR = 6  # words to a place or an employer
_MEASURES = frozenset(
    "pair pairs couple cup glass bottle piece pieces set kind kinds sort collection bit box bag".split()
)
_NO_MORE = frozenset({"anymore", "longer"})
_SEEING = frozenset(
    "see visit go be travel live have own buy seeing visiting living being travelling traveling".split()
)
_TO_SEE = _SEEING | frozenset("to in the".split())
_PARTICIPLES = frozenset("been gone done seen had kept made got put taken given said told found lost left felt".split())


class Stated(NamedTuple):
    """A relation that was found, and the word it was said with."""

    source: Entity
    kind: RelationKind
    target: Entity
    detail: str
    ended: bool = False


@dataclass(slots=True)
class Said:
    """What the clauses of a sentence say: relations, things named by common words, and entities that are the same."""

    stated: list[Stated] = field(default_factory=list[Stated])
    phrases: list[tuple[Entity, int, int]] = field(default_factory=list[tuple[Entity, int, int]])
    same: list[tuple[Entity, Entity]] = field(default_factory=list[tuple[Entity, Entity]])


def said_in(items: Sequence[Item], speaker: Entity, it: Entity | None) -> Said:
    """What the clauses say; `it` is the thing last spoken of. Cost: one pass."""
    walk = _Walk(Sentence(items), speaker, it)
    if items and items[0].lower in IMPLIED and items[0].entity is None:
        walk.subjects = [speaker]
    at = 0
    while at < len(items):
        at = walk.step(at)
    _beside(items, walk.said)
    return walk.said


@dataclass(slots=True)
class _Walk:
    """Where a walk through a sentence is: the subject, and what was said before the verb."""

    words: Sentence
    speaker: Entity
    it: Entity | None
    said: Said = field(default_factory=Said)
    subjects: list[Entity] = field(default_factory=list[Entity])
    last_subject: int = -2
    negated: bool = False
    possible: bool = False
    over: bool = False
    working: str = ""

    def step(self, at: int) -> int:
        """Take what stands at a place; the place behind it."""
        item = self.words.items[at]
        if item.entity is not None:
            self._mention(at, item.entity)
        elif item.lower in BOUNDS:
            self._bound(at, item.lower)
        elif item.lower in VERBS and (verb := self.words.verb(at)) and (behind := self._verb(at, verb)):
            return behind
        else:
            self._word(at, item.lower)
        return at + 1

    def _mention(self, at: int, entity: Entity) -> None:
        if entity.kind == "date":
            return
        before = self.words.plain(at - 1)
        if before in {"and", ","} and self.last_subject == at - 2:
            if before == "and" and entity not in self.subjects:
                self.subjects = [*self.subjects, entity]
                self.last_subject = at
            return
        opening = at == 0 or before in BOUNDS or before in FILLERS
        if before in PREPOSITIONS and before not in BOUNDS:
            return
        if opening or self.words.may_be_verb(at + 1):
            self.subjects = [entity]
            self.last_subject = -2 if self._has_something(at + 1) else at

    def _has_something(self, at: int) -> bool:
        """Does `'s` say here what belongs to the one before, and not what he is or has done."""
        then = self.words.word(at + 1)
        return self.words.plain(at) == "'s" and not self.words.may_be_verb(at + 1) and then not in ARTICLES

    def _bound(self, at: int, bound: str) -> None:
        before = self.words.entity(at - 1) or (self.words.entity(at - 2) if self.words.plain(at - 1) == "," else None)
        self.negated, self.over = self.negated and bound == "or", False
        self.possible = bound in {"if", "whether", "unless"}
        if bound in {"who", "which", "that"} and before is not None and before.kind != "date":
            self.subjects = [before]
        elif not (self.words.entity(at + 1) or self.words.may_be_verb(at + 1) or self.words.word(at + 1) in BOUNDS):
            self.subjects = []

    def _word(self, at: int, word: str) -> None:
        then = self.words.word(at + 1)
        self.negated = self.negated or word in NOT
        self.possible = self.possible or word in MAYBE
        self.over = self.over or (word, then) in {("used", "to"), ("no", "longer")}
        if word in BROKEN_OFF or word in EDUCATION:
            self.working = word
        elif word in {"favourite", "favorite"}:
            self._favourite(at)
        elif word in {"at", "for"} and self.working:
            self._employer(at)
        elif word in BE:
            self._copula(at)
        elif word in {"engaged", "married"} and len(self.subjects) == 2 and then != "to":
            self._state(self.subjects[0], "kin", self.subjects[1], word)

    # --- verbs and their objects ---

    def _verb(self, at: int, verb: Verb) -> int:
        """State what a verb does; the place behind its objects, 0 if it has none here."""
        word = self.words.word(at)
        wished = self.words.plain(at - 1) in {"would", "'d"}
        kind: RelationKind = "wants" if wished and verb.kind in {"likes", "has"} else verb.kind
        if not self.subjects or (self.possible and kind != "wants" and not wished):
            return 0
        if word in BROKEN_OFF or word in EDUCATION:
            self.working = word
        start = self._to_the_point(at + 1 + len(verb.rest), kind)
        if kind == "wants" and self._wants_to_do(start):
            return 0
        targets, behind = self._objects(start, verb)
        detail = " ".join((word, *verb.rest))
        for target in targets:
            self._claim(self.subjects, kind, target, detail, ended=verb.ended or (self.over and kind in STATES))
        return behind if targets else 0

    def _to_the_point(self, start: int, kind: RelationKind) -> int:
        """Behind the words between a wish and what is wished for, between a habit and what is done."""
        if kind == "wants":
            while self.words.plain(start) in _TO_SEE:
                start += 1
        elif kind == "likes" and self.words.plain(start) == "to":
            start += 1
        return start

    def _wants_to_do(self, start: int) -> bool:
        """`want to write it` wants nothing that could be named."""
        return self.words.plain(start - 1) == "to" and self.words.entity(start) is None

    def _objects(self, start: int, verb: Verb) -> tuple[list[Entity], int]:
        first, behind = self._object(self.words.behind_articles(start), verb)
        if first is None and verb.far:
            first, behind = self._far(start, verb)
        if first is None:
            return [], start
        found = [first]
        while self.words.plain(behind) in {"and", "or", ","}:
            more, end = self._one_more(behind, first, verb)
            if more is None:
                break
            found.append(more)
            behind = end
        return found, behind

    def _one_more(self, joint: int, first: Entity, verb: Verb) -> tuple[Entity | None, int]:
        """The next of several objects, behind a comma or `and`."""
        words = self.words
        at = words.behind_articles(joint + 1)
        if words.plain(joint) == "," and words.plain(at) == "and":
            at = words.behind_articles(at + 1)
        named = words.entity(at) is not None
        if named and words.plain(joint) == "," and words.entity(joint - 1) is None:
            return None, joint  # who they are: two employees, Bas and Femke
        region = first.kind == "place" and words.plain(joint) == "," and words.word(at) in REGIONS
        if region or (not named and words.may_be_verb(at)):
            return None, joint
        more, end = self._object(at, verb)
        return (more, end) if words.closes(end, named=named) else (None, joint)

    def _object(self, at: int, verb: Verb) -> tuple[Entity | None, int]:
        entity = self.words.entity(at)
        if entity is not None:
            return (entity, at + 1) if entity.kind in verb.takes else (None, at)
        if self.words.word(at) == "it" and "thing" in verb.takes:
            sure = self.words.word(at + 1) not in {"when", "if", "that"}
            return (self.said.phrases[-1][0] if self.said.phrases else self.it) if sure else None, at + 1
        if verb.phrase is None:
            return None, at
        return self._phrase(at, verb.phrase, has=verb.kind == "has")

    def _far(self, start: int, verb: Verb) -> tuple[Entity | None, int]:
        for at in range(start, start + _FAR):
            entity, word = self.words.entity(at), self.words.plain(at)
            if entity is not None and entity.kind in verb.takes and entity.kind in {"place", "organisation"}:
                return entity, at + 1
            if (entity is not None and entity.kind not in {"date", "thing"}) or word in BOUNDS or word in AUX:
                break
        return None, start

    def _phrase(self, start: int, kind: EntityKind, *, has: bool = False) -> tuple[Entity | None, int]:
        """Common words as a thing: up to the next preposition, verb or mark; the name if one ends them."""
        words = self.words
        at = words.phrase_end(start, _LONGEST)
        if words.plain(at - 1) in _MEASURES and words.plain(at) == "of" and at > start:
            start = words.behind_articles(at + 1)
            at = words.phrase_end(start, _LONGEST)
        named = words.entity(at)
        if named is not None and named.kind != "date":
            return (named, at + 1) if named.kind == "thing" and kind == "thing" and at > start else (None, start)
        said = [item.lower for item in words.items[start:at]]
        while said and (said[-1] in FILLERS or (said[-1].endswith("ly") and len(said) > 1)):
            said.pop()
        if not said or said[-1] in LIGHT or said[0] in LIGHT or (has and _is_done(said[0], words.word(start - 1))):
            return None, start
        if words.plain(at) in NAMED_AFTER and (called := words.entity(at + 1)) is not None:
            return called, at + 2
        entity, end = Entity(kind, " ".join(said)), start + len(said)
        self.said.phrases.append((entity, words.items[start].start, words.items[end - 1].end))
        return entity, end

    # --- what is stated without such a verb ---

    def _favourite(self, at: int) -> None:
        """`my favourite book is X`: the one whose favourite it is likes X."""
        before = self.words.plain(at - 1)
        owner = self.speaker if before in {"my", "our"} else self.words.entity(at - 2) if before == "'s" else None
        copula = next((n for n in range(at + 1, at + 6) if self.words.plain(n) in BE), 0)
        if owner is None or not copula:
            return
        targets, _ = self._objects(copula + 1, VERBS["like"][-1])
        for target in targets[:1]:
            self._claim([owner], "likes", target, "favourite")

    def _employer(self, at: int) -> None:
        entity = self.words.entity(self.words.behind_articles(at + 1))
        if entity is not None and entity.kind == "organisation" and not self.negated and not self.possible:
            kind: RelationKind = "studies-at" if self.working in EDUCATION else "works-at"
            self._claim(self.subjects, kind, entity, self.working, ended=self.over or self.working == "worked")

    def _copula(self, at: int) -> None:
        """`X is my sister`, `X is a nurse`, `my car is a Fiat`."""
        if not self.subjects or self.negated or self.possible or not self._directly(at):
            return
        start = self.words.behind_articles(at + 1)
        target, subject = self.words.entity(start), self.subjects[-1]
        if target is not None:
            by_role = self.words.items[start].how == "role" or self._is_by_role(subject)
            if target.kind == subject.kind and target.kind in {"person", "thing"} and by_role:
                self.said.same.append((subject, target))
        elif ARTICLES.intersection(self.words.word(n) for n in range(at + 1, start)) and not self.words.verb(at + 1):
            found, behind = self._phrase(start, "thing")
            if found is not None:
                ended = self.words.word(at) in {"was", "were"}
                self._claim(self.subjects, "is", found, "is", ended=ended)
                self._part_of(subject, behind)

    def _directly(self, at: int) -> bool:
        """Does the subject stand right before the verb, but for adverbs and commas."""
        at -= 1
        while self.words.plain(at) in FILLERS or self.words.plain(at) in {",", "who"}:
            at -= 1
        return self.words.entity(at) in self.subjects

    def _is_by_role(self, entity: Entity) -> bool:
        return any(item.entity == entity and item.how == "role" for item in self.words.items)

    def _part_of(self, subject: Entity, at: int) -> None:
        whole = self.words.entity(self.words.behind_articles(at + 1))
        if subject.kind == "place" and self.words.word(at) in {"in", "of"} and whole and whole.kind == "place":
            self._state(subject, "part-of", whole, "in")

    def _claim(
        self, sources: Sequence[Entity], kind: RelationKind, target: Entity, detail: str, *, ended: bool = False
    ) -> None:
        if kind == "visited" and target.kind == "person":
            kind = "met"
        if self.negated and kind == "likes":
            kind = "dislikes"
        elif self.negated:
            if kind not in STATES or _NO_MORE.isdisjoint(item.lower for item in self.words.items):
                return
            ended = True
        for source in sources:
            self._state(source, kind, target, detail, ended=ended)

    def _state(self, source: Entity, kind: RelationKind, target: Entity, detail: str, *, ended: bool = False) -> None:
        if source != target:
            self.said.stated.append(Stated(source, kind, target, detail, ended))


def _is_done(word: str, before: str) -> bool:
    """`have finished` has nothing; `have a finished manuscript` does."""
    return before in {"have", "has", "'ve"} and (word.endswith("ed") or word in _PARTICIPLES)


def _beside(items: Sequence[Item], said: Said) -> None:
    """What stands side by side: Ada from Acme; Braga, Portugal."""
    for first, word, last in zip(items, items[1:], items[2:], strict=False):
        one, other = first.entity, last.entity
        if one is None or other is None or word.entity is not None or first.how == "pronoun":
            continue
        if word.lower == "from" and one.kind == "person" and other.kind in {"organisation", "place"}:
            said.stated.append(Stated(one, "from" if other.kind == "place" else "works-at", other, "from"))
        elif word.lower == "," and one.kind == "place" and other.kind == "place" and _is_within(one, other):
            said.stated.append(Stated(one, "part-of", other, ","))


def _is_within(one: Entity, other: Entity) -> bool:
    return other.name.lower() in REGIONS and one.name.lower() not in REGIONS
