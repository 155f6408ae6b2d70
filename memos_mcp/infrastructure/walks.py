"""Walks over the graph that the route follows: step by step, over what somebody may see, from one root into another.

Each step asks the store once, and all spaces at once: an entity that memories of two layers mention leads from one to
the other. What is open (a tag, an entity) is there for somebody if an edge that he sees leads to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, pairwise

from anyio import to_thread

from memos_graph import model
from memos_graph.model import Near, Seen
from memos_graph.sides import Side, chains
from memos_mcp.infrastructure import placing
from memos_mcp.infrastructure.drawing import (
    CONCERNS,
    LINKS,
    MENTIONS,
    NOBODY,
    OPEN,
    PLACING,
    concept_node,
    entity_node,
    memory_node,
    thing_node,
)
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.identities import Names
from memos_mcp.infrastructure.tokens import terms
from memos_mcp.ports import Where
from memos_mcp.traversal import Direction, Edge, EdgeKind, Neighbourhood, Node, Place, Way, Ways

_MOST = 10_000  # nodes of a step: what a store answers at once
_WIDEST = 2_000  # nodes from which a step goes on
_CROWD = 50  # memories that have a thing, from which on nothing leads over it, unless one begins there
_PAGE = 1_000  # memories of a page
_THINGS = ("entity", "topic", "tag")
_MEMORY, _RELATION = "memory:", "relation:memory:"
_START, _END = "start", "end"


class Walks:
    """Traversal over the graph of a route. Cost of a step, embedded: 0.3 ms, and 10 µs for each edge."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @property
    def reads(self) -> str:
        """How the route finds what memories speak of."""
        return self._graph.reads

    async def places(self, where: Where) -> list[Place]:
        """Read page by page, root by root. Cost, embedded: 60 µs for each memory."""
        under, seen = await self._graph.walkable(where)
        found: list[Place] = []
        for root, space in under.spaces.items():
            of, after, more = replace(seen, spaces=(root,)), "", True
            while more:
                with self._graph.asking(under):
                    page = await self._graph.store.each(of, "memory", edges=PLACING, after=after, limit=_PAGE)
                found += await to_thread.run_sync(placing.places, page, space.classes)
                more, after = page.more, page.nodes[-1].node.id if page.nodes else ""
        return found

    async def named(self, where: Where, what: str) -> tuple[Node, ...]:
        """A memory of this id; else the entity, topic and tag of this name, or the very node; else the word."""
        under, seen = await self._graph.walkable(where)
        things = under.names.and_others([*(thing_node(kind, what) for kind in _THINGS), what])
        with self._graph.asking(under):
            found = await self._graph.store.get(seen, [memory_node(what), what])
            owned = [near.node for near in found if near.node.access != OPEN]
            leads = [each for each in things if await self._is_there(seen, each)]
            word = concept_node(" ".join(terms(what)))
            if not (leads or owned) and await self._is_there(seen, word):
                leads = [word]
        if owned:
            return (_node(owned[0]),)
        step = await self.step(where, leads, kinds=(MENTIONS, CONCERNS), direction="in") if leads else None
        edges = step.edges if step else ()
        named = dict.fromkeys(edge.target for edge in edges)
        others = (each for each in leads if not each.startswith("entity:"))
        return _relabelled([_bare(each) for each in dict.fromkeys((*named, *others))], edges)

    async def _is_there(self, seen: Seen, node: str) -> bool:
        return bool((await self._graph.store.neighbours(seen, [node], direction="in", limit=1)).nodes)

    async def step(
        self, where: Where, nodes: Sequence[str], *, kinds: Sequence[EdgeKind], direction: Direction = "both"
    ) -> Neighbourhood:
        """One edge far, into every space that has these nodes."""
        found = await self._step(where, nodes, kinds, direction)
        return replace(found, nodes=_relabelled(found.nodes, found.edges))

    async def _step(
        self, where: Where, nodes: Sequence[str], kinds: Sequence[EdgeKind], direction: Direction = "both"
    ) -> Neighbourhood:
        (under, seen), ids = await self._graph.walkable(where), list(dict.fromkeys(nodes))[:_MOST]
        asked, store = under.names.and_others(ids)[:_MOST], self._graph.store
        with self._graph.asking(under):
            found = await store.neighbours(seen, asked, kinds=kinds, direction=direction, limit=_MOST)
            if under.names.groups:
                found = _joined(found, ids, asked, await store.get(seen, ids), under.names)
            across = await self._across(seen, ids, kinds, direction)
        near = {each.node.id: _node(each.node, hops=1) for each in (*found.nodes, *across.nodes)}
        edges = {(e.source, e.kind, e.target): _edge(e) for e in (*found.edges, *across.edges)}
        ordered = tuple(near[id] for id in sorted(near))
        return Neighbourhood(tuple(ids), ordered, tuple(edges[key] for key in sorted(edges)), found.more)

    async def _across(
        self, seen: Seen, ids: Sequence[str], kinds: Sequence[EdgeKind], direction: Direction
    ) -> model.Neighbourhood:
        """Links into another root: in their own space a node that nobody sees stands for the memory there."""
        links, memories = [kind for kind in kinds if kind in LINKS], [id for id in ids if id.startswith(_MEMORY)]
        if len(seen.spaces) < 2 or not links or not memories:
            return model.Neighbourhood((), ())
        wider = replace(seen, classes=(seen.classes or frozenset()) | {NOBODY})
        store = self._graph.store
        found = await store.neighbours(wider, memories, kinds=links, direction=direction, limit=_MOST)
        shown = await store.get(seen, [each.node.id for each in found.nodes])
        there = {*ids, *(each.node.id for each in shown)}
        edges = [edge for edge in found.edges if edge.source in there and edge.target in there]
        return model.Neighbourhood(tuple(each for each in shown if each.node.id not in ids), tuple(edges))

    async def around(
        self, where: Where, start: Sequence[Node], *, hops: int, kinds: Sequence[EdgeKind], limit: int
    ) -> Neighbourhood:
        """The nearest nodes; of equals those with more edges to what was there, then newer ones."""
        nodes = {node.id: replace(node, hops=0) for node in start}
        edges: dict[tuple[str, str, str], Edge] = {}
        frontier, more, left = list(nodes), False, limit
        for hop in range(1, hops + 1):
            step = await self._step(where, frontier, kinds)
            walked = step.edges if hop == 1 else _uncrowded(step.edges, frontier)
            best = _nearest(step.nodes, walked, nodes.keys())
            nodes |= {node.id: replace(node, hops=hop) for node in best[:left]}
            edges |= {(e.source, e.kind, e.target): e for e in walked}
            frontier = [node.id for node in best[:left]][:_WIDEST]
            more = more or step.more or len(best) > left
            left -= len(best[:left])
            if not frontier or not left:
                break
        full = not left and max(node.hops for node in nodes.values()) < hops
        more = more or (full and await self._goes_on(where, frontier, kinds, nodes.keys()))
        kept = [e for e in edges.values() if e.source in nodes and e.target in nodes]
        start_ids = tuple(node.id for node in start)
        for other in _other_names(kept).difference(start_ids):
            del nodes[other]
        kept = [e for e in kept if e.source in nodes and e.target in nodes]
        return Neighbourhood(start_ids, _relabelled(nodes.values(), kept), tuple(kept), more)

    async def _goes_on(
        self, where: Where, frontier: Sequence[str], kinds: Sequence[EdgeKind], known: Collection[str]
    ) -> bool:
        step = await self._step(where, frontier, kinds)
        return bool(_nearest(step.nodes, _uncrowded(step.edges, frontier), known))

    async def between(
        self,
        where: Where,
        start: Sequence[Node],
        end: Sequence[Node],
        *,
        hops: int,
        kinds: Sequence[EdgeKind],
        limit: int,
    ) -> Ways:
        """Searched from both ends, the smaller side first."""
        search = _Search({node.id: node for node in (*start, *end)})
        one, other = Side(_START), Side(_END)
        one.reached((_START, node.id) for node in start)
        other.reached((_END, node.id) for node in end)
        met = one.frontier & other.frontier
        for _ in range(hops):
            mine, far = sorted((one, other), key=lambda side: len(side.frontier))
            if met or not mine.frontier or len(mine.frontier) > _WIDEST:
                break
            step = await self._step(where, sorted(mine.frontier), kinds)
            mine.reached(search.walked(step, mine.frontier))
            met = mine.frontier & far.parents.keys()
        wide = not met and min(len(one.frontier), len(other.frontier)) > _WIDEST
        ways = (search.way(chain[1:-1]) for chain in chains((one, other), met, str))
        return Ways(tuple(islice(ways, limit)), search.more or wide)


@dataclass(slots=True)
class _Search:
    """What was walked in search of a way."""

    nodes: dict[str, Node]
    edges: dict[frozenset[str], Edge] = field(default_factory=dict[frozenset[str], Edge])
    more: bool = False

    def walked(self, step: Neighbourhood, frontier: Collection[str]) -> list[tuple[str, str]]:
        """Where a step led from and to."""
        self.nodes = {node.id: node for node in step.nodes} | self.nodes
        self.more = self.more or step.more
        for edge in step.edges:
            between = frozenset((edge.source, edge.target))
            known = self.edges.get(between)
            if known is None or (-edge.weight, edge.kind) < (-known.weight, known.kind):
                self.edges[between] = edge
        pairs = [(edge.source, edge.target) for edge in step.edges]
        return [pair for one, two in pairs for pair in ((one, two), (two, one)) if pair[0] in frontier]

    def way(self, chain: Sequence[str]) -> Way:
        """A chain of nodes as it is answered."""
        edges = tuple(self.edges[frozenset(pair)] for pair in pairwise(chain))
        nodes = [replace(self.nodes[id], hops=n) for n, id in enumerate(chain)]
        there = {node.id for node in nodes}
        return Way(_relabelled(nodes, (edge for edge in self.edges.values() if edge.target in there)), edges)


def _joined(
    found: model.Neighbourhood, ids: Sequence[str], asked: Sequence[str], of: Sequence[Near], names: Names
) -> model.Neighbourhood:
    """As if what is one by a merge were one node, that of the name it is known by, each in the root of its memory."""
    spaces = {near.node.id: near.space for near in (*of, *found.nodes)}
    added, edges = set(asked).difference(ids), list[model.Edge]()
    for edge in found.edges:
        group = names.groups.get(edge.target, {}).get(spaces.get(edge.source, ""))
        if group or edge.target not in added:
            edges.append(replace(edge, target=group[0] if group else edge.target))
    ends = {end for edge in edges for end in (edge.source, edge.target)}
    nodes = {near.node.id: near for near in found.nodes if near.node.id in ends}
    for end in ends.difference(nodes, ids):
        nodes[end] = Near("", model.Node(end, end.partition(":")[0], end.partition(":")[2], OPEN), 1)
    return replace(found, nodes=tuple(nodes.values()), edges=tuple(edges))


def _node(node: model.Node, hops: int = 0) -> Node:
    props = node.props
    owner = node.id.removeprefix(_RELATION).rpartition(":")[0] if node.id.startswith(_RELATION) else ""
    return Node(
        node.id,
        node.kind,
        node.label,
        sort=str(props.get("kind", "")),
        memory=str(props.get("id", owner)),
        version=int(props.get("version", 0)),
        at=int(props.get("at", 0)),
        hops=hops,
        said=str(props.get("said", "")),
        ended=bool(props.get("ended", False)),
    )


def _bare(id: str) -> Node:
    kind, _, key = id.partition(":")
    return Node(id, kind, key)


def _edge(edge: model.Edge) -> Edge:
    said, sort = edge.props.get("as", ""), edge.props.get("kind", "")
    return Edge(edge.source, edge.target, edge.kind, edge.weight, str(said), str(sort))


def _relabelled(nodes: Iterable[Node], edges: Iterable[Edge]) -> tuple[Node, ...]:
    """Entities and words as memories spell them most, the first as what these take them."""
    names: dict[str, Counter[str]] = {}
    sorts: dict[str, Counter[str]] = {}
    for edge in edges:
        if edge.kind == CONCERNS:
            names.setdefault(edge.target, Counter())[edge.said or edge.target.partition(":")[2]] += 1
        if edge.kind == MENTIONS:
            sorts.setdefault(edge.target, Counter())[edge.sort] += 1
            if _entity(edge.said) == edge.target:
                names.setdefault(edge.target, Counter())[edge.said] += 1
    return tuple(
        replace(node, label=_most(names.get(node.id), node.label), sort=_most(sorts.get(node.id), node.sort))
        for node in nodes
    )


_entity = lru_cache(maxsize=4096)(entity_node)


def _most(counted: Counter[str] | None, other: str) -> str:
    return min(counted.items(), key=lambda item: (-item[1], item[0]))[0] if counted else other


def _nearest(found: Sequence[Node], edges: Iterable[Edge], known: Collection[str]) -> list[Node]:
    """What these edges lead to from what is known."""
    degrees = Counter[str]()
    for edge in edges:
        for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
            if here in known and there not in known:
                degrees[there] += 1
    return sorted((n for n in found if degrees[n.id]), key=lambda n: (-degrees[n.id], -n.at, n.id))


def _other_names(edges: Iterable[Edge]) -> set[str]:
    """Entities that are only another name of one that is there too, for every memory that mentions them."""
    said: dict[str, set[str]] = {}
    for edge in edges:
        said.setdefault(edge.target, set()).add(_entity(edge.said) if edge.kind == MENTIONS else edge.target)
    return {node for node, names in said.items() if len(names) == 1 and node not in names and names <= said.keys()}


def _uncrowded(edges: Sequence[Edge], frontier: Sequence[str]) -> tuple[Edge, ...]:
    """Without the edges to things on the way that so many memories have: they bring no two of them together."""
    things = {id for id in frontier if not id.startswith((_MEMORY, _RELATION))}
    degrees = Counter(edge.target for edge in edges if edge.target in things)
    return tuple(edge for edge in edges if degrees[edge.target] <= _CROWD)
