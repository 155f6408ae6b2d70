"""Recall and remember in process: `python -m benchmarks.recall [--sizes 1000 10000 50000] [--neighbours 100]`.

Natural turns and questions, both keys and the graph, on disk. For each size: latency of recall in one namespace,
alone and beside other namespaces of 1,000 memories, and of questions that come for the third time; remember of a list
of 1,000 messages, and how fast the graph is drawn; the first recall of a fresh system; bytes held. Plain FTS5 over
both keys in the same run is the baseline.
Where a model is installed (or `--models DIR`), the same with the vectors lane: questions are embedded by the model,
what is stored has random vectors.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep, spread
from benchmarks.texts import Texts, Turn
from memos_graph import EmbeddedGraph
from memos_mcp import Caller, Memos
from memos_mcp import settings as configuration
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.models.onnx import OnnxEmbedder
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.entities import RulesMentions
from memos_mcp.interface.reader import RulesReader
from memos_mcp.models import Read, WordEmbedder

BATCH = 1000
AGAIN = 40  # fewer than are kept
_FEW, _WORDS = 3, 15


def messages(turns: Sequence[Turn]) -> list[JsonValue]:
    """Turns in the shape that `remember` takes."""
    return [
        {"speaker": t.speaker, "said_at": t.said_at.isoformat(), "session": t.session, "text": t.text} for t in turns
    ]


async def fill(memos: Memos, n: int, seed: int) -> list[float]:
    """Remember `n` turns in lists of 1,000; seconds of each list."""
    turns = messages(Texts(seed).turns(n))
    took: list[float] = []
    for at in range(0, n, BATCH):
        start = time.perf_counter()
        await memos.remember(turns[at : at + BATCH])
        took.append(time.perf_counter() - start)
    return took


class HalfReal:
    """An Embedder: few texts, as a question is, by the real model; many at once get random vectors and words."""

    def __init__(self, real: WordEmbedder) -> None:
        self._real = real
        self._dice = np.random.default_rng(1)

    async def load(self) -> tuple[str, int]:
        """As the real model."""
        self._id, self._dimension = await self._real.load()
        return self._id, self._dimension

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text."""
        return (await self.read(texts)).vectors

    async def read(self, texts: Sequence[str]) -> Read:
        """The same, and 15 words of each: so many a turn has."""
        if len(texts) <= _FEW:
            return await self._real.read(texts)
        return Read(self._units(len(texts)), [self._units(_WORDS) for _ in texts])

    def _units(self, count: int) -> NDArray[np.float32]:
        rows = self._dice.standard_normal((count, self._dimension), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    async def aclose(self) -> None:
        """As the real model."""
        await self._real.aclose()


def with_vectors(home: Path, model: Path) -> Memos:
    """A Memos with all lanes."""
    closing = AsyncExitStack()
    vault = SqliteAdapter(home / "memos.db")
    vectors = Vectors(vault, vault.segment_store, HalfReal(OnnxEmbedder(model)))
    closing.push_async_callback(vault.aclose)
    closing.push_async_callback(vectors.aclose)
    graph = Graph(vault, EmbeddedGraph(home / "graph.db"), RulesMentions(), background=True)
    closing.push_async_callback(graph.aclose)
    routes = [Words(vault, vault.segment_store), vectors, graph]
    return Memos(vault=vault, reader=RulesReader(), routes=routes, caller=Caller("ada"), closing=closing)


async def measure_with_vectors(n: int, rounds: int, model: Path) -> dict[str, JsonValue]:
    """Recall with all lanes, of natural questions embedded by the real model."""
    questions = _questions(rounds)
    with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
        async with with_vectors(Path(folder), model) as memos:
            await fill(memos, n, seed=1)
            lanes = (await memos.settle(600)).lanes
            if not all(lane.on and not lane.pending for lane in lanes):
                raise SystemExit(f"the lanes are not ready: {lanes}")
            await ask(memos, _questions(20, seed=98))
            took = await ask(memos, questions)
            again = await asked_again(memos, questions)
            held = sum(lane.held for lane in (await memos.status()).lanes)
            embedded = await embedding(model, questions)
        async with with_vectors(Path(folder), model) as memos:
            start = time.perf_counter()
            await memos.recall(questions[0])
            first = time.perf_counter() - start
            while not (await memos.status()).lanes[1].on:  # noqa: ASYNC110 - lanes tell their state, no more
                await anyio.sleep(0.01)
            on = time.perf_counter() - start
        return {
            "recall_ms": spread(took),
            "recall_again_ms": spread(again),
            "of_it_embedding_ms": spread(embedded),
            "first_recall_of_a_fresh_system_ms": round(first * 1000, 1),
            "lane_on_after_ms": round(on * 1000),
            "held_bytes_per_10k": round(held / n * 10_000),
            "disk_bytes_per_memory": round(_bytes(Path(folder)) / n),
        }


async def embedding(model: Path, questions: Sequence[str]) -> list[float]:
    """Seconds of each question's vector alone."""
    embedder = OnnxEmbedder(model)
    await embedder.load()
    took: list[float] = []
    for question in questions:
        start = time.perf_counter()
        await embedder.embed([question])
        took.append(time.perf_counter() - start)
    return took


def words_only(home: Path) -> Memos:
    """A Memos whose vectors lane is off, and without consolidation."""
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"})


async def ask(memos: Memos, questions: Sequence[str]) -> list[float]:
    """Seconds of each recall in the caller's own namespace."""
    home = f"user/{memos.caller.user}"
    took: list[float] = []
    for question in questions:
        start = time.perf_counter()
        await memos.recall(question, path=home)
        took.append(time.perf_counter() - start)
    return took


async def asked_again(memos: Memos, questions: Sequence[str]) -> list[float]:
    """Seconds of each of the first questions when it comes for the third time."""
    await ask(memos, questions[:AGAIN])
    return await ask(memos, questions[:AGAIN])


async def measure(n: int, neighbours: int, rounds: int, model: Path | None) -> dict[str, JsonValue]:
    """All figures for one size."""
    questions = _questions(rounds)
    with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
        async with words_only(Path(folder)) as memos:
            written = await fill(memos, n, seed=1)
            start = time.perf_counter()
            await memos.settle(600)
            drawn = time.perf_counter() - start + sum(written)
            await ask(memos, _questions(20, seed=98))
            alone = await ask(memos, questions)
            again = await asked_again(memos, questions)
            held = sum(lane.held for lane in (await memos.status()).lanes)
            for i in range(neighbours):
                await fill(memos.acting_as(Caller(f"other{i}")), BATCH, seed=i + 2)
                await memos.settle(600)
            others = _questions(rounds, seed=97)  # those that came before are known
            await ask(memos, others[:20])
            beside = await ask(memos, others[20:]) if neighbours else []
        async with words_only(Path(folder)) as memos:
            first = (await ask(memos, questions[:1]))[0]
        return {
            "memories": n,
            "recall_ms": spread(alone),
            "recall_again_ms": spread(again),
            "recall_beside_others_ms": spread(beside) if beside else None,
            "other_namespaces": neighbours,
            "first_recall_of_a_fresh_system_ms": round(first * 1000, 1),
            "remember_per_s": round(BATCH / statistics.median(written)) if n >= BATCH else None,
            "drawn_per_s": round(n / drawn),
            "remember_per_s_first_list": round(BATCH / written[0]) if n >= BATCH else None,
            "held_bytes_per_10k": round(held / n * 10_000),
            "disk_bytes_per_memory": round(_bytes(Path(folder)) / (n + neighbours * BATCH)),
            "plain_fts5_ms": spread(_plain_fts5(n, questions)),
            "with_vectors": await measure_with_vectors(n, rounds, model) if model else None,
        }


def _questions(n: int, seed: int = 99) -> list[str]:
    texts = Texts(seed)
    return [texts.question() for _ in range(n)]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _plain_fts5(n: int, questions: Sequence[str]) -> list[float]:
    """The baseline: both keys in FTS5, the words OR-ed, the best ten of each."""
    turns = Texts(1).turns(n)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE turn USING fts5(own, near, tokenize='porter unicode61')")
    near = ["\n".join(t.text for t in turns[max(0, i - 1) : i + 2]) for i in range(n)]
    db.executemany("INSERT INTO turn VALUES (?, ?)", [(t.text, w) for t, w in zip(turns, near, strict=True)])
    took: list[float] = []
    for question in questions:
        words = " OR ".join(f'"{word}"' for word in question.strip("?").split())
        start = time.perf_counter()
        db.execute("SELECT rowid FROM turn WHERE turn MATCH ? ORDER BY rank LIMIT 10", (words,)).fetchall()
        took.append(time.perf_counter() - start)
    db.close()
    return took


async def run(sizes: Sequence[int], neighbours: int, rounds: int, model: Path | None) -> dict[str, JsonValue]:
    """Every size in turn."""
    words = [len(t.text.split()) for t in Texts(1).turns(500)]
    return {
        "words_per_memory": statistics.median(words),
        "words_per_question": statistics.median(len(q.split()) for q in _questions(200)),
        "sizes": [await measure(n, neighbours, rounds, model) for n in sizes],
    }


def main() -> None:
    """Parse the command line, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--neighbours", type=int, default=100, help="other namespaces of 1,000 memories")
    parser.add_argument("--rounds", type=int, default=200, help="questions asked")
    parser.add_argument("--models", type=Path, help="folder of models; default: that of the settings")
    parser.add_argument("--out", type=Path, help="result file; default benchmarks/results/recall.json")
    given = parser.parse_args()
    settings = configuration.load(**({"models": given.models} if given.models else {}))
    model = settings.shelf / settings.embedder.model
    there = model if (model / "tokenizer.json").is_file() else None
    keep("recall", anyio.run(run, given.sizes, given.neighbours, given.rounds, there), given.out)


if __name__ == "__main__":
    main()
