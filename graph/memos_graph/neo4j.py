"""The graph on a Neo4j server, 5.26 or newer; the Community edition does.

Hop by hop, as in the embedded graph: a pattern of variable length walks each way to a node, not each node once.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from memos_graph import cypher, model
from memos_graph.asking import Question
from memos_graph.errors import GraphInvalid, GraphUnavailable
from memos_graph.forms import form_of
from memos_graph.link import Asking, Link
from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Path, Seen
from memos_graph.words import words_of

T = TypeVar("T")
_BATCH = 1_000
_SWEPT = 500  # nodes of a cleared space in one transaction: what is deleted is kept in memory until its end
_LUCENE = 200  # signs of a word that are looked up: it cuts words at 255
_WORDS = 50  # words that are looked up; all of them are compared
_AGAIN = 5


class Neo4jGraph:
    """GraphStore on a Neo4j server. Connects at the first call; to be used from one event loop (asyncio).

    A question is given up after `timeout` seconds; one to a server that is down, at once. A write waits for a server
    that is down or busy for `patience` seconds. The server needs no plug-ins; its database may hold other things.

    Cost, at 100,000 nodes and 500,000 edges: two hops about 8 ms, a written node or edge about 0.1 ms.
    """

    def __init__(
        self,
        url: str,
        user: str = "neo4j",
        password: str = "",
        database: str | None = None,
        *,
        timeout: float = 10.0,
        patience: float = 60.0,
    ) -> None:
        self._link = Link(url, user, password, database=database, timeout=timeout, patience=patience)
        self._swept = False

    async def upsert(self, space: str, nodes: Sequence[Node], edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Store nodes and edges, all of them or, on an error, none."""
        model.check_space(space)
        model.check_nodes(nodes)
        model.check_edges(edges)

        async def put(asking: Asking, key: str) -> None:
            for some in _batches(nodes):
                things = [[n.id, n.kind, n.label, n.access, form_of(n.props), words_of(n.label)] for n in some]
                await asking.rows(cypher.PUT_NODES, key=key, rows=things)
            for some in _batches(edges):
                links = [[e.source, e.target, e.kind, float(e.weight), e.access, form_of(e.props)] for e in some]
                (stored,) = await asking.row(cypher.PUT_EDGES, key=key, rows=links)
                if stored != len(links):
                    await _tell_missing(asking, key, some)

        await self._write(space, seq, put)

    async def remove(self, space: str, ids: Sequence[str] = (), edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Remove nodes with their edges, and edges. The server's own logs forget them when they are pruned."""
        model.check_space(space)
        known = model.storable(ids)
        links = [[e.source, e.target, e.kind] for e in edges if len(model.storable((e.source, e.target, e.kind))) == 3]

        async def take(asking: Asking, key: str) -> None:
            if links:
                await asking.rows(cypher.REMOVE_EDGES, key=key, rows=links)
            if known:
                await asking.rows(cypher.REMOVE_NODES, key=key, ids=known)

        await self._write(space, seq, take)

    async def get(self, seen: Seen, ids: Sequence[str]) -> list[Near]:
        """The nodes that are seen."""
        model.check_question(seen, ids)
        return await self._link.read(lambda asking: Question(asking, seen).nodes(ids))

    async def find(self, seen: Seen, words: str, *, kinds: Sequence[str] = (), limit: int = 20) -> list[Near]:
        """Nodes by the words of their labels."""
        model.check_question(seen, (), limit=limit)
        asked = words_of(words)
        if not asked:
            raise GraphInvalid("there is no word to look for: give a part of a label")
        terms = [_term(word, begun=word == asked[-1]) for word in asked[-_WORDS:]]
        return await self._link.read(lambda asking: Question(asking, seen, kinds).find(asked, terms, limit))

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
        """What lies around nodes, nearest first. Cost: a round trip for each hop, and one more."""
        model.check_question(seen, ids, hops, limit)
        return await self._link.read(lambda asking: Question(asking, seen, kinds).around(ids, hops, limit, direction))

    async def each(
        self, seen: Seen, kind: str, *, edges: Sequence[str] = (), after: str = "", limit: int = 1000
    ) -> Neighbourhood:
        """The nodes of a kind, page by page. Cost: a round trip, two with edges."""
        model.check_page(seen, limit)
        return await self._link.read(lambda asking: Question(asking, seen, edges).page(kind, after, limit))

    async def paths(
        self, seen: Seen, start: str, end: str, *, hops: int = 4, kinds: Sequence[str] = (), limit: int = 5
    ) -> list[Path]:
        """Shortest paths, searched from both ends. Cost: a round trip for each hop, and two more."""
        model.check_question(seen, (start, end), hops, limit)
        return await self._link.read(lambda asking: Question(asking, seen, kinds).ways(start, end, hops, limit))

    async def position(self, space: str) -> int:
        """The position of a space."""
        model.check_space(space)
        rows = await self._link.read(lambda asking: asking.rows(cypher.POSITION, space=space))
        return rows[0][0] if rows else 0

    async def spaces(self) -> list[str]:
        """The spaces, by name."""
        (names,) = await self._link.read(lambda asking: asking.row(cypher.SPACES))
        return sorted(names)

    async def clear(self, space: str | None = None) -> None:
        """Remove a space, or all of them: at once for every question, then node by node."""
        if space is not None:
            model.check_space(space)

        async def let_go(asking: Asking) -> None:
            await asking.rows(cypher.CLEAR_ALL if space is None else cypher.CLEAR, space=space)

        await self._link.write(let_go)
        await self._sweep()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._link.aclose()

    async def _write(self, space: str, seq: int, work: Callable[[Asking, str], Awaitable[None]]) -> None:
        """Do something to a space, unless it is at this position already, in one transaction."""
        if not self._swept:
            await self._sweep()
        made = secrets.token_hex(8)

        async def whole(asking: Asking) -> bool:
            key, onwards, there = await asking.row(cypher.BEGUN, space=space, key=made, seq=seq)
            if there and onwards:
                await work(asking, key)
            return there

        for _ in range(_AGAIN):  # it was cleared while we waited for it
            if await self._link.write(whole):
                return
        raise GraphUnavailable(f"the space {space!r} is being cleared again and again: try again later")

    async def _sweep(self) -> None:
        """Remove the nodes of cleared spaces, also of those that somebody left when he was killed."""
        (keys,) = await self._link.write(lambda asking: asking.row(cypher.GONE))
        for key in keys:
            while await self._link.write(lambda asking, key=key: asking.row(cypher.SWEEP, key=key, most=_SWEPT)) != [0]:
                pass
            await self._link.write(lambda asking, key=key: asking.rows(cypher.SWEPT, key=key))
        self._swept = True


def _batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """What is sent at a time: between two of them, other tasks have their turn."""
    return (things[n : n + _BATCH] for n in range(0, len(things), _BATCH))


def _term(word: str, *, begun: bool) -> str:
    """A word as Lucene is asked for it. It has letters, digits and underscores only: nothing is to be escaped."""
    cut = len(word) > _LUCENE
    return word[:_LUCENE] + ("*" if begun or cut else "")


async def _tell_missing(asking: Asking, key: str, edges: Sequence[Edge]) -> None:
    ends = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
    (known,) = await asking.row(cypher.KNOWN, key=key, ids=ends)
    for edge in edges:
        for end in (edge.source, edge.target):
            if end not in known:
                raise GraphInvalid(f"there is no node {end!r} for the {edge.kind!r} edge: store the node first")
