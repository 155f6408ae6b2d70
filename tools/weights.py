"""Writes the weights by which sentences are read, memos_mcp/interface/weights_*.txt (`make weights`): three minutes.

They are those of a logistic regression over the signs of weighing.py, learnt from tests/data/understanding: lessons
and the tables that the rules were tuned on. Each sentence counts twice, with and without the rule that fits it, as the
rules fit the old tables better than they fit what is new.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.understanding import Call, turns_of
from memos_mcp.interface.commands import is_chat
from memos_mcp.interface.rewriting import Rewritten, alone
from memos_mcp.interface.weighing import Slot, kind_signs, signs_of
from memos_mcp.search import Intent, Turn

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "understanding"
LESSONS = ("lessons", "lessons_more")
TUNED_ON = ("calls", "blind", "seventh")
UNSEEN = "seventh_unseen"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_RULES = 0.2  # what the rule that fits counts in a table that the rules were tuned on
_RARE, _LIGHT = 3, 12  # signs of fewer sentences, and weights below, are left out


@dataclass(frozen=True, slots=True)
class Lesson:
    """A sentence, what was said before, and what it asks for; `fresh` if no rule was tuned on it."""

    text: str
    turns: tuple[Turn, ...]
    intent: Intent
    kind: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Example:
    """Signs, what they are signs of, and how much they count."""

    signs: frozenset[str]
    reading: str
    counts: float


def lessons() -> Iterator[Lesson]:
    """The sentences to learn from."""
    for name in LESSONS:
        yield from _told(tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")))
    for name in TUNED_ON:
        tables = cast("dict[str, list[Call]]", tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")))
        for call in (each for part, calls in tables.items() if part != UNSEEN for each in calls):
            kind = next(iter(call["kinds"]), "none")
            turns = turns_of(call.get("turns", ()))
            yield Lesson(call["q"], turns, cast("Intent", call["intent"]), kind, fresh=name == "seventh")


def _told(table: dict[str, dict[str, list[str]]]) -> Iterator[Lesson]:
    for intent, kinds in table.items():
        for kind, texts in kinds.items():
            for text in texts:
                *before, last = text.split(" // ")
                yield Lesson(last, turns_of(before), cast("Intent", intent), kind, fresh=True)


def examples(slot: Slot, some: Sequence[Lesson]) -> list[Example]:
    """What there is to learn from lessons, with the rule that fits and without it."""
    found: list[Example] = []
    for each in some:
        if slot == "kind" and each.intent == "none":
            continue
        rewritten = Rewritten(each.text) if is_chat(each.text) else alone(each.text, each.turns, now=NOW)
        signs = signs_of(each.text, rewritten, each.turns)
        reading = each.intent
        if slot == "kind":
            signs, reading = kind_signs(signs, rewritten, each.intent), each.kind
        bare = frozenset(sign for sign in signs if sign[:2] not in ("r:", "k:"))
        found += [Example(signs, reading, 1 if each.fresh else _RULES), Example(bare, reading, 1)]
    return found


def learnt(some: Sequence[Example], *, ridge: float = 1.0, rounds: int = 150) -> dict[str, dict[str, int]]:
    """The weights in hundredths that make the readings likeliest, of those that are worth keeping."""
    readings = sorted({each.reading for each in some})
    known = Counter(sign for each in some for sign in each.signs)
    signs = sorted(sign for sign, count in known.items() if count >= 2 * _RARE)
    place = {sign: at for at, sign in enumerate(signs)}
    has = np.zeros((len(some), len(signs)), np.float32)
    wanted = np.zeros((len(some), len(readings)), np.float32)
    counts = np.array([[each.counts] for each in some], np.float32)
    for row, each in enumerate(some):
        has[row, [place[sign] for sign in each.signs if sign in place]] = 1
        wanted[row, readings.index(each.reading)] = 1
    weights = _fitted(has, wanted, counts, ridge, rounds)
    return {
        sign: kept
        for sign, row in zip(signs, np.rint(weights * 100).astype(int).tolist(), strict=True)
        if (kept := {reading: w for reading, w in zip(readings, row, strict=True) if abs(w) >= _LIGHT})
    }


_Matrix = NDArray[np.float32]


def _fitted(has: _Matrix, wanted: _Matrix, counts: _Matrix, ridge: float, rounds: int) -> _Matrix:
    """By gradient descent with momentum and steps by size (Adam, Kingma and Ba 2015), the steps falling to nothing."""
    weights = np.zeros((has.shape[1], wanted.shape[1]), np.float32)
    mean, square, total = np.zeros_like(weights), np.zeros_like(weights), counts.sum()
    for at in range(1, rounds + 1):
        likely = np.exp((sums := has @ weights) - sums.max(1, keepdims=True))
        likely /= likely.sum(1, keepdims=True)
        slope = (has.T @ ((likely - wanted) * counts) + ridge * weights) / total
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        step = 0.025 * (1 + np.cos(np.pi * at / rounds))
        weights -= step * (mean / (1 - 0.9**at)) / (np.sqrt(square / (1 - 0.99**at)) + 1e-8)
    return weights


def main() -> int:
    """Write both tables."""
    some = list(lessons())
    slots: tuple[Slot, ...] = ("intent", "kind")
    for slot in slots:
        weights = learnt(examples(slot, some))
        lines = [f"# What signs weigh for each {slot}, in hundredths: written by tools/weights.py, never by hand."]
        lines += [f"{sign}\t{' '.join(f'{name} {w}' for name, w in row.items())}" for sign, row in weights.items()]
        (ROOT / "memos_mcp" / "interface" / f"weights_{slot}.txt").write_text("\n".join(lines) + "\n", "utf-8")
        print(f"{slot}: {len(weights)} signs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
