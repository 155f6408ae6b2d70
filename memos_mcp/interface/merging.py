"""Two changes of the same text, or of the same data, made one: three-way merge. Pure.

Line by line as diff3 does it (Khanna, Kunal and Pierce 2007 say what it promises), and where both changed the same
lines, word by word. Nothing is guessed: what both changed differently is a conflict, and so is a line that one side
changed beyond recognition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import Final

from pydantic import JsonValue

from memos_mcp.interface.differences import MOST_WORDS, matches
from memos_mcp.late import late

_TOKENS = late(r"\n|\S+[^\S\n]*|[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Conflict3:
    """What the base says from this line on (counted from 1), and what each side made of it."""

    base: str
    ours: str
    theirs: str
    line: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged text, or None and the conflicts that somebody has to decide."""

    text: str | None
    conflicts: tuple[Conflict3, ...] = ()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The same place in the three texts; `at` counts the items of the base before it."""

    base: Sequence[str]
    ours: Sequence[str]
    theirs: Sequence[str]
    at: int = 0

    @property
    def settled(self) -> Sequence[str] | None:
        """What it becomes if at most one side changed it, or both did the same."""
        if self.ours == self.theirs or self.theirs == self.base:
            return self.ours
        return self.theirs if self.ours == self.base else None


def merged(base: str, ours: str, theirs: str) -> Merged:
    """Both changes of the base in one text. Which side is which makes no difference but in the conflicts.

    An unchanged side gives way to the other, and a change that both made is made once. Two changes of a line go
    together if a word between them stayed. Cost: 1 ms for a page; it grows up to the square of the lines that changed.
    """
    lines: list[str] = []
    conflicts: list[Conflict3] = []
    for chunk in _chunks(base.split("\n"), ours.split("\n"), theirs.split("\n")):
        found = chunk.settled
        if found is None:
            found = _by_words(chunk)
        if found is None:
            sides = ("\n".join(side) for side in (chunk.base, chunk.ours, chunk.theirs))
            conflicts.append(Conflict3(*sides, line=chunk.at + 1))
        else:
            lines += found
    return Merged(None, tuple(conflicts)) if conflicts else Merged("\n".join(lines))


def _chunks(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], *, anchored: bool = False
) -> Iterator[_Chunk]:
    """What all three have, and what lies between; `anchored`: only what holds a word parts two changes."""
    at, by_us, by_them = 0, 0, 0
    for start, left, right, size in [*_common(base, ours, theirs), (len(base), len(ours), len(theirs), 0)]:
        kept = base[start : start + size]
        if anchored and size and not any(map(str.strip, kept)):
            continue
        chunk = _Chunk(base[at:start], ours[by_us:left], theirs[by_them:right], at)
        if chunk.base or chunk.ours or chunk.theirs:
            yield chunk
        if size:
            yield _Chunk(kept, kept, kept, start)
        at, by_us, by_them = start + size, left + size, right + size


def _common(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where each of the three has the same, and how much."""
    left, right = matches(base, ours), matches(base, theirs)
    one = other = 0
    while one < len(left) and other < len(right):
        a, b = left[one], right[other]
        start, end = max(a.at, b.at), min(a.at + a.size, b.at + b.size)
        if start < end:
            yield start, a.there + start - a.at, b.there + start - b.at, end - start
        if a.at + a.size <= b.at + b.size:
            one += 1
        else:
            other += 1


def _by_words(chunk: _Chunk) -> list[str] | None:
    """Lines that both sides changed, if they changed different words of them; None if that is not certain."""
    if not (chunk.base and chunk.ours and chunk.theirs):
        return None
    base, ours, theirs = (_TOKENS.findall("\n".join(side)) for side in (chunk.base, chunk.ours, chunk.theirs))
    if max(len(base), len(ours), len(theirs)) > MOST_WORDS or _is_rewritten(base, ours) or _is_rewritten(base, theirs):
        return None
    pieces: list[str] = []
    for each in _chunks(base, ours, theirs, anchored=True):
        found = each.settled
        if found is None:
            return None
        pieces += found
    return "".join(pieces).split("\n")


def _is_rewritten(base: Sequence[str], side: Sequence[str]) -> bool:
    """Is less than half of it left? Then it is another sentence, and words of the old one do not belong into it."""
    kept = sum(1 for match in matches(base, side) for token in base[match.at : match.at + match.size] if token.strip())
    return 2 * kept < sum(1 for token in base if token.strip())


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""Stands in a conflict for a field that is not there."""
Field = JsonValue | _Absent


@dataclass(frozen=True, slots=True)
class DataConflict:
    """The value at a JSON pointer, and what each side made of it."""

    at: str
    base: Field
    ours: Field
    theirs: Field


@dataclass(frozen=True, slots=True)
class MergedData:
    """The merged value; with conflicts it holds the base's values there, and somebody has to decide."""

    value: JsonValue
    conflicts: tuple[DataConflict, ...] = ()


def merged_data(base: JsonValue, ours: JsonValue, theirs: JsonValue) -> MergedData:
    """Both changes of a JSON value in one: objects field by field, everything else as a whole.

    Two lists to which both only appended keep what both appended, ours first; what they appended alike is taken once.
    """
    conflicts: list[DataConflict] = []
    value = _data("", base, ours, theirs, conflicts)
    return MergedData(None if isinstance(value, _Absent) else value, tuple(conflicts))


def _data(at: str, base: Field, ours: Field, theirs: Field, conflicts: list[DataConflict]) -> Field:
    if _same(ours, theirs) or _same(theirs, base):
        return ours
    if _same(ours, base):
        return theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        known = base if isinstance(base, dict) else {}
        fields = {
            name: _data(
                f"{at}/{name.replace('~', '~0').replace('/', '~1')}",
                known.get(name, ABSENT),
                ours.get(name, ABSENT),
                theirs.get(name, ABSENT),
                conflicts,
            )
            for name in {**known, **ours, **theirs}
        }
        return {name: value for name, value in fields.items() if not isinstance(value, _Absent)}
    if isinstance(base, list) and isinstance(ours, list) and isinstance(theirs, list):
        size = len(base)
        if _same(ours[:size], base) and _same(theirs[:size], base):
            alike = sum(1 for _ in takewhile(lambda pair: _same(*pair), zip(ours[size:], theirs[size:], strict=False)))
            return [*ours, *theirs[size + alike :]]
    conflicts.append(DataConflict(at, base, ours, theirs))
    return base


def _same(one: Field, other: Field) -> bool:
    """As JSON: true is not 1, and the order of fields does not count."""
    if isinstance(one, _Absent) or isinstance(other, _Absent):
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
