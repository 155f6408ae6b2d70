"""The past in process: `python -m benchmarks.timeline [--sizes 10000 50000] [--rounds 60]`.

Natural turns and questions in one namespace, on disk; every fiftieth was changed since. For each size, by words alone
and with random vectors: recall of now, of one moment asked again and again, of one never asked before,
in turns of one run. Besides: a snapshot; a page of differences; restoring what changed; and a what-if branch: made,
changed, recalled again and again and each time after a change of it, in turns with the original, and dropped.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from benchmarks.common import keep, spread
from benchmarks.recall import fill, words_only
from benchmarks.texts import Texts
from memos_mcp import Caller, Memos
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader

_PAGE = 100
_CHANGED = 0.02
_TRIED = 100  # memories that are changed in a branch


class Dice:
    """An Embedder: random vectors of unit length."""

    def __init__(self) -> None:
        self._dice = np.random.default_rng(1)

    async def load(self) -> tuple[str, int]:
        """As MiniLM."""
        return "dice", 384

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text."""
        rows = self._dice.standard_normal((len(texts), 384), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    async def aclose(self) -> None:
        """Nothing to let go of."""


def both_lanes(home: Path) -> Memos:
    """A Memos with words, and vectors that cost no model."""
    closing = AsyncExitStack()
    vault = SqliteAdapter(home / "memos.db")
    vectors = Vectors(vault, vault.segment_store, Dice())
    closing.push_async_callback(vault.aclose)
    closing.push_async_callback(vectors.aclose)
    routes = [Words(vault, vault.segment_store), vectors]
    return Memos(vault=vault, reader=RulesReader(), routes=routes, caller=Caller("ada"), closing=closing)


async def timed(memos: Memos, question: str, at: datetime | str | None) -> float:
    """Seconds of one recall."""
    start = time.perf_counter()
    await memos.recall(question, at=at)
    return time.perf_counter() - start


async def change(memos: Memos, n: int) -> None:
    """A new version of `n` memories."""
    page, done = await memos.browse(limit=_PAGE), 0
    while done < n:
        for cube in page.cubes[: n - done]:
            await memos.update(cube.id, f"{cube.text} And more than that.")
        done += len(page.cubes)
        page = await memos.browse(limit=_PAGE, after=page.after)


async def measure(n: int, rounds: int) -> dict[str, JsonValue]:
    """One size."""
    texts = Texts(99)
    questions = [texts.question() for _ in range(rounds)]
    with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
        async with words_only(Path(folder)) as memos:
            await fill(memos, n, seed=1)
            start = time.perf_counter()
            await memos.timeline.snapshot("full")
            snapshot = time.perf_counter() - start
            await change(memos, round(n * _CHANGED))
            took = await recalls(memos, questions)
            start = time.perf_counter()
            found = await memos.timeline.diff("full", limit=50)
            diff = time.perf_counter() - start
            branch = await what_if(memos, questions)
        async with both_lanes(Path(folder)) as memos:
            await memos.settle(300)
            together = await recalls(memos, questions)
            branch_together = await what_if(memos, questions)
            start = time.perf_counter()
            done = await memos.timeline.restore_all("full")
            restore = time.perf_counter() - start
    if len(found.changed) != 50 or len(done.cubes) != round(n * _CHANGED):
        raise SystemExit("the differences are not what was changed")
    return {
        "words": {name: spread(seconds) for name, seconds in took.items()},
        "words_and_vectors": {name: spread(seconds) for name, seconds in together.items()},
        "snapshot_ms": round(snapshot * 1000, 2),
        "page_of_differences_ms": round(diff * 1000, 1),
        "restore_s": round(restore, 2),
        "restored": len(done.cubes),
        "branch_words": branch,
        "branch_words_and_vectors": branch_together,
    }


async def recalls(memos: Memos, questions: Sequence[str]) -> dict[str, list[float]]:
    """Recall of now, of one moment, and each time of another moment, in turns."""
    (taken,) = await memos.timeline.snapshots()
    events = (await memos.log.news(taken.seq, limit=10_000)).events
    moments = [events[number * len(events) // len(questions)].at for number in range(len(questions))]
    for at in (None, "full", moments[0]):
        await timed(memos, questions[0], at)
    took: dict[str, list[float]] = {"now_ms": [], "as_of_again_ms": [], "as_of_anew_ms": []}
    for question, moment in zip(questions, moments, strict=True):
        took["now_ms"].append(await timed(memos, question, None))
        took["as_of_again_ms"].append(await timed(memos, question, "full"))
        took["as_of_anew_ms"].append(await timed(memos, question, moment))
    return took


async def what_if(memos: Memos, questions: Sequence[str]) -> dict[str, JsonValue]:
    """A branch from its making to its end."""
    cost: dict[str, JsonValue] = {}
    start = time.perf_counter()
    await memos.branches.make("idea")
    cost["made_ms"] = round((time.perf_counter() - start) * 1000, 2)
    idea = await memos.on_branch("idea")
    start = time.perf_counter()
    await change(idea, _TRIED)
    cost["change_ms"] = round((time.perf_counter() - start) * 1000 / _TRIED, 2)
    for each in (memos, idea):
        await timed(each, questions[0], None)
    took: dict[str, list[float]] = {"now_ms": [], "branch_again_ms": [], "branch_changed_ms": []}
    for number, question in enumerate(questions):
        took["now_ms"].append(await timed(memos, question, None))
        took["branch_again_ms"].append(await timed(idea, question, None))
        if number % 4 == 0:
            await idea.remember(f"What if {number}? {question}")
            took["branch_changed_ms"].append(await timed(idea, question, None))
    start = time.perf_counter()
    found = await memos.branches.diff("idea", limit=50)
    cost["page_of_differences_ms"] = round((time.perf_counter() - start) * 1000, 1)
    start = time.perf_counter()
    await memos.branches.drop("idea")
    cost["dropped_ms"] = round((time.perf_counter() - start) * 1000, 1)
    if len(found.changed) + len(found.added) != 50 or await memos.branches.list():
        raise SystemExit("the branch is not what was changed")
    return {**cost, **{name: spread(seconds) for name, seconds in took.items()}}


def main() -> None:
    """Measure and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    keep("timeline", {str(n): anyio.run(measure, n, given.rounds) for n in given.sizes})


if __name__ == "__main__":
    main()
