"""Consolidation, right and wrong: `python -m benchmarks.consolidation [--part held_out] [--misses] [--write]`.

Counts, for each class, what was decided of the labelled pairs in tests/data/consolidation and what is right; and
how many of those that would be merged or ended by themselves should be. Also times a decision, and how long a vault
takes to look at the turns of conversations (--turns, 1,000).
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from timeit import repeat
from typing import TypedDict, cast

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep
from benchmarks.texts import Texts
from memos_mcp.interface.stating import stated
from memos_mcp.operation.consolidation import RELATIONS, Decision, Relation, decide
from memos_mcp.operation.statements import Statement, read

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "consolidation"
PAGE = ROOT / "docs" / "reference" / "consolidation.md"
PARTS: dict[str, tuple[str, ...]] = {
    "tuned": ("tuned", "tempting", "tempting_more", "tuned_more"),
    "held_out": ("held_out", "held_out_last", "held_out_after"),
    "blind": ("blind",),  # by somebody who had not read the rules; nothing is changed for one of them
}
SAID = datetime(2025, 3, 3, 18, tzinfo=UTC)
_TABLE = re.compile(r"(?<=<!-- measured -->\n)(?:\|[^\n]*\n|\n(?=\|))*")
_MERGED: frozenset[Relation] = frozenset({"duplicate", "paraphrase"})


class _Written(TypedDict, total=False):
    old: str
    new: str
    days: int
    by: list[str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Two statements and how the new one stands to the old one."""

    old: Statement
    new: Statement
    relation: Relation
    texts: tuple[str, str]


@dataclass(slots=True)
class Count:
    """What was decided of a part: (is, was decided) → how many, and what would be done by itself."""

    decided: Counter[tuple[Relation, Relation]] = field(default_factory=Counter[tuple[Relation, Relation]])
    done: int = 0
    done_wrongly: int = 0
    errors: list[str] = field(default_factory=list[str])

    def there(self, name: Relation) -> int:
        """How many pairs are of a class."""
        return sum(n for (is_, _), n in self.decided.items() if is_ == name)

    def precision(self, name: Relation) -> float | None:
        """The share of the pairs decided as this class that are of it; None if there are none."""
        return _share(self.decided[name, name], sum(n for (_, was), n in self.decided.items() if was == name))

    def recall(self, name: Relation) -> float | None:
        """The share of the pairs of this class that are decided as it; None if there are none."""
        return _share(self.decided[name, name], self.there(name))

    @property
    def safety(self) -> float:
        """The share of what would be merged or ended by itself that should be; 1 if nothing would."""
        return 1 - self.done_wrongly / self.done if self.done else 1.0


def _share(right: int, all_: int) -> float | None:
    return right / all_ if all_ else None


def labelled(part: str) -> list[Labelled]:
    """The pairs of a part."""
    files = [tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")) for name in PARTS[part]]
    return [
        _read(cast("Relation", name), pair)
        for file in files
        for name, table in cast("dict[str, dict[str, list[_Written]]]", file).items()
        for pair in table["pairs"]
    ]


def _read(name: Relation, pair: _Written) -> Labelled:
    one, other = pair.get("by", ["Ada", "Ada"])
    old, new = pair.get("old", ""), pair.get("new", "")
    later = SAID + timedelta(days=pair.get("days", 30))
    return Labelled(stated(old, one, SAID), stated(new, other, later), name, (old, new))


def counted(pairs: Iterable[Labelled]) -> Count:
    """What is decided of these pairs."""
    count = Count()
    for pair in pairs:
        decision = decide(pair.old, pair.new)
        count.decided[pair.relation, decision.relation] += 1
        if decision.sure and decision.relation in (*_MERGED, "update"):
            count.done += 1
            count.done_wrongly += not _right(pair.relation, decision)
        if decision.relation != pair.relation:
            old, new = pair.texts
            count.errors.append(f"{pair.relation}, decided {decision.relation} ({decision.reason}): {old!r}, {new!r}")
    return count


def _right(relation: Relation, decision: Decision) -> bool:
    return relation == decision.relation or (relation in _MERGED and decision.relation in _MERGED)


def table(counts: Sequence[Count]) -> str:
    """The figures as Markdown: precision and recall for each class, and what was taken for what in what is blind."""
    groups = "".join(f" {part}there | precision | recall |" for part in ("", "held out: ", "blind: "))
    head = f"| class |{groups}\n|{'---|' * 10}\n"
    rows = "".join(f"| {name} | {' | '.join(_cells(counts, name))} |\n" for name in RELATIONS)
    done = "".join(f" {count.done} | {count.safety:.1%} | |" for count in counts)
    return f"{head}{rows}| **merged or ended** |{done}\n\n{_confusion(counts[-1])}"


def _cells(counts: Sequence[Count], name: Relation) -> Iterator[str]:
    for count in counts:
        yield str(count.there(name))
        yield from ("–" if share is None else f"{share:.1%}" for share in (count.precision(name), count.recall(name)))


def _confusion(count: Count) -> str:
    head = f"| blind: is | {' | '.join(RELATIONS)} |\n|{'---|' * (len(RELATIONS) + 1)}\n"
    return head + "".join(
        f"| {is_} | {' | '.join(str(count.decided[is_, was]) for was in RELATIONS)} |\n" for is_ in RELATIONS
    )


def measured() -> list[Count]:
    """The tuned part, the part held out and the blind one."""
    return [counted(labelled(part)) for part in PARTS]


def page(figures: str) -> str:
    """The page of the documentation with these figures."""
    return _TABLE.sub(lambda _: figures, PAGE.read_text("utf-8"), count=1)


def microseconds(pairs: Sequence[Labelled]) -> float:
    """What a decision costs, in the mean of these, statements given; the best of five runs."""

    def decided() -> None:
        read.cache_clear()
        for pair in pairs:
            decide(pair.old, pair.new)

    return min(repeat(decided, number=1, repeat=5)) / len(pairs) * 1e6


async def _settled(turns: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as home:
        async with memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, audit={"mode": "off"}) as memos:
            said: list[JsonValue] = [
                {
                    "role": "user",
                    "name": t.speaker,
                    "content": t.text,
                    "session": t.session,
                    "time": t.said_at.isoformat(),
                }
                for t in Texts(7).turns(turns)
            ]
            await memos.remember(said)
            wall, busy = time.perf_counter(), time.process_time()
            await memos.consolidation.run(seconds=3600)
            return time.perf_counter() - wall, time.process_time() - busy


def settled(turns: int) -> dict[str, JsonValue]:
    """What it costs to consolidate so many turns of conversations that were just remembered, at once."""
    wall, busy = anyio.run(_settled, turns)
    each = {"ms_each": round(wall / turns * 1000, 2), "cpu_ms_each": round(busy / turns * 1000, 2)}
    return {"turns": turns, "seconds": round(wall, 2), **each}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and with --write put the tables into the documentation."""
    options = argparse.ArgumentParser(description="Measures how memories are consolidated.")
    options.add_argument("--part", choices=PARTS, help="only this part, and no result kept")
    options.add_argument("--misses", action="store_true", help="print what was decided wrongly")
    options.add_argument("--write", action="store_true", help="put the tables into docs/reference/consolidation.md")
    options.add_argument("--turns", type=int, default=1000, help="so many turns are consolidated through the API")
    options.add_argument("--out", type=Path, help="where the result goes")
    chosen = options.parse_args(argv)
    counts = {part: counted(labelled(part)) for part in PARTS if chosen.part in (None, part)}
    for part, count in counts.items():
        print(f"{part}: {count.done} merged or ended, {count.done_wrongly} of them wrongly")
        if chosen.misses:
            print(*count.errors, sep="\n")
    if chosen.part:
        return
    figures = table(list(counts.values()))
    print(figures)
    if chosen.write:
        PAGE.write_text(page(figures), "utf-8")
    keep("consolidation", {**_result(counts), "settled": settled(chosen.turns)}, chosen.out)


def _result(counts: dict[str, Count]) -> dict[str, JsonValue]:
    parts: dict[str, JsonValue] = {}
    for part, count in counts.items():
        parts[part] = {name: {"precision": count.precision(name), "recall": count.recall(name)} for name in RELATIONS}
    return {
        "parts": parts,
        "merged_or_ended": {part: [count.done, count.done_wrongly] for part, count in counts.items()},
        "us_for_a_decision": round(microseconds(labelled("tuned")), 1),
    }


if __name__ == "__main__":
    main()
