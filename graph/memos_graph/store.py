"""The Protocol that the embedded graph and the one on a Neo4j server implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Path, Seen


class GraphStore(Protocol):
    """Nodes and edges in spaces. A space is one tenant's graph: no edge and no question leaves it.

    Every write is whole or not at all, and repeating it changes nothing. All verbs raise GraphInvalid (nothing was
    done), GraphUnavailable, GraphCorrupt.

    Who follows a log says with `seq` which position of it a write stands for: one at or before the position of the
    space is ignored, so that two followers, or one that begins again, never turn anything back. 0: no position.
    """

    async def upsert(self, space: str, nodes: Sequence[Node], edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Store nodes and edges; what is there already becomes as given. Ends of edges must be there or be given."""
        ...

    async def remove(self, space: str, ids: Sequence[str] = (), edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Remove nodes with all their edges, and single edges; unknown ones are no error. Nothing is left of them."""
        ...

    async def get(self, seen: Seen, ids: Sequence[str]) -> list[Near]:
        """The nodes of these ids in each space, as far as they are seen, with 0 hops."""
        ...

    async def find(self, seen: Seen, words: str, *, kinds: Sequence[str] = (), limit: int = 20) -> list[Near]:
        """Nodes whose label has all these words, or words that begin with the last one; the shortest label first."""
        ...

    async def neighbours(
        self,
        seen: Seen,
        ids: Sequence[str],
        *,
        hops: int = 1,
        kinds: Sequence[str] = (),
        direction: Direction = "both",
        limit: int = 1000,
    ) -> Neighbourhood:
        """What lies within so many edges (of these kinds) of the nodes, the nodes themselves left out.

        No way leads through what is not seen. The nearest `limit` nodes are returned, and of the edges among them and
        those asked about each that was walked: that leaves one from which there was a step more.
        """
        ...

    async def each(
        self, seen: Seen, kind: str, *, edges: Sequence[str] = (), after: str = "", limit: int = 1000
    ) -> Neighbourhood:
        """The nodes of a kind in one space, by their ids from `after` on, and the edges of these kinds leading out.

        So a whole space is read page by page: `more` says that there are nodes after the last one. The nodes that the
        edges lead to are left out, and without kinds of edges these are too.
        """
        ...

    async def paths(
        self, seen: Seen, start: str, end: str, *, hops: int = 4, kinds: Sequence[str] = (), limit: int = 5
    ) -> list[Path]:
        """Shortest paths between two nodes, edges in either direction, none through what is not seen."""
        ...

    async def position(self, space: str) -> int:
        """The last `seq` that was written; 0 if none was."""
        ...

    async def spaces(self) -> list[str]:
        """The spaces that there are."""
        ...

    async def clear(self, space: str | None = None) -> None:
        """Remove a space, or all of them, with their positions."""
        ...

    async def aclose(self) -> None:
        """Let go of the store."""
        ...
