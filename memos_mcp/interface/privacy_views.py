"""A text with marks for what somebody may not see, and the way back to where each mark came from. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class PersonalData(NamedTuple):
    """Characters [start, end) of a text are of this class; `why` says by what it is known."""

    kind: str
    start: int
    end: int
    why: str


class Mark(NamedTuple):
    """Characters [start, end) of a view stand for [original_start, original_end) of the text."""

    start: int
    end: int
    original_start: int
    original_end: int
    kind: str


@dataclass(frozen=True, slots=True)
class View:
    """A text with `[CLASS]` for each value that was taken out, and where that stood."""

    text: str
    marks: tuple[Mark, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The classes that were taken out, in the order of their names."""
        return tuple(sorted({mark.kind for mark in self.marks}))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the text that [start, end) of the view stand for; for a part of a mark the whole value."""
        mark = self._at(start)
        inside = mark is not None and start < mark.end
        begin = mark.original_start if mark and inside else start + _shift(mark)
        if end <= start and not (mark and inside and start > mark.start):
            return begin, begin
        end = max(end, start + 1)
        mark = self._at(end - 1)
        return begin, mark.original_end if mark and end <= mark.end else end + _shift(mark)

    def _at(self, place: int) -> Mark | None:
        """The last mark that begins at this place or before it."""
        index = bisect_right(self.marks, place, key=lambda mark: mark.start)
        return self.marks[index - 1] if index else None


def _shift(mark: Mark | None) -> int:
    return mark.original_end - mark.end if mark else 0


def marked(text: str, found: Iterable[PersonalData]) -> View:
    """The text with a mark for each finding; they are in its order and do not overlap."""
    pieces: list[str] = []
    marks: list[Mark] = []
    end = length = 0
    for each in found:
        mark = f"[{each.kind}]"
        length += each.start - end
        pieces += [text[end : each.start], mark]
        marks.append(Mark(length, length + len(mark), each.start, each.end, each.kind))
        length, end = length + len(mark), each.end
    return View("".join([*pieces, text[end:]]), tuple(marks))


def apart(found: Iterable[PersonalData]) -> list[PersonalData]:
    """The findings in their order; those that overlap become one, named after the longest."""
    merged: list[PersonalData] = []
    longest = 0
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if not merged or each.start >= merged[-1].end:
            merged.append(each)
            longest = each.end - each.start
            continue
        last = merged[-1]
        end = max(last.end, each.end)
        if each.end - each.start > longest:
            longest = each.end - each.start
            merged[-1] = each._replace(start=last.start, end=end)
        else:
            merged[-1] = last._replace(end=end)
    return merged


def ranked(found: Sequence[PersonalData], ranks: Sequence[str]) -> list[PersonalData]:
    """Those findings that no other of an earlier rank overlaps; of one rank the longer one."""
    rank = {kind: place for place, kind in enumerate(ranks)}
    taken: list[PersonalData] = []
    for each in sorted(found, key=lambda one: (rank[one.kind], one.start - one.end, one.start)):
        index = bisect_right(taken, each.start, key=lambda one: one.start)
        free_before = index == 0 or taken[index - 1].end <= each.start
        free_after = index == len(taken) or taken[index].start >= each.end
        if free_before and free_after:
            taken.insert(index, each)
    return taken
