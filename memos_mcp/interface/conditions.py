"""Conditions on memories: what holds of one, and what does not. Pure; `query.py` reads and writes them as text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, assert_never

from memos_mcp.cube import Interval, MemCube
from memos_mcp.infrastructure.authors import author_of
from memos_mcp.interface.times import found_in
from memos_mcp.late import late
from memos_mcp.operation.annotating import about, credibility_of, layer_of, sentiment

Field = Literal[
    "tag", "kind", "state", "source", "from", "session", "speaker", "path", "text", "topic", "layer", "credibility",
    "sentiment",
]  # fmt: skip
"""What a memory has: `source` is the name of what it was read from, `from` the class of that (user, web, …); a `topic`
is a tag, or predicted."""
Side = Literal["during", "before", "after"]

_WORD = late(r"[^\W_]+")
_READ = 2_000  # characters of a memory in which times are looked for
_FILLER = late(r"(?:\s|\b(?:in|on|at|the|during)\b)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Has:
    """The memory has this value of the field: a path or what lies beneath it, a text its words in a row."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class When:
    """The memory is of a time, in words that are read when it is asked: `last year` moves on with the years."""

    side: Side
    words: str


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold: two or more, none of them an `Every`."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these holds: two or more, none of them a `Some`."""

    of: tuple[Condition, ...]


Condition = Has | When | Not | Every | Some


def holds(condition: Condition, cube: MemCube, now: datetime) -> bool:
    """Does the condition hold of a memory, asked at `now`? The caller has to be somebody who may read it.

    Cost: some microseconds; a time is read once for all memories asked with the same `now`.
    """
    match condition:
        case Has():
            return _has(condition.field, condition.value, cube)
        case When():
            return _is_of(cube, interval_of(condition, now))
        case Not():
            return not holds(condition.of, cube, now)
        case Every():
            return all(holds(each, cube, now) for each in condition.of)
        case Some():
            return any(holds(each, cube, now) for each in condition.of)
        case _:
            assert_never(condition)


def texts_of(condition: Condition | None) -> tuple[str, ...]:
    """The words that a condition looks for in memories, in order; not those that it excludes."""
    match condition:
        case Has(field="text"):
            return (condition.value,)
        case Every() | Some():
            return tuple(text for each in condition.of for text in texts_of(each))
        case _:
            return ()


@lru_cache(maxsize=256)
def interval_of(condition: When, now: datetime) -> Interval | None:
    """The interval that a memory has to share some time with, asked at `now`; None if the words mean none."""
    meant = meant_by(condition.words, now)
    if meant is None:
        return None
    match condition.side:
        case "during":
            return meant
        case "before":
            return Interval(end=meant.start) if meant.start else None
        case "after":
            return Interval(start=meant.end) if meant.end else None
        case _:
            assert_never(condition.side)


def meant_by(words: str, now: datetime) -> Interval | None:
    """The interval that words mean which say a time and nothing else, with or without a preposition."""
    for said in (words, f"in {words}"):
        found = found_in(said, now)
        if len(found) == 1:
            start, end = found[0].span
            if _FILLER.fullmatch(said[:start]) and _FILLER.fullmatch(said[end:]):
                return found[0].interval
    return None


def _is_of(cube: MemCube, during: Interval | None) -> bool:
    """Does the memory hold at some time of the interval? Else when it was said or stored counts, and what it names."""
    if during is None:
        return False
    if cube.valid is not None:
        return _meets(cube.valid, during)
    said = cube.origin.said_at or cube.created_at
    if (during.start is None or during.start <= said) and (during.end is None or said < during.end):
        return True
    return any(_meets(each.interval, during) for each in found_in(cube.text[:_READ], said))


def _meets(one: Interval, other: Interval) -> bool:
    begins = other.end is None or one.start is None or one.start < other.end
    return begins and (other.start is None or one.end is None or one.end > other.start)


def _has(field: Field, value: str, cube: MemCube) -> bool:
    match field:
        case "topic" | "layer" | "credibility" | "sentiment":
            return _noted(field, value, cube)
        case "tag":
            return _folded(value) in {_folded(tag) for tag in cube.tags}
        case "kind" | "state":
            return value == (cube.kind if field == "kind" else cube.state)
        case "source":
            return _folded(cube.origin.source) == _folded(value)
        case "from":
            return cube.origin.source_class == value
        case "session":
            return cube.origin.session is not None and _folded(cube.origin.session) == _folded(value)
        case "speaker":
            return _folded(author_of(cube.origin)) == _folded(value)
        case "path":
            return cube.path == value or cube.path.startswith(f"{value}/")
        case "text":
            wanted = _in_a_row(value)
            return wanted in _in_a_row(cube.text) or wanted in _in_a_row(cube.meaning)
        case _:
            assert_never(field)


def _noted(field: Literal["topic", "layer", "credibility", "sentiment"], value: str, cube: MemCube) -> bool:
    match field:
        case "topic":
            return about(cube, value)
        case "layer":
            return layer_of(cube.path) == value
        case "credibility":
            return credibility_of(cube)[0] == value
        case "sentiment":
            return sentiment(cube) == value
        case _:
            assert_never(field)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _in_a_row(text: str) -> str:
    return f" {' '.join(_WORD.findall(_folded(text)))} "
