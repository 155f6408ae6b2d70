"""Dates and periods by their numbers: "3-7 May", "13/4/2023", "2019", "Q3", "week 12", "the nineties". Pure."""

from __future__ import annotations

import re
from datetime import date, datetime

from memos_mcp.interface.calendar import DAY, Cycle, Item, Span, day_of, step, whole
from memos_mcp.interface.duplicates import date_of
from memos_mcp.interface.timewords import COUNTED, DECADES, MONTH, Said, named, ordinal

_TO = r"(?: ?- ?| (?:to|and|through|until) (?:the )?)"
_NTH = "(?:st|nd|rd|th)?"
DAYS_FIRST = rf"(?P<first1>\d\d?){_NTH}(?P<sep1>{_TO})(?P<last1>\d\d?){_NTH}(?: of)? (?P<month1>{MONTH})\b"
MONTH_FIRST = (
    rf"(?P<month2>{MONTH})\.? (?P<first2>\d\d?){_NTH}(?P<sep2>{_TO})(?P<last2>\d\d?){_NTH}(?!\w|:\d| ?[ap]\.?m)"
)
FULL_YEAR = r"(?P<year>(?:1[5-9]|20|21)\d\d)(?!\w|[.,:/-]\d)"
ERA = (
    "(?:" + "|".join(f"(?<={w})" for w in ("the ", "the '", "early ", "mid ", "mid-", "late ", "roaring ", " '")) + ")"
)
OF_TIME = r"(?! of (?!\d{4}|last|this|next|the year))"


def _yearly(month: int, day: int) -> Cycle:
    date(2000, month, day)  # raises if no year has that day
    return Cycle("year", "day", lambda year: day_of(year.replace(month=month, day=day)))


def _on(year: int, month: int, day: int) -> Span:
    return day_of(datetime(year, month, day))  # noqa: DTZ001 - local time


def written(found: re.Match[str], said: Said) -> Item | None:
    """What a match of `DATE` means."""
    known = date_of(found)
    if known is None:
        raise ValueError("no such day")
    year, month, day = known
    if year is not None:
        return _on(year, month, day)
    if re.match(rf" ?{COUNTED}", said.text[found.end() :]):
        return None
    if found["month1"] == "may" and not said.ends(found.end()):  # the first 3 may enter
        return None
    return _yearly(month, day)


def slashed(found: re.Match[str], said: Said) -> Item:
    """3/4/2023, in the order that its numbers or the locale allow."""
    first, second = int(found["first"]), int(found["second"])
    day_first = True if found["sep"] == "." else said.day_first
    if first > 12 or second > 12 or first == second:
        day_first = second <= 12
    if day_first is None:
        raise ValueError("the 3rd of April or the 4th of March")
    month, day = (second, first) if day_first else (first, second)
    return _yearly(month, day) if found["year"] is None else _on(_year_of(found["year"], said), month, day)


def _year_of(digits: str, said: Said) -> int:
    if len(digits) > 2:
        return int(digits)
    year = said.now.year // 100 * 100 + int(digits)
    return year - 100 if year > said.now.year + 20 else year


def year(found: re.Match[str], said: Said) -> Item | None:
    """A year, unless the number counts something."""
    if re.match(rf" ?{COUNTED}", said.text[found.end() :]):
        return None
    return whole("year", datetime(_year_of(found["year"], said), 1, 1))  # noqa: DTZ001 - local time


def short_year(found: re.Match[str], said: Said) -> Item | None:
    """'98."""
    known = said.after("(?:in|of|since|until|before|after|from|to|by|the) '", found.start())
    return year(found, said) if known else None


def years(found: re.Match[str], said: Said) -> Item:
    """2019-2021."""
    first, last = (whole("year", datetime(int(year), 1, 1)) for year in found.groups())  # noqa: DTZ001 - local time
    if not first.start < last.start:
        raise ValueError("the years run backwards")
    return Span(first.start, last.end, "stretch")


def year_month(found: re.Match[str], said: Said) -> Item:
    """2023-05."""
    return whole("month", datetime(int(found["year"]), int(found["month"]), 1))  # noqa: DTZ001 - local time


def decade(found: re.Match[str], said: Said) -> Item | None:
    """The nineties, unless somebody is in theirs."""
    if said.after("(?:my|your|his|her|our|their)(?: early| mid| late)?[ -]", found.start()):
        return None
    groups = found.groupdict()
    digits = groups.get("tens") or groups.get("tens2") or str(20 + 10 * DECADES.index(found["word"]))
    year = int(digits) if len(digits) > 2 else said.now.year // 100 * 100 + int(digits)
    if len(digits) == 2 and year > said.now.year:
        year -= 100
    return whole("decade", datetime(year, 1, 1))  # noqa: DTZ001 - local time


def iso_week(found: re.Match[str], said: Said) -> Item:
    """Week 12, 2023-W05."""
    week = int(found["week"])
    if found["year"] is None:
        return Cycle("year", "week", lambda year: _week(year.year, week))
    return _week(int(found["year"]), week)


def _week(year: int, week: int) -> Span:
    start = date.fromisocalendar(year, week, 1)
    return whole("week", datetime(start.year, start.month, start.day))  # noqa: DTZ001 - local time


def quarter(found: re.Match[str], said: Said) -> Item:
    """Q3, the third quarter."""
    groups = found.groupdict()
    which, year = int(groups.get("q") or ordinal(groups["nth"])), groups.get("year") or groups.get("year2")
    quarter = Cycle("year", "quarter", lambda start: whole("quarter", start, which - 1))
    return quarter.member(datetime(int(year), 1, 1)) if year else quarter  # noqa: DTZ001 - local time


def half(found: re.Match[str], said: Said) -> Item:
    """H1."""
    months = 6 * int(found["half"])
    return Cycle(
        "year", "season", lambda year: Span(step("month", year, months - 6), step("month", year, months), "season")
    )


def winter(found: re.Match[str], said: Said) -> Item:
    """The winter of 2020/21."""
    return named("winter").member(datetime(int(found["year"]), 1, 1))  # noqa: DTZ001 - local time


def day_of_month(found: re.Match[str], said: Said) -> Item | None:
    """The 15th."""
    sure = found[0][0].isdecimal() or said.after("(?:on|since|until|till|by|before|after|from|to) the ", found.start())
    if not sure or not said.ends(found.end()):
        return None
    day = ordinal(found[0])
    return Cycle("month", "day", lambda month: day_of(month.replace(day=day)))


def days_of_month(found: re.Match[str], said: Said) -> Item | None:
    """3-7 May, May 3 to 7."""
    groups = found.groupdict()
    form = "1" if "month1" in groups else "2"
    if groups["sep" + form].startswith(" and") and not said.after("between (?:the )?", found.start()):
        return None
    first, last, month = int(groups["first" + form]), int(groups["last" + form]), named(groups["month" + form])
    if not first < last:
        return None

    def member(year: datetime) -> Span:
        start = month.member(year).start
        return Span(start.replace(day=first), start.replace(day=last) + DAY, "stretch")

    return Cycle("year", "stretch", member)
