"""The default vault: cubes, versions and their log in one SQLite file, written in one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from memos_mcp.cube import SCHEMA, Governance, Kind, MemCube, Origin, Ref
from memos_mcp.errors import Conflict, NotFound
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.rows import (
    CUBE_COLUMNS,
    EVENT_COLUMNS,
    chained,
    content_of,
    cube_of,
    event_of,
    micros,
    moment,
    sealed,
)
from memos_mcp.infrastructure.storage.segments import Segments
from memos_mcp.ports import MAIN, Caller, Change, Event, Name, Where

T = TypeVar("T")

_CUBES = f"""SELECT {CUBE_COLUMNS} FROM memory m
    JOIN version v ON v.memory = m.memory JOIN place p ON p.place = m.place JOIN policy r ON r.policy = m.policy"""
_BY_ID = f"{_CUBES} WHERE m.branch = ? AND m.id = ? AND v.version = coalesce(?, m.version) AND v.content IS NOT NULL"
_BY_NAME = f"""{_CUBES} WHERE m.branch = ? AND m.key = ? AND v.version = m.version AND v.content IS NOT NULL
    AND m.place = (SELECT place FROM place WHERE path = ?)"""
_SCAN = f"""{_CUBES.replace("SELECT", "SELECT m.memory,", 1)}
    WHERE m.branch = :branch AND m.forgotten IS NULL AND v.version = m.version AND m.memory < :before
    AND m.place IN (SELECT q.place FROM place q, json_each(:paths) j
        WHERE q.path = j.value OR substr(q.path, 1, length(j.value) + 1) = j.value || '/')
    AND (:kinds = '[]' OR json_extract(v.content, '$.kind') IN (SELECT value FROM json_each(:kinds)))
    AND (:tags = '[]' OR EXISTS (SELECT 1 FROM json_each(v.content, '$.tags') t WHERE t.value IN (SELECT value FROM json_each(:tags))))
    ORDER BY m.memory DESC LIMIT :limit"""
_COUNT = """SELECT p.path, p.live FROM place p, json_each(?) j
    WHERE p.live > 0 AND (p.path = j.value OR substr(p.path, 1, length(j.value) + 1) = j.value || '/')"""
_EVENTS = f"""SELECT {EVENT_COLUMNS}, v.content IS NOT NULL, {CUBE_COLUMNS} FROM event e
    LEFT JOIN memory m ON m.memory = e.memory LEFT JOIN place p ON p.place = e.place
    LEFT JOIN policy r ON r.policy = m.policy LEFT JOIN sighting s ON s.seq = e.seq
    LEFT JOIN version v ON v.memory = e.memory AND v.version = e.version AND v.seq = e.seq"""
_EVENTS_ALL = f"{_EVENTS} WHERE e.seq > :after ORDER BY e.seq LIMIT :limit"
_EVENTS_OF = f"""{_EVENTS} WHERE e.seq > :after
    AND e.memory = (SELECT memory FROM memory WHERE branch = 'main' AND id = :subject) ORDER BY e.seq LIMIT :limit"""
_EVENTS_IN = f"""{_EVENTS} WHERE e.seq > :after
    AND e.place IN (SELECT place FROM place WHERE root = :root) ORDER BY e.seq LIMIT :limit"""


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

    async def commit(self, changes: Sequence[Change], *, caller: Caller) -> list[Event]:
        """Write all changes in one transaction. Cost: about 20 µs a change and one disk sync."""
        return await to_thread.run_sync(self._commit, changes, caller, limiter=self._writing)

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = MAIN) -> list[MemCube]:
        """The cubes that exist, in order. Cost: about 30 µs each."""
        return await self._read(lambda db: self._get(db, refs, branch))

    async def scan(
        self, where: Where, *, kinds: Sequence[Kind] = (), tags: Sequence[str] = (), after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """Current cubes under the paths, newest first."""
        given = {
            "branch": where.branch,
            "before": after or 1 << 62,
            "paths": json.dumps(where.paths),
            "kinds": json.dumps(kinds),
            "tags": json.dumps(tags),
            "limit": limit,
        }
        return await self._read(lambda db: [(row[0], self._cube(row[1:])) for row in db.execute(_SCAN, given)])

    async def count(self, paths: Sequence[str]) -> Mapping[str, int]:
        """Memories by path, from maintained counters."""
        return await self._read(lambda db: dict(db.execute(_COUNT, (json.dumps(list(paths)),)).fetchall()))

    async def events(
        self, *, after: int = 0, limit: int = 1000, subject: str | None = None, root: str | None = None
    ) -> list[Event]:
        """Log lines after `after`, with the cube each one wrote. Cost: about 40 µs a line."""
        sql = _EVENTS_OF if subject is not None else _EVENTS_IN if root is not None else _EVENTS_ALL
        given = {"after": after, "limit": limit, "subject": subject, "root": root}

        def ask(db: sqlite3.Connection) -> list[Event]:
            if after < 0:
                given["after"] = db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0] + after
            return [self._event(row) for row in db.execute(sql, given)]

        return await self._read(ask)

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
            else:
                row = db.execute(_BY_ID, (branch, ref.id, ref.version)).fetchone()
            if row is not None:
                found.append(self._cube(row))
        return found

    def _cube(self, row: Sequence[Any]) -> MemCube:
        return cube_of(row, self._rules)

    def _event(self, row: Sequence[Any]) -> Event:
        return event_of(row[:10], self._cube(row[11:]) if row[10] else None)

    def _commit(self, changes: Sequence[Change], caller: Caller) -> list[Event]:
        with self.database.write() as db:
            entry = _Entry.begin(db, caller, micros(self._clock()))
            salts = os.urandom(16 * len(changes))
            events = [entry.write(change, salts[i * 16 : i * 16 + 16]) for i, change in enumerate(changes)]
            entry.finish()
        if any(change.action == "forget" for change in changes):
            self.database.checkpoint()
        return events


@dataclass(slots=True)
class _Entry:
    """One commit being written: interned ids, the log's tip, and what to add to the counters at the end."""

    db: sqlite3.Connection
    caller: Caller
    at: int
    seq: int
    chain: bytes
    places: dict[str, int] = field(default_factory=dict)
    policies: dict[Governance, int] = field(default_factory=dict)
    live: dict[int, int] = field(default_factory=dict)

    @staticmethod
    def begin(db: sqlite3.Connection, caller: Caller, now: int) -> _Entry:
        tip = db.execute("SELECT seq, at, chain FROM event ORDER BY seq DESC LIMIT 1").fetchone() or (0, 0, b"")
        return _Entry(db, caller, max(now, tip[1]), tip[0], tip[2])

    def write(self, change: Change, salt: bytes) -> Event:
        if change.cube is None:
            return self._forget(change)
        if change.cube.version == 1:
            return self._create(change, change.cube, salt)
        return self._update(change, change.cube, salt)

    def finish(self) -> None:
        self.db.executemany("UPDATE place SET live = live + ? WHERE place = ?", [(n, p) for p, n in self.live.items()])

    def _create(self, change: Change, cube: MemCube, salt: bytes) -> Event:
        place = self._place(cube.path)
        try:
            row = self.db.execute(
                """INSERT INTO memory (branch, id, place, key, once, version, state, policy, created_at)
                VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?)
                ON CONFLICT (branch, place, once) WHERE once IS NOT NULL DO NOTHING""",
                (change.branch, cube.id, place, cube.key, change.once, cube.state, self._policy(cube.governance), self.at),
            )
        except sqlite3.IntegrityError as exc:
            raise Conflict(f"{cube.path} holds {cube.key or cube.id!r} already; read it, then update it") from exc
        if row.rowcount == 0:
            return self._sight(change, cube, place)
        memory = row.lastrowid or 0
        self.live[place] = self.live.get(place, 0) + 1
        return self._version(change, cube, memory, place, salt)

    def _update(self, change: Change, cube: MemCube, salt: bytes) -> Event:
        memory, version, place, _ = self._current(change)
        if change.expect is not None and change.expect != version:
            raise Conflict(
                f"memory {cube.id} is at version {version}, not {change.expect}: somebody changed it; read it again, then repeat"
            )
        cube = cube.model_copy(update={"version": version + 1})
        self.db.execute("UPDATE version SET until = ? WHERE memory = ? AND version = ?", (self.seq + 1, memory, version))
        self.db.execute("UPDATE memory SET version = ?, state = ? WHERE memory = ?", (cube.version, cube.state, memory))
        if change.once is not None:
            # Another memory may already state this: then this one goes on without a duplicate key.
            self.db.execute("UPDATE memory SET once = NULL WHERE memory = ?", (memory,))
            self.db.execute("UPDATE OR IGNORE memory SET once = ? WHERE memory = ?", (change.once, memory))
        return self._version(change, cube, memory, place, salt)

    def _version(self, change: Change, cube: MemCube, memory: int, place: int, salt: bytes) -> Event:
        payload, content = content_of(cube)
        digest = sealed(salt, payload, content)
        event = self._log(change, memory, cube.version, place, cube.path, digest)
        self.db.execute(
            "INSERT INTO version VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?)",
            (memory, cube.version, event.seq, self.at, SCHEMA, salt, digest, payload, content),
        )
        created = event.at if cube.version == 1 else cube.created_at
        return replace(event, cube=cube.model_copy(update={"created_at": created, "updated_at": event.at}))

    def _sight(self, change: Change, cube: MemCube, place: int) -> Event:
        memory, key, version, first = self.db.execute(
            """SELECT m.memory, m.id, m.version, v.content FROM memory m
            JOIN version v ON v.memory = m.memory AND v.version = 1 WHERE m.branch = ? AND m.place = ? AND m.once = ?""",
            (change.branch, place, change.once),
        ).fetchone()
        seen = change if key == change.subject else replace(change, subject=key)
        seen = replace(seen, action="sight")
        origin = cube.origin
        if origin.source and _same_place(origin, first):
            return self._nothing_new(seen, version, cube.path)
        added = self.db.execute(
            """INSERT INTO sighting VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (memory, source, position) WHERE source <> '' DO NOTHING""",
            (self.seq + 1, memory, origin.source, origin.position, origin.model_dump_json(exclude_none=True)),
        )
        if added.rowcount == 0:
            return self._nothing_new(seen, version, cube.path)
        self.db.execute("UPDATE memory SET sightings = sightings + 1 WHERE memory = ?", (memory,))
        return replace(self._log(seen, memory, version, place, cube.path, None), origin=origin)

    def _forget(self, change: Change) -> Event:
        memory, version, place, path = self._current(change)
        if change.expect is not None and change.expect != version:
            raise Conflict(f"memory {change.subject} is at version {version}, not {change.expect}; read it again first")
        event = self._log(change, memory, version, place, path, None)
        self.db.execute("UPDATE version SET payload = NULL, content = NULL, salt = NULL, until = coalesce(until, ?) WHERE memory = ?", (event.seq, memory))
        self.db.execute("DELETE FROM sighting WHERE memory = ?", (memory,))
        self.db.execute("UPDATE memory SET key = NULL, once = NULL, forgotten = ? WHERE memory = ?", (event.seq, memory))
        self.live[place] = self.live.get(place, 0) - 1
        return event

    def _current(self, change: Change) -> tuple[int, int, int, str]:
        row = self.db.execute(
            """SELECT m.memory, m.version, m.place, p.path FROM memory m JOIN place p ON p.place = m.place
            WHERE m.branch = ? AND m.id = ? AND m.forgotten IS NULL""",
            (change.branch, change.subject),
        ).fetchone()
        if row is None:
            raise NotFound(f"there is no memory {change.subject!r}; recall or browse to find its id")
        return row

    def _log(self, change: Change, memory: int, version: int, place: int, path: str, digest: bytes | None) -> Event:
        self.seq += 1
        line = (self.seq, self.at, change.action, change.subject, version, path, change.branch, self.caller.user, change.reason, digest)
        self.chain = chained(self.chain, line)
        self.db.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.seq, self.at, change.action, memory, version, place, change.branch, self.caller.user, change.reason, digest, self.chain),
        )
        return self._event_of(change, self.seq, version, path)

    def _nothing_new(self, change: Change, version: int, path: str) -> Event:
        return self._event_of(change, 0, version, path)

    def _event_of(self, change: Change, seq: int, version: int, path: str) -> Event:
        return Event(
            seq=seq,
            at=moment(self.at),
            action=change.action,
            subject=change.subject,
            version=version,
            path=path,
            caller=self.caller.user,
            reason=change.reason,
            branch=change.branch,
        )

    def _place(self, path: str) -> int:
        known = self.places.get(path)
        if known is None:
            self.db.execute("INSERT OR IGNORE INTO place (path, root) VALUES (?, ?)", (path, root_of(path)))
            known = int(self.db.execute("SELECT place FROM place WHERE path = ?", (path,)).fetchone()[0])
            self.places[path] = known
        return known

    def _policy(self, governance: Governance) -> int:
        known = self.policies.get(governance)
        if known is None:
            rules = governance.model_dump_json(exclude_defaults=True)
            self.db.execute("INSERT OR IGNORE INTO policy (rules) VALUES (?)", (rules,))
            known = int(self.db.execute("SELECT policy FROM policy WHERE rules = ?", (rules,)).fetchone()[0])
            self.policies[governance] = known
        return known


def _same_place(origin: Origin, content: str | None) -> bool:
    if content is None:
        return False
    first = json.loads(content).get("origin", {})
    return first.get("source") == origin.source and first.get("position") == origin.position
