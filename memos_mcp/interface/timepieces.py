"""Words for a piece of the time named after them, or for what is next to it: "early", "the last Friday of". Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from memos_mcp.interface.calendar import (
    DAY,
    Cycle,
    Item,
    Span,
    Unit,
    coming,
    current,
    day_of,
    floor,
    following,
    mapped,
    nth_weekday,
    previous,
    step,
    whole,
)
from memos_mcp.interface.timewords import (
    NAME,
    NUMBER,
    ORDINAL,
    PARTS,
    UNIT,
    WEEKDAY,
    named,
    number,
    ordinal,
    part,
    unit_of,
    weekday,
)
from memos_mcp.late import late

_THIRDS: dict[Unit, tuple[Unit, tuple[int, int, int]]] = {
    "month": ("day", (0, 10, 20)),
    "quarter": ("month", (0, 1, 2)),
    "season": ("month", (0, 1, 2)),
    "year": ("month", (0, 4, 8)),
    "decade": ("year", (0, 4, 7)),
}
_WHERE = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}
_INSTANT = timedelta(microseconds=1)
_PERIODS: frozenset[Unit] = frozenset(("decade", "year", "season", "quarter", "month"))
_DAYS: frozenset[Unit] = frozenset(("day", "part", "clock"))
Change = Callable[[Span], Span]


@dataclass(frozen=True, slots=True)
class Piece:
    """Which piece of a time is meant; `of` are the units it can be taken of, any if empty.

    With `ahead` what is bare is the coming one: two weeks from Friday.
    """

    unit: Unit | None
    change: Change
    of: frozenset[Unit] = frozenset()
    ahead: bool = False

    def taken(self, item: Item, now: datetime) -> Item | None:
        """The piece of the item, None if it has no such pieces; raises ValueError if it has too few."""
        if self.of and item.unit not in self.of:
            return None
        if self.ahead and isinstance(item, Cycle):
            item = coming(item, now)
        return mapped(item, self.unit or item.unit, self.change)


def _third(found: re.Match[str]) -> Piece:
    where = _WHERE[found["where1"] or found["where2"]]

    def change(span: Span) -> Span:
        if span.unit not in _THIRDS:
            return span
        unit, starts = _THIRDS[span.unit]
        times = [*(step(unit, span.start, count) for count in starts), span.end]
        return Span(times[where], times[where + 1], "third")

    return Piece(None, change)


def _half(found: re.Match[str]) -> Piece:
    later = found["half"] == "second"

    def change(span: Span) -> Span:
        middle = span.start + 15 * DAY if span.unit == "month" else step("month", span.start, 6)
        return Span(middle, span.end, "stretch") if later else Span(span.start, middle, "stretch")

    return Piece("stretch", change, frozenset(("month", "year")))


def _nth(found: re.Match[str]) -> Piece:
    which = -1 if found["nth"] in ("last", "final") else ordinal(found["nth"])
    what, count = found["what"], number(found["n"] or "one")
    if what == "weekend":
        return Piece("weekend", lambda span: _two_days(nth_weekday(span.start, span.end, 5, which)), _PERIODS)
    if what not in ("day", "week", "month"):
        return Piece("day", lambda span: nth_weekday(span.start, span.end, weekday(what), which), _PERIODS)
    unit, _ = unit_of(what)
    made: Unit = unit if count == 1 and unit != "week" else "stretch"

    def change(span: Span) -> Span:
        if which < 0:
            return _inside(span, Span(step(unit, span.end, -count), span.end, made))
        start = step(unit, span.start, (which - 1) * count)
        return _inside(span, Span(start, step(unit, start, count), made))

    return Piece(made, change, _PERIODS)


def _inside(span: Span, piece: Span) -> Span:
    if not span.start <= piece.start < span.end:
        raise ValueError("not that many")
    return piece


def _two_days(saturday: Span) -> Span:
    return Span(saturday.start, saturday.end + DAY, "weekend")


def _day(found: re.Match[str]) -> Piece:
    day = ordinal(found["nth"])
    return Piece("day", lambda span: day_of(span.start.replace(day=day)), frozenset(("month",)))


def _week(found: re.Match[str]) -> Piece:
    if found["what"] == "week":
        return Piece("week", lambda span: whole("week", span.start), _DAYS)
    weekend = named("weekend")
    return Piece("weekend", lambda span: current(weekend, span.start), _DAYS)


def _same(found: re.Match[str]) -> Piece:
    return Piece(None, lambda span: span, _PERIODS)


def _away(found: re.Match[str]) -> Piece:
    """Two days before, the week after, two weeks from."""
    unit, count = unit_of(found["what"], number(found["n"] or "one"))
    side = found["side"]
    if side == "from":
        return Piece("day", lambda span: day_of(step(unit, span.start, count)), _DAYS, ahead=True)

    def change(span: Span) -> Span:
        if side in ("after", "following"):
            return whole(unit, span.start if span.unit == "clock" else span.end - _INSTANT, count)
        return whole(unit, span.start, -count)

    return Piece(unit, change)


def _beside(found: re.Match[str]) -> Piece:
    """The Friday before, the night after."""
    before = found["side"] == "before"
    if found["what"] in PARTS:
        of_day = part(found["what"])
        return Piece("part", lambda span: of_day.member(floor("day", span.start) - DAY if before else span.end), _DAYS)
    what = named(found["what"])
    return Piece(
        what.unit, lambda span: previous(what, span.start) if before else following(what, floor("day", span.end))
    )


_PIECES: tuple[tuple[str, Callable[[re.Match[str]], Piece]], ...] = (
    (
        r"(?:(?P<where1>early|mid|late)(?:(?: (?:in|on|part of))? |-)|(?P<where2>beginning|start|middle|end) of )"
        "(?:the )?",
        _third,
    ),
    (r"(?P<half>first|second) half of (?:the )?", _half),
    (
        rf"(?P<nth>last|final|{ORDINAL}) (?:(?P<n>{NUMBER}) )?(?P<what>{WEEKDAY}|weekend|day|week|month)s? (?:of|in) "
        "(?:the )?",
        _nth,
    ),
    (rf"(?P<nth>{ORDINAL}) of (?:the )?", _day),
    (r"(?P<what>week|weekend) (?:of|beginning|starting|from) (?:the )?", _week),
    (r"(?:month|season|year) of (?:the )?", _same),
    (rf"(?P<n>{NUMBER}) (?P<what>{UNIT})s? (?P<side>before|after|from|following) (?:the )?", _away),
    (rf"(?<=the )(?P<n>)(?P<what>{UNIT}) (?P<side>before|after|following) (?:the )?", _away),
    (r"(?P<n>)(?P<what>day) (?P<side>before(?= yes)|after(?= tom)) ", _away),
    (rf"(?<=the )(?P<what>{NAME}|{'|'.join(PARTS)}) (?P<side>before|after) (?:the )?", _beside),
)


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Piece]], ...]:
    return tuple((late(pattern), build) for pattern, build in _PIECES)


def piece_at(text: str, position: int) -> tuple[int, Piece] | None:
    """Where the words for a piece end, and which piece they mean; None if there are none at the position."""
    for pattern, build in _compiled():
        if found := pattern.match(text, position):
            return found.end(), build(found)
    return None
