"""What is found by walking over the graph of memories, and the Protocol of who walks (long paper §5.4.1).

Nodes are memories, and what they have in common: entities, tags, topics, sessions, sources; and what they state of two
entities. Whoever walks sees only memories that he may read, and what these have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from memos_mcp.ports import Where

LinkKind = Literal["same-entity", "follows", "supports", "contradicts", "supersedes", "derived-from", "part-of"]
EdgeKind = Literal[
    "mentions",
    "tagged",
    "about",
    "concerns",
    "states",
    "from",
    "to",
    "said-by",
    "from-source",
    "in-session",
    "same-entity",
    "follows",
    "supports",
    "contradicts",
    "supersedes",
    "derived-from",
    "part-of",
]
LINK_KINDS: tuple[LinkKind, ...] = get_args(LinkKind)
"""From memory to memory."""
EDGE_KINDS: tuple[EdgeKind, ...] = get_args(EdgeKind)
"""All that can be followed: `states` leads to what a memory says of two entities, `from` and `to` on to these."""
FOLLOWED: tuple[EdgeKind, ...] = ("mentions", "tagged", "about", "states", "from", "to", *LINK_KINDS)
"""What is followed unless said otherwise: a session, a source or a speaker has too many memories to say anything.

Words (`concerns`) lead somewhere if it is one of them that is asked about: most of them only one memory has.
"""
Direction = Literal["in", "out", "both"]


@dataclass(frozen=True, slots=True)
class Node:
    """A memory, or something that memories have; `sort` says which kind of memory or entity it is.

    `memory` is the id of the memory, or of the one that states a relation: `said` is the sentence that does, and
    `ended` says that it held once. `hops` edges away from where it began.
    """

    id: str
    kind: str
    label: str
    sort: str = ""
    memory: str = ""
    version: int = 0
    at: int = 0
    hops: int = 0
    said: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation of a kind from one node to another; `said` is how a memory names what it mentions, `sort` as what."""

    source: str
    target: str
    kind: str
    weight: float = 1.0
    said: str = ""
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Nodes, nearest first, from where it began on, and the edges that were followed between them.

    `more`: there is more than was asked for.
    """

    start: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """From the first node to the last: edge n lies between node n and node n+1, in either direction."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """The shortest ways, at most as many as asked for; `more`: so much lies around that not all of it was searched."""

    ways: tuple[Way, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a memory hangs in the tree of topic, concept and fact.

    Its tags, the topics predicted for it, entities by name and kind, words by stem and form.
    """

    tags: tuple[str, ...]
    topics: tuple[str, ...]
    entities: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A memory of the tree; `partly`: some see more of it than the graph does, and it hangs elsewhere for them."""

    id: str
    version: int
    path: str
    where: Placing
    partly: bool = False


class Traversal(Protocol):
    """Walks over the graph as far as `where` allows. All verbs raise Unavailable, Corrupt, InvalidInput."""

    @property
    def reads(self) -> str:
        """Names how it was found what memories speak of (`Mentions.version`)."""
        ...

    async def places(self, where: Where) -> list[Place]:
        """Where every memory hangs that is seen, but for those that are made of others."""
        ...

    async def named(self, where: Where, what: str) -> tuple[Node, ...]:
        """The nodes that the id of a memory, a name or the id of a node stands for; those that nobody sees are none."""
        ...

    async def step(
        self, where: Where, nodes: Sequence[str], *, kinds: Sequence[EdgeKind], direction: Direction = "both"
    ) -> Neighbourhood:
        """What lies one edge away from nodes that are seen."""
        ...

    async def around(
        self, where: Where, start: Sequence[Node], *, hops: int, kinds: Sequence[EdgeKind], limit: int
    ) -> Neighbourhood:
        """The nearest `limit` nodes within so many edges, and where it began."""
        ...

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
        """The shortest ways from any of these nodes to any of those."""
        ...


def memory_node(id: str) -> str:
    """The node of a memory."""
    return f"memory:{id}"
