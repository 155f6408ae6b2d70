"""The words that name a time, one by one, and the order they are tried in. Pure; `times.py` puts them together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from memos_mcp.interface.calendar import DAY, Cycle, Item, Span, day_of, whole
from memos_mcp.interface.clocks import CLOCK, CLOCK_24, CLOCK_WHEN, CLOCKS, NOON, SOME_HOUR, clock, clocks, some_hour
from memos_mcp.interface.duplicates import DATE
from memos_mcp.interface.holidays import HOLIDAY, holiday
from memos_mcp.interface.timedates import (
    DAYS_FIRST,
    ERA,
    FULL_YEAR,
    MONTH_FIRST,
    OF_TIME,
    day_of_month,
    days_of_month,
    decade,
    half,
    iso_week,
    quarter,
    short_year,
    slashed,
    winter,
    written,
    year,
    year_month,
    years,
)
from memos_mcp.interface.timewords import (
    COUNTED,
    DECADES,
    ENDS,
    MONTH,
    NAME,
    NUMBER,
    ORDINAL,
    PARTS,
    SEASON,
    SHORT_WEEKDAY,
    SURE_MONTH,
    UNIT,
    WEEKDAY,
    Said,
    ahead,
    back,
    named,
    number,
    part,
    relative,
    unit_of,
)
from memos_mcp.late import late

Build = Callable[[re.Match[str], Said], Item | None]

_LASTED = late(
    r"\b(?:how (?:many|long|often)|did|was|were|had|has|have|ran|went|read|wrote|built|made|took|got|won|lost"
    r"|came|met|saw|said|ate|drank|learnt"
    r"|(?!need|feed|speed|seed|indeed|embed|exceed|proceed|succeed|planned|scheduled)[a-z]{2,}ed)\b"
)
_WILL = late(r"\b(?:will|shall|going to|gonna|plan\w*|due|remind)\b|'ll\b")
_SEASONAL = r"(?:time|season|holidays?|break|vacation|tree|card|carol|decoration|resolution|greeting)s?\b"
_NO_NAME = late(rf"[^\w ]| i\b| (?:{MONTH}|{HOLIDAY}|{'|'.join(PARTS)})\b")
_CERTAINLY = "(?:in|since|during|until|till|before|after|of|from|to|between|and|through|early|mid|late)[ -]"
_SIDES = {"past": -1, "last": -1, "previous": -1, "this": 0, "current": 0, "next": 1, "coming": 1, "upcoming": 1}


def _ago(found: re.Match[str], said: Said) -> Item | None:
    if said.after(r"(?:or|to|than|and|half) |\d-", found.start()):
        return None
    count, what = number(found["n"]), found["what"]
    if re.fullmatch(UNIT, what):
        unit, count = unit_of(what, count)
        return whole(unit, said.now, -count)
    return relative(-1, named(what), said, count)


def _half_an_hour_ago(found: re.Match[str], said: Said) -> Item:
    return whole("minute", said.now, -30)


def _in_future(found: re.Match[str], said: Said) -> Item | None:
    """In three days: that day, but not how long something took."""
    before = said.text[said.sentence(found.start())[0] : found.start()]
    if _LASTED.search(before) and not _WILL.search(before):
        return None
    if said.after("once |twice |times? ", found.start()) or re.match("in (?:an?|one) minute", found[0]):
        return None
    unit, count = unit_of(found["what"], number(found["n"]))
    return whole(unit, said.now, count)


def _from_now(found: re.Match[str], said: Said) -> Item:
    unit, count = unit_of(found["what"], number(found["n"]))
    return whole(unit, said.now, count)


def _rolling(found: re.Match[str], said: Said) -> Item | None:
    if said.after("(?:may|might|will|can|could|would|should|must|to|does|did|it|they|not) ", found.start()):
        return None
    unit, count = unit_of(found["unit"], number(found["n"] or "one"))
    return (back if _SIDES[found["which"]] < 0 else ahead)(said, unit, count)


def _relative(found: re.Match[str], said: Said) -> Item | None:
    side, what = _SIDES[found["which"].split()[-1]], found["what"]
    if what in PARTS:
        known = side == 0 or (side < 0 and what in ("night", "evening"))
        return part(what).member(said.today + side * DAY) if known else None
    if re.fullmatch(UNIT, what):
        unit, count = unit_of(what, side)
        return None if unit in ("day", "minute") else whole(unit, said.now, count)
    if side == 0 and what in ("may", "march") and not said.cased[found.start("what")].isupper():
        return None
    return relative(side, named(what), said)


def _twice(found: re.Match[str], said: Said) -> Item:
    what, side = found["what"], -1 if found["which"] == "before last" else 1
    if what == "night":
        return part(what).member(said.today + 2 * side * DAY)
    if re.fullmatch(UNIT, what):
        return whole(unit_of(what)[0], said.now, unit_of(what, 2 * side)[1])
    return relative(side, named(what), said, 2)


def _days(found: re.Match[str], said: Said) -> Item | None:
    if found[0] == "tonight":
        return part("night").member(said.today)
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}[found[0]]
    return None if said.after("usa ", found.start()) else day_of(said.today, days)


def _weekday(found: re.Match[str], said: Said) -> Item | None:
    """A weekday that is not the first name of somebody: Wednesday Addams."""
    end = found.end()
    if said.cased[end + 1 : end + 2].isupper() and not said.after(f"(?:{_WHEN}) ", found.start()):
        return _named(found, said) if _NO_NAME.match(said.text, end) else None
    return _named(found, said)


def _month(found: re.Match[str], said: Said) -> Item | None:
    """A month whose name is also another word, or a person's."""
    name = found[0].rstrip(".")
    verb = name in ("may", "march", "mar") and said.cased[found.start()].islower()
    if verb and not (said.after(_CERTAINLY, found.start()) or re.match(r" \d{4}\b", said.text[found.end() :])):
        return None
    return named(name)


def _named(found: re.Match[str], said: Said) -> Item:
    return named(found[0].rstrip("."))


def _holiday(found: re.Match[str], said: Said) -> Item:
    day = holiday(found["name"])
    if not found["weekend"]:
        return day

    def member(year: datetime) -> Span:
        the_day = day.member(year)
        saturday = the_day.start + ((5 - the_day.start.weekday() + 3) % 7 - 3) * DAY
        return Span(min(the_day.start, saturday), max(the_day.end, saturday + 2 * DAY), "stretch")

    return Cycle("year", "stretch", member)


@dataclass(frozen=True, slots=True)
class Term:
    """A way to name a time: what it looks like and what it means.

    One with `before` counts only after such words, unless it is part of a longer expression (never with `strict`) or,
    with `ends`, on its own.
    """

    pattern: str
    build: Build
    before: str = ""
    strict: bool = False
    ends: bool = False


def _term(pattern: str, build: Build, before: str = "", *, strict: bool = False, ends: bool = False) -> Term:
    return Term(pattern, build, f"(?:{before}) " if before else "", strict, ends)


_IN_THE = "(?:" + "|".join(f"(?<={w} the )" for w in ("in", "over", "within", "during", "for", "throughout")) + ")"
_DURING = "(?:in|during|since|until|till|throughout|through|over|back in)"
_WHEN = f"{_DURING}|on|at|for|by|before|after|around|about|of|to|from|between|until"
_IN_MONTH = f"in|during|since|until|till|throughout|before|after|around|late|early|mid|in {MONTH} (?:and|or)"
_BY_DAY = "on|since|until|till|by|before|after|from|to|between"
_COMPARED = r"compare|(?:19|20)\d\d (?:and|or|vs\.?|versus|with|to|than)"
_WHICH = "(?P<which>this past|this coming|last|past|previous|this|current|next|coming|upcoming)"

_NO_ROLE = (
    rf"(?:(?<=on )|(?<=in )|(?!(?:{WEEKDAY}|{MONTH}|{SEASON}) in (?:that|the|this|which|what) (?:tv )?"
    r"(?:series|show|film|movie|sitcom|play|novel|musical|opera)\b))"
)
"""Not somebody of this name in a story."""
_EITHER: tuple[Term, ...] = (
    _term(rf"(?P<n>{NUMBER}) (?P<what>{UNIT}|{NAME})(?:e?s)? ago\b", _ago),
    _term(rf"(?P<n>{NUMBER}) (?P<what>{UNIT})s?(?:'? time)? (?:from now|from today|hence)\b", _from_now),
    _term(rf"(?:(?P<year>\d{{4}})[ /-]?)?q(?P<q>[1-4])(?:[/-](?P<year2>\d{{4}}))?\b{OF_TIME}", quarter),
    _term(rf"(?<=the )(?P<nth>first|second|third|fourth|[1-4](?:st|nd|rd|th)) quarter\b{OF_TIME}", quarter),
    _term(rf"(?:{ERA}|')(?:(?P<tens>[1-9]0)'?s|(?P<word>{'|'.join(DECADES)}))\b", decade),
)
_THE_15TH = _term(rf"(?:(?<=the )|(?<=day )){ORDINAL}\b", day_of_month)
WORDED: tuple[Term, ...] = (
    *_EITHER,
    _term(r"half an hour ago\b", _half_an_hour_ago),
    _term(rf"in (?P<n>{NUMBER}) (?P<what>{UNIT})s?(?:'? time)?(?!\w|'| or\b| of\b)", _in_future),
    _term(
        r"(?:this |these )?(?P<which>past|last|previous|next|coming) "
        rf"(?!an? )(?P<n>{NUMBER}) (?P<unit>{UNIT})s?\b(?! of\b)",
        _rolling,
    ),
    _term(rf"(?:(?<=the )|this )(?P<which>past) (?P<n>)(?P<unit>{UNIT})\b", _rolling),
    _term(rf"{_IN_THE}(?P<which>last|next|coming) (?P<n>)(?P<unit>(?!quarter|fort){UNIT})\b(?! of\b)", _rolling),
    _term(r"(?P<which>last) (?P<n>)(?P<unit>hour)\b", _rolling),
    _term(rf"(?<!half ){_WHICH} (?P<what>{UNIT}|{NAME}|night|evening|morning|afternoon)(?!\w)", _relative),
    _term(rf"(?P<what>{UNIT}|{NAME}|night) (?P<which>before last|after next)\b", _twice),
    _term(r"(?:today|yesterday|tomorrow|tonight)\b", _days),
    _term(MONTH_FIRST, days_of_month),
    _term(rf"(?P<name>{HOLIDAY})(?P<weekend> weekend)?(?!\w)(?! {_SEASONAL})", _holiday, _WHEN, ends=True),
    _term(r"winter(?: of)? (?P<year>\d{4}) ?[/-] ?\d{2,4}\b", winter),
    _term(
        r"week(?: no\.?| number| nr\.?)? #?(?P<week>\d\d?)(?:(?: of|,)? (?P<year>\d{4}))?(?!\w)"
        rf"(?! ?{COUNTED}){OF_TIME}",
        iso_week,
    ),
    _term(r"h(?P<half>[12])(?= (?:of )?(?:\d{4}|last|this|next))", half),
    _term(r"year (?P<year>\d{3,4})(?!\w)", year),
    _term(NOON, clock, CLOCK_WHEN),
    _THE_15TH,
    _term(rf"{_NO_ROLE}{WEEKDAY}\b(?! (?:morning|afternoon|evening|night)s\b)", _weekday, _WHEN, ends=True),
    _term(rf"{SHORT_WEEKDAY}\b(?:\.(?= \d))?(?={ENDS}| \d)", _named, _BY_DAY),
    _term(rf"{SURE_MONTH}\b(?:\.(?= [\d']))?", _named),
    _term(rf"{_NO_ROLE}{MONTH}\b(?:\.(?= [\d']))?", _month, _IN_MONTH),
    _term(rf"{_NO_ROLE}{SEASON}\b{OF_TIME}", _named, f"{_DURING}(?: the)?"),
    _term(r"weekend\b", _named, "the|at the|on the|over the"),
    _term(rf"(?:{'|'.join(PARTS)})\b", lambda found, said: part(found[0])),
)
"""Terms that may begin with a letter, in the order they are tried."""
NUMERIC: tuple[Term, ...] = (
    *_EITHER,
    _term(DAYS_FIRST, days_of_month),
    _term(r"(?P<first>\d\d?)(?P<sep>[/.])(?P<second>\d\d?)(?P=sep)(?P<year>\d{4}|\d\d)(?![\d/])", slashed),
    _term(
        r"(?P<first>\d\d?)(?P<sep>/)(?P<second>\d\d?)(?P<year>(?!))?(?![\d/]|\w| of\b)", slashed, _BY_DAY, strict=True
    ),
    _term(r"(?P<year>\d{4})-?w(?P<week>\d\d?)(?:-\d)?\b", iso_week),
    _term(r"(?P<first>(?:19|20)\d\d) ?- ?(?P<last>(?:19|20)\d\d)(?![\w-])", years),
    _term(r"(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])(?![\w-])", year_month),
    _term(rf"(?P<tens>(?:1[5-9]|20)\d0)s\b|{ERA}(?P<tens2>(?:1[5-9]|20)\d0)'s\b", decade),
    _term(r"'(?P<year>\d\d)(?![\w'])", year, "in|of", strict=True),
    _term(r"(?<= ')(?P<year>\d\d)(?![\w'])", short_year),
    _term(FULL_YEAR, year, f"{_DURING}|from|between", strict=True),
    _term(rf"(?<=the ){FULL_YEAR}(?= \w)(?!{ENDS})", year),
    _term(rf"{FULL_YEAR}(?={ENDS})", year, f"{_WHEN}|{_COMPARED}", strict=True),
    _term(rf"{FULL_YEAR}(?='s\b)", year),
    _term(CLOCKS, clocks),
    _term(CLOCK, clock),
    _term(CLOCK_24, clock, CLOCK_WHEN),
    _term(SOME_HOUR, some_hour),
    _THE_15TH,
)
"""Terms that may begin with a digit or an apostrophe, in the order they are tried."""


@cache
def _compiled(numeric: bool) -> tuple[tuple[re.Pattern[str], Term], ...]:
    """Compiled at the first text that may name a time: it takes 30 ms."""
    return tuple((late(term.pattern), term) for term in (NUMERIC if numeric else WORDED))


def term_at(said: Said, position: int, *, joined: bool) -> tuple[int, Item, bool] | None:
    """Where the term at a position ends, what it means, and whether it counts by itself; None if there is none.

    `joined` says that words before it make it a time. Raises ValueError for a time that there is not: 30 February.
    """
    if (found := DATE.match(said.text, position)) and (item := written(found, said)):
        return found.end(), item, True
    begin = said.text[position : position + 1]
    for pattern, term in _compiled(begin == "'" or begin.isdecimal()):
        if not (found := pattern.match(said.text, position)):
            continue
        counts = joined or not term.before or said.after(term.before, position)
        counts = counts or (term.ends and said.ends(found.end()))
        if (counts or not term.strict) and (item := term.build(found, said)):
            return found.end(), item, counts
    return None
