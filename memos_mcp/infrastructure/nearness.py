"""How near memories are to what a question names, as a graph says. Pure.

What few memories have says more of each of them; what is reached over another memory says half of what that one does.
Only what is seen is counted: a memory that one may not read moves no score.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memos_graph.model import Edge, Near, Neighbourhood, Node
from memos_mcp.infrastructure.drawing import LINKS

FURTHER = 0.5
"""What a step over another memory leaves: what is named stands before what is only next to it."""


@dataclass(frozen=True, slots=True)
class Close:
    """A memory, and how near it is: 1 if it has all that the question names."""

    id: str
    version: int
    score: float
    at: int
    access: str
    author: str

    @property
    def order(self) -> tuple[float, int, str]:
        """The nearest first; of equals the newest."""
        return -self.score, -self.at, self.id


def named(found: Neighbourhood) -> dict[str, Close]:
    """The memories that have what a question names, by their nodes: `found` is one step to them."""
    worth = _worths((edge.target, edge.source) for edge in found.edges)
    whole = sum(worth.values())
    shares: dict[str, dict[str, float]] = {}
    for edge in found.edges:
        of = shares.setdefault(edge.source, {})
        of[edge.target] = max(of.get(edge.target, 0.0), worth[edge.target] * edge.weight)
    scores = {node: sum(of.values()) / whole for node, of in shares.items()}
    return _close(found, scores)


def beside(first: Neighbourhood, second: Neighbourhood, bridges: Mapping[str, Close]) -> dict[str, Close]:
    """The memories that are next to those: linked, or with something in common.

    `first` is one step around the bridges, `second` one from the things found there to the memories that have them.
    """
    linked: dict[str, float] = {}
    over: dict[str, float] = {}
    for edge in first.edges:
        for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
            if here in bridges:
                scores = linked if edge.kind in LINKS else over
                scores[there] = max(scores.get(there, 0.0), FURTHER * bridges[here].score * edge.weight)
    worth = _worths((edge.target, edge.source) for edge in second.edges)
    common: dict[str, float] = {}
    for edge in second.edges:
        reached = over.get(edge.target, 0.0) * worth[edge.target] * edge.weight
        common[edge.source] = max(common.get(edge.source, 0.0), reached)
    return nearest(_close(first, linked), _close(second, common))


def nearest(*sources: Mapping[str, Close]) -> dict[str, Close]:
    """Each memory with the best score that any of these has for it."""
    best: dict[str, Close] = {}
    for source in sources:
        for node, close in source.items():
            known = best.get(node)
            if known is None or known.score < close.score:
                best[node] = close
    return best


def least_shared(parts: Iterable[Neighbourhood], most: int) -> tuple[Neighbourhood, set[str]]:
    """All of these as one, but for what more than `most` memories have; and what that is."""
    nodes: dict[str, Near] = {}
    edges: list[Edge] = []
    for part in parts:
        nodes |= {near.node.id: near for near in part.nodes}
        edges += part.edges
    degrees = Counter(edge.target for edge in edges)
    many = {thing for thing, degree in degrees.items() if degree > most}
    edges = [edge for edge in edges if edge.target not in many]
    left = {edge.source for edge in edges}
    return Neighbourhood(tuple(near for key, near in nodes.items() if key in left), tuple(edges)), many


def _worths(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """What a thing says of a memory that has it: 1 if no other has it, half of it if three have."""
    have: dict[str, set[str]] = {}
    for thing, memory in pairs:
        have.setdefault(thing, set()).add(memory)
    return {thing: 1 / math.log2(1 + len(memories)) for thing, memories in have.items()}


def _close(found: Neighbourhood, scores: Mapping[str, float]) -> dict[str, Close]:
    nodes = {near.node.id: near.node for near in found.nodes if near.node.kind == "memory"}
    return {node: _of(nodes[node], score) for node, score in scores.items() if node in nodes}


def _of(node: Node, score: float) -> Close:
    props = node.props
    return Close(
        str(props["id"]), int(props["version"]), score, int(props["at"]), node.access, str(props.get("author", ""))
    )
