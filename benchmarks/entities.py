"""Entities and relations, found and missed: `python -m benchmarks.entities [--part held_out] [--misses]`.

Counts, for each kind, what was found and what is there in the labelled memories of tests/data/entities: an entity is
right if its kind and name are (a date: its words), a relation if its kind and both ends are. `related` is not counted:
it is what remains. Also times a memory, with the reading of its times and without.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from timeit import repeat
from typing import cast

from pydantic import JsonValue

from benchmarks.common import keep
from memos_mcp.interface.times import found_in
from memos_mcp.operation.entities import read
from memos_mcp.operation.entity_values import ENTITY_KINDS, RELATION_KINDS, EntityKind, Reading, Time, normal

DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "entities"
PARTS = ("tuned", "held_out", "tuned_chat", "held_out_chat")
NOW = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)  # a Wednesday
_BEFORE_DATES = ("on ", "in ", "by ", "since ", "at ")

Fact = tuple[str, ...]
"""("entity", kind, name) or ("relation", kind, source, target)."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A memory, who said it, and what is there."""

    text: str
    by: str
    there: frozenset[Fact]


@dataclass(slots=True)
class Count:
    """What was found of a part, for each kind."""

    right: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])

    def precision(self, names: Iterable[str]) -> float:
        """The share of the findings that is right; 1 if nothing was found."""
        return _share(sum(self.right[name] for name in names), sum(self.wrong[name] for name in names))

    def recall(self, names: Iterable[str]) -> float:
        """The share of what is there that was found; 1 if nothing is there."""
        return _share(sum(self.right[name] for name in names), sum(self.missed[name] for name in names))


def _share(right: int, other: int) -> float:
    return right / (right + other) if right + other else 1.0


def labelled(part: str) -> list[Labelled]:
    """The memories of a part."""
    rows = cast("list[dict[str, str | list[str]]]", tomllib.loads((DATA / f"{part}.toml").read_text("utf-8"))["memory"])
    return [_labelled(row) for row in rows]


def _labelled(row: dict[str, str | list[str]]) -> Labelled:
    there = set[Fact]()
    for each in row["entities"]:
        kind, name = each.split(": ", 1)
        there.add(("entity", kind, _name(cast("EntityKind", kind), name)))
    for each in row["relations"]:
        source, middle, target = (part.strip() for part in each.replace(" >", "|").replace("> ", "|").split("|"))
        there.add(("relation", middle, source, target))
    return Labelled(str(row["text"]), str(row.get("by", "")), frozenset(_plain(fact) for fact in there))


def _name(kind: EntityKind, name: str) -> str:
    plain = normal(name, kind)
    if kind == "date":
        for word in _BEFORE_DATES:
            plain = plain.removeprefix(word)
    return plain


def _plain(fact: Fact) -> Fact:
    if fact[0] == "entity":
        return fact
    what, kind, source, target = fact
    return what, kind, _end(source), _end(target)


def _end(name: str) -> str:
    """A relation is told by the names at its ends; of what kind these are is counted with the entities."""
    return normal(normal(name), "person")


def facts(reading: Reading, speaker: str) -> frozenset[Fact]:
    """What was found, in the form of the labels."""
    found = {
        ("entity", entity.kind, _name(entity.kind, entity.name))
        for entity in reading.entities
        if entity.name != (speaker or "user")
    }
    found |= {
        ("relation", f"{'ended ' if r.ended else ''}{r.kind}", _end(r.source.name), _end(r.target.name))
        for r in reading.relations
        if r.kind != "related"
    }
    return frozenset(found)


def reading_of(memory: Labelled) -> Reading:
    """A memory read as it would be when it is remembered."""
    times = [Time(*found.span, found.interval) for found in found_in(memory.text, NOW)]
    return read(memory.text, speaker=memory.by, times=times)


def counted(memories: Iterable[Labelled]) -> Count:
    """What is found in these memories."""
    count = Count()
    for memory in memories:
        found = facts(reading_of(memory), memory.by)
        for names, those, sign in (
            (count.right, found & memory.there, ""),
            (count.wrong, found - memory.there, "+"),
            (count.missed, memory.there - found, "-"),
        ):
            names.update(_class(fact) for fact in those)
            if sign:
                count.errors += [f"{sign} {' > '.join(fact[1:])}  in {memory.text!r}" for fact in sorted(those)]
    return count


def _class(fact: Fact) -> str:
    return fact[1].removeprefix("ended ")


ENTITIES: tuple[str, ...] = ENTITY_KINDS
RELATIONS: tuple[str, ...] = tuple(kind for kind in RELATION_KINDS if kind != "related")


def microseconds(memories: Sequence[Labelled], *, times: bool) -> float:
    """What a memory costs, in the mean of these; the best of five runs."""

    def run() -> None:
        for memory in memories:
            if times:
                reading_of(memory)
            else:
                read(memory.text, speaker=memory.by)

    return min(repeat(run, number=3, repeat=5)) / 3 / len(memories) * 1e6


def _figures(count: Count) -> dict[str, JsonValue]:
    result: dict[str, JsonValue] = {}
    for title, names in (("entities", ENTITIES), ("relations", RELATIONS), *((n, (n,)) for n in ENTITIES + RELATIONS)):
        there = sum(count.right[name] + count.missed[name] for name in names)
        result[title] = {
            "there": there,
            "precision": round(count.precision(names), 3),
            "recall": round(count.recall(names), 3),
        }
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description="Measures how entities and relations are found.")
    options.add_argument("--part", choices=PARTS, help="only this part, and no result kept")
    options.add_argument("--misses", action="store_true", help="print what was missed or wrong")
    options.add_argument("--out", type=Path, help="where the result goes")
    chosen = options.parse_args(argv)
    parts: dict[str, JsonValue] = {}
    for part in PARTS if chosen.part is None else (chosen.part,):
        count = counted(labelled(part))
        for title, names in (("entities", ENTITIES), ("relations", RELATIONS)):
            print(f"{part} {title}: precision {count.precision(names):.3f}, recall {count.recall(names):.3f}")
        if chosen.misses:
            print(*count.errors, sep="\n")
        parts[part] = _figures(count)
    if chosen.part:
        return
    memories = labelled("tuned")
    cost: dict[str, JsonValue] = {
        "us": round(microseconds(memories, times=False), 1),
        "us_with_times": round(microseconds(memories, times=True), 1),
        "characters": round(sum(len(memory.text) for memory in memories) / len(memories), 1),
    }
    keep("entities", {"parts": parts, **cost}, chosen.out)


if __name__ == "__main__":
    main()
