"""Verified copies of an open vault, for backups and before anything that could lose something."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.storage.faults import damaged, translated
from memos_mcp.infrastructure.storage.files import put_in_place, unfinished


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a vault holds: memories that are not forgotten, and lines of the log."""

    memories: int
    events: int


def counts(db: sqlite3.Connection) -> Counts:
    """Count what the open vault holds."""
    memories = db.execute("SELECT count(*) FROM memory WHERE forgotten IS NULL").fetchone()[0]
    return Counts(memories, db.execute("SELECT count(*) FROM event").fetchone()[0])


def copy(source: sqlite3.Connection, file: Path, target: Path) -> Counts:
    """Copy one moment of the open vault `file` into `target`, which is whole and verified or not there.

    Others may go on reading and writing. The copy needs no write-ahead log, so it opens in a read-only place too.
    Raises Corrupt, Unavailable.
    """
    made = unfinished(target)
    try:
        with translated(file, written=target):
            found = _copied(source, made, file)
        put_in_place(made, target)
        return found
    finally:
        removed(made)


def removed(file: Path) -> None:
    """Remove a file that was to be temporary, with what SQLite leaves beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            Path(f"{file}{suffix}").unlink()


def _copied(source: sqlite3.Connection, made: Path, file: Path) -> Counts:
    try:
        removed(made)
        made.touch(mode=0o600, exist_ok=False)
    except OSError as exc:
        raise Unavailable(f"no copy can be written to {made.parent}: {exc.strerror}") from exc
    with closing(sqlite3.connect(made, isolation_level=None)) as target:
        source.execute("BEGIN")  # the counts and the pages are of one moment
        try:
            expected = counts(source)
            target.execute("PRAGMA synchronous=OFF")  # it is synced once, before it gets its name
            source.backup(target)
        finally:
            source.rollback()
        target.execute("PRAGMA journal_mode=DELETE")
        problem = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise damaged(file, str(problem))
        if counts(target) != expected:
            raise damaged(file, "a copy of it does not hold the same memories")
    return expected
