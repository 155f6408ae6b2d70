"""When a turn was said: the ways chats write a date and a time. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

_MONTHS: Sequence[str] = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_NAME},? (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b{_NAME} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap]\.?m\b\.?)?", re.IGNORECASE)
_REST = re.compile(r"[\s,()\[\]]|\b(?:at|on|um|mon|tue|wed|thu|fri|sat|sun)[a-z]*\b|\butc\b|\bz\b", re.IGNORECASE)
_MILLISECONDS = 100_000_000_000  # epoch seconds reach this in the year 5138; larger numbers are milliseconds


@lru_cache(maxsize=4096)
def moment(written: str | float) -> datetime | None:
    """The moment, in UTC unless it names a zone; None if it cannot be read. A date alone is its first instant."""
    if not isinstance(written, str):
        return _epoch(float(written))
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        found = _loose(written)
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _epoch(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _loose(written: str) -> datetime | None:
    """A date in words or digits with a clock time before or after it, and nothing else."""
    parts = _date(written)
    if parts is None:
        return None
    (year, month, day), rest = parts
    hour = minute = second = 0
    if clock := _CLOCK.search(rest):
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        if half := (clock[4] or "").lower():
            hour = hour % 12 + (12 if half.startswith("p") else 0)
        rest = rest[: clock.start()] + rest[clock.end() :]
    if _REST.sub("", rest):
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _date(written: str) -> tuple[tuple[int, int, int], str] | None:
    if m := _DAY_FIRST.search(written):
        ymd = int(m[3]), _MONTHS.index(m[2].lower()) + 1, int(m[1])
    elif m := _MONTH_FIRST.search(written):
        ymd = int(m[3]), _MONTHS.index(m[1].lower()) + 1, int(m[2])
    elif m := _YEAR_FIRST.search(written):
        ymd = int(m[1]), int(m[2]), int(m[3])
    else:
        return None
    return ymd, f"{written[: m.start()]} {written[m.end() :]}"
