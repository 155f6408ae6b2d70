"""Time expressions in English text: which interval they mean. Pure.

Intervals are half-open; days, weeks (from Monday), months, quarters and years are whole calendar units. What is bare
(Friday, in May, at Christmas, on the 15th) is the one that began last in a past sentence, and the first that is not
over in a future one. Durations, ages and habits give no interval, nor does what has no certain reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from memos_mcp.cube import Interval
from memos_mcp.interface.calendar import Cycle, Item, Span, Unit, coming, compose, following, latest, whole
from memos_mcp.interface.timepieces import piece_at
from memos_mcp.interface.timeterms import term_at
from memos_mcp.interface.timewords import HINTS, MONTH, STARTS, WEEKDAY, Said, unit_of
from memos_mcp.late import late

_LONGEST = 5  # expressions in a row: last year, on Friday the 13th of October, in the evening, at 8
_IN_A_DAY: frozenset[Unit] = frozenset(("part", "clock", "hour"))
_DEEPEST = 3  # pieces of pieces: the morning after the first Monday of

_WORD = late(r"[a-z]+|\d")
_PLAIN = str.maketrans("’\u2018–—\u2212\u00a0\n\t", "''--- \u0020 ")
_FUTURE = late(
    r"\b(?:will|won't|shall|going to|gonna|plan(?:s|ned|ning)?|next|upcoming|tomorrow|remind|due)\b|'ll\b"
    r"|\b(?:am|are|is) (?:i|we|you|he|she|they|it) (?:\w+ )?\w+ing\b|\b(?:i'm|we're|i am|we are) \w+ing\b"
)
_BOUND = late(
    r"(?:(?P<since>(?:ever )?since)|(?P<after>after|later than)|(?P<before>before|prior to|earlier than)"
    r"|(?P<until>until|till|up (?:to|until)|no later than|on or before)|(?P<by>by)"
    r"|(?P<onward>starting(?: on| from| in)?|beginning (?:on|in)|as of|on or after)) (?:the )?"
)
_RANGE = late("(?:from|(?P<between>between)) (?:the )?")
_TO = late(" ?- ?| (?:to|through|thru|until|till|up to) (?:the )?")
_AND = late(" and (?:the )?")
_NOW = late(r"(?:now|today|present|date)\b")
_ONWARD = late(r" (?:onwards?|forward)\b| on(?= (?:i|we|you|he|she|it|they|there)\b|[^\w ]|$)")
_JOINT = late(r"(?:'s)?,?(?: (?:(?:back )?in|of|on|at|around|during|from|over|between)\b)?(?: the)? ")
_THE_UNIT = late(r"(?<=the )(?P<unit>week|month|quarter|year|decade)\b(?! of\b)")
_NO_SUCH = late(rf"\S*(?: (?:of|at|on|in|{WEEKDAY},?|{MONTH}[.,]?|\d[^ ]*|week|quarter)(?= |$))*")
_NOT_ONE = (
    "(?:an?|any|some|every|each|per|no|other|another|most|many|one|happy|merry|chinese|lunar|jewish|orthodox|persian"
    "|school|fiscal|financial) "
)


@dataclass(frozen=True, slots=True)
class Found:
    """A time expression: where it stands in the text, and the interval it means."""

    span: tuple[int, int]
    interval: Interval


def interval_of(text: str, now: datetime, *, day_first: bool | None = None, zone: tzinfo = UTC) -> Interval | None:
    """The interval that a text said at `now` asks for: of its time expressions the shortest, the first of equals.

    `day_first` decides how 3/4/2023 is read (None: it has no certain reading); days are those of `zone`. Never raises
    for what is written. Cost: 5 µs for a question that names no time, 100 µs for one that does.
    """
    found = found_in(text, now, day_first=day_first, zone=zone)
    return min((each.interval for each in found), key=_length, default=None)


def _length(interval: Interval) -> float:
    if interval.start is None or interval.end is None:
        return float("inf")
    return (interval.end - interval.start).total_seconds()


def found_in(text: str, now: datetime, *, day_first: bool | None = None, zone: tzinfo = UTC) -> list[Found]:
    """All time expressions of a text said at `now`, in order, with the interval of each; see `interval_of`."""
    return list(_found_in(text, now, day_first, zone))


@lru_cache(maxsize=512)  # a question is looked through by several, and a memory by whoever files, draws or compares it
def _found_in(text: str, now: datetime, day_first: bool | None, zone: tzinfo) -> Sequence[Found]:
    if HINTS.isdisjoint(_WORD.findall(text.lower())):
        return []
    plain, places = _plain(text)
    try:
        here = (now if now.tzinfo else now.replace(tzinfo=UTC)).astimezone(zone)
    except OverflowError:  # the first or the last day of the calendar
        return []
    said = Said(_lower(plain), plain, here.replace(tzinfo=None), day_first)
    found = [(start, end, _interval(bounds, zone)) for start, end, bounds in _phrases(said)]
    if places:
        found = [(places[start], places[end - 1] + 1, interval) for start, end, interval in found]
    return [Found((start, end), interval) for start, end, interval in found if interval]


def _plain(text: str) -> tuple[str, list[int]]:
    """The text with plain marks and single spaces, and where its characters were if some are left out."""
    plain = text.translate(_PLAIN)
    if "  " not in plain and plain[:1] != " ":
        return plain, []
    places = [i for i, char in enumerate(plain) if char != " " or plain[i - 1 : i] not in ("", " ")]
    return "".join([plain[i] for i in places]), places


def _lower(text: str) -> str:
    """The text in lower case, character by character."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join([c.lower() if len(c.lower()) == 1 else c for c in text])


_Bounds = tuple[datetime | None, datetime | None]


def _interval(bounds: _Bounds, zone: tzinfo) -> Interval | None:
    try:
        start, end = (None if each is None else each.replace(tzinfo=zone).astimezone(UTC) for each in bounds)
    except (ValueError, OverflowError):  # before year 1 or after 9999 in UTC
        return None
    return Interval(start=start, end=end) if start is None or end is None or start < end else None


def _phrases(said: Said) -> Iterator[tuple[int, int, _Bounds]]:
    position = 0
    for word in re.finditer(r"[^\W_]+", said.text):
        start = word.start()
        if start < position or not (word[0] in STARTS or _number_at(said.text, start)):
            continue
        try:
            found = _phrase(said, start)
        except (ValueError, OverflowError):  # no such day: 30 February 2023, week 54
            position = next(_NO_SUCH.finditer(said.text, start)).end()
            continue
        if found:
            position, bounds = found
            yield start, position, bounds


def _number_at(text: str, position: int) -> bool:
    return text[position].isdecimal() and text[position - 1 : position] not in (*"$€£#.,/:+*=\\-_",)


def _phrase(said: Said, position: int) -> tuple[int, _Bounds] | None:
    """The longest expression that begins at a position: where it ends, and from when to when it lasts."""
    if found := _BOUND.match(said.text, position):
        rest = _sequence(said, found.end(), joined=found["by"] is None)
        return rest and (rest[0], _bounded(said, found, rest[1]))
    if found := _RANGE.match(said.text, position):
        return _range(said, found.end(), _AND if found["between"] else _TO) or _from(said, found.end())
    joined = _sequence(said, position, joined=True)
    if joined is None:
        return None
    if rest := _range(said, position, _TO, joined):
        return rest
    alone = _sequence(said, position, joined=False)
    if alone is None:
        return None
    span = _resolved(said, alone[1], position)
    return alone[0], (span.start, span.end)


def _bounded(said: Said, found: re.Match[str], item: Item) -> _Bounds:
    if found["since"]:
        start = (latest(item, said.now) if isinstance(item, Cycle) else item).start
        if start >= said.now:
            raise ValueError("since a time to come")
        return start, said.now
    span = _resolved(said, item, found.start())
    if found["after"]:
        return _end(span), None
    if found["before"]:
        return None, span.start
    return (span.start, None) if found["onward"] else (None, _end(span))


def _end(span: Span) -> datetime:
    """Where the time ends as a bound: a clock time is a point."""
    return span.start if span.unit == "clock" else span.end


def _from(said: Said, position: int) -> tuple[int, _Bounds] | None:
    rest = _sequence(said, position, joined=True)
    onward = rest and _ONWARD.match(said.text, rest[0])
    if not rest or not onward:
        return None
    return onward.end(), (_resolved(said, rest[1], position).start, None)


def _range(
    said: Said, position: int, to: re.Pattern[str], first: tuple[int, Item] | None = None
) -> tuple[int, _Bounds] | None:
    one = first or _sequence(said, position, joined=True)
    joint = one and to.match(said.text, one[0])
    if not one or not joint:
        return None
    if now := _NOW.match(said.text, joint.end()):
        start = _resolved(said, one[1], position).start
        return now.end(), (start, whole("day", said.now).end if now[0] == "today" else said.now)
    other = _sequence(said, joint.end(), joined=True)
    if not other or (first and one[1].unit != other[1].unit):
        return None
    start, end = _ends(said, one[1], other[1], position)
    return (other[0], (start.start, _end(end))) if start.start < _end(end) else None


def _ends(said: Said, first: Item, last: Item, position: int) -> tuple[Span, Span]:
    if isinstance(first, Span):
        return first, last if isinstance(last, Span) else following(last, first.start)
    if isinstance(last, Cycle) and _future(said, position):
        start = coming(first, said.now)
        return start, following(last, start.start)
    end = _resolved(said, last, position)
    return latest(first, end.start), end


def _resolved(said: Said, item: Item, position: int) -> Span:
    if isinstance(item, Span):
        return item
    return (coming if _future(said, position) else latest)(item, said.now)


def _future(said: Said, position: int) -> bool:
    return bool(_FUTURE.search(said.text, *said.sentence(position)))


def _sequence(said: Said, position: int, *, joined: bool, depth: int = 0) -> tuple[int, Item] | None:
    """The longest row of expressions that fit together; `joined` says that words before it make it a time."""
    read: list[tuple[int, Item, bool]] = []
    place = position
    while len(read) < _LONGEST and (one := _one(said, place, joined=joined or bool(read), depth=depth)):
        if depth and read and one[1].unit in _IN_A_DAY:  # the day before yesterday, in the evening
            break
        read.append(one)
        joint = _JOINT.match(said.text, one[0])
        if not joint:
            break
        place = joint.end()
    for count in range(len(read), 0, -1):
        item = compose([each for _, each, _ in read[:count]])
        if item is None or (count == 1 and not read[0][2]):
            continue
        if isinstance(item, Cycle) and (not item.alone or said.after(_NOT_ONE, position)):
            continue
        return read[count - 1][0], item
    return None


def _one(said: Said, position: int, *, joined: bool, depth: int) -> tuple[int, Item, bool] | None:
    if depth < _DEEPEST and (words := piece_at(said.text, position)):
        end, piece = words
        rest = _the_unit(said, end) or _sequence(said, end, joined=True, depth=depth + 1)
        if rest and (item := piece.taken(rest[1], said.now)):
            return rest[0], item, True
    return term_at(said, position, joined=joined)


def _the_unit(said: Said, position: int) -> tuple[int, Item] | None:
    """The end of the month."""
    found = _THE_UNIT.match(said.text, position)
    return found and (found.end(), whole(unit_of(found["unit"])[0], said.now))
