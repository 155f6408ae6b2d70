"""Sentences understood, right and wrong: `python -m benchmarks.understanding [--part blind] [--misses]`.

Counts in how many labelled calls each slot is read as labelled, how many statements are of their kind, and how many
time expressions have their exact interval (of look-alikes: none). `blind` and `blind_second` (calls only) were written
by somebody who had not read the rules; of the other parts the rules saw some. Also times a sentence.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from timeit import repeat
from typing import NotRequired, TypedDict, cast

from pydantic import JsonValue

from benchmarks.common import keep
from memos_mcp.cube import Interval, Kind
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.interface.times import interval_of
from memos_mcp.interface.understanding import Understanding, meant
from memos_mcp.search import Turn

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
PARTS = ("tuned", "held_out", "fresh", "last", "blind")
CALLS = (*PARTS, "blind_second", "seventh", "seventh_unseen")
TIMES = {"known": ("times", "times_more"), "blind": ("understanding/blind_times",)}
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Call(TypedDict):
    """A question and what it asks for, as tests/data/understanding/calls.toml says."""

    q: str
    intent: str
    entities: list[str]
    kinds: list[str]
    turns: NotRequired[list[str]]
    start: NotRequired[date]
    end: NotRequired[date]
    anchor: NotRequired[str]
    scope: NotRequired[str]
    says: NotRequired[list[str]]
    topics: NotRequired[list[str]]


class Expression(TypedDict):
    """A text and its interval, as tests/data/times.toml says."""

    text: str
    now: datetime
    start: NotRequired[date]
    end: NotRequired[date]
    zone: NotRequired[int]
    day_first: NotRequired[bool]


@dataclass(slots=True)
class Count:
    """How many there are of each thing, how many are read as labelled, and what was read instead."""

    there: Counter[str] = field(default_factory=Counter[str])
    right: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])

    def add(self, what: str, text: str, expected: object, found: object, *, right: bool | None = None) -> None:
        """Count one reading; it is right if it is what was expected, unless that is said."""
        ok = expected == found if right is None else right
        self.there[what] += 1
        self.right[what] += ok
        if not ok:
            self.errors.append(f"{what}: {text!r}: {found}, not {expected}")

    def share(self, *things: str) -> float:
        """In per cent, how much of these is right; of everything if none are named."""
        names = things or tuple(self.there)
        return 100 * sum(self.right[name] for name in names) / sum(self.there[name] for name in names)


def calls(part: str) -> list[Call]:
    """The labelled calls of a part."""
    file = part if part.startswith("blind") else "seventh" if part.startswith("seventh") else "calls"
    return cast("dict[str, list[Call]]", _read(f"understanding/{file}"))[part]


def statements(part: str) -> list[tuple[Kind, str]]:
    """The labelled statements of a part, each with its kind."""
    file = "blind_kinds" if part == "blind" else "kinds"
    table = cast("dict[str, dict[Kind, list[str]]]", _read(f"understanding/{file}"))[part]
    return [(kind, text) for kind, texts in table.items() for text in texts]


def expressions(part: str) -> list[Expression]:
    """The labelled time expressions of a part."""
    files = cast("list[dict[str, dict[str, list[Expression]]]]", [_read(name) for name in TIMES[part]])
    return [each for file in files for table in file.values() for each in table["cases"]]


def counted_calls(part: str) -> Count:
    """What of the calls of a part is read as labelled, slot by slot."""
    count = Count()
    for call in calls(part):
        found = meant(call["q"], turns_of(call.get("turns", ())), now=NOW)
        for what, expected, read, right in _slots(call, found):
            count.add(what, call["q"], expected, read, right=right)
    return count


def counted_statements(part: str) -> Count:
    """How many statements of a part are of their kind."""
    count = Count()
    for kind, text in statements(part):
        count.add(kind, text, kind, kind_of_statement(text, said_by_user=True))
    return count


def counted_expressions(part: str) -> Count:
    """How many time expressions of a part have their interval, and how many look-alikes none."""
    count = Count()
    for each in expressions(part):
        zone = timezone(timedelta(hours=each.get("zone", 0)))
        found = interval_of(each["text"], each["now"], day_first=each.get("day_first"), zone=zone)
        expected = _interval(each.get("start"), each.get("end"))
        count.add("intervals" if expected else "look-alikes", each["text"], expected, found)
    return count


def _slots(call: Call, found: Understanding) -> Iterator[tuple[str, object, object, bool]]:
    """Each slot: its name, what is expected, what was read, and if that is right."""
    names = {each.lower() for each in call["entities"]}, {each.lower() for each in found.entities}
    kinds = set(call["kinds"]), {str(each) for each in found.kinds}
    during = _interval(call.get("start"), call.get("end"))
    anchor = call.get("anchor", "").lower()
    says = call.get("says", [])
    yield "intent", call["intent"], found.intent, call["intent"] == found.intent
    yield "entities", *names, names[0] == names[1]
    yield "interval", during, found.during, during == found.during
    yield "kinds", *kinds, kinds[0] == kinds[1]
    yield "scope", call.get("scope"), found.scope, call.get("scope") == found.scope
    yield "anchor", anchor, found.anchor, anchor == found.anchor.lower()
    if topics := call.get("topics"):
        yield "topics", topics, found.topics, set(topics) <= set(found.topics)
    if says:
        yield "alone", says, found.alone, all(word.lower() in found.alone.lower() for word in says)


def turns_of(said: Sequence[str]) -> tuple[Turn, ...]:
    """Turns as tables have them: "u: …" by the user, "a: …" by the assistant."""
    return tuple(Turn(each[3:], by_user=each.startswith("u:")) for each in said)


def _interval(start: date | None, end: date | None) -> Interval | None:
    return Interval(start=_instant(start), end=_instant(end)) if start or end else None


def _instant(day: date | None) -> datetime | None:
    return day if isinstance(day, datetime) or day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))


def table(counts: dict[str, Count]) -> str:
    """Shares in per cent as Markdown, a row for each part, a column for each thing."""
    things = list(dict.fromkeys(thing for count in counts.values() for thing in count.there))
    rows = [["table", *things, "all"], ["---"] * (len(things) + 2)]
    rows += [[part, *_cells(count, things)] for part, count in counts.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(count: Count, things: Iterable[str]) -> Iterator[str]:
    for thing in things:
        yield f"{count.share(thing):.0f} of {count.there[thing]}" if count.there[thing] else "–"
    yield f"{count.share():.0f}"


def microseconds(part: str = "blind") -> float:
    """What a call costs, in the mean of a part; the best of five runs."""
    given = [(call["q"], turns_of(call.get("turns", ()))) for call in calls(part)]
    return min(repeat(lambda: [meant(q, turns, now=NOW) for q, turns in given], number=1, repeat=5)) / len(given) * 1e6


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and keep what was measured of all parts."""
    options = argparse.ArgumentParser(description="Measures how sentences are understood.")
    options.add_argument("--part", choices=(*CALLS, "known"), help="only this part, and no result kept")
    options.add_argument("--misses", action="store_true", help="print what was read wrongly")
    options.add_argument("--out", type=Path, help="where the result goes")
    chosen = options.parse_args(argv)
    measured = {
        "calls": {part: counted_calls(part) for part in CALLS if chosen.part in (None, part)},
        "statements": {part: counted_statements(part) for part in PARTS if chosen.part in (None, part)},
        "times": {part: counted_expressions(part) for part in TIMES if chosen.part in (None, part)},
    }
    for name, counts in measured.items():
        if counts:
            print(f"{name}\n{table(counts)}")
        if chosen.misses:
            print(*(f"{part}: {error}" for part, count in counts.items() for error in count.errors), "", sep="\n")
    if not chosen.part:
        keep("understanding", _result(measured), chosen.out)


def _result(measured: dict[str, dict[str, Count]]) -> dict[str, JsonValue]:
    result: dict[str, JsonValue] = {
        name: {part: _figures(count) for part, count in counts.items()} for name, counts in measured.items()
    }
    return result | {"us_for_a_call": round(microseconds(), 1)}


def _figures(count: Count) -> dict[str, JsonValue]:
    figures: dict[str, JsonValue] = {thing: [count.right[thing], there] for thing, there in count.there.items()}
    return figures | {"share": round(count.share(), 1)}


if __name__ == "__main__":
    main()
