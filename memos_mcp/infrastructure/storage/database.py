"""One SQLite file, opened carefully: checked before it is touched, migrated once, shared by any number of processes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from memos_mcp.errors import Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.storage.copies import copy, removed
from memos_mcp.infrastructure.storage.faults import code_of, damaged, translated
from memos_mcp.infrastructure.storage.files import (
    beside,
    has_log,
    locked,
    look_at,
    make_folder,
    put_in_place,
    unfinished,
)
from memos_mcp.infrastructure.storage.health import problem_at_opening
from memos_mcp.infrastructure.storage.migrations import migrate, migrations, version_of

PAGE = 8192  # rows with texts of a few hundred bytes; half the overflow pages of 4096
_READERS = 4
_NOWHERE = (0, 0)  # which file it is that vanished right after it was opened: the next call notices
_OLDEST_SQLITE = (3, 37)  # STRICT tables
_SHORT = 0.002  # seconds: to reach another thread takes a quarter of it, and all of it where others compute
T = TypeVar("T")


class Newer(Misconfigured):
    """A newer version of memos wrote the file."""


class Database:
    """Connections to one file: one writer, a few readers. Opens lazily; safe to use from any thread.

    The file is first looked at through a connection that cannot write. One that another process replaced is opened
    again. `busy` is how long (seconds) to wait for others. Raises Corrupt, Misconfigured, Unavailable.
    """

    def __init__(
        self, file: Path, *, read_only: bool = False, busy: float = 15.0, scripts: Sequence[str] | None = None
    ) -> None:
        self.file = file.resolve()  # SQLite keeps the files beside it where a link leads
        self.read_only = read_only
        self.busy = busy
        self.scripts = migrations() if scripts is None else scripts
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._slots = threading.BoundedSemaphore(_READERS)
        self._opened: tuple[int, int] | None = None
        self._took: dict[str, float] = {}

    @property
    def version(self) -> int:
        """The schema version this program writes."""
        return len(self.scripts)

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """A connection inside one read transaction: everything read belongs to one moment."""
        with self._slots, self._reading() as db:
            yield db

    async def asked(self, ask: Callable[[sqlite3.Connection], T], limiter: CapacityLimiter, kind: str = "") -> T:
        """What is read in one transaction, in another thread; or here, if the last one of its `kind` was short.

        Measured: twelve short reads in other threads took half the time of a recall.
        """

        def timed(db: sqlite3.Connection) -> T:
            start = perf_counter()
            answer = ask(db)
            self._took[kind] = perf_counter() - start
            return answer

        def there() -> T:
            with self.read() as db:
                return timed(db)

        if kind and self._took.get(kind, 1.0) < _SHORT and self._idle and self._slots.acquire(blocking=False):
            try:
                with self._reading() as db:
                    return timed(db)
            finally:
                self._slots.release()
        return await to_thread.run_sync(there, limiter=limiter)

    @contextmanager
    def write(self, *, durable: bool = True) -> Generator[sqlite3.Connection]:
        """The writing connection inside one transaction: committed at the end, rolled back on any error.

        One that is not `durable` outlives this process, and is on the disk with the next one that is.
        """
        if self.read_only:
            raise Unavailable(f"{self.file} is open for reading only; nothing was written")
        while True:
            opened = self._ready()
            with self._writing, translated(self.file):
                db = self._writer = self._writer or self.connect()
                db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                db.execute("BEGIN IMMEDIATE")
                try:
                    if self._identity() == opened:  # now that nobody else writes: not replaced since it was opened
                        self._check_version(db)
                        yield db
                        db.execute("COMMIT")
                        return
                finally:
                    with contextlib.suppress(sqlite3.Error):
                        db.rollback()

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the file and empty it; False if readers stayed in the way."""
        with self._writing, translated(self.file):
            db = self._writer = self._writer or self.connect()
            db.execute("PRAGMA busy_timeout=250")
            try:
                return db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            finally:
                db.execute(f"PRAGMA busy_timeout={int(self.busy * 1000):d}")

    def vacuum(self) -> None:
        """Write the file anew without the room that is not in use: in one transaction, while others cannot write."""
        self._ready()
        with self._writing, translated(self.file):
            db = self._writer = self._writer or self.connect()
            db.execute("VACUUM")
        self.checkpoint()

    def close(self) -> None:
        """Close all connections; the next use opens them again."""
        with self._opening:
            self._close()

    def look(self) -> int | None:
        """The schema version of the file after all that is checked at opening; None if there is no file.

        Raises Corrupt, Misconfigured (Newer, or not ours), Unavailable.
        """
        ours = look_at(self.file)
        if ours is None:
            return None
        with translated(self.file), closing(self.connect(read_only=True)) as db:
            if not ours:
                self._refuse_foreign(db)
            version = version_of(db)
            if version > self.version:
                raise self._newer(version)
            problem = problem_at_opening(db) if version else "its version is gone"
        if problem:
            raise damaged(self.file, problem)
        return version

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """A connection of one's own, to be closed by the caller."""
        reading = read_only or self.read_only
        try:
            return self._connected("mode=ro" if reading else "mode=rw")
        except sqlite3.OperationalError as exc:
            # A place where nothing can be written has no room for the files beside a write-ahead log either. Without
            # such a log the file does not change.
            shut = code_of(exc).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
            if not reading or not shut or has_log(self.file):
                raise
            return self._connected("mode=ro&immutable=1")

    def _connected(self, how: str) -> sqlite3.Connection:
        uri = f"{self.file.as_uri()}?{how}"
        db = sqlite3.connect(uri, uri=True, timeout=self.busy, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA cell_size_check=ON")
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA temp_store=MEMORY")
            db.execute("PRAGMA cache_size=-16384")
            db.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except BaseException:
            db.close()
            raise
        return db

    def _ready(self) -> tuple[int, int]:
        """Open the file if it is not, or if another stands in its place; which one it is."""
        opened = self._opened
        if opened is not None and self._identity() == opened:
            return opened
        with self._opening:
            if self._opened is not None and self._identity() != self._opened:
                with locked(self.file.parent, self.busy, shared=True):  # no restore is halfway
                    if self._identity() is None:
                        raise Unavailable(f"{self.file} was moved or deleted while in use; put it back, or start anew")
                self._close()
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> tuple[int, int]:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise Misconfigured(f"this Python has SQLite {sqlite3.sqlite_version}; 3.37 or newer is needed")
        if not self.read_only:
            make_folder(self.file.parent)
        elif not self.file.parent.is_dir():
            raise NotFound(f"there is no vault at {self.file}")
        with locked(self.file.parent, self.busy, shared=True):
            if self.look() == self.version:
                return self._identity() or _NOWHERE
        if self.read_only:
            self._refuse_reading()
        with locked(self.file.parent, self.busy), translated(self.file):
            known = self.look()
            if known is None:
                self._make()
            elif known < self.version:
                self._migrate(known)
            return self._identity() or _NOWHERE

    def _close(self) -> None:
        with self._writing:
            self._opened = None
            if self._writer is not None:
                self._idle.append(self._writer)
                self._writer = None
            while self._idle:
                with contextlib.suppress(sqlite3.Error):
                    self._idle.pop().close()

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        opened = self._ready()
        with translated(self.file):
            db = self._taken()
            try:
                db.execute("BEGIN")
                self._check_version(db)
                yield db
            finally:
                with contextlib.suppress(sqlite3.Error):
                    db.rollback()
                self._give_back(db, opened)

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self.connect()

    def _give_back(self, db: sqlite3.Connection, opened: tuple[int, int]) -> None:
        if self._opened == opened:
            self._idle.append(db)
        else:  # closed, or opened anew, while this one was read
            db.close()

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.file)  # noqa: PTH116 Path.stat is half as fast, and this stands before every call
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _make(self) -> None:
        """The file gets its name when it is whole, so nobody ever sees half a vault, or takes an empty one for new."""
        made = unfinished(self.file)
        try:
            made.touch(mode=0o600)
        except OSError as exc:
            raise Unavailable(f"no vault can be made in {self.file.parent}: {exc.strerror}") from exc
        try:
            with closing(sqlite3.connect(made, isolation_level=None)) as db:
                db.execute(f"PRAGMA page_size={PAGE:d}")
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("BEGIN")
                migrate(db, self.scripts)
                db.execute("COMMIT")
            put_in_place(made, self.file)
        finally:
            removed(made)

    def _migrate(self, known: int) -> None:
        kept = beside(self.file, f"before-{self.version}")
        with closing(self.connect()) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                with closing(self.connect(read_only=True)) as reader:  # reads what was there before this transaction
                    copy(reader, self.file, kept)
                migrate(db, self.scripts)
                db.execute("COMMIT")
            except BaseException as exc:
                with contextlib.suppress(sqlite3.Error):
                    db.rollback()
                removed(kept)
                if isinstance(exc, sqlite3.Error) and code_of(exc) == "SQLITE_ERROR":
                    raise Unavailable(
                        f"{self.file} could not be brought from schema {known} to {self.version} ({exc}); "
                        "nothing was changed: go on with the earlier version and report this"
                    ) from exc
                raise

    def _check_version(self, db: sqlite3.Connection) -> None:
        version = version_of(db)
        if version != self.version:
            raise self._newer(version)

    def _newer(self, version: int) -> Newer:
        return Newer(
            f"the vault {self.file} was written by a newer memos (schema {version}, this one knows {self.version}); "
            "upgrade memcube-mcp. Nothing was changed"
        )

    def _refuse_foreign(self, db: sqlite3.Connection) -> None:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema")}
        if {"memory", "version", "event"} <= tables:
            raise damaged(self.file, "its mark is gone")
        raise Misconfigured(f"{self.file} is the database of another program; set MEMOS_HOME to another folder")

    def _refuse_reading(self) -> None:
        known = self.look()
        if known is None:
            raise NotFound(f"there is no vault at {self.file}")
        raise Misconfigured(
            f"the vault {self.file} was written by an older memos (schema {known}); open it once for writing"
        )
