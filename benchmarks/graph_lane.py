"""The graph lane, embedded: `python -m benchmarks.graph_lane [--memories 10000] [--rounds 200]`.

Memories of one user that name three of 2,000 things each, common and rare as words are (the n-th of them 1/n as often),
with tags and sessions. Drawn from the log at once (what a stub finds in them costs nothing), then asked about two
things of a memory; then some are changed, forgotten and added, each for itself.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
from pydantic import JsonValue

from benchmarks.common import keep, spread
from memos_graph import EmbeddedGraph
from memos_mcp.cube import MemCube, Origin, Plaintext, new_id
from memos_mcp.infrastructure.governance import readable
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.mentions import Entity, Mentioned
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Caller, Change, Event
from memos_mcp.search import MemoryCall

ADA = Caller("ada")
_NOW = datetime(2026, 3, 2, tzinfo=UTC)
_THINGS = 2_000
_SESSION = 30
_PAGE = 500
_THING = re.compile(r"thing\d+")


class Things:
    """Finds the things by their names."""

    version = "things"

    def of(self, cube: MemCube) -> Mentioned:
        """Each once."""
        return Mentioned(tuple(Entity(name) for name in dict.fromkeys(_THING.findall(cube.text))))


def made(number: int, seed: int = 7) -> list[MemCube]:
    """The memories."""
    dice = random.Random(seed)
    weights = [1 / n for n in range(1, _THINGS + 1)]
    cubes: list[MemCube] = []
    for n in range(number):
        one, two, three = dice.choices(range(_THINGS), weights, k=3)
        text = f"We spoke about thing{one} and whether thing{two} would go with thing{three} this year or the next."
        origin = Origin(session=f"session {n // _SESSION}", speaker=("Ada", "Ben")[n % 2], source="a chat")
        tags = (f"topic {dice.randrange(200)}",)
        payload = Plaintext(text=text)
        cubes.append(
            MemCube(
                id=new_id(),
                path="user/ada",
                tags=tags,
                created_at=_NOW,
                updated_at=_NOW,
                origin=origin,
                payload=payload,
            )
        )
    return cubes


class Bench:
    """A vault with memories, and its graph."""

    def __init__(self, folder: Path, number: int) -> None:
        self.file = folder / "graph.db"
        self.vault = SqliteAdapter(folder / "memos.db")
        self.graph = Graph(self.vault, EmbeddedGraph(self.file), Things())
        self.cubes = made(number)
        self._dice = random.Random(11)

    async def filled(self) -> None:
        """Store all, past the graph."""
        for n in range(0, len(self.cubes), _PAGE):
            await self._commit([Change("remember", cube.id, cube) for cube in self.cubes[n : n + _PAGE]])

    async def question(self) -> float:
        """Seconds for the part of the lane in a recall."""
        names = _THING.findall(self._dice.choice(self.cubes).text)[:2]
        call = MemoryCall("", f"What did we say about {' and '.join(names)}?")
        where, start = readable(ADA, "user/ada", _NOW), time.perf_counter()
        await self.graph.people(where)
        found = await self.graph.find(call, where, 50)
        await self.graph.score(call, where, [hit.ref for hit in found.hits])
        return time.perf_counter() - start

    async def update(self) -> float:
        """Seconds for another text of a memory."""
        old = self._taken()
        new = old.model_copy(update={"version": 2, "payload": Plaintext(text="We spoke about thing3")})
        return await self.applied([Change("update", new.id, new)])

    async def forget(self) -> float:
        """Seconds until nothing is left of a memory."""
        return await self.applied([Change("forget", self._taken().id)])

    async def applied(self, changes: Sequence[Change]) -> float:
        """Seconds that the graph needs for changes, once they are stored."""
        events = await self._commit(changes)
        start = time.perf_counter()
        await self.graph.apply(events)
        return time.perf_counter() - start

    async def aclose(self) -> None:
        """Close both."""
        await self.graph.aclose()
        await self.vault.aclose()

    def _taken(self) -> MemCube:
        return self.cubes.pop(self._dice.randrange(len(self.cubes)))

    async def _commit(self, changes: Sequence[Change]) -> list[Event]:
        return await self.vault.commit(changes, caller=ADA)


async def measured(folder: Path, number: int, rounds: int) -> dict[str, JsonValue]:
    """Memories a second of processor time, milliseconds of questions and of changes."""
    bench = Bench(folder, number)
    await bench.filled()
    start, wall = time.process_time(), time.perf_counter()
    await bench.graph.reset()
    result: dict[str, JsonValue] = {
        "drawn_per_cpu_s": round(number / (time.process_time() - start)),
        "drawn_per_s": round(number / (time.perf_counter() - wall)),
        "bytes_per_memory": round(bench.file.stat().st_size / number),
    }
    for name, work in (("question", bench.question), ("update", bench.update), ("forget", bench.forget)):
        start = time.process_time()
        result[name] = spread([await work() for _ in range(rounds)])
        result[f"{name}_cpu_ms"] = round(1000 * (time.process_time() - start) / rounds, 3)
    ones = [[Change("remember", cube.id, cube)] for cube in made(rounds, seed=17)]
    result["one"] = spread([await bench.applied(one) for one in ones])
    await bench.aclose()
    return result


async def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = await measured(Path(folder), given.memories, given.rounds)
    keep("graph-lane", {"memories": given.memories, **result}, given.out)


if __name__ == "__main__":
    anyio.run(main)
