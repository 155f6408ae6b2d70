"""A graph store answers as a dictionary of edges would, whoever asks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_graph import Edge, EmbeddedGraph, GraphStore, Node, Seen
from tests.graph_server import Server

IDS = "abcdefgh"
CLASSES = ("", "c1", "c2")
Step = tuple[Any, ...]
ids = st.sampled_from(IDS)
put = st.tuples(st.just("node"), ids, st.sampled_from(CLASSES))
tie = st.tuples(st.just("edge"), ids, ids, st.sampled_from(("near", "far")), st.sampled_from(CLASSES))
cut = st.tuples(st.just("cut"), ids, ids, st.sampled_from(("near", "far")))
gone = st.tuples(st.just("gone"), ids)
asked = st.tuples(
    st.just("ask"),
    ids,
    ids,
    st.integers(0, 4),
    st.sampled_from(((), ("near",), ("far",))),
    st.sampled_from(("out", "in", "both")),
    st.sets(st.sampled_from(CLASSES)).map(frozenset) | st.none(),
)
steps = st.lists(st.one_of(put, put, tie, tie, tie, cut, gone, asked), min_size=10, max_size=60)


class Model:
    def __init__(self) -> None:
        self.nodes: dict[str, str] = {}
        self.edges: dict[tuple[str, str, str], str] = {}

    def links(self, seen: frozenset[str] | None, kinds: tuple[str, ...], direction: str) -> set[tuple[str, str]]:
        found = set[tuple[str, str]]()
        for (source, kind, target), access in self.edges.items():
            classes = {access, self.nodes[source], self.nodes[target]}
            if (seen is None or classes <= seen) and (not kinds or kind in kinds):
                found |= {(source, target)} if direction != "in" else set()
                found |= {(target, source)} if direction != "out" else set()
        return found

    def distances(self, start: str, links: set[tuple[str, str]], hops: int) -> dict[str, int]:
        known, frontier = {start: 0}, {start}
        for hop in range(1, hops + 1):
            frontier = {to for at, to in links if at in frontier} - known.keys()
            known |= dict.fromkeys(frontier, hop)
        return known

    def paths(self, start: str, end: str, links: set[tuple[str, str]], hops: int) -> set[str]:
        chains = {start}
        for _ in range(hops):
            if found := {chain for chain in chains if chain[-1] == end}:
                return found
            chains = {chain + to for chain in chains for at, to in links if at == chain[-1] and to not in chain}
        return {chain for chain in chains if chain[-1] == end}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_every_answer_is_that_of_a_plain_model(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, lambda: EmbeddedGraph(Path(folder) / "graph.db"), steps)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_every_answer_of_neo4j_is_too(neo4j: Server, steps: list[Step]) -> None:
    anyio.run(live, neo4j.graph, steps)


async def live(opened: Callable[[], GraphStore], steps: list[Step]) -> None:
    model, graph = Model(), opened()
    try:
        await graph.clear()
        for step in steps:
            match step:
                case ("node", id, access):
                    model.nodes[id] = access
                    await graph.upsert("s", [Node(id, "thing", id, access)])
                case ("edge", source, target, kind, access) if {source, target} <= model.nodes.keys():
                    model.edges[source, kind, target] = access
                    await graph.upsert("s", [], [Edge(source, target, kind, access=access)])
                case ("cut", source, target, kind):
                    model.edges.pop((source, kind, target), None)
                    await graph.remove("s", edges=[Edge(source, target, kind)])
                case ("gone", id):
                    model.nodes.pop(id, None)
                    model.edges = {key: access for key, access in model.edges.items() if id not in (key[0], key[2])}
                    await graph.remove("s", [id])
                case ("ask", *question):
                    await ask(model, graph, *question)
                case _:
                    pass
    finally:
        await graph.aclose()


async def ask(
    model: Model,
    graph: GraphStore,
    start: str,
    end: str,
    hops: int,
    kinds: tuple[str, ...],
    direction: Any,
    classes: frozenset[str] | None,
) -> None:
    seen = Seen(("s",), classes)
    open_ = {id for id, access in model.nodes.items() if classes is None or access in classes}
    assert {near.node.id for near in await graph.get(seen, IDS)} == open_
    links = model.links(classes, kinds, direction)
    near = await graph.neighbours(seen, [start], hops=hops, kinds=kinds, direction=direction)
    expected = model.distances(start, links, hops) if start in open_ else {}
    expected.pop(start, None)
    assert {each.node.id: each.hops for each in near.nodes} == expected
    away = expected | dict.fromkeys({start} & open_, 0)
    assert sorted(map(_key, near.edges)) == [_key(edge) for edge in near.edges]
    assert {_key(edge) for edge in near.edges} == {
        key
        for key, access in model.edges.items()
        if {key[0], key[2]} <= away.keys()
        and _walked(away, key, hops, direction)
        and (classes is None or access in classes)
        and (not kinds or key[1] in kinds)
    }
    few = await graph.neighbours(seen, [start], hops=hops, kinds=kinds, direction=direction, limit=2)
    assert (few.nodes, few.more) == (near.nodes[:2], len(near.nodes) > 2)
    assert set(map(_key, few.edges)) <= set(map(_key, near.edges))
    both = model.links(classes, kinds, "both")
    found = await graph.paths(seen, start, end, hops=hops, kinds=kinds, limit=1000)
    ways = {"".join(node.id for node in path.nodes) for path in found}
    assert len(ways) == len(found)
    assert ways == (model.paths(start, end, both, hops) if {start, end} <= open_ else set())


def _key(edge: Edge) -> tuple[str, str, str]:
    return edge.source, edge.kind, edge.target


def _walked(away: dict[str, int], key: tuple[str, str, str], hops: int, direction: str) -> bool:
    """Does an edge leave a node from which there was a step more?"""
    ends = {"out": key[:1], "in": key[2:], "both": (key[0], key[2])}[direction]
    return any(away[end] < hops for end in ends)
