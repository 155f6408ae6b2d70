"""Questions to a graph on Neo4j, each in as few round trips as it has hops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

from memos_graph import cypher, model
from memos_graph.forms import props_of
from memos_graph.link import Asking
from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Path, Seen
from memos_graph.sides import Side, chains

_Levels = list[set[str]]


class Question:
    """Who sees what, over edges of which kinds."""

    def __init__(self, asking: Asking, seen: Seen, kinds: Sequence[str] = ()) -> None:
        self._asking = asking
        self._spaces = list(dict.fromkeys(seen.spaces))
        classes = None if seen.classes is None else model.storable(seen.classes)
        kinds = [*model.storable(kinds), ""] if kinds else []  # one that cannot be is not the same as any
        self._given: dict[str, Any] = {"classes": classes, "kinds": kinds}

    async def nodes(self, ids: Sequence[str]) -> list[Near]:
        """Nodes by space and in the order given."""
        found = {space: rows for space, _, rows in await self._nodes(ids)}
        near: list[Near] = []
        for space in self._spaces:
            rows = {row[0]: row for row in found.get(space, ())}
            near += [Near(space, _node(rows[id]), 0) for id in dict.fromkeys(ids) if id in rows]
        return near

    async def find(self, words: list[str], terms: list[str], limit: int) -> list[Near]:
        """Nodes by the words of their labels, the last one of which may only be begun."""
        *whole, begun = words
        asked = {"terms": terms, "words": whole, "begun": begun, "limit": limit, "spaces": self._spaces}
        rows = await self._asking.rows(cypher.FIND, **asked, **self._given)
        return [Near(space, _node(node), 0) for space, node in rows]

    async def page(self, kind: str, after: str, limit: int) -> Neighbourhood:
        """The next nodes of a kind in the one space, and the edges of the kinds that lead out of them."""
        if len(model.storable((kind, after))) < 2:
            return Neighbourhood((), ())
        asked = {"space": self._spaces[0], "kind": kind, "after": after, "limit": limit + 1}
        rows = await self._asking.rows(cypher.PAGE, **asked, classes=self._given["classes"])
        nodes = [_node(row) for _, row in rows[:limit]]
        edges: list[Edge] = []
        if nodes and self._given["kinds"]:
            ids = [node.id for node in nodes]
            found = await self._asking.rows(cypher.LEADING, key=rows[0][0], ids=ids, **self._given)
            edges = [_edge(row) for (row,) in found]
        near = tuple(Near(self._spaces[0], node, 0) for node in nodes)
        return Neighbourhood(near, tuple(_sorted(edges)), len(rows) > limit)

    async def around(self, ids: Sequence[str], hops: int, limit: int, direction: Direction) -> Neighbourhood:
        """The nearest nodes around some, and the edges that were walked among them."""
        if not hops:
            return Neighbourhood((), ())
        first, further, found = cypher.WALK[direction]
        rows = await self._asking.rows(first, spaces=self._spaces, ids=model.storable(ids), **self._given)
        walks = {key: _Walk(space, asked, reached) for space, key, asked, reached in rows}
        for _ in range(hops - 1):
            frontier = [[key, list(walk.levels[-1])] for key, walk in walks.items()]
            if sum(walk.found for walk in walks.values()) > limit or not any(ids for _, ids in frontier):
                break
            for walk in walks.values():
                walk.levels.append(set())
            for key, reached in await self._asking.rows(further, frontier=frontier, **self._given):
                walks[key].reached(reached)
        return await self._given_back(walks, found, limit)

    async def _given_back(self, walks: dict[str, _Walk], found: Any, limit: int) -> Neighbourhood:
        """The nearest of what was reached, as it is stored now, with the edges among them."""
        order = sorted(
            (hop, id, walk.space, key)
            for key, walk in walks.items()
            for hop, level in enumerate(walk.levels[1:], 1)
            for id in level
        )
        kept: dict[str, dict[str, int]] = {key: {} for key in walks}
        for hop, id, _, key in order[:limit]:
            kept[key][id] = hop
        asked = [
            [key, list(kept[key]), walk.left(kept[key]), [*walk.levels[0], *kept[key]]] for key, walk in walks.items()
        ]
        nodes: list[Near] = []
        edges: list[Edge] = []
        for key, things, links in await self._asking.rows(found, found=asked, **self._given):
            nodes += [Near(walks[key].space, _node(row), kept[key][row[0]]) for row in things]
            edges += map(_edge, links)
        nodes.sort(key=lambda near: (near.hops, near.node.id, near.space))
        return Neighbourhood(tuple(nodes), tuple(_sorted(edges)), len(order) > limit)

    async def ways(self, start: str, end: str, hops: int, limit: int) -> list[Path]:
        """The shortest paths in each space, at most so many."""
        ends = [start, end]
        found: list[Path] = []
        for space, key, rows in sorted(await self._nodes(ends), key=lambda row: self._spaces.index(row[0])):
            if len(rows) == len(set(ends)) and len(found) < limit:
                chosen = list(islice(await self._chains(key, start, end, hops), limit - len(found)))
                found += await self._paths(space, key, chosen)
        return found

    async def _nodes(self, ids: Sequence[str]) -> list[list[Any]]:
        given = {"classes": self._given["classes"], "ids": model.storable(ids), "spaces": self._spaces}
        return await self._asking.rows(cypher.NODES, **given)

    async def _chains(self, key: str, start: str, end: str, hops: int) -> Iterable[list[str]]:
        if start == end:
            return [[start]]
        sides = Side(start), Side(end)
        for _ in range(hops):
            mine, other = sorted(sides, key=lambda side: len(side.frontier))
            (steps,) = await self._asking.row(cypher.STEPS, key=key, ids=list(mine.frontier), **self._given)
            mine.reached((at, to) for at, to in steps)
            met = mine.frontier & other.parents.keys()
            if met:
                return chains(sides, met, str)
            if not mine.frontier:
                break
        return []

    async def _paths(self, space: str, key: str, found: list[list[str]]) -> list[Path]:
        """Chains of ids as paths, over the heaviest edge where there are several."""
        ids = list(dict.fromkeys(id for chain in found for id in chain))
        pairs = [*dict.fromkeys(pair for chain in found for pair in pairwise(chain))]
        asked = {"key": key, "ids": ids, "pairs": [list(pair) for pair in pairs]}
        things, links = await self._asking.row(cypher.BETWEEN, **asked, **self._given)
        nodes = {row[0]: _node(row) for row in things}
        between: dict[frozenset[str], Edge] = {}
        for edge in _sorted(map(_edge, links)):
            ends = frozenset((edge.source, edge.target))
            if ends not in between or (edge.weight, edge.kind) > (between[ends].weight, between[ends].kind):
                between[ends] = edge
        return [path for chain in found if (path := _path(space, chain, nodes, between))]


class _Walk:
    """What was reached in one space, level by level; the first level is what was asked about."""

    def __init__(self, space: str, asked: Collection[str], reached: Collection[str]) -> None:
        self.space = space
        self.levels: _Levels = [set(asked), set()]
        self._known = set(asked)
        self.reached(reached)

    def reached(self, ids: Iterable[str]) -> None:
        """What the last step led to."""
        self.levels[-1] |= set(ids) - self._known
        self._known |= self.levels[-1]

    @property
    def found(self) -> int:
        """How many nodes were reached."""
        return sum(map(len, self.levels[1:]))

    def left(self, kept: Collection[str]) -> list[str]:
        """Of what is kept and what was asked about: the nodes from which there was a step."""
        walked = set[str]().union(*self.levels[1:-1]).intersection(kept)
        return [*self.levels[0], *walked]


def _path(
    space: str, chain: Sequence[str], nodes: Mapping[str, Node], between: Mapping[frozenset[str], Edge]
) -> Path | None:
    """A chain as a path; None if a part of it went away since it was walked."""
    steps = [frozenset(pair) for pair in pairwise(chain)]
    if not (nodes.keys() >= set(chain) and between.keys() >= set(steps)):
        return None
    return Path(space, tuple(nodes[id] for id in chain), tuple(between[step] for step in steps))


def _sorted(edges: Iterable[Edge]) -> list[Edge]:
    return sorted(edges, key=lambda edge: (edge.source, edge.kind, edge.target))


def _node(row: list[Any]) -> Node:
    id, kind, label, access, props = row
    return Node(id, kind, label, access, props_of(props))


def _edge(row: list[Any]) -> Edge:
    source, target, kind, weight, access, props = row
    return Edge(source, target, kind, weight, access, props_of(props))
