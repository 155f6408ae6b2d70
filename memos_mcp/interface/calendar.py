"""Calendar arithmetic for time expressions: stretches of time, and what comes again. Pure, in local time."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

Unit = Literal[
    "decade",
    "year",
    "season",
    "quarter",
    "third",
    "month",
    "week",
    "day",
    "part",
    "clock",
    "hour",
    "minute",
    "weekend",
    "stretch",
]
DAY = timedelta(days=1)
_RANKS: dict[Unit, int] = {
    "decade": 0,
    "year": 1,
    **dict.fromkeys(("season", "quarter"), 2),
    "month": 3,
    **dict.fromkeys(("third", "week"), 4),
    **dict.fromkeys(("weekend", "stretch", "day"), 5),
    "part": 6,
    **dict.fromkeys(("clock", "hour", "minute"), 7),
}
_MONTHS_IN: dict[Unit, int] = {"month": 1, "quarter": 3, "season": 3, "year": 12, "decade": 120}
_REACH = 40  # periods looked at: a 29 February is up to 8 years away, a Friday the 13th 14 months, a week 53 7 years


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time [start, end); `unit` says what may stand inside it."""

    start: datetime
    end: datetime
    unit: Unit


@dataclass(frozen=True, slots=True)
class Cycle:
    """What comes once in each period: Friday, May, Christmas, the 15th, 3 pm.

    `member` is the one of the period that begins at a given time; it raises ValueError where there is none. Without
    `alone` it means nothing by itself ("in the morning").
    """

    period: Unit
    unit: Unit
    member: Callable[[datetime], Span]
    alone: bool = True


Item = Span | Cycle


def floor(unit: Unit, moment: datetime) -> datetime:
    """Start of the calendar unit that a moment is in."""
    if unit in ("hour", "minute"):
        return moment.replace(minute=0 if unit == "hour" else moment.minute, second=0, microsecond=0)
    day = datetime.combine(moment.date(), time())
    if unit == "week":
        return day - day.weekday() * DAY
    if months := _MONTHS_IN.get(unit):
        if months == 120:
            return day.replace(year=day.year - day.year % 10, month=1, day=1)
        return day.replace(month=1 + (day.month - 1) // months * months, day=1)
    return day


def step(unit: Unit, moment: datetime, count: int) -> datetime:
    """The moment `count` units later, on the last day of a month that is too short; raises outside years 1 to 9999."""
    if unit in ("hour", "minute"):
        return moment + timedelta(**{f"{unit}s": count})
    if months := _MONTHS_IN.get(unit):
        year, month = divmod(moment.year * 12 + moment.month - 1 + months * count, 12)
        if not 1 <= year <= 9999:
            raise OverflowError(f"no year {year}")
        return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
    return moment + (7 if unit == "week" else 1) * count * DAY


def whole(unit: Unit, moment: datetime, count: int = 0) -> Span:
    """The calendar unit that is `count` after the one a moment is in."""
    start = step(unit, floor(unit, moment), count)
    return Span(start, step(unit, start, 1), unit)


def day_of(start: datetime, days: int = 0) -> Span:
    """The day of a moment, or one some days later."""
    return whole("day", start, days)


def around(cycle: Cycle, moment: datetime, offsets: range) -> Iterator[Span]:
    """The members in the periods at these offsets from the one of the moment, without those that do not exist."""
    start = floor(cycle.period, moment)
    for offset in offsets:
        with suppress(ValueError, OverflowError):
            yield cycle.member(step(cycle.period, start, offset))


def latest(cycle: Cycle, moment: datetime) -> Span:
    """The last one that has begun at that moment; raises ValueError if there never was one."""
    return _first(span for span in around(cycle, moment, range(1, -_REACH, -1)) if span.start <= moment)


def coming(cycle: Cycle, moment: datetime) -> Span:
    """The first one that is not over at that moment; raises ValueError if none will be."""
    return _first(span for span in around(cycle, moment, range(-1, _REACH)) if span.end > moment)


def previous(cycle: Cycle, moment: datetime, count: int = 1) -> Span:
    """The last one that is over at that moment, or the one `count` back; raises ValueError if there never was one."""
    over = (span for span in around(cycle, moment, range(1, -_REACH - count, -1)) if span.end <= moment)
    return _first(span for number, span in enumerate(over, 1) if number == count)


def following(cycle: Cycle, moment: datetime, count: int = 1) -> Span:
    """The first one that begins at that moment or later, or the one `count` on; raises ValueError if none will be."""
    later = (span for span in around(cycle, moment, range(-1, _REACH + count)) if span.start >= moment)
    return _first(span for number, span in enumerate(later, 1) if number == count)


def current(cycle: Cycle, moment: datetime) -> Span:
    """The one that the moment is in, else the one of its period; raises ValueError if there is none."""
    near = list(around(cycle, moment, range(-1, 1)))
    return _first(span for span in [*(s for s in near if s.start <= moment < s.end), *near[-1:]])


def _first(spans: Iterator[Span]) -> Span:
    for span in spans:
        return span
    raise ValueError("there is none")


def compose(items: list[Item]) -> Item | None:
    """What several expressions in a row mean together: Friday, night, last week. None if they do not fit.

    Raises ValueError if they fit but there is no such time: week 53, 2023.
    """
    items = _dated(items)
    items.sort(key=lambda item: _RANKS[item.unit])
    whole_item: Item | None = items[0]
    for item in items[1:]:
        if whole_item is None:
            break
        whole_item = _within(whole_item, item)
    return whole_item


def _dated(items: list[Item]) -> list[Item]:
    """The items without the weekday of a date, which only has to agree."""
    weekdays = [item for item in items if isinstance(item, Cycle) and (item.period, item.unit) == ("week", "day")]
    dates = [item for item in items if item.unit == "day" and item not in weekdays]
    if not weekdays or not dates:
        return list(items)
    weekday, dated = weekdays[0], dates[0]
    others = [item for item in items if item not in (weekday, dated)]
    return [*others, dated if isinstance(dated, Span) else replace(dated, member=_agreeing(dated, weekday))]


def _agreeing(dated: Cycle, weekday: Cycle) -> Callable[[datetime], Span]:
    def member(start: datetime) -> Span:
        span = dated.member(start)
        if weekday.member(floor("week", span.start)) != span:
            raise ValueError("another weekday")
        return span

    return member


def _within(outer: Item, inner: Item) -> Item | None:
    if isinstance(inner, Span):
        fits = isinstance(outer, Span) and outer.start <= inner.start and inner.end <= outer.end
        return inner if fits else None
    if outer.unit != inner.period and (outer.unit, inner.period) != ("part", "day"):
        return None
    if isinstance(outer, Span):
        return _member_of(outer, inner)
    alone = outer.alone or inner.period == "part"
    return Cycle(outer.period, inner.unit, lambda start: _member_of(outer.member(start), inner), alone)


def _member_of(outer: Span, inner: Cycle) -> Span:
    if outer.unit != "part" or inner.period != "day":
        return inner.member(outer.start)
    span, after_midnight = (inner.member(floor("day", outer.start) + days * DAY) for days in (0, 1))
    return after_midnight if span.start < outer.start and after_midnight.start < outer.end else span


def mapped(item: Item, unit: Unit, change: Callable[[Span], Span]) -> Item:
    """A piece of the item or what lies next to it: the end of May, the day after Christmas."""
    if isinstance(item, Span):
        return change(item)
    return Cycle(item.period, unit, lambda start: change(item.member(start)), item.alone)


def nth_weekday(start: datetime, end: datetime, weekday: int, number: int) -> Span:
    """The first, second, … Monday (weekday 0) of a stretch, the last for -1; raises ValueError if it has none."""
    if number > 0:
        day = start + ((weekday - start.weekday()) % 7 + 7 * (number - 1)) * DAY
    else:
        day = end - DAY
        day -= (day.weekday() - weekday) % 7 * DAY
    if not start <= day < end:
        raise ValueError("not that many")
    return day_of(day)


def easter(year: int) -> date:
    """Easter Sunday, western (the anonymous Gregorian algorithm)."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
