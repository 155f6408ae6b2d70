"""kill -9 of a process between the vault and the graph: the next one ends in step with the log."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from memos_graph import EmbeddedGraph
from memos_mcp.cube import Link, MemCube, Plaintext
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from memos_mcp.testing.cubes import ADA
from tests.forks import Child
from tests.graphs import Capitals, everything, found, said

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
KILLS = 6


async def writes(folder: str, seed: int) -> None:
    dice, cubes = random.Random(seed), list[MemCube]()
    vault, store = SqliteAdapter(Path(folder) / "memos.db"), EmbeddedGraph(Path(folder) / "graph.db")
    graph = Graph(vault, store, Capitals())
    for number in range(100_000):
        name = dice.choice(("Ada", "Ben", "Eigg", "Perth"))
        if dice.random() < 0.5 or len(cubes) < 3:
            links = (Link(kind="follows", target=dice.choice(cubes).id),) if cubes else ()
            cube = said(f"{name} likes Zoe {number}", links=links, tags=(str(number % 7),))
            cubes.append(cube)
            change = Change("remember", cube.id, cube)
        elif dice.random() < 0.7:
            place = dice.randrange(len(cubes))
            old = cubes[place]
            text = Plaintext(text=f"{name} likes Boats {number}")
            cubes[place] = old.model_copy(update={"version": old.version + 1, "payload": text})
            change = Change("update", old.id, cubes[place])
        else:
            change = Change("forget", cubes.pop(dice.randrange(len(cubes))).id)
        await graph.apply(await vault.commit([change], caller=ADA))
        print(number, flush=True)  # noqa: T201 to who started it


def killed(folder: Path, seed: int) -> int:
    """Run the writer, kill it after a while; how many lines it acknowledged."""
    with Child(writes, folder, seed) as child:
        done = 0
        while child.line():
            done += 1
            if done == 20 + 3 * seed:
                threading.Timer(0.0007 * seed, child.kill).start()
        return done


async def test_what_a_killed_process_stored_is_in_the_graph_of_the_next(tmp_path: Path) -> None:
    for seed in range(KILLS):
        assert killed(tmp_path, seed) >= 20
        vault, store = SqliteAdapter(tmp_path / "memos.db"), EmbeddedGraph(tmp_path / "graph.db")
        anew = EmbeddedGraph(tmp_path / f"anew{seed}.db")
        of_the_next, of_the_log = Graph(vault, store, Capitals()), Graph(vault, anew, Capitals())
        assert await found(of_the_next, "Ben boats") == await found(of_the_log, "Ben boats") != {}
        for each in (vault, store, anew):
            await each.aclose()
        assert _shown(tmp_path / "graph.db") == _shown(tmp_path / f"anew{seed}.db")


def _shown(file: Path) -> list[tuple[object, ...]]:
    """Without links into nowhere: of a memory that was forgotten, one who draws anew draws the end that others name.

    Nor the note of the last line that changed something: to one who draws anew a line that only forgets does not.
    """
    rows = [row for row in everything(file) if row[1] != "lane"]
    nowhere = {row[0] for row in rows if row[1] == "memory" and row[3] == "-"}
    return [row for row in rows if row[0] not in nowhere and row[2] not in nowhere]
