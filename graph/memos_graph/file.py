"""The SQLite file of the embedded graph: one writer, several readers, any number of processes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from memos_graph.errors import GraphCorrupt, GraphError, GraphUnavailable

_OURS = 0x6D656D67  # "memg"
_VERSION = 2
_BUSY = 15_000  # ms to wait for other processes
_MAPPED = 1 << 30  # bytes of the file that are read without copying
_GONE = ("no such table", "malformed", "not a database", "no such column")
_SCHEMA = """
CREATE TABLE space (
    space INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    seq   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE node (
    node   INTEGER PRIMARY KEY,
    space  INTEGER NOT NULL REFERENCES space,
    id     TEXT NOT NULL,
    kind   TEXT NOT NULL,
    label  TEXT NOT NULL,
    access TEXT NOT NULL,
    props  TEXT NOT NULL,
    UNIQUE (space, id)
) STRICT;
CREATE TABLE edge (
    source INTEGER NOT NULL REFERENCES node,
    kind   TEXT NOT NULL,
    target INTEGER NOT NULL REFERENCES node,
    access TEXT NOT NULL,
    of_source TEXT NOT NULL, -- its access class, as that of the target: a walk need not look at every node
    of_target TEXT NOT NULL,
    weight REAL NOT NULL,
    props  TEXT NOT NULL,
    PRIMARY KEY (source, kind, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_in ON edge (target, kind, source, access, of_source, weight, props);
CREATE TABLE word (
    word TEXT NOT NULL,
    node INTEGER NOT NULL REFERENCES node,
    PRIMARY KEY (word, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX word_of ON word (node);
"""


class File:
    """Connections to the file, made when they are needed. Safe to use from any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """A connection in one read transaction. Raises GraphUnavailable, GraphCorrupt."""
        with self._translated():
            db = self._taken()
            try:
                db.execute("BEGIN")
                yield db
            finally:
                db.rollback()
                self._give_back(db)

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """The writer in one transaction: committed at the end, rolled back on any error. Raises as `read`."""
        with self._writing, self._translated():
            if self._writer is None:
                self._writer = self._open()
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                db.rollback()

    def renew(self) -> None:
        """Make the file empty, however damaged. Raises GraphUnavailable, GraphCorrupt if it is no graph of ours."""
        with self._writing, self._translated(), closing(self._connected()) as db:
            if db.execute("PRAGMA application_id").fetchone()[0] == _OURS:
                with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
                    _make(empty)
                    empty.backup(db)
            self._check(db)

    def scrub(self) -> None:
        """Empty the write-ahead log: nothing of what was removed is left in it. Readers may stand in the way."""
        with self._writing, self._translated():
            if self._writer is not None:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Close every connection; later calls raise GraphUnavailable."""
        with self._writing, self._lock:
            self._closed = True
            for db in (*self._idle, *([self._writer] if self._writer else ())):
                db.close()
            self._idle.clear()
            self._writer = None

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if self._closed:
                db.close()
            else:
                self._idle.append(db)

    def _open(self) -> sqlite3.Connection:
        db = self._connected()
        try:
            self._check(db)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")  # a projection: what a power cut takes is written again
        except BaseException:
            db.close()
            raise
        return db

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise GraphUnavailable(f"the graph {self._file} was closed: open another")
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, cached_statements=256)
        db.execute(f"PRAGMA busy_timeout={_BUSY:d}")
        db.execute("PRAGMA secure_delete=ON")
        db.execute(f"PRAGMA mmap_size={_MAPPED:d}")
        db.execute("PRAGMA foreign_keys=OFF")  # checked by hand, before anything is written
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        """Make the tables of a new file; of another file nothing is touched."""
        if db.execute("PRAGMA application_id").fetchone()[0] == _OURS:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                raise GraphCorrupt(
                    f"{self._file} is a graph of version {version}, not {_VERSION}: clear it and fill it again"
                )
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("PRAGMA application_id").fetchone()[0] != _OURS:  # nobody was faster
                if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    raise GraphCorrupt(f"{self._file} is no graph of ours: name another file")
                _make(db)
            db.execute("COMMIT")
        finally:
            db.rollback()

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except GraphError:
            raise
        except sqlite3.DatabaseError as exc:
            damaged = type(exc) is sqlite3.DatabaseError or any(each in str(exc) for each in _GONE)
            kind = GraphCorrupt if damaged else GraphUnavailable
            raise kind(f"the graph {self._file}: {exc}") from exc
        except OSError as exc:
            raise GraphUnavailable(f"the graph {self._file} cannot be opened: {exc}") from exc


def _make(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";\n"):
        db.execute(statement)
    db.execute(f"PRAGMA application_id={_OURS:d}")
    db.execute(f"PRAGMA user_version={_VERSION:d}")
