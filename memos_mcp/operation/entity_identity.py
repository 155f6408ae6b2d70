"""Which names mean the same: names seen before, and merges that can be taken back. Pure.

A merge is a record beside the entities and never changes them; taking it back is another record. What stands is read
off the records, in whatever order they come, so that nothing is lost by a wrong merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from memos_mcp.operation.entity_values import Entity, EntityKind, Reading, entity_id, normal
from memos_mcp.operation.entity_words import AMBIGUOUS, NICKNAMES, STARTS, WORDS_TOO

RULES = "rules"
"""Who makes the merges that nobody asked for."""
_FORMS = frozenset("ltd limited gmbh ag inc corp corporation company co llc plc".split())
_SHORTEST = 3
_COMMON = STARTS | WORDS_TOO | AMBIGUOUS


@dataclass(frozen=True)
class Known:
    """Entities that were named before, each with its further names."""

    entities: tuple[tuple[Entity, tuple[str, ...]], ...] = ()

    def find(self, words: str, kind: EntityKind | None = None) -> Entity | None:
        """The one entity that goes by this name, a short form or a nickname; None if none or several do.

        A kind that was judged from the words around is no reason to make a second entity of a known name.
        """
        if not self.entities:
            return None
        exact = self._exact.get(normal(words, "person")) or self._exact.get(normal(words))
        if exact:
            alike = [each for each in exact if each.kind == kind] or exact
            return alike[0] if len(alike) == 1 else None
        if kind not in {None, "person", "thing"}:
            return None
        short = self._short.get(normal(words, "person"), ())
        return short[0] if len(short) == 1 else None

    def and_of(self, reading: Reading) -> Known:
        """These, and those that a memory names: people by name or role, places, organisations and named things."""
        names = {entity: dict.fromkeys(aliases) for entity, aliases in self.entities}
        for mention in reading.mentions:
            if mention.how in {"name", "role"}:
                names.setdefault(mention.entity, {})
        for entity, alias in reading.aliases:
            names.setdefault(entity, {})[alias] = None
        return Known(tuple((entity, tuple(aliases)) for entity, aliases in names.items()))

    @cached_property
    def words(self) -> frozenset[str]:
        """Single words that are names of somebody or something known, in lower case and told from common words."""
        named = (
            name.casefold() for entity, aliases in self.entities for name in (entity.name, *aliases) if _proper(name)
        )
        short = (name for name in self._short if " " not in name)
        every = (name for name in (*named, *short) if name.isalpha() and len(name) >= _SHORTEST)
        return frozenset[str](every).difference(_COMMON)

    @cached_property
    def _exact(self) -> Mapping[str, list[Entity]]:
        found: defaultdict[str, list[Entity]] = defaultdict(list)
        for entity, aliases in self.entities:
            for name in (entity.name, *aliases):
                form = normal(name, entity.kind)
                if entity not in found[form]:
                    found[form].append(entity)
        return dict(found)

    @cached_property
    def _short(self) -> Mapping[str, list[Entity]]:
        found: defaultdict[str, list[Entity]] = defaultdict(list)
        for entity, _ in self.entities:
            for form in short_forms(entity):
                found[form].append(entity)
        return dict(found)


NOTHING_KNOWN = Known()


def _proper(name: str) -> bool:
    return name[:1].isupper() or name[:1] == "@"


def short_forms(entity: Entity) -> frozenset[str]:
    """What a person of this name may be called as well: first name, nickname; empty for who is known by a role."""
    if entity.kind != "person" or "'s " in entity.name:
        return frozenset()
    name = normal(entity.name, "person")
    first, *others = name.split(" ")
    nicknames = {short for short, full in NICKNAMES.items() if full == first}
    full = {NICKNAMES[first]} if first in NICKNAMES else set[str]()
    with_last = {" ".join((each, *others)) for each in nicknames | full} if others else set[str]()
    return frozenset(nicknames | full | with_last | ({first} if others else set())) - {name}


@dataclass(frozen=True, slots=True)
class Merge:
    """Two entities, by their ids, are one; `kept` is the one whose name is used. `by`: who says so, and `why`."""

    kept: str
    other: str
    why: str
    by: str = RULES

    @property
    def id(self) -> str:
        """The same for the same two entities, whoever merges them."""
        both = "\0".join(sorted((self.kept, self.other)))
        return f"m_{sha256(both.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A merge no longer holds. `by`: who says so; what a person took back is not merged by rules again."""

    merge: str
    by: str = RULES


Record = Merge | TakenBack


def standing(records: Iterable[Record]) -> dict[str, Merge]:
    """The merges that hold after all records in their order, by id."""
    found: dict[str, Merge] = {}
    barred = set[str]()
    for record in records:
        match record:
            case Merge():
                if record.by != RULES or record.id not in barred:
                    found[record.id] = record
                    barred.discard(record.id)
            case TakenBack():
                found.pop(record.merge, None)
                if record.by != RULES:
                    barred.add(record.merge)
    return found


def resolved(ids: Iterable[str], merges: Iterable[Merge]) -> dict[str, str]:
    """For each id the one that stands for it; its own where nothing was merged. The order of merges does not matter."""
    parent: dict[str, str] = {}

    def root(id_: str) -> str:
        while parent.get(id_, id_) != id_:
            id_ = parent[id_]
        return id_

    every = list(merges)
    for merge in every:
        one, two = root(merge.kept), root(merge.other)
        parent[max(one, two)] = min(one, two)
    others = {merge.other for merge in every}
    heads: dict[str, str] = {}
    for id_ in sorted({id_ for merge in every for id_ in (merge.kept, merge.other)}, key=lambda i: (i in others, i)):
        heads.setdefault(root(id_), id_)
    return {id_: heads.get(root(id_), id_) for id_ in ids}


def proposed(space: str, known: Known) -> list[Merge]:
    """The merges that names speak for, where only one reading is possible.

    They are: a short form of exactly one person, a company with and without its legal form, and a name that was said
    to be another one's.
    """
    every = {entity_id(space, entity): (entity, aliases) for entity, aliases in known.entities}
    merges = [*_short(every), *_legal_form(every), *_said_so(every)]
    return sorted({merge.id: merge for merge in reversed(merges)}.values(), key=lambda merge: merge.id)


_Every = Mapping[str, tuple[Entity, tuple[str, ...]]]


def _short(every: _Every) -> Iterable[Merge]:
    by_form: defaultdict[str, list[str]] = defaultdict(list)
    for id_, (entity, _) in every.items():
        for form in short_forms(entity):
            by_form[form].append(id_)
    for id_, (entity, _) in every.items():
        name = normal(entity.name, "person")
        if entity.kind != "person" or "'s " in entity.name:
            continue
        longer = [other for other in by_form.get(name, ()) if other != id_]
        if len(longer) == 1 and _rank(every[longer[0]][0], entity):
            yield Merge(longer[0], id_, f"{entity.name} is short for {every[longer[0]][0].name}")


def _rank(fuller: Entity, shorter: Entity) -> bool:
    """Is the first the fuller name, so that of two short forms one only is kept."""
    one, two = normal(fuller.name, "person"), normal(shorter.name, "person")
    return (one.count(" "), len(one), one) > (two.count(" "), len(two), two)


def _legal_form(every: _Every) -> Iterable[Merge]:
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for id_, (entity, _) in every.items():
        if entity.kind == "organisation":
            words = normal(entity.name, "organisation").replace(",", "").replace(".", "").split(" ")
            while len(words) > 1 and words[-1] in _FORMS:
                words.pop()
            by_name[" ".join(words)].append(id_)
    for ids in by_name.values():
        if len(ids) == 2:
            kept, other = sorted(ids, key=lambda id_: (-len(every[id_][0].name), id_))
            yield Merge(kept, other, f"{every[other][0].name} is {every[kept][0].name} but for the legal form")


def _said_so(every: _Every) -> Iterable[Merge]:
    by_name: defaultdict[tuple[EntityKind, str], list[str]] = defaultdict(list)
    for id_, (entity, _) in every.items():
        by_name[entity.kind, normal(entity.name, entity.kind)].append(id_)
    for id_, (entity, aliases) in every.items():
        for alias in aliases:
            for other in by_name.get((entity.kind, normal(alias, entity.kind)), ()):
                if other != id_:
                    yield Merge(id_, other, f"{entity.name} was said to be {alias}")


def revised(space: str, known: Known, records: Sequence[Record]) -> list[Record]:
    """What the rules add to the records now: merges that names speak for, and the end of those they no longer do.

    A second Ada who turns up takes back what made one of the first; nothing that a person said is changed. Applied
    twice it adds nothing.
    """
    now = standing(records)
    wanted = {merge.id: merge for merge in proposed(space, known)}
    over = [TakenBack(id_) for id_, merge in now.items() if merge.by == RULES and id_ not in wanted]
    after = standing([*records, *wanted.values()])
    return [*over, *(merge for id_, merge in wanted.items() if id_ not in now and id_ in after)]
