"""What a memory or a question is about: everyday topics, by words (long paper §5.4.1). Pure.

One word that tells a topic suffices; a word that may mean something else needs company of the same topic in its
sentence. Words of idioms tell nothing. English; `topic_words` has the words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby

from memos_mcp.infrastructure.tokens import terms
from memos_mcp.late import late
from memos_mcp.operation.topic_words import IDIOMS, WORDS

MOST = 3
"""Topics of a text."""
TOPICS = tuple(WORDS)
"""All there are."""

_MOST_CHARACTERS = 20_000
_SURE, _MAYBE, _ENOUGH = 2, 1, 2
_SHARE = 0.4  # of the points of the best topic: what has less is spoken of by the way
_LONGEST = 5  # words of a phrase
_SENTENCE = late(r"(?<=[.!?;\n])\s+")
_WORD = late(r"[^\W_]+")


def topics_in(text: str) -> tuple[str, ...]:
    """The topics that a text is about, best first, at most MOST; none if no word tells one. Cost: 1 µs a word."""
    points: dict[str, float] = {}
    for sentence in _SENTENCE.split(text[:_MOST_CHARACTERS]):
        for topic, found in _points(sentence).items():
            points[topic] = points.get(topic, 0.0) + found
    best = max(points.values(), default=0.0)
    ranked = sorted(points, key=lambda topic: -points[topic])
    return tuple(topic for topic in ranked[:MOST] if points[topic] >= _SHARE * best)


def tells(word: str, stem: str) -> bool:
    """Does a word, in small letters, tell a topic, or help to?"""
    lists = _lists()
    return word in lists.forms or stem in lists.stems


@dataclass(frozen=True, slots=True)
class _Lists:
    """For a word in its form, a stem, or a phrase of stems: the topics that it tells, each with its points."""

    forms: dict[str, dict[str, float]]
    stems: dict[str, dict[str, float]]
    idioms: frozenset[str]
    begins: frozenset[str]


def _points(sentence: str) -> dict[str, float]:
    """The topics of a sentence that has enough words for them, in the order of their first word."""
    found: dict[str, float] = {}
    for told in dict(_told(sentence)).values():
        for topic, points in told.items():
            found[topic] = found.get(topic, 0.0) + points
    return {topic: points for topic, points in found.items() if points >= _ENOUGH}


def _told(sentence: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Words and phrases, the longest first, and what they tell."""
    lists = _lists()
    words = [word.lower() for word in _WORD.findall(sentence)]
    stems = [_stem(word) for word in words]
    at = 0
    while at < len(words):
        length = _phrase(stems, at, lists)
        if length > 1:
            key = " ".join(stems[at : at + length])
            if key not in lists.idioms:
                yield key, lists.stems[key]
        else:
            told = lists.forms.get(words[at]) or lists.stems.get(stems[at])
            if told:
                yield stems[at], told
        at += length


def _phrase(stems: list[str], at: int, lists: _Lists) -> int:
    """How many words the longest phrase that begins here has; 1 if none does."""
    if stems[at] in lists.begins:
        for length in range(min(_LONGEST, len(stems) - at), 1, -1):
            key = " ".join(stems[at : at + length])
            if key in lists.idioms or key in lists.stems:
                return length
    return 1


@cache
def _lists() -> _Lists:
    forms: dict[str, dict[str, float]] = {}
    stems: dict[str, dict[str, float]] = {}
    listed = [(topic, each) for topic, words in WORDS.items() for each in words.split()]
    told = sorted((each.lstrip("~="), "~" in each[:2], topic, "=" in each[:2]) for topic, each in listed)
    for word, of in groupby(told, key=lambda each: each[0]):
        topics = list(of)
        for _, doubtful, topic, exact in topics:
            key = word if exact else _key(word)
            points = (_MAYBE if doubtful else _SURE) + (0 if doubtful else 1 / len(topics))
            place = (forms if exact else stems).setdefault(key, {})
            place[topic] = max(points, place.get(topic, 0.0))
    idioms = frozenset(map(_key, IDIOMS))
    return _Lists(forms, stems, idioms, frozenset(key.split()[0] for key in (*stems, *idioms) if " " in key))


def _key(listed: str) -> str:
    return " ".join(_stem(word) for word in _WORD.findall(listed.replace("_", " ")))


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return next(iter(terms(word)), word)
