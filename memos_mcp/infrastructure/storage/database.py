"""One SQLite file, opened carefully: checked before it is touched, migrated once, shared by any number of processes.

Every driver error is translated here and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from memos_mcp.errors import Conflict, Corrupt, MemosError, Misconfigured, NotFound, Unavailable

APPLICATION_ID = 0x4D454D4F  # "MEMO": tells our file from any other SQLite database
PAGE = 8192  # rows with texts of a few hundred bytes; half the overflow pages of 4096
_HEADER = b"SQLite format 3\x00"
_READERS = 4
_CHECKED_AT_OPEN = 32 * 1024 * 1024  # quick_check reads the whole file: about 3 ms per MB; beyond, `memos doctor` does


def migrations() -> list[str]:
    """The schema scripts in order; script n brings a file from version n-1 to n."""
    folder = files("memos_mcp.infrastructure.storage") / "schema"
    return [entry.read_text("utf-8") for entry in sorted(folder.iterdir(), key=lambda e: e.name) if entry.name.endswith(".sql")]


class Database:
    """Connections to one file: one writer, a few readers. Opens lazily; safe to use from any thread.

    `busy` is how long (seconds) to wait for another process's write. Raises Corrupt, Misconfigured, Unavailable.
    """

    def __init__(
        self, file: Path, *, read_only: bool = False, busy: float = 15.0, scripts: Sequence[str] | None = None
    ) -> None:
        self.file = file
        self.read_only = read_only
        self._busy = busy
        self._scripts = migrations() if scripts is None else scripts
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._slots = threading.BoundedSemaphore(_READERS)

    @property
    def version(self) -> int:
        """The schema version this program writes."""
        return len(self._scripts)

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """A connection inside one read transaction: everything read belongs to one moment."""
        self._open()
        with self._slots, self._translated():
            try:
                db = self._idle.pop()
            except IndexError:
                db = self._connect()
            try:
                db.execute("BEGIN")
                yield db
            finally:
                with contextlib.suppress(sqlite3.Error):
                    db.rollback()
                self._idle.append(db)

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """The writing connection inside one transaction: committed at the end, rolled back on any error."""
        self._open()
        if self.read_only:
            raise Unavailable(f"{self.file} is open for reading only; nothing was written")
        with self._writing, self._translated():
            db = self._writer or self._connect()
            self._writer = db
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.rollback()
                raise

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file as far as readers allow."""
        with self._writing, self._translated():
            if self._writer is not None:
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def limit_pages(self, pages: int) -> None:
        """Let the file grow to `pages` pages of 8 KiB at most; a write beyond raises Unavailable."""
        with self.write() as db:
            db.execute(f"PRAGMA max_page_count={pages:d}")

    def close(self) -> None:
        """Close all connections; the next use opens them again."""
        with self._opening, self._writing:
            for db in (*self._idle, self._writer):
                if db is not None:
                    with contextlib.suppress(sqlite3.Error):
                        db.close()
            self._idle, self._writer = [], None

    def damage(self) -> list[str]:
        """What SQLite's full integrity check finds; empty when the file is whole. Reads the whole file."""
        with self.read() as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    def _open(self) -> None:
        if self._writer is not None or self._idle:
            return
        with self._opening:
            if self._writer is not None or self._idle:
                return
            with self._translated():
                self._prepare()

    def _prepare(self) -> None:
        if not self.read_only:
            self._make_folder()
        self._check_bytes()
        deadline = time.monotonic() + self._busy
        while True:
            db = self._connect()
            try:
                self._check_whole(db)
                if not self.read_only:
                    self._migrate(db)
                self._idle.append(db)
                return
            except sqlite3.OperationalError as exc:
                # Switching a new file to WAL can meet another process doing the same; SQLite does not wait there.
                db.close()
                if _name(exc) not in ("SQLITE_BUSY", "SQLITE_LOCKED") or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            except BaseException:
                db.close()
                raise

    def _make_folder(self) -> None:
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise Unavailable(
                f"the data folder {self.file.parent} cannot be made ({exc.strerror}); set MEMOS_HOME to a folder you own"
            ) from exc

    def _check_bytes(self) -> None:
        """Look at the header before SQLite does: it would treat a short or empty file as a new database."""
        try:
            with self.file.open("rb") as f:
                head, size = f.read(100), os.fstat(f.fileno()).st_size
        except FileNotFoundError:
            if self.read_only:
                raise NotFound(f"there is no vault at {self.file}") from None
            return
        except OSError as exc:
            raise Unavailable(f"the vault {self.file} cannot be read: {exc.strerror}") from exc
        if not head:
            return
        if not head.startswith(_HEADER) or len(head) < 100:
            raise Corrupt(self._damaged("it does not begin like a SQLite database"))
        page = int.from_bytes(head[16:18], "big") or 65536
        pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
        wal = Path(f"{self.file}-wal")
        if size < page * pages and not (wal.exists() and wal.stat().st_size):
            raise Corrupt(self._damaged(f"it ends after {size} of {page * pages} bytes"))
        made_by = int.from_bytes(head[68:72], "big")
        if made_by not in (0, APPLICATION_ID):
            raise Misconfigured(f"{self.file} is the database of another program; set MEMOS_HOME to another folder")

    def _damaged(self, what: str) -> str:
        return f"the vault {self.file} is damaged: {what}. Nothing was changed; `memos restore BACKUP` brings a backup back"

    def _check_whole(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > self.version:
            raise Misconfigured(
                f"the vault {self.file} was written by a newer memos (schema {version}, this one knows {self.version}); "
                "upgrade memcube-mcp. Nothing was changed"
            )
        if version and self.file.stat().st_size <= _CHECKED_AT_OPEN:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise Corrupt(self._damaged(str(found)))

    def _migrate(self, db: sqlite3.Connection) -> None:
        if int(db.execute("PRAGMA user_version").fetchone()[0]) == self.version:
            return
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("BEGIN IMMEDIATE")
        try:
            known = int(db.execute("PRAGMA user_version").fetchone()[0])
            if 0 < known < self.version:
                self._keep_a_copy(known)
            for number, script in enumerate(self._scripts[known:], start=known + 1):
                for statement in _statements(script):
                    db.execute(statement)
                db.execute("INSERT INTO migration VALUES (?, ?)", (number, time.time_ns() // 1000))
            db.execute(f"PRAGMA application_id={APPLICATION_ID:d}")
            db.execute(f"PRAGMA user_version={self.version:d}")
            db.execute("COMMIT")
        except BaseException:
            db.rollback()
            raise

    def _keep_a_copy(self, known: int) -> None:
        """Before a migration: the file as it was. Reads beside the open write transaction, which WAL allows."""
        copy = self.file.with_name(f"{self.file.name}.before-{self.version}-from-{known}")
        source = self._connect()
        target = sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rwc"
        uri = f"{self.file.absolute().as_uri()}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, timeout=self._busy, isolation_level=None, check_same_thread=False)
        try:
            if not self.read_only:
                db.execute(f"PRAGMA page_size={PAGE:d}")
                db.execute("PRAGMA synchronous=FULL")
                db.execute("PRAGMA secure_delete=ON")
            db.execute("PRAGMA cell_size_check=ON")
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA temp_store=MEMORY")
            db.execute("PRAGMA cache_size=-16384")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            ours = self._ours(exc)
            if ours is None:
                raise
            raise ours from exc

    def _ours(self, exc: sqlite3.Error) -> MemosError | None:
        name = _name(exc)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Unavailable(f"another process has been writing to {self.file} for {self._busy:g} s; try again")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return Corrupt(self._damaged(str(exc)))
        if name.startswith("SQLITE_READONLY"):
            return Unavailable(f"the vault {self.file} cannot be written: its place is read-only. Nothing was changed")
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return Unavailable(f"the disk under {self.file} is full or failing ({exc}); nothing was written")
        if name.startswith("SQLITE_CANTOPEN"):
            return Unavailable(f"the vault {self.file} cannot be opened; check the folder and its permissions")
        if name.startswith("SQLITE_CONSTRAINT"):
            return Conflict(f"another change came first ({exc}); read again and repeat")
        return None


def _name(exc: sqlite3.Error) -> str:
    return getattr(exc, "sqlite_errorname", "") or ""


def _statements(script: str) -> list[str]:
    found: list[str] = []
    part = ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found
