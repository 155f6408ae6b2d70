"""MemOperator: who and what a memory speaks of, and what it says of them, without a model (long paper §5.4.1). Pure.

Names are runs of capitalised words, judged by lists and by the words around them; people by role and pronouns are
resolved within the memory, `I` is its speaker; names seen before at the path are known. Relations come from clauses
(`entity_relations`). English. What is not sure is left out: a wrong relation does more harm than a missed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations

from memos_mcp.operation.entity_clauses import Item
from memos_mcp.operation.entity_identity import NOTHING_KNOWN, Known
from memos_mcp.operation.entity_names import name_at, run_at, spoken_of_again, surely_names
from memos_mcp.operation.entity_people import MINE, SPEAKER, THEIRS, People, gender_of, role_at
from memos_mcp.operation.entity_relations import Said, Stated, said_in
from memos_mcp.operation.entity_tokens import Token, sentences
from memos_mcp.operation.entity_values import Entity, How, Mention, Reading, Relation, Time, normal
from memos_mcp.operation.entity_words import (
    CALLED,
    KIN,
    NAMED_AFTER,
    OWNED,
    ROLE_TRAITS,
    SAME_ROLE,
)

MOST_CHARACTERS = 20_000
"""Of a longer text the rest is not read."""
_MOST_RELATED = 6
_QUOTES = {'"': '"', "“": "”", "«": "»"}
_LONGEST_TITLE = 9
_PERSONAL = frozenset({"he", "she", "him", "himself", "herself"})
_OF_SOMEBODY = SPEAKER | MINE | THEIRS | _PERSONAL
"""Of the words that begin small only these, and known names, may name or own something."""
_TITLED = frozenset("read reading watch watched watching saw film movie book series song album novel play game".split())


def read(text: str, *, speaker: str = "", times: Sequence[Time] = (), known: Known = NOTHING_KNOWN) -> Reading:
    """The entities and relations of a memory, each with where it stands.

    `speaker` is who says `I` (the user, if empty), `times` are its time expressions, `known` the names seen before.
    Never raises for what is written; of more than MOST_CHARACTERS it reads the first. Cost: 150 to 300 µs for a
    sentence or two, less than a second for the oddest text.
    """
    said_by = known.find(speaker, "person") or Entity("person", speaker or "user")
    return _Reader(text[:MOST_CHARACTERS], said_by, times, known).read()


class _Reader:
    """One reading of one text."""

    def __init__(self, text: str, speaker: Entity, times: Sequence[Time], known: Known) -> None:
        self.text, self.speaker, self.known = text, speaker, known
        self.times = sorted(times, key=lambda time: time.start)
        self.people = People()
        self.mentions: list[Mention] = []
        self.relations: list[Relation] = []
        self.aliases: list[tuple[Entity, str]] = []
        self.named: dict[str, Entity] = {}
        self.last_thing: Entity | None = None
        self.tokens: list[Token] = []
        self.items: list[Item] = []
        self.by_role: list[Stated] = []

    def read(self) -> Reading:
        """All of it, sentence by sentence."""
        split = list(sentences(self.text))
        names = surely_names(split) | spoken_of_again(split) | self.known.words
        for number, tokens in enumerate(split):
            self.people.sentence = number
            self.tokens, self.items, self.by_role = tokens, [], []
            self._find(names)
            self._relate(said_in(self.items, self.speaker, self.last_thing))
        return Reading(tuple(sorted(self.mentions, key=lambda m: (m.start, m.end))), tuple(self._once()), self._names())

    def _names(self) -> tuple[tuple[Entity, str], ...]:
        return tuple(dict.fromkeys(self.aliases))

    def _once(self) -> Iterator[Relation]:
        seen = set[tuple[object, ...]]()
        for relation in self.relations:
            key = (relation.source, relation.kind, relation.target, relation.ended)
            if key not in seen and relation.source != relation.target:
                seen.add(key)
                yield relation

    # --- mentions ---

    def _find(self, names: frozenset[str]) -> None:
        taken = self._times_of_sentence()
        stop = frozenset(taken)
        at = 0
        while at < len(self.tokens):
            at = taken.get(at) or self._one(at, stop, names)

    def _times_of_sentence(self) -> dict[int, int]:
        """By the index of each token of a time: the index behind it; the mention is put where the time begins."""
        first, last = self.tokens[0].start, self.tokens[-1].end
        found: dict[int, int] = {}
        for time in self.times:
            if time.start < first or time.end > last or _is_clock(time):
                continue
            inside = [n for n, token in enumerate(self.tokens) if time.start <= token.start and token.end <= time.end]
            if inside and not self._is_a_person(inside):
                found |= dict.fromkeys(inside, inside[-1] + 1)
                words = " ".join(self.text[time.start : time.end].split())
                self.mentions.append(Mention(Entity("date", words), time.start, time.end, "time"))
        return found

    def _is_a_person(self, inside: Sequence[int]) -> bool:
        """May, June or April who does something."""
        if len(inside) > 1 or inside[0] > 2 or not self.tokens[inside[0]].capital:
            return False
        return name_at(self.tokens, inside[0], frozenset(), frozenset()) is not None

    def _one(self, at: int, stop: frozenset[int], names: frozenset[str]) -> int:
        """Take what begins at a token, and go behind it."""
        token = self.tokens[at]
        if token.text[0].islower() and token.lower not in _OF_SOMEBODY and token.lower not in self.known.words:
            self._word(at)
            return at + 1
        end = self._quoted(at) or self._pronoun(at) or self._somebodys(at, stop) or self._called(at, stop)
        if end:
            return end
        if token.text[0] == "@" and len(token.text) > 1:
            return self._mention(at, at + 1, self._known_or(Entity("person", token.text[1:])), "name")
        if name := name_at(self.tokens, at, stop, names):
            return self._mention(at, name.end, self._resolved(Entity(name.kind, name.words)), "name")
        if token.lower in self.known.words and (found := self.known.find(token.text)):
            return self._mention(at, at + 1, found, "name")
        self._word(at)
        return at + 1

    def _word(self, at: int) -> None:
        token = self.tokens[at]
        self.items.append(Item(token.lower, token.start, token.end))

    def _mention(self, at: int, end: int, entity: Entity, how: How, role: str = "") -> int:
        start, stop = self.tokens[at].start, self.tokens[end - 1].end
        self.mentions.append(Mention(entity, start, stop, how))
        self.items.append(Item(self.tokens[at].lower, start, stop, entity, how))
        if entity != self.speaker and how != "pronoun":
            if entity.kind == "person":
                self.people.add(entity, gender_of(entity.name, role))
            self.named.setdefault(normal(entity.name, entity.kind), entity)
        if entity.kind == "thing":
            self.last_thing = entity
        return end

    def _quoted(self, at: int) -> int:
        """A title in quotation marks: of at most eight words, the first with a capital."""
        close = _QUOTES.get(self.tokens[at].text)
        if close is None or at + 1 >= len(self.tokens) or not self.tokens[at + 1].capital:
            return 0
        end = next((n for n in range(at + 2, len(self.tokens)) if self.tokens[n].text == close), 0)
        if not end or end - at > _LONGEST_TITLE:
            return 0
        inside = self.tokens[at + 1 : end]
        about = _TITLED.isdisjoint(token.lower for token in self.tokens[max(0, at - 5) : at])
        if inside[-1].text in ".!?" or (about and (len(inside) == 1 or not _is_title(inside))):
            return 0
        words = self.text[inside[0].start : inside[-1].end].strip(" ,;")
        self._mention(at + 1, end, self._resolved(Entity("thing", words)), "name")
        return end + 1

    def _pronoun(self, at: int) -> int:
        word = self.tokens[at].lower
        if word in SPEAKER:
            return self._mention(at, at + 1, self.speaker, "pronoun")
        if word not in _PERSONAL and not (word == "her" and self._is_object(at)):
            return 0
        found = self.people.meant_by(word)
        if found is None:
            return 0
        return self._mention(at, at + 1, found, "pronoun")

    def _is_object(self, at: int) -> bool:
        return at + 1 >= len(self.tokens) or not self.tokens[at + 1].word

    def _owner(self, at: int) -> tuple[Entity | None, int]:
        """Whose something is, and the index behind the words that say so."""
        word = self.tokens[at].lower
        if word in MINE:
            return self.speaker, at + 1
        if word in THEIRS:
            return self.people.meant_by(word), at + 1
        last = self.items[-1] if self.items else None
        if word in {"'s", "'"} and last is not None and last.entity is not None and last.entity.kind == "person":
            return last.entity, at + 1
        return None, at

    def _somebodys(self, at: int, stop: frozenset[int]) -> int:
        """Somebody by his role (my sister Ada, Hugo's wife), or what somebody owns (our dog Momo)."""
        owner, start = self._owner(at)
        if owner is None:
            return 0
        role = role_at(self.tokens, start)
        if role is not None:
            if self.tokens[at].lower == "'s":
                self.items.pop()
            return self._by_role(at, role.end, role.role, owner, stop)
        return self._owned(at, start, owner, stop)

    def _called(self, at: int, stop: frozenset[int]) -> int:
        """Mum, Grandpa: of the speaker; a number of brothers is of who has them."""
        token = self.tokens[at]
        if token.lower in CALLED and token.capital:
            return self._by_role(at, at + 1, SAME_ROLE.get(token.lower, token.lower), self.speaker, stop)
        return 0

    def _by_role(self, at: int, end: int, role: str, owner: Entity, stop: frozenset[int]) -> int:
        phrase = f"{owner.name}'s {role}"
        names, behind = self._names_after(end, stop, plural=role.endswith("s"))
        kind = "kin" if role in KIN else "knows"
        if not names:
            entity = self.named.get(normal(phrase, "person")) or self.known.find(phrase) or Entity("person", phrase)
            self._mention(at, end, entity, "role" if entity.name == phrase else "name", role)
            if entity.name == phrase:
                self.named[normal(phrase, "person")] = entity
            self.by_role.append(Stated(entity, kind, owner, role))
            return end
        for number, (first, last) in enumerate(names):
            words = " ".join(token.text for token in self.tokens[first:last])
            entity = self._known_or(Entity("person", words))
            if number:
                self.items.append(Item("and", self.tokens[first].start, self.tokens[first].start))
            self._mention(at if number == 0 else first, last, entity, "name", role)
            if len(names) == 1:
                self.aliases.append((entity, phrase))
                self.named[normal(phrase, "person")] = entity
            self.by_role.append(Stated(entity, kind, owner, role))
        return behind

    def _names_after(self, at: int, stop: frozenset[int], *, plural: bool) -> tuple[list[tuple[int, int]], int]:
        """The names that follow a role: my friends Kalina and Boris; my landlord, Mr Petrov, and so on."""
        tokens, start = self.tokens, at
        comma = start < len(tokens) and tokens[start].text == ","
        if comma or (start < len(tokens) and tokens[start].lower in NAMED_AFTER):
            start += 1
        end = run_at(tokens, start, stop)
        if end == start or (comma and end < len(tokens) and tokens[end].text not in {",", ".", ";", "!", ")"}):
            return [], at
        found = [(start, end)]
        while plural and end + 1 < len(tokens) and tokens[end].lower in {"and", ","}:
            further = run_at(tokens, end + 1, stop)
            if further == end + 1:
                break
            found.append((end + 1, further))
            end = further
        return found, end

    def _owned(self, at: int, start: int, owner: Entity, stop: frozenset[int]) -> int:
        noun = start
        if noun < len(self.tokens) and self.tokens[noun].lower in ROLE_TRAITS and self.tokens[noun].lower not in OWNED:
            noun += 1
        if noun >= len(self.tokens) or self.tokens[noun].lower not in OWNED:
            return 0
        if self.tokens[at].lower == "'s":
            self.items.pop()
        end = run_at(self.tokens, noun + 1, stop)
        if end > noun + 1:
            words = " ".join(token.text for token in self.tokens[noun + 1 : end])
            how: How = "name"
        else:
            words, end, how = self.tokens[noun].lower, noun + 1, "role"
        entity = Entity("thing", words)
        self._mention(at, end, entity, how)
        self.by_role.append(Stated(owner, "has", entity, self.tokens[noun].lower))
        return end

    def _resolved(self, entity: Entity) -> Entity:
        """The entity meant: named so before in this memory, known, or new."""
        name = normal(entity.name, entity.kind)
        here = self.named.get(name)
        if here is not None:
            return here
        if entity.kind in {"person", "thing"} and " " not in name:
            longer = [each for key, each in self.named.items() if each.kind == "person" and key.split(" ")[0] == name]
            fuller = [each for each in dict.fromkeys(longer) if "'s " not in each.name]
            if len(fuller) == 1:
                return fuller[0]
        return self._known_or(entity)

    def _known_or(self, entity: Entity) -> Entity:
        found = self.known.find(entity.name, entity.kind)
        if found is not None:
            return found
        mine = normal(self.speaker.name, "person")
        if entity.kind in {"person", "thing"} and normal(entity.name, "person") == mine:
            return self.speaker
        return entity

    # --- relations ---

    def _relate(self, said: Said) -> None:
        span = self.tokens[0].start, self.tokens[-1].end
        for entity, start, end in said.phrases:
            self.mentions.append(Mention(entity, start, end, "phrase"))
            self.last_thing = entity if entity.kind == "thing" else self.last_thing
        dates = [time for time in self.times if span[0] <= time.start and time.end <= span[1]]
        when = dates[0].interval if len(dates) == 1 else None
        stated = [*self.by_role, *said.stated]
        self.relations += [Relation(s.source, s.kind, s.target, span, s.detail, when, s.ended) for s in stated]
        for one, other in said.same:
            self._same(one, other)
        self._related(stated, span)

    def _same(self, one: Entity, other: Entity) -> None:
        """`Rose is my godmother`: the one known by his role has this name."""
        by_role = {mention.entity for mention in self.mentions if mention.how == "role"}
        old, new = (one, other) if one in by_role and other not in by_role else (other, one)
        if old == new or old not in by_role:
            return
        self.aliases.append((new, old.name))
        self.people.rename(old, new)
        self.named = {key: new if entity == old else entity for key, entity in self.named.items()}
        self.mentions = [Mention(new, m.start, m.end, m.how) if m.entity == old else m for m in self.mentions]
        self.relations = [
            Relation(
                new if r.source == old else r.source,
                r.kind,
                new if r.target == old else r.target,
                r.sentence,
                r.detail,
                r.when,
                r.ended,
            )
            for r in self.relations
        ]

    def _related(self, stated: Sequence[Stated], span: tuple[int, int]) -> None:
        """Names that stand in one sentence, of which it says nothing that is understood."""
        named = dict.fromkeys(
            item.entity
            for item in self.items
            if item.entity is not None and item.how in {"name", "role"} and item.entity != self.speaker
        )
        linked = {frozenset((s.source, s.target)) for s in stated}
        for one, other in combinations(list(named)[:_MOST_RELATED], 2):
            if frozenset((one, other)) not in linked:
                self.relations.append(Relation(one, "related", other, span))


def _is_title(tokens: Sequence[Token]) -> bool:
    """Are all its longer words written with a capital."""
    return all(token.capital for token in tokens if token.word and len(token.text) > 3)


def _is_clock(time: Time) -> bool:
    """An hour or a minute of some day is no entity."""
    start, end = time.interval.start, time.interval.end
    return start is not None and end is not None and end - start <= timedelta(hours=1)
