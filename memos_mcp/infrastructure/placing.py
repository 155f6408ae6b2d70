"""Where a memory hangs in the tree of topic, concept and fact, as its edges in the graph say. Pure.

Who reckons it without a graph reads it from the same edges: so both say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from memos_graph.model import Edge, Neighbourhood
from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.drawing import ABOUT, CONCERNS, MENTIONS, TAGGED, Access, edges_of
from memos_mcp.infrastructure.mentions import Mentioned
from memos_mcp.traversal import Place, Placing


def placing(edges: Iterable[Edge]) -> Placing:
    """Of the edges that lead out of a memory, in whatever order they come."""
    tags, topics, words = list[str](), list[str](), list[tuple[str, str]]()
    entities: dict[tuple[str, str], None] = {}
    for edge in edges:
        key, props = edge.target.partition(":")[2], edge.props
        said = str(props.get("as", key))
        if edge.kind == MENTIONS:
            kind = str(props.get("kind", "thing"))
            if kind != "date" and not props.get("aside"):
                entities[said, kind] = None
        elif edge.kind == CONCERNS:
            words.append((key, said))
        elif edge.kind == ABOUT:
            topics.append(key)
        elif edge.kind == TAGGED:
            tags += said.split("\n")
    return Placing(tuple(sorted(tags)), tuple(sorted(topics)), tuple(sorted(entities)), tuple(sorted(words)))


def placed(cube: MemCube, mentioned: Mentioned) -> Placing:
    """Where a memory hangs, as it would be drawn."""
    return placing(edges_of(cube, mentioned).values())


def places(page: Neighbourhood, classes: Mapping[str, Access]) -> list[Place]:
    """The memories of a page of a space with these access classes, without those that are made of others."""
    edges: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in page.edges:
        edges[edge.source].append(edge)
    return [
        Place(
            str(near.node.props["id"]),
            int(near.node.props["version"]),
            classes[near.node.access].path,
            placing(edges[near.node.id]),
            partly=bool(near.node.props.get("partly")),
        )
        for near in page.nodes
        if not near.node.props.get("made")
    ]
