"""Times of day: "3 pm", "14:30", "noon", "at 9 in the morning", "from 2 to 4 pm". Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from memos_mcp.interface.calendar import DAY, Cycle, Item, Span
from memos_mcp.interface.timewords import Said

_HALF, _TIME = r" ?(?P<half{}>[ap])\.?m\b\.?", r"(?P<hour{}>\d{{1,2}})(?::(?P<minute{}>\d\d))?"
_CLOCK = [f"{_TIME.format(n, n)}(?:{_HALF.format(n)})?" for n in (1, 2)]
CLOCK, CLOCK_24 = _TIME.format("", "") + _HALF.format(""), r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::\d\d)?(?![\w:]|\.\d)"
NOON = r"(?:noon|midday)\b"
SOME_HOUR = r"(?P<hour>\d\d?)(?P<clock> o'clock)?(?![\d:/%-]|[.,]\d|\w)"
CLOCKS = rf"{_CLOCK[0]}(?P<sep> ?- ?| (?:to|until|till|and) ){_CLOCK[1]}(?![\w:])"
CLOCK_WHEN = "at|around|about|by|from|since|before|after|until|till|between|to|and"


def clock(found: re.Match[str], said: Said) -> Item:
    """3 pm, 14:30, noon."""
    if found[0] in ("noon", "midday"):
        return _at(12, None)
    half, minute = found.groupdict().get("half"), found["minute"]
    return _at(_hour(int(found["hour"]), half), int(minute) if minute else None)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return hour % 12 + 12 * (half == "p")


def _at(hour: int, minute: int | None) -> Cycle:
    if hour > 23 or (minute or 0) > 59:
        raise ValueError("no such time of day")
    after = timedelta(hours=hour, minutes=minute or 0)
    lasts = timedelta(hours=1) if minute is None else timedelta(minutes=1)
    return Cycle("day", "clock", lambda day: Span(day + after, day + after + lasts, "clock"))


def some_hour(found: re.Match[str], said: Said) -> Item | None:
    """At 9, said with a part of the day: of the two times that one is meant which is in it."""
    hour = int(found["hour"])
    if hour > 12 or not (found["clock"] or said.after("(?:at|around|about|by) ", found.start())):
        return None

    def member(start: datetime) -> Span:
        midnight = start.replace(hour=0)
        times = [midnight + timedelta(hours=hour % 12 + later) for later in (0, 12, 24)]
        time = next((t for t in times if start <= t < start + timedelta(hours=12)), times[0])
        return Span(time, time + timedelta(hours=1), "clock")

    return Cycle("part", "clock", member, alone=False)


def clocks(found: re.Match[str], said: Said) -> Item | None:
    """From 2 to 4 pm."""
    if found["half2"] is None and not (found["minute1"] and found["minute2"]):
        return None
    if found["sep"] == " and " and not said.after("between ", found.start()):
        return None
    last = _at(_hour(int(found["hour2"]), found["half2"]), int(found["minute2"] or 0))
    half = found["half1"] or found["half2"]
    if found["half1"] is None and half and int(found["hour1"]) % 12 > int(found["hour2"]) % 12:
        half = "a" if half == "p" else "p"
    first = _at(_hour(int(found["hour1"]), half), int(found["minute1"] or 0))

    def member(day: datetime) -> Span:
        start, end = first.member(day).start, last.member(day).start
        return Span(start, end if start < end else end + DAY, "hour")

    return Cycle("day", "hour", member)
