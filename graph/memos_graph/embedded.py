"""The graph in one SQLite file: adjacency tables, walked hop by hop.

Hop by hop, as one recursive query with a condition on kinds scans the table of edges (measured: 47 ms against 0.03).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from memos_graph import model, writing
from memos_graph.errors import GraphCorrupt, GraphInvalid
from memos_graph.file import File
from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Seen
from memos_graph.model import Path as Way
from memos_graph.walking import Walk, node_of, ways
from memos_graph.words import words_of

T = TypeVar("T")
_READERS = 4
_NEAR = 2  # hops that may be short
_SHORT = 0.002  # seconds: to reach another thread takes a quarter of it, and all of it where others compute


class EmbeddedGraph:
    """GraphStore over one SQLite file, shared by any number of processes. Opens at the first call.

    Cost, at 100,000 nodes and 500,000 edges: two hops about 0.5 ms, a written node or edge about 15 µs.
    """

    def __init__(self, file: Path) -> None:
        self._file = File(file)
        self._reading = CapacityLimiter(_READERS)
        self._writing = CapacityLimiter(1)
        self._took: dict[str, float] = {}

    async def upsert(self, space: str, nodes: Sequence[Node], edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Store nodes and edges, all of them or, on an error, none."""
        model.check_space(space)
        model.check_nodes(nodes)
        model.check_edges(edges)

        def run() -> None:
            with self._file.write() as db:
                at = writing.begun(db, space, seq)
                if at is not None:
                    writing.put(db, at, nodes, edges)

        await to_thread.run_sync(run, limiter=self._writing)

    async def remove(self, space: str, ids: Sequence[str] = (), edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        """Remove nodes with their edges, and edges; what is gone is overwritten in the file."""
        model.check_space(space)

        def run() -> None:
            with self._file.write() as db:
                at = writing.begun(db, space, seq)
                if at is not None:
                    writing.remove(db, at, ids, edges)
            self._file.scrub()

        await to_thread.run_sync(run, limiter=self._writing)

    async def get(self, seen: Seen, ids: Sequence[str]) -> list[Near]:
        """The nodes that are seen. Cost: 0.1 ms, 5 µs each."""
        model.check_question(seen, ids)

        def ask(db: sqlite3.Connection) -> list[Near]:
            walk = Walk(db, seen)
            return [walk.near(row, 0) for row in walk.rows_of(ids)]

        return await self._read(ask)

    async def find(self, seen: Seen, words: str, *, kinds: Sequence[str] = (), limit: int = 20) -> list[Near]:
        """Nodes by the words of their labels. Cost: 0.2 ms, more for a word that many labels have."""
        model.check_question(seen, (), limit=limit)
        asked = words_of(words)
        if not asked:
            raise GraphInvalid("there is no word to look for: give a part of a label")
        given = {"spaces": json.dumps(seen.spaces), "kinds": json.dumps(kinds)}

        def ask(db: sqlite3.Connection) -> list[Near]:
            found: list[Near] = []
            ranges = [_range(word, begun=word == asked[-1]) for word in asked]
            first, *others = sorted(ranges, key=_common(db))
            of = {"first": first[0], "last": first[1], "others": json.dumps(others)}
            for row in db.execute(_FIND, given | of):
                if len(found) == limit:
                    break
                if seen.classes is None or row[4] in seen.classes:
                    found.append(Near(row[6], node_of(row), 0))
            return found

        return await self._read(ask)

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
        """What lies around nodes, nearest first."""
        model.check_question(seen, ids, hops, limit)
        return await self._read(
            lambda db: Walk(db, seen, kinds, direction).around(ids, hops, limit), f"{hops} hops" * (hops <= _NEAR)
        )

    async def each(
        self, seen: Seen, kind: str, *, edges: Sequence[str] = (), after: str = "", limit: int = 1000
    ) -> Neighbourhood:
        """The nodes of a kind, page by page. Cost: 10 µs for each node, 4 µs for each edge."""
        model.check_page(seen, limit)
        if len(model.storable((kind, after))) < 2:
            return Neighbourhood((), ())
        return await self._read(lambda db: Walk(db, seen, edges, "out").page(kind, after, limit))

    async def paths(
        self, seen: Seen, start: str, end: str, *, hops: int = 4, kinds: Sequence[str] = (), limit: int = 5
    ) -> list[Way]:
        """Shortest paths, searched from both ends."""
        model.check_question(seen, (start, end), hops, limit)
        return await self._read(lambda db: ways(db, seen, (start, end), hops, kinds, limit))

    async def position(self, space: str) -> int:
        """The position of a space."""
        model.check_space(space)
        sql = "SELECT seq FROM space WHERE name = ?"
        row = await self._read(lambda db: db.execute(sql, (space,)).fetchone(), "position")
        return row[0] if row else 0

    async def spaces(self) -> list[str]:
        """The spaces, by name."""
        rows = await self._read(lambda db: db.execute("SELECT name FROM space ORDER BY name").fetchall())
        return [name for (name,) in rows]

    async def clear(self, space: str | None = None) -> None:
        """Remove a space, or all of them: that also makes a damaged file, or one of another version, anew."""
        if space is not None:
            model.check_space(space)

        def run() -> None:
            try:
                with self._file.write() as db:
                    writing.clear(db, space)
            except GraphCorrupt:
                if space is not None:
                    raise
                self._file.renew()
            self._file.scrub()

        await to_thread.run_sync(run, limiter=self._writing)

    async def aclose(self) -> None:
        """Close the file."""
        await to_thread.run_sync(self._file.close, limiter=self._writing)

    async def _read(self, ask: Callable[[sqlite3.Connection], T], kind: str = "") -> T:
        """In another thread; or here, if the last question of its kind took less than to reach one."""

        def run() -> T:
            start = time.perf_counter()
            with self._file.read() as db:
                answer = ask(db)
            self._took[kind] = time.perf_counter() - start
            return answer

        if kind and self._took.get(kind, 1.0) < _SHORT:
            return run()
        return await to_thread.run_sync(run, limiter=self._reading)


def _range(word: str, *, begun: bool) -> tuple[str, str]:
    """The words that are looked for: from the first up to, but without, the last. No word has a sign before '0'."""
    return word, word + ("\U0010ffff" if begun else " ")


def _common(db: sqlite3.Connection) -> Callable[[tuple[str, str]], int]:
    """How many labels have such a word, up to a bound: one begins with the rarest."""
    return lambda words: db.execute(_COMMON, words).fetchone()[0]


_COMMON = "SELECT count(*) FROM (SELECT 1 FROM word WHERE word >= ? AND word < ? LIMIT 5000)"
_FIND = """SELECT n.node, n.id, n.kind, n.label, n.access, n.props, s.name
    FROM (SELECT DISTINCT node FROM word WHERE word >= :first AND word < :last) w
    CROSS JOIN node n ON n.node = w.node CROSS JOIN space s ON s.space = n.space
    WHERE s.name IN (SELECT value FROM json_each(:spaces))
    AND (:kinds = '[]' OR n.kind IN (SELECT value FROM json_each(:kinds)))
    AND NOT EXISTS (SELECT 1 FROM json_each(:others) o WHERE NOT EXISTS (SELECT 1 FROM word h
        WHERE h.node = n.node AND h.word >= o.value ->> 0 AND h.word < o.value ->> 1))
    ORDER BY length(n.label), n.id"""
