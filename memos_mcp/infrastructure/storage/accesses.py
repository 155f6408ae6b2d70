"""AccessLog in the vault's own file: lines are gathered for a moment and written together, each chained to the last."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from memos_mcp.accesses import READS, Access, Lines, Rotated, Used, Verified
from memos_mcp.cube import Usage
from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.lines import (
    access_of,
    access_tip,
    line_chained,
    line_of,
    verified,
)
from memos_mcp.infrastructure.storage.rotation import is_worth_it, removed, wordless
from memos_mcp.infrastructure.storage.rows import micros, moment

logger = logging.getLogger(__name__)
T = TypeVar("T")
_WITHIN = 0.02  # seconds that a line waits for others; with the writing itself a line is in the file within 50 ms
_IDLE = 1.0  # seconds without a line after which the thread that writes them ends
_AGAIN = 1.0  # seconds until it is tried again when the vault cannot be written
_CROWD = 2_000  # lines that wait before callers wait with them
_MOST = 20_000  # lines that are kept for a vault that cannot be written
_SALT = 16
_END = (1 << 63) - 1
_LOOK_EVERY = 1000  # lines
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


class SqliteAccessLog:
    """AccessLog over the file of a vault. Cost: 20 µs a line and 5 µs a memory it served, on a thread of its own.

    A line is in the file at most 50 ms after the answer, or, if another holds the vault, as soon as that lets go; so a
    killed process loses no more. `strict`: it is on the disk before the answer, at the cost of a disk sync. `texts`:
    questions and reasons are kept beside the log, as this makes of them. Lines that are older than `keep` and not
    among the `last` go by themselves, a hundred or more at a time. Raises Unavailable, Corrupt.
    """

    def __init__(
        self,
        database: Database,
        *,
        strict: bool = False,
        texts: Callable[[str], str] | None = None,
        keep: timedelta | None = None,
        last: int | None = None,
    ) -> None:
        self._database = database
        self._strict = strict
        self._texts = texts
        self._keep = keep
        self._last = last
        self._unlooked = 0
        self._waiting: list[Access] = []
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._writer: threading.Thread | None = None
        self._due, self._ended = threading.Event(), threading.Event()
        self._scheduled = False
        self._pause = _WITHIN
        self._closed = False
        self._working = CapacityLimiter(1)
        self._reading = CapacityLimiter(2)

    async def write(self, access: Access) -> None:
        """Add a line."""
        with self._lock:
            self._waiting.append(access)
            crowded = len(self._waiting) > _CROWD
            if not self._strict and not self._scheduled:
                self._later(_WITHIN)
        if self._strict:
            await self._flushed()
        elif crowded or self._closed:
            await to_thread.run_sync(self._try, limiter=self._working)

    async def lines(
        self, which: Lines, *, after: str = "", limit: int = 100, oldest_first: bool = False
    ) -> list[Access]:
        """Lines as asked for. Cost: 1 µs for each line of others that is passed over, 15 µs for each that is not."""
        await self._flushed()
        given = {
            "user": which.user,
            "paths": json.dumps(which.paths),
            "since": micros(which.since) if which.since else 0,
            "until": micros(which.until) if which.until else _END,
            "caller": which.caller,
            "verb": which.verb,
            "memory": which.memory,
            "access": which.access,
            "request": which.request,
            "beneath": json.dumps([which.beneath] if which.beneath else []),
            "nobodys": which.nobodys,
            "after": after,
            "limit": limit,
        }
        sql = _OLDEST if oldest_first else _NEWEST
        return await self._read(lambda db: [access_of(row) for row in db.execute(sql, given)])

    async def used(self, *, ids: Sequence[str] = (), paths: Sequence[str] = ()) -> Mapping[str, Used]:
        """How often memories were served. Cost: 3 µs each."""
        await self._flushed()
        given = {"ids": json.dumps(list(ids)), "paths": json.dumps(list(paths))}
        rows = await self._read(lambda db: db.execute(_USED, given).fetchall())
        return {
            key: Used(key, path, Usage(reads=reads, last_read_at=moment(last_read_at)))
            for key, path, reads, last_read_at in rows
        }

    async def verify(self, known: str = "") -> Verified:
        """Look at every line. Cost: 6 µs a line."""
        await self._flushed()
        return await self._read(lambda db: verified(db, known))

    async def rotate(
        self,
        before: datetime | None = None,
        *,
        last: int | None = None,
        texts_only: bool = False,
        forgotten: bool = False,
    ) -> Rotated:
        """Remove lines, in one transaction. Cost: 10 µs a line."""
        await self._flushed()
        remove = self._unsay if forgotten else self._erase if texts_only else self._rotate
        return await to_thread.run_sync(remove, before and micros(before), last, limiter=self._working)

    async def aclose(self) -> None:
        """Write what waits; what cannot be written is said in the program's log."""
        await to_thread.run_sync(self._end, limiter=self._working)

    async def _flushed(self) -> None:
        await to_thread.run_sync(self._flush, limiter=self._working)

    async def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            with self._database.read() as db:
                return ask(db)

        return await to_thread.run_sync(run, limiter=self._reading)

    def _later(self, seconds: float) -> None:
        """Have what waits written after so long; a thread for each time would take longer to start than to write."""
        if self._closed:
            return
        self._scheduled, self._pause = True, seconds
        self._due.set()
        if self._writer is None:
            self._writer = threading.Thread(target=self._serve, name="memos access log", daemon=True)
            self._writer.start()

    def _serve(self) -> None:
        """Write whenever it is due, until nothing was for a while."""
        while True:
            if not self._due.wait(_IDLE):
                with self._lock:
                    if not self._due.is_set():
                        self._writer = None
                        return
            self._due.clear()
            self._ended.wait(self._pause)
            if self._closed:
                return
            self._try()

    def _end(self) -> None:
        with self._lock:
            self._closed, writer = True, self._writer
        self._due.set()
        self._ended.set()
        self._try()
        if writer is not None:
            writer.join()

    def _try(self) -> None:
        """Write what waits, or try again later: a vault that cannot be written now fails nobody's call."""
        try:
            self._flush()
        except MemosError as exc:
            with self._flushing, self._lock:
                lost = max(len(self._waiting) - _MOST, 0)
                del self._waiting[:lost]
                told = all(each.outcome == "failed" for each in self._waiting)  # and why, to whoever called
                self._later(_AGAIN)
            level = logging.DEBUG if told else logging.WARNING
            logger.log(level, "the access log cannot be written: %s", exc, extra={"lost": lost})

    def _flush(self) -> None:
        with self._flushing:
            with self._lock:
                self._scheduled = False
                lines = list(self._waiting)
            if lines:
                with self._database.write(durable=self._strict) as db:
                    self._append(db, lines)
                with self._lock:
                    del self._waiting[: len(lines)]
                self._retain(lines)

    def _retain(self, lines: Sequence[Access]) -> None:
        """Let go of what is kept no longer; looked for at the first lines, and then every thousand."""
        if self._keep is None and self._last is None:
            return
        self._unlooked -= len(lines)
        if self._unlooked > 0:
            return
        self._unlooked = _LOOK_EVERY
        now = lines[-1].at
        before = None if self._keep is None else micros(max(now - self._keep, _BEGIN))
        try:
            with self._database.read() as db:
                worth = is_worth_it(db, before, self._last)
            if worth:
                with self._database.write(durable=False) as db:
                    removed(db, before, self._last, micros(now))
        except MemosError as exc:
            logger.warning("the access log could not be cut: %s", exc)

    def _append(self, db: sqlite3.Connection, lines: Sequence[Access]) -> None:
        seq, chain = access_tip(db)
        rows: list[tuple[object, ...]] = []
        said: list[tuple[int, bytes, str | None]] = []
        for number, each in enumerate(lines, start=seq + 1):
            digest = None
            if each.said:
                salt = os.urandom(_SALT)
                digest = hashlib.sha256(salt + each.said.encode("utf-8", "replace")).digest()
                said.append((number, salt, self._texts(each.said) if self._texts else None))
            line = line_of(number, each)
            chain = line_chained(chain, line, digest)
            rows.append((*line, digest, chain))
        db.executemany(_ADD, rows)
        db.executemany("INSERT INTO access_said VALUES (?, ?, ?)", said)
        _indexed(db, seq + 1, lines)
        db.execute("INSERT OR REPLACE INTO access_tip VALUES (1, ?, ?)", (seq + len(lines), chain))

    def _erase(self, before: int | None, last: int | None) -> Rotated:
        return self._erased(lambda db: wordless(db, before, last))

    def _unsay(self, _before: int | None, _last: int | None) -> Rotated:
        return self._erased(lambda db: db.execute(_UNSAY).rowcount)

    def _erased(self, erase: Callable[[sqlite3.Connection], int]) -> Rotated:
        with self._flushing, self._database.write() as db:
            erased = erase(db)
            found = Rotated(erased, _count(db), "")
        self._database.checkpoint()
        return found

    def _rotate(self, before: int | None, last: int | None) -> Rotated:
        with self._flushing, self._database.write() as db:
            newest = db.execute("SELECT coalesce(max(at), 0) FROM access").fetchone()[0]
            lines, tip = removed(db, before, last, newest)
            return Rotated(lines, _count(db), tip.hex())


def _count(db: sqlite3.Connection) -> int:
    return db.execute("SELECT count(*) FROM access").fetchone()[0]


def _indexed(db: sqlite3.Connection, first: int, lines: Sequence[Access]) -> None:
    of: list[tuple[str, int]] = []
    at: list[tuple[int, str]] = []
    reads: list[tuple[str, str, int]] = []
    for seq, each in enumerate(lines, start=first):
        of += [(item.id, seq) for item in each.items]
        at += [(seq, path) for path in {each.path, *(item.path for item in each.items)} if path]
        if each.verb in READS and each.outcome == "allowed":
            reads += [(item.id, item.path, micros(each.at)) for item in each.items]
    db.executemany("INSERT OR IGNORE INTO access_of VALUES (?, ?)", of)
    db.executemany("INSERT OR IGNORE INTO access_at VALUES (?, ?)", at)
    db.executemany(_COUNT_READ, reads)


_ADD = """INSERT INTO access
    (seq, id, at, user, roles, context, verb, path, outcome, rule, served, request, stages, said, chain)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_NEWEST = """SELECT a.id, a.at, a.user, a.roles, a.context, a.verb, a.path, a.outcome, a.rule, a.served, a.request,
    a.stages, s.text
    FROM access a LEFT JOIN access_said s ON s.seq = a.seq
    WHERE (:after = '' OR a.seq < (SELECT seq FROM access WHERE id = :after))
    AND a.at >= :since AND a.at < :until
    AND (:caller = '' OR a.user = :caller) AND (:verb = '' OR a.verb = :verb) AND (:access = '' OR a.id = :access)
    AND (:request = '' OR a.request = :request OR (a.request = '' AND a.id = :request))
    AND (:memory = '' OR a.seq IN (SELECT seq FROM access_of WHERE id = :memory))
    AND (:beneath = '[]' OR EXISTS (SELECT 1 FROM access_at p JOIN json_each(:beneath) j
        WHERE p.seq = a.seq AND (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))))
    AND (a.user = :user OR (:nobodys AND a.user = '') OR EXISTS (SELECT 1 FROM access_at p JOIN json_each(:paths) j
        WHERE p.seq = a.seq AND (p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0'))))
    ORDER BY a.seq DESC LIMIT :limit"""
_OLDEST = _NEWEST.replace("a.seq < (", "a.seq > (").replace("a.seq DESC", "a.seq")
_COUNT_READ = """INSERT INTO access_use VALUES (?1, ?2, 1, ?3) ON CONFLICT (id) DO UPDATE
    SET reads = reads + 1, path = excluded.path, last_read_at = max(last_read_at, excluded.last_read_at)"""
_USED = """SELECT id, path, reads, last_read_at FROM access_use WHERE id IN (SELECT value FROM json_each(:ids))
    UNION SELECT p.id, p.path, p.reads, p.last_read_at FROM json_each(:paths) j JOIN access_use p
    ON p.path = j.value OR (p.path > j.value || '/' AND p.path < j.value || '0')"""
_UNSAY = """DELETE FROM access_said WHERE seq IN
    (SELECT o.seq FROM memory m JOIN access_of o ON o.id = m.id WHERE m.forgotten IS NOT NULL)"""
