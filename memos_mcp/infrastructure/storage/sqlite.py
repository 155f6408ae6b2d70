"""The default vault: cubes, versions and their log in one SQLite file, written in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from memos_mcp.cube import Governance, MemCube, Ref
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.entry import Entry
from memos_mcp.infrastructure.storage.rows import cube_of, event_of, micros
from memos_mcp.infrastructure.storage.segments import Segments
from memos_mcp.ports import MAIN, Caller, Change, Event, Name, Where, Which

T = TypeVar("T")
_MOST = (1 << 63) - 1
_ALL = Which()
_FEW = 20  # paths with less than a twentieth of all memories are browsed by an index, others backwards from the end


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteAdapter:
    """MemoryAdapter over one SQLite file, shared safely by any number of processes (WAL, one writer at a time).

    Opens at the first call. Writes are durable when `commit` returns. `clock` gives the time of log lines.
    Raises Corrupt, Misconfigured, Unavailable besides what the protocol names.
    """

    def __init__(self, file: Path, *, read_only: bool = False, clock: Callable[[], datetime] = _now) -> None:
        self.database = Database(file, read_only=read_only)
        self.segment_store = Segments(self.database)
        self._clock = clock
        self._rules: dict[str, Governance] = {}
        self._reading = CapacityLimiter(4)
        self._writing = CapacityLimiter(1)
        self._erasing = False

    async def commit(self, changes: Sequence[Change], *, caller: Caller) -> list[Event]:
        """Write all changes in one transaction. Cost: about 25 µs a change and one disk sync."""
        return await to_thread.run_sync(self._commit, changes, caller, limiter=self._writing)

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = MAIN) -> list[MemCube]:
        """The cubes that exist, in order. Cost: about 25 µs each."""
        return await self._read(lambda db: self._get(db, refs, branch))

    async def scan(
        self, where: Where, which: Which = _ALL, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """Current cubes under the paths, newest first."""
        given: dict[str, object] = {
            "branch": where.branch,
            "before": min(after, _MOST) or _MOST,
            "paths": json.dumps(where.paths),
            "kinds": json.dumps(which.kinds),
            "tags": json.dumps(which.tags),
            "source": which.source,
            "session": which.session,
            "class": which.source_class or "",
            "limit": limit,
        }

        def ask(db: sqlite3.Connection) -> list[tuple[int, MemCube]]:
            if which.quarantined:
                sql = _SCAN_HELD
            else:
                held, of = db.execute(_SHARE, given).fetchone()
                sql = _SCAN_FEW if held * _FEW < of else _SCAN
            return [(row[15], self._cube(row)) for row in db.execute(sql, given)]

        return await self._read(ask)

    async def count(self, paths: Sequence[str], *, quarantined: bool = False) -> Mapping[str, int]:
        """Memories by path, from maintained counters; those in quarantine are counted."""
        given = json.dumps(list(paths))
        sql = _COUNT_HELD if quarantined else _COUNT
        return await self._read(lambda db: dict(db.execute(sql, (given,)).fetchall()))

    async def events(
        self, *, after: int = 0, limit: int = 1000, subject: str | None = None, root: str | None = None
    ) -> list[Event]:
        """Log lines after `after`, each checked against the chain, with the cube it wrote. Cost: 35 µs a line."""
        forth, back = _LINES_OF if subject is not None else _LINES_IN if root is not None else _LINES
        last = after < 0
        given = {
            "after": 0 if last else min(after, _MOST),
            "limit": min(limit, -after) if last else limit,
            "subject": subject,
            "root": root,
        }
        rows = await self._read(
            lambda db: [event_of(r, self._rules) for r in db.execute(back if last else forth, given)]
        )
        return rows[::-1] if last else rows

    async def aclose(self) -> None:
        """Close the file."""
        await to_thread.run_sync(self.database.close, limiter=self._writing)

    async def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            with self.database.read() as db:
                return ask(db)

        return await to_thread.run_sync(run, limiter=self._reading)

    def _get(self, db: sqlite3.Connection, refs: Sequence[Ref | Name], branch: str) -> list[MemCube]:
        found: list[MemCube] = []
        for ref in refs:
            if isinstance(ref, Name):
                row = db.execute(_BY_NAME, (branch, ref.key, ref.path)).fetchone()
            elif ref.version is None:
                row = db.execute(_NEWEST, (branch, ref.id)).fetchone()
            else:
                row = db.execute(_BY_ID, (branch, ref.id, min(ref.version, _MOST))).fetchone()
            if row is not None:
                found.append(self._cube(row))
        return found

    def _cube(self, row: Sequence[Any]) -> MemCube:
        return cube_of(row[:15], self._rules)

    def _commit(self, changes: Sequence[Change], caller: Caller) -> list[Event]:
        with self.database.write() as db:
            events = Entry.begin(db, caller.user, micros(self._clock())).write(changes)
        if self._erasing or any(change.action == "forget" for change in changes):
            # Forgotten words are overwritten in the file, but still stand in the log beside it until that is emptied.
            self._erasing = not self.database.checkpoint()
        return events


_BY_ID = "SELECT * FROM cube WHERE branch = ? AND id = ? AND version = ?"
_NEWEST = "SELECT * FROM cube WHERE branch = ? AND id = ? AND version = newest"
_BY_NAME = """SELECT * FROM cube WHERE branch = ? AND key = ? AND version = newest
    AND place = (SELECT place FROM place WHERE path = ?)"""
# '0' follows '/': everything beneath a path sorts between the two.
_SCAN = """SELECT * FROM cube
    WHERE +branch = :branch AND version = newest AND forgotten IS NULL AND quarantined IS NULL AND memory < :before
    AND +place IN (SELECT p.place FROM json_each(:paths) j CROSS JOIN place p
        WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND (:kinds = '[]' OR coalesce(json_extract(content, '$.kind'), 'fact') IN (SELECT value FROM json_each(:kinds)))
    AND (:tags = '[]' OR EXISTS (SELECT 1 FROM json_each(content, '$.tags') t
        WHERE t.value IN (SELECT value FROM json_each(:tags))))
    AND (:source = '' OR json_extract(content, '$.origin.source') = :source)
    AND (:session = '' OR json_extract(content, '$.origin.session') = :session)
    AND (:class = '' OR coalesce(json_extract(content, '$.origin.source_class'), 'user') = :class)
    ORDER BY memory DESC LIMIT :limit"""
_SCAN_FEW = _SCAN.replace("+place", "place")
_SCAN_HELD = _SCAN_FEW.replace("quarantined IS NULL", "quarantined IS NOT NULL")
_SHARE = """SELECT coalesce(sum(p.live), 0), (SELECT coalesce(max(memory), 0) FROM memory)
    FROM json_each(:paths) j CROSS JOIN place p
    WHERE p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0')"""
_COUNT = """SELECT p.path, p.live FROM json_each(?) j CROSS JOIN place p
    WHERE p.live > 0 AND (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))"""
_COUNT_HELD = """SELECT p.path, count(*) FROM json_each(?) j CROSS JOIN place p
    JOIN memory m INDEXED BY memory_quarantined ON m.place = p.place
    WHERE (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))
    AND m.quarantined IS NOT NULL AND m.forgotten IS NULL GROUP BY p.path"""
_LINES = (
    "SELECT * FROM line WHERE seq > :after ORDER BY seq LIMIT :limit",
    "SELECT * FROM line WHERE seq > :after ORDER BY seq DESC LIMIT :limit",
)
_LINES_OF = (
    """SELECT * FROM line WHERE seq > :after AND memory = (SELECT memory FROM memory WHERE branch = 'main'
    AND id = :subject) ORDER BY seq LIMIT :limit""",
    """SELECT * FROM line WHERE seq > :after AND memory = (SELECT memory FROM memory WHERE branch = 'main'
    AND id = :subject) ORDER BY seq DESC LIMIT :limit""",
)
# The lines are chosen first, by what the index holds: sorting whole rows would cost ten times as much.
_LINES_IN = (
    """SELECT * FROM line WHERE seq IN (SELECT e.seq FROM place p JOIN event e ON e.place = p.place
        WHERE p.root = :root AND e.seq > :after ORDER BY e.seq LIMIT :limit) ORDER BY seq""",
    """SELECT * FROM line WHERE seq IN (SELECT e.seq FROM place p JOIN event e ON e.place = p.place
        WHERE p.root = :root ORDER BY e.seq DESC LIMIT :limit) ORDER BY seq DESC""",
)
