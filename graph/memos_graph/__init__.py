"""A property graph for memories: nodes and edges in spaces, seen through access classes. Knows nothing of cubes.

`EmbeddedGraph` keeps it in one SQLite file, `memos_graph.neo4j.Neo4jGraph` on a Neo4j server; both are a `GraphStore`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos_graph.errors import GraphCorrupt, GraphError, GraphInvalid, GraphUnavailable
from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Path, Property, Seen
from memos_graph.store import GraphStore

if TYPE_CHECKING:
    from memos_graph.embedded import EmbeddedGraph

__all__ = [
    "Direction",
    "Edge",
    "EmbeddedGraph",
    "GraphCorrupt",
    "GraphError",
    "GraphInvalid",
    "GraphStore",
    "GraphUnavailable",
    "Near",
    "Neighbourhood",
    "Node",
    "Path",
    "Property",
    "Seen",
]


def __getattr__(name: str) -> object:
    """The embedded graph is loaded, and SQLite with it, when somebody asks for it: the model alone needs neither."""
    if name == "EmbeddedGraph":
        from memos_graph.embedded import EmbeddedGraph

        return EmbeddedGraph
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
