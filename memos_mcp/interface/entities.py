"""What a memory speaks of, for the graph: entities and relations, each under all names it is asked for by.

By rules, or as a chat model found when it was remembered: the rules read what the model has not.

A memory is read by itself: what others say, and what a caller may not see, changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, timedelta
from functools import lru_cache
from itertools import islice

from memos_mcp.cube import Interval, MemCube, ModelMentions, Origin
from memos_mcp.infrastructure.authors import PARTS, author_of
from memos_mcp.infrastructure.mentions import Entity, Mentioned, Relation
from memos_mcp.interface.mentioned import covers, reading_of, together
from memos_mcp.interface.times import found_in
from memos_mcp.interface.topics_summary import is_summary
from memos_mcp.late import late
from memos_mcp.operation.annotating import predicted
from memos_mcp.operation.entities import read
from memos_mcp.operation.entity_identity import short_forms
from memos_mcp.operation.entity_values import Entity as Named
from memos_mcp.operation.entity_values import Reading, Time, normal
from memos_mcp.operation.entity_words import AMBIGUOUS, STARTS, WORDS_TOO
from memos_mcp.operation.topic_leaves import words_of

MOST_CHARACTERS = 8_000
"""Of a longer memory the rest is not read: a turn is no longer, and a document is found by its words."""
_MOST_NAMES = 8  # of one entity
_MOST_CONCEPTS = 12  # entities that one memory is about
_COMMON = STARTS | WORDS_TOO | AMBIGUOUS
_WEIGHTS = {"name": 1.0, "role": 1.0, "phrase": 0.7, "time": 0.5, "pronoun": 0.5}
_MARK = late(r"\[[A-Z][A-Z0-9_-]*\]")  # where personal data was
_UNSAID = ("related",)  # two names in a sentence: the memory that has both says as much


class RulesMentions:
    """Mentions by rules (operation/entities.py), and those that memories have from a model. Asks none. English."""

    version = "rules 3"

    def of(self, cube: MemCube) -> Mentioned:
        """What a memory speaks of; `I` is its speaker. Cost: 0.2 to 0.4 ms for a sentence or two."""
        text = (cube.text or cube.meaning)[:MOST_CHARACTERS]
        if not text:
            return Mentioned()
        said_at = cube.origin.said_at or cube.created_at
        seen = _MARK.sub(lambda mark: " " * len(mark[0]), text)
        times = [Time(*each.span, each.interval) for each in found_in(seen, said_at)]
        reading = _read(cube.mentions, seen, speaker_of(cube.origin), times)
        dates = {(time.start, time.end): name for time in times if (name := date_name(time.interval))}
        names = {entity: entity.name for entity in reading.entities if entity.kind != "date"}
        for mention in reading.mentions:
            if mention.entity.kind == "date" and (mention.start, mention.end) in dates:
                names[mention.entity] = dates[mention.start, mention.end]
        entities = tuple(_entities(reading, names, _concepts(names, cube.origin)))
        relations = tuple(_relations(reading, names, text))
        if is_summary(cube):
            return Mentioned(entities, relations, predicted(cube), made=True)
        named = [(each.name, each.kind) for each in entities if each.kind != "date" and not each.aside]
        return Mentioned(entities, relations, predicted(cube), words_of(seen, named))


def date_name(interval: Interval) -> str:
    """The name of a day, a month or a year: 2024-05-03, 2024-05, 2024; empty for any other time."""
    start, end = interval.start, interval.end
    if start is None or end is None or (start.hour, start.minute) != (0, 0):
        return ""
    if end - start == timedelta(days=1):
        return f"{start:%Y-%m-%d}"
    last = end.astimezone(start.tzinfo or UTC)
    if (start.day, last.day) != (1, 1):
        return ""
    months = 12 * (last.year - start.year) + last.month - start.month
    if months == 1:
        return f"{start:%Y-%m}"
    return f"{start:%Y}" if months == 12 and start.month == 1 else ""


def speaker_of(origin: Origin) -> str:
    """Who says `I`: by name, if one is known."""
    author = author_of(origin)
    if author == "user":
        return origin.actor or author
    return author if author not in PARTS or author == "assistant" else ""


def _read(mentions: ModelMentions | None, text: str, speaker: str, times: Sequence[Time]) -> Reading:
    if mentions is None:
        return read(text, speaker=speaker, times=times)
    model = reading_of(mentions, text, speaker, times)
    if covers(mentions.read, text):
        return model
    return together(model, read(text, speaker=speaker, times=times), mentions.read)


def _concepts(names: dict[Named, str], origin: Origin) -> set[Named]:
    """What it is about, the first of them: not who speaks."""
    speaking = {"user", speaker_of(origin).casefold(), author_of(origin).casefold()}
    spoken_of = (each for each, name in names.items() if each.kind != "date" and name.casefold() not in speaking)
    return set(islice(spoken_of, _MOST_CONCEPTS))


def _entities(reading: Reading, names: dict[Named, str], concepts: Collection[Named]) -> Iterator[Entity]:
    weights: dict[Named, float] = {}
    for mention in reading.mentions:
        weights[mention.entity] = max(weights.get(mention.entity, 0.0), _WEIGHTS[mention.how])
    for entity, name in names.items():
        said = [alias for named, alias in reading.aliases if named == entity]
        others = {each.casefold(): each for each in (*_forms(entity), *said) if each.casefold() != name.casefold()}
        aside = entity.kind != "date" and entity not in concepts
        yield Entity(name, entity.kind, weights[entity], tuple(others.values())[:_MOST_NAMES], aside)


@lru_cache(maxsize=4096)
def _forms(entity: Named) -> tuple[str, ...]:
    """Other forms of a name by which it is asked for, but for those that are words of every day."""
    if entity.kind == "date":
        return ()
    name, last = normal(entity.name, entity.kind), ""
    if entity.kind == "person" and "'s " not in entity.name:
        last = name.rpartition(" ")[2]
    return tuple(form for form in (name, last, *sorted(short_forms(entity))) if form and form not in _COMMON)


def _relations(reading: Reading, names: dict[Named, str], text: str) -> Iterator[Relation]:
    for each in reading.relations:
        if each.kind in _UNSAID or each.source not in names or each.target not in names:
            continue
        start, end = each.sentence
        said = " ".join(text[start:end].split())
        yield Relation(names[each.source], each.kind, names[each.target], said, each.detail, each.ended)
