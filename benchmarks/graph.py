"""Graph stores: `python -m benchmarks.graph [--nodes 100000 --edges 500000] [--rounds 400] [--neo4j bolt://…]`.

One space, edges that prefer nodes with many of them, three access classes of which one is hidden. Written in batches of
2,000; then two hops around random nodes, with and without edge kinds, three hops, paths and labels. With `--neo4j` the
same on a server too, as user neo4j with the password in NEO4J_PASSWORD; what spaces a graph there had is removed.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from pydantic import JsonValue

from benchmarks.common import keep, spread
from memos_graph import Edge, EmbeddedGraph, GraphStore, Node, Seen
from memos_graph.neo4j import Neo4jGraph

_SPACE = "user/ada"
_SOME = Seen((_SPACE,), frozenset({"", "team"}))
_BATCH = 2_000
_KINDS = ("mentions", "follows", "supports", "part-of")
_FIRST = ("green", "blue", "old", "quick", "silent", "northern", "small", "bright")
_SECOND = ("ferry", "violin", "harbour", "garden", "engine", "letter", "bridge", "kitchen")


def made(nodes: int, edges: int, seed: int = 7) -> tuple[list[Node], list[Edge]]:
    """A graph with hubs: every second end of an edge is an end of an earlier one."""
    dice = random.Random(seed)
    things = [
        Node(
            f"n{n}",
            "memory" if n % 5 else "entity",
            f"{dice.choice(_FIRST)} {dice.choice(_SECOND)} {n}",
            dice.choices(("", "team", "hidden"), (8, 1, 1))[0],
        )
        for n in range(nodes)
    ]
    ends: list[int] = []
    keys = set[tuple[int, str, int]]()
    while len(keys) < edges:
        source = dice.randrange(nodes)
        target = dice.choice(ends) if ends and dice.random() < 0.3 else dice.randrange(nodes)
        key = (source, dice.choice(_KINDS), target)
        if source != target and key not in keys:
            keys.add(key)
            ends += [source, target]
    links = [Edge(f"n{s}", f"n{t}", kind, round(dice.random(), 3)) for s, kind, t in keys]
    return things, links


async def written(graph: GraphStore, nodes: list[Node], edges: list[Edge]) -> dict[str, float]:
    """Seconds for nodes and for edges."""
    start = time.perf_counter()
    for n in range(0, len(nodes), _BATCH):
        await graph.upsert(_SPACE, nodes[n : n + _BATCH])
    between = time.perf_counter()
    for n in range(0, len(edges), _BATCH):
        await graph.upsert(_SPACE, [], edges[n : n + _BATCH])
    end = time.perf_counter()
    return {"nodes_s": len(nodes) / (between - start), "edges_s": len(edges) / (end - between)}


async def measured(graph: GraphStore, nodes: list[Node], rounds: int) -> dict[str, JsonValue]:
    """Milliseconds of each question, each of them asked about a new node."""
    dice = random.Random(11)
    some = [node.id for node in nodes if node.access != "hidden"]

    def one() -> str:
        return dice.choice(some)

    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "node": lambda: graph.get(_SOME, [one()]),
        "one hop": lambda: graph.neighbours(_SOME, [one()]),
        "two hops": lambda: graph.neighbours(_SOME, [one()], hops=2, limit=100),
        "two hops, one kind": lambda: graph.neighbours(_SOME, [one()], hops=2, kinds=["follows"], limit=100),
        "three hops": lambda: graph.neighbours(_SOME, [one()], hops=3, limit=100),
        "paths": lambda: graph.paths(_SOME, one(), one(), hops=4),
        "label": lambda: graph.find(_SOME, f"harbour {one()[1:]}"),
    }
    found: dict[str, JsonValue] = {}
    for name, ask in questions.items():
        times: list[float] = []
        for _ in range(rounds if name != "three hops" else rounds // 10):
            start = time.perf_counter()
            await ask()
            times.append(time.perf_counter() - start)
        found[name] = spread(times)
    return found


async def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--neo4j", default="", metavar="URL")
    parser.add_argument("--out", type=Path, help="where the result goes")
    given = parser.parse_args()
    nodes, edges = made(given.nodes, given.edges)
    with tempfile.TemporaryDirectory() as folder:
        graph = EmbeddedGraph(Path(folder) / "graph.db")
        result: dict[str, JsonValue] = {"nodes": given.nodes, "edges": given.edges}
        result["embedded"] = {**await written(graph, nodes, edges), **await measured(graph, nodes, given.rounds)}
        await graph.aclose()
    if given.neo4j:
        served = Neo4jGraph(given.neo4j, password=os.environ.get("NEO4J_PASSWORD", ""))
        await served.clear()
        result["neo4j"] = {**await written(served, nodes, edges), **await measured(served, nodes, given.rounds)}
        await served.aclose()
    keep("graph", result, given.out)


if __name__ == "__main__":
    anyio.run(main)
