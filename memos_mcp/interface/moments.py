"""When a turn was said: the ways chats write a date and a time. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from pydantic import JsonValue

from memos_mcp.interface.duplicates import DATE, date_of
from memos_mcp.late import late

_LONGEST = 64
_EARLIEST = 1e8  # a smaller number counts something else than seconds since 1970
_SECONDS = late(r"\d{9,16}(?:\.\d{1,9})?")
_NUMERIC = late(r"(?<!\d)(\d{1,2})([./])(\d{1,2})\2(\d{4}|\d\d)(?!\d)")
_CLOCK = late(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?: ?([ap])\.? ?m\b\.?)?|(\d{1,2}) ?([ap])\.?m\b\.?")
_FILLER = late(
    r"(?:[\s,;()–-]|on\b|at\b|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?)*"
    r"(?:utc|gmt|z)?(?:([+-])(\d\d):?(\d\d))?\s*"
)


def moment(value: JsonValue, day_first: bool | None = None, *, day: datetime | None = None) -> datetime | None:
    """A point in time in UTC, from ISO, seconds or milliseconds since 1970, or words; None if no reading is certain.

    `day_first` decides how 5/8/2023 is read, `day` gives the date of a time alone. A date alone is its first instant.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return _since_1970(float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _in_words(" ".join(text.lower().split()), day_first, day)
    if found is None or found.tzinfo is UTC:
        return found
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None


def _since_1970(number: float) -> datetime | None:
    for unit in (1, 1e3, 1e6):
        if _EARLIEST <= number / unit < 1e11:
            return datetime.fromtimestamp(number / unit, UTC)
    return None


def _in_words(text: str, day_first: bool | None, day: datetime | None) -> datetime | None:
    if found := DATE.search(text):
        date = date_of(found)
    else:
        found = _NUMERIC.search(text)
        date = _numeric(found, day_first) if found else None
    if found is not None:
        text = f"{text[: found.start()]} {text[found.end() :]}"
    elif day is not None:
        date = (day.year, day.month, day.day)
    clock = _CLOCK.search(text)
    rest = text if clock is None else f"{text[: clock.start()]} {text[clock.end() :]}"
    filler = _FILLER.fullmatch(rest)
    if date is None or date[0] is None or filler is None or (found is None and clock is None):
        return None
    try:
        said = datetime.combine(datetime(date[0], date[1], date[2], tzinfo=UTC), _time(clock), tzinfo=UTC)
        east = 60 * int(filler[2] or 0) + int(filler[3] or 0)
        return said - timedelta(minutes=-east if filler[1] == "-" else east)
    except (ValueError, OverflowError):  # no such day or hour
        return None


def _time(clock: re.Match[str] | None) -> time:
    if clock is None:
        return time()
    hour, half = int(clock[1] or clock[5]), clock[4] or clock[6]
    if half and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return time(hour % 12 + 12 * (half == "p") if half else hour, int(clock[2] or 0), int(clock[3] or 0))


def _numeric(found: re.Match[str], day_first: bool | None) -> tuple[int, int, int] | None:
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if found[2] == ".":
        day_first = True
    elif day_first is None and (first > 12 or second > 12 or first == second):
        day_first = second <= 12
    if day_first is None:
        return None
    month, day = (second, first) if day_first else (first, second)
    return (year if year > 99 else 2000 + year), month, day
