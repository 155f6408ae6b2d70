"""Personal data, found and missed: `python -m benchmarks.privacy [--part held_out] [--misses] [--write]`.

Counts, for each class, what was found and what is there, in the labelled sentences of tests/data/privacy: a finding
is right if its class and its first and last character are. Also times a sentence that holds none.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import cast

from pydantic import JsonValue

from benchmarks.common import keep
from memos_mcp.interface.privacy import CLASSES, PersonalData, Recognisers, recognisers

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "privacy"
PAGE = ROOT / "docs" / "reference" / "personal-data.md"
PARTS: dict[str, tuple[str, ...]] = {"tuned": ("with", "without", "more"), "held_out": ("held_out", "held_out_last")}
_LABEL = re.compile(r"⟦([A-Z_]+):(.*?)⟧", re.DOTALL)
_TABLE = re.compile(r"(?<=<!-- measured -->\n)(?:\|[^\n]*\n)*")
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence and what is personal in it: class, start, end."""

    text: str
    there: frozenset[tuple[str, int, int]]


@dataclass(slots=True)
class Count:
    """What was found of a part, for each class."""

    right: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])

    def precision(self, names: Iterable[str] = CLASSES) -> float:
        """The share of the findings that is right; 1 if nothing was found."""
        return _share(sum(self.right[name] for name in names), sum(self.wrong[name] for name in names))

    def recall(self, names: Iterable[str] = CLASSES) -> float:
        """The share of what is there that was found; 1 if nothing is there."""
        return _share(sum(self.right[name] for name in names), sum(self.missed[name] for name in names))


def _share(right: int, other: int) -> float:
    return right / (right + other) if right + other else 1.0


def labelled(part: str) -> list[Labelled]:
    """The sentences of a part."""
    files = [tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")) for name in PARTS[part]]
    tables = [table for file in files for table in cast("dict[str, dict[str, list[str]]]", file).values()]
    return [_read(text.replace("¦", "")) for table in tables for text in table["texts"]]


def _read(marked: str) -> Labelled:
    pieces: list[str] = []
    there: set[tuple[str, int, int]] = set()
    end = length = 0
    for label in _LABEL.finditer(marked):
        pieces += [marked[end : label.start()], label[2]]
        length += label.start() - end
        there.add((label[1], length, length + len(label[2])))
        length, end = length + len(label[2]), label.end()
    return Labelled("".join([*pieces, marked[end:]]), frozenset(there))


def counted(sentences: Iterable[Labelled], look: Recognisers) -> Count:
    """What the recognisers find in these sentences."""
    count = Count()
    for each in sentences:
        found = {(one.kind, one.start, one.end) for one in look.found(each.text)}
        for names, those, sign in (
            (count.right, found & each.there, ""),
            (count.wrong, found - each.there, "+"),
            (count.missed, each.there - found, "-"),
        ):
            names.update(name for name, _, _ in those)
            if sign:
                count.errors += [f"{sign} {n} {each.text[a:b]!r} in {each.text!r}" for n, a, b in sorted(those)]
    return count


def table(counts: Sequence[Count]) -> str:
    """The figures as a Markdown table, a row for each class; two columns for each count."""
    head = (
        "| class | there | precision | recall | held out: there | precision | recall |\n|---|---|---|---|---|---|---|\n"
    )
    rows = [*((f"{name}", (name,)) for name in CLASSES), ("**all**", CLASSES)]
    return head + "".join(f"| {title} | {' | '.join(_cells(counts, names))} |\n" for title, names in rows)


def _cells(counts: Sequence[Count], names: Sequence[str]) -> Iterator[str]:
    for count in counts:
        there = sum(count.right[name] + count.missed[name] for name in names)
        found = sum(count.right[name] + count.wrong[name] for name in names)
        yield str(there)
        yield f"{count.precision(names):.1%}" if found else "–"
        yield f"{count.recall(names):.1%}" if there else "–"


def measured(*, library: bool = False) -> list[Count]:
    """The tuned part and the part held out."""
    look = recognisers(library=library)
    return [counted(labelled(part), look) for part in PARTS]


def microseconds(sentences: Sequence[str], look: Recognisers) -> float:
    """What a sentence costs, in the mean of these; the best of five runs."""

    def run() -> list[tuple[PersonalData, ...]]:
        return [look.found(text) for text in sentences]

    number = max(1, _ROUNDS // len(sentences))
    return min(repeat(run, number=number, repeat=5)) / number / len(sentences) * 1e6


def page(figures: str) -> str:
    """The page of the documentation with these figures."""
    return _TABLE.sub(lambda _: figures, PAGE.read_text("utf-8"), count=1)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and with --write put the table into the documentation."""
    options = argparse.ArgumentParser(description="Measures how personal data is found.")
    options.add_argument("--part", choices=PARTS, help="only this part, and no result kept")
    options.add_argument("--misses", action="store_true", help="print what was missed or wrong")
    options.add_argument("--library", action="store_true", help="with the library of the extra `privacy`")
    options.add_argument("--write", action="store_true", help="put the table into docs/reference/personal-data.md")
    options.add_argument("--out", type=Path, help="where the result goes")
    chosen = options.parse_args(argv)
    look = recognisers(library=chosen.library)
    counts = {part: counted(labelled(part), look) for part in PARTS if chosen.part in (None, part)}
    for part, count in counts.items():
        print(f"{part}: precision {count.precision():.3f}, recall {count.recall():.3f}")
        if chosen.misses:
            print(*count.errors, sep="\n")
    if chosen.part:
        return
    figures = table(list(counts.values()))
    print(figures)
    if chosen.write:
        PAGE.write_text(page(figures), "utf-8")
    keep("privacy", _result(counts, look), chosen.out)


def _result(counts: dict[str, Count], look: Recognisers) -> dict[str, JsonValue]:
    sentences = labelled("tuned")
    cost = partial(microseconds, look=look)
    without = [each.text for each in sentences if not each.there]
    return {
        "parts": {part: {"precision": count.precision(), "recall": count.recall()} for part, count in counts.items()},
        "us_without": round(cost(without), 1),
        "us_slowest_without": round(max(cost([text]) for text in without), 1),
        "us_with": round(cost([each.text for each in sentences if each.there]), 1),
        "library": look.library,
    }


if __name__ == "__main__":
    main()
