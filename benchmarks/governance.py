"""Recall under rules: `python -m benchmarks.governance [--memories 50000] [--principals 1000]`.

One shared namespace. First every memory is open to all; then each is denied to one of the principals, so that each of
them sees another set. Latency of recall (words lane) unfiltered, of one principal again and again, and of another
principal with every question; the first question of each is apart. Then the namespace and the one above it have rules
too. Ratios against unfiltered in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep, spread
from benchmarks.recall import messages
from benchmarks.texts import Texts
from memos_mcp import Caller, Memos

PLACE = "shared/team"
_BATCH = 1000


async def asked(callers: Sequence[Memos], questions: Sequence[str]) -> list[float]:
    """Seconds of each question, asked by one caller after the other."""
    took: list[float] = []
    for number, question in enumerate(questions):
        start = time.perf_counter()
        await callers[number % len(callers)].recall(question, path=PLACE)
        took.append(time.perf_counter() - start)
    return took


async def measured(home: Path, memories: int, principals: int, rounds: int) -> dict[str, JsonValue]:
    texts = Texts(7)
    turns, questions = messages(texts.turns(memories)), [texts.question() for _ in range(rounds)]
    async with memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
        ids: list[str] = []
        for at in range(0, memories, _BATCH):
            ids += (await memos.remember(turns[at : at + _BATCH], path=PLACE)).ids
        await asked([memos], questions[:5])
        plain = await asked([memos], questions)
        start = time.perf_counter()
        for number in range(principals):
            await memos.acl.change(ids[number::principals], denied=[f"p{number}"])
        governed = time.perf_counter() - start
        everybody = [memos.acting_as(Caller(f"p{number}")) for number in range(principals)]
        await memos.recall(questions[0], path=PLACE)
        alone = await asked(everybody[:1], [questions[0], *questions])
        first = await asked(everybody, questions)
        again = await asked(everybody[:rounds], questions)
        seen = (await everybody[0].recall(questions[0], path=PLACE)).searched
        for path in ("shared", PLACE, "user/ada/plans"):
            await memos.acl.set_rules(path, readers=["*"], denied=["nobody"])
        inherited = await asked(everybody[:1], [questions[0], *questions])
        listed = time.perf_counter()
        await everybody[0].browse(PLACE)
        listed = time.perf_counter() - listed
    base = statistics.median(plain)
    return {
        "memories": memories,
        "principals": principals,
        "searched_by_each": seen,
        "rules_changed_per_s": round(memories / governed),
        "unfiltered_ms": spread(plain),
        "one_principal_ms": spread(alone[1:]),
        "another_each_time_ms": spread(again),
        "first_question_of_each_ms": spread(first),
        "under_namespace_rules_ms": spread(inherited[1:]),
        "first_under_namespace_rules_ms": round(inherited[0] * 1000, 1),
        "list_under_namespace_rules_ms": round(listed * 1000, 1),
        "one_principal_ratio": round(statistics.median(alone[1:]) / base, 2),
        "under_namespace_rules_ratio": round(statistics.median(inherited[1:]) / base, 2),
        "another_each_time_ratio": round(statistics.median(again) / base, 2),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="benchmarks.governance", description="recall under rules")
    parser.add_argument("--memories", type=int, default=50_000)
    parser.add_argument("--principals", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memos-governance-") as folder:
        result = anyio.run(measured, Path(folder), given.memories, given.principals, given.rounds)
    keep("governance", result, given.out)


if __name__ == "__main__":
    main()
