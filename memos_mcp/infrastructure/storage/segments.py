"""SegmentStore in the vault's own file: pieces of projections, each with its checksum."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence

from anyio import to_thread

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.ports import Segment


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
        """Swap in one transaction; False if another process wrote or merged there first."""
        return await to_thread.run_sync(self._replace, route, root, old, new)

    async def drop(self, route: str) -> None:
        """Remove all segments of a route."""
        await to_thread.run_sync(self._drop, route)

    def _segments(self, route: str, root: str) -> list[Segment]:
        with self._database.read() as db:
            rows = db.execute(
                "SELECT after, upto, digest, data FROM segment WHERE route = ? AND root = ? ORDER BY upto", (route, root)
            ).fetchall()
        for after, upto, digest, data in rows:
            if hashlib.sha256(data).digest() != digest:
                raise Corrupt(f"the {route} index of {root} (log {after}..{upto}) is damaged; run `memos rebuild {route}`")
        return [Segment(after, upto, len(data), data) for after, upto, _, data in rows]

    def _spans(self, route: str, root: str) -> list[Segment]:
        with self._database.read() as db:
            rows = db.execute(
                "SELECT after, upto, length(data) FROM segment WHERE route = ? AND root = ? ORDER BY upto", (route, root)
            )
            return [Segment(after, upto, size) for after, upto, size in rows]

    def _replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        with self._database.write() as db:
            swapped = _swap(db, route, root, old, new)
            if not swapped:
                db.execute("ROLLBACK")
                db.execute("BEGIN")
        return swapped

    def _drop(self, route: str) -> None:
        with self._database.write() as db:
            db.execute("DELETE FROM segment WHERE route = ?", (route,))


def _swap(db: sqlite3.Connection, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
    for gone in old:
        deleted = db.execute(
            "DELETE FROM segment WHERE route = ? AND root = ? AND after = ? AND upto = ?", (route, root, gone.after, gone.upto)
        )
        if deleted.rowcount != 1:
            return False
    for fresh in new:
        overlap = db.execute(
            "SELECT 1 FROM segment WHERE route = ? AND root = ? AND upto > ? AND after < ? LIMIT 1",
            (route, root, fresh.after, fresh.upto),
        ).fetchone()
        if overlap is not None:
            return False
        db.execute(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)",
            (route, root, fresh.after, fresh.upto, hashlib.sha256(fresh.data).digest(), fresh.data),
        )
    return True
