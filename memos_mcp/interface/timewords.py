"""The vocabulary of time expressions: names, numbers, units, and the text they are found in. Pure.

Patterns are for lower-case text with single spaces and plain quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from memos_mcp.interface.calendar import (
    DAY,
    Cycle,
    Span,
    Unit,
    current,
    day_of,
    floor,
    following,
    previous,
    step,
)
from memos_mcp.interface.holidays import HOLIDAY, HOLIDAY_WORDS, holiday
from memos_mcp.late import late

_MONTHS: tuple[str, ...] = tuple(
    "january february march april may june july august september october november december".split()
)
_WEEKDAYS: tuple[str, ...] = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
PARTS = {"morning": (6, 6), "afternoon": (12, 6), "evening": (18, 6), "night": (18, 12)}
"""Parts of the day: when they begin and how many hours they last."""
DECADES: tuple[str, ...] = tuple("twenties thirties forties fifties sixties seventies eighties nineties".split())
_TO_TWELVE = "one two three four five six seven eight nine ten eleven twelve".split()
_NUMBERS: dict[str, int] = {
    **{word: value for value, word in enumerate(_TO_TWELVE, 1)},
    "a": 1,
    "an": 1,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "dozen": 12,
    "couple": 2,
}
_ONES = "first second third fourth fifth sixth seventh eighth ninth".split()
_TEENS = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()
_TENS = ["twentieth", *(f"twenty-{word}" for word in _ONES), "thirtieth", "thirty-first"]
_ORDINALS: dict[str, int] = {word: value for value, word in enumerate([*_ONES, *_TEENS, *_TENS], 1)}

# What follows a name is for the patterns they are used in: a plural, the end of the word.
UNIT = "(?:minute|hour|day|week|fortnight|month|quarter|year|decade)"
NUMBER = rf"(?:\d{{1,4}}|a couple(?: of)?|a dozen|an?|couple of|{'|'.join(w for w in _NUMBERS if len(w) > 2)})"
ORDINAL = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|{'|'.join(sorted(_ORDINALS, key=len, reverse=True))})"
MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
SURE_MONTH = "(?:january|february|feb|july|september|sept|october|oct|november|nov|december)"
WEEKDAY = f"(?:{'|'.join(_WEEKDAYS)})"
SHORT_WEEKDAY = "(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
SEASON = f"(?:{'|'.join(_SEASONS)})"
NAME = f"(?:{HOLIDAY}|weekend|{WEEKDAY}|{MONTH}|{SEASON})"
COUNTED = (  # what a number may count, so that it is no year
    r"(?:dollars?|euros?|eur|usd|pounds?|bucks|points?|steps|people|persons?|words?|users?|members|guests|m|km|kg|g|cm"
    r"|mm|kcal|calories|meters?|metres?|miles?|kilometers|kilometres|yards|feet|times|pages?|books?|items?|lines?|votes"
    r"|men|women|children|kids|students|units|copies|records?|rows|tokens|files?|bytes|pixels|seconds?|minutes?|hours?"
    r"|days?|weeks?|months?|years?|of (?:them|us|these|those)|per ?cent)(?!\w)|[$€£%]"
)
_PLAIN = (  # words that a time may stand before; another word may be what it belongs to: the 5th floor
    r"(?:and|or|but|at|in|on|of|by|for|to|the|a|with|from|when|where|while|because|if|so|that|this|i|we|you|he|she|it"
    r"|they|was|were|is|are|did|do|does|had|has|have|will|would|can|could|about|after|before|until|as|my|our|his|her"
    r"|their)\b"
)
ENDS = rf"(?:$|'s\b|(?! ?-\w) ?[^\w\s']| {_PLAIN})"
"""The end of an expression that is on its own, not the first part of a name."""
_ENDS = late(ENDS)
_MONTH, _WEEKDAY = late(MONTH), late(f"{WEEKDAY}|{SHORT_WEEKDAY}")
_SENTENCE_END = late("[.?!] ")

_UNITS: tuple[str, ...] = tuple("minute hour day week fortnight month quarter year decade weekend".split())
HINTS: frozenset[str] = frozenset(
    {
        *"0123456789",
        *(word[:length] for word in (*_MONTHS, *_WEEKDAYS) for length in (3, 4, len(word))),
        *(*PARTS, *DECADES, *(f"{word}{s}" for word in (*_UNITS, *_SEASONS, *_WEEKDAYS) for s in ("", "s"))),
        *(word for words in _ORDINALS for word in words.split("-")),
        *"today yesterday tomorrow tonight noon midday thurs tues now".split(),
        *(HOLIDAY_WORDS - {*"new good black all three king kings saint martin night st".split()}),
    }
)
"""Lower-case words and digits: a text without any of them names no time."""
STARTS: frozenset[str] = HINTS | {
    *(*HOLIDAY_WORDS, *_NUMBERS, "q1", "q2", "q3", "q4", "h1", "h2"),
    *"in this these last past previous next current coming upcoming early mid late beginning start middle end".split(),
    *"half final ever since after later before prior earlier until till up no on by starting as from between".split(),
}
"""Words that an expression may begin with, besides numbers."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is read: the text, as written and as the patterns need it, and when and where it was said."""

    text: str
    cased: str
    now: datetime
    day_first: bool | None

    @property
    def today(self) -> datetime:
        """First instant of the day."""
        return floor("day", self.now)

    def ends(self, position: int) -> bool:
        """Is the expression that ends here on its own, not the first part of a name?"""
        return bool(_ENDS.match(self.text, position)) or self.cased[position + 1 : position + 2].isupper()

    def after(self, words: str, position: int) -> bool:
        """Does one of these, given as a pattern, stand right before the position?"""
        return bool(re.search(rf"(?<![\w'])(?:{words})$", self.text[max(0, position - 24) : position]))

    def sentence(self, position: int) -> tuple[int, int]:
        """Where the sentence around a position begins and ends."""
        start = max(self.text.rfind(mark, 0, position) for mark in (". ", "? ", "! "))
        end = _SENTENCE_END.search(self.text, position)
        return start + 1, end.start() if end else len(self.text)


def number(words: str) -> int:
    """The value of what `NUMBER` matches."""
    return int(words) if words.isdecimal() else _NUMBERS[words.removesuffix(" of").split()[-1]]


def ordinal(words: str) -> int:
    """The value of what `ORDINAL` matches."""
    return _ORDINALS[words] if words in _ORDINALS else int(words[:-2])


def named(name: str) -> Cycle:
    """What `NAME` or `SHORT_WEEKDAY` matches."""
    if name == "weekend":
        return Cycle("week", "weekend", lambda week: Span(week + 5 * DAY, week + 7 * DAY, "weekend"))
    if name in _SEASONS:
        return _months_of_year(_SEASONS[name], 3, "season")
    if _MONTH.fullmatch(name):
        return _months_of_year(1 + _place(name, _MONTHS), 1, "month")
    if _WEEKDAY.fullmatch(name):
        return Cycle("week", "day", lambda week: day_of(week, weekday(name)))
    return holiday(name)


def weekday(name: str) -> int:
    """The number of a weekday, 0 for Monday."""
    return _place(name, _WEEKDAYS)


def _place(name: str, names: tuple[str, ...]) -> int:
    return next(number for number, full in enumerate(names) if full.startswith(name[:3]))


def _months_of_year(month: int, months: int, unit: Unit) -> Cycle:
    def member(year: datetime) -> Span:
        start = year.replace(month=month)
        return Span(start, step("month", start, months), unit)

    return Cycle("year", unit, member)


def part(name: str) -> Cycle:
    """A part of the day by its name."""
    start, hours = (timedelta(hours=h) for h in PARTS[name])
    return Cycle("day", "part", lambda day: Span(day + start, day + start + hours, "part"), alone=False)


def relative(side: int, what: Cycle, said: Said, count: int = 1) -> Span:
    """Last (-1), this (0) or next (1) Friday, May, summer, Christmas, weekend; or the one `count` away."""
    if side == 0:
        return current(what, said.now)
    if side < 0:
        return previous(what, said.today, count)
    if what.unit == "weekend":
        return what.member(step("week", floor("week", said.now), count))
    return following(what, said.today + DAY, count)


def back(said: Said, unit: Unit, count: int) -> Span:
    """From the day that many units back through today; exactly that long for hours and minutes."""
    if unit in ("hour", "minute"):
        return Span(step(unit, said.now, -count), said.now, "stretch")
    return Span(step(unit, said.today, -count), said.today + DAY, "stretch")


def ahead(said: Said, unit: Unit, count: int) -> Span:
    """From today through the day that many units ahead; exactly that long for hours and minutes."""
    if unit in ("hour", "minute"):
        return Span(said.now, step(unit, said.now, count), "stretch")
    return Span(said.today, step(unit, said.today, count) + DAY, "stretch")


def unit_of(word: str, count: int = 1) -> tuple[Unit, int]:
    """The unit that `UNIT` matches and how many of it: a fortnight is two weeks."""
    return ("week", 2 * count) if word == "fortnight" else (cast("Unit", word), count)
