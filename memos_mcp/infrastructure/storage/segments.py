"""SegmentStore in the vault's own file: pieces of projections, each with its checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from anyio import to_thread

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.rows import checksum
from memos_mcp.search import Segment


class Segments:
    """Segments of all routes. A segment is written once and replaced whole, never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def segments(self, route: str, root: str) -> list[Segment]:
        """The segments of a root, in log order. Raises Corrupt for a damaged one: rebuild the route."""
        return await to_thread.run_sync(self._segments, route, root)

    async def spans(self, route: str, root: str) -> list[Segment]:
        """What is covered, without the data."""
        return await to_thread.run_sync(self._spans, route, root)

    async def replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        """Swap in one transaction; False if another process wrote, merged or restored there first."""
        return await to_thread.run_sync(self._replace, route, root, old, new)

    async def drop(self, route: str) -> None:
        """Remove all segments of a route."""
        await to_thread.run_sync(self._drop, route)

    def _segments(self, route: str, root: str) -> list[Segment]:
        with self._database.read() as db:
            rows = db.execute(
                "SELECT after, upto, digest, data FROM segment WHERE route = ? AND root = ? ORDER BY upto",
                (route, root),
            ).fetchall()
        for after, upto, digest, data in rows:
            if not isinstance(data, bytes) or checksum(after, upto, data) != digest:
                raise Corrupt(f"the {route} index of {root} (log {after}…{upto}) is damaged; `memos rebuild {route}`")
        return [Segment(after, upto, len(data), data) for after, upto, _, data in rows]

    def _spans(self, route: str, root: str) -> list[Segment]:
        with self._database.read() as db:
            rows = db.execute(
                "SELECT after, upto, length(data) FROM segment WHERE route = ? AND root = ? ORDER BY upto",
                (route, root),
            )
            return [Segment(after, upto, size) for after, upto, size in rows]

    def _replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        gone = [(s.after, s.upto) for s in old]
        with self._database.write() as db:
            held = db.execute("SELECT after, upto FROM segment WHERE route = ? AND root = ?", (route, root)).fetchall()
            kept = set(held) - set(gone)
            if not set(gone) <= set(held) or not _fit(db, new, kept):
                return False
            db.executemany(
                "DELETE FROM segment WHERE route = ? AND root = ? AND upto = ?",
                [(route, root, upto) for _, upto in gone],
            )
            db.executemany(
                "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)",
                [(route, root, s.after, s.upto, checksum(s.after, s.upto, s.data), s.data) for s in new],
            )
        if gone:
            self._database.checkpoint()  # they may have held words that were erased since
        return True

    def _drop(self, route: str) -> None:
        with self._database.write() as db:
            db.execute("DELETE FROM segment WHERE route = ?", (route,))


def _fit(db: sqlite3.Connection, new: Sequence[Segment], kept: set[tuple[int, int]]) -> bool:
    """Segments do not overlap, and each ends at a line of the log: after a restore, one made before it may not."""
    for s in new:
        if any(after < s.upto and s.after < upto for after, upto in kept):
            return False
        if db.execute("SELECT 1 FROM event WHERE seq = ?", (s.upto,)).fetchone() is None:
            return False
        kept.add((s.after, s.upto))
    return True
