"""Backup, restore and check of a vault that may be in use, or damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from memos_mcp.errors import Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.storage.copies import Counts, copy, counts, removed
from memos_mcp.infrastructure.storage.database import Database, Newer
from memos_mcp.infrastructure.storage.entry import Entry, tip
from memos_mcp.infrastructure.storage.faults import translated
from memos_mcp.infrastructure.storage.files import beside, locked, make_folder, put_in_place, unfinished
from memos_mcp.infrastructure.storage.health import Finding, findings
from memos_mcp.infrastructure.storage.migrations import migrate
from memos_mcp.infrastructure.storage.rows import micros
from memos_mcp.ports import Caller

_NEEDED = ("pages", "references", "versions", "log")
"""What a backup must pass; counters and segments are checked too, but they hold no memories."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A finished backup and what it holds."""

    file: Path
    memories: int
    events: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back from `source`; `kept` is the vault as it was before, if there was one."""

    source: Path
    memories: int
    events: int
    kept: Path | None


def _now() -> datetime:
    return datetime.now(UTC)


class Upkeep:
    """Looks after one vault. Holds no connection between calls, so others may use the vault all the time."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._file = database.file
        self._clock = clock
        self._working = CapacityLimiter(1)

    async def backup(self, to: Path) -> Copied:
        """Copy one moment of the vault into a new file that is whole, verified and on the disk when this returns.

        Cost: 10 ms per MB. Raises NotFound, InvalidInput if there is a file already, Corrupt, Unavailable.
        """
        return await to_thread.run_sync(self._backup, to, limiter=self._working)

    async def restore(self, source: Path, *, caller: Caller) -> Restored:
        """Replace the vault by a backup, at once or not at all; what is there now is kept beside it.

        The backup is checked first. Others may have the vault open. Raises NotFound, InvalidInput if `source` is no
        backup, Corrupt if it is damaged, Misconfigured if it is newer than this program, Unavailable.
        Cost: 30 ms per MB.
        """
        return await to_thread.run_sync(self._restore, source, caller, limiter=self._working)

    async def check(self) -> list[Finding]:
        """Everything that can be checked. Never raises for what it finds. Cost: 10 ms per MB."""
        return await to_thread.run_sync(self._check, limiter=self._working)

    def _backup(self, to: Path) -> Copied:
        to = to.expanduser().absolute()
        if to.exists() or to.is_symlink():
            raise InvalidInput(f"{to} exists already; give the backup a name that is free")
        if not to.parent.is_dir():
            raise InvalidInput(f"there is no folder {to.parent} for the backup")
        if self._database.look() is None:
            raise NotFound(f"there is no vault at {self._file} yet, so nothing to back up")
        with translated(self._file), closing(self._database.connect(read_only=True)) as db:
            found = copy(db, self._file, to)
        self._registered(to)
        return Copied(to, found.memories, found.events, to.stat().st_size)

    def _registered(self, to: Path) -> None:
        """Note that there is a copy, so that who erases something hears of it; the backup is whole without."""
        if self._database.read_only or self._database.look() != self._database.version:
            return
        with contextlib.suppress(Unavailable), self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO copy VALUES (?, ?)", (str(to), micros(self._clock())))
        self._database.close()

    def _restore(self, source: Path, caller: Caller) -> Restored:
        if self._database.read_only:
            raise Unavailable(f"{self._file} is open for reading only; nothing was restored")
        source = source.expanduser().absolute()
        make_folder(self._file.parent)
        with self._staged(source) as staged:
            reason = f"from {source.name}"
            try:
                present = self._database.look()
            except (Corrupt, Newer) as exc:  # these stay as they are, under another name
                return self._replace(staged, source, caller, reason, "newer" if isinstance(exc, Newer) else "damaged")
            if present is None:
                return self._replace(staged, source, caller, reason, None)
            if present < self._database.version:
                with self._database.read():  # brings it to this program's schema
                    pass
                self._database.close()
            try:
                return self._bring_in(staged, source, caller, reason)
            except Corrupt:
                return self._replace(staged, source, caller, reason, "damaged")

    @contextmanager
    def _staged(self, source: Path) -> Generator[Path]:
        """A checked copy of the backup in the data folder, brought to this program's schema."""
        staged = unfinished(self._file)
        backup = Database(source, read_only=True, busy=self._database.busy, scripts=self._database.scripts)
        try:
            known = self._verified(backup, source)
            with translated(source), closing(backup.connect()) as db:
                copy(db, source, staged)
            with translated(source, written=staged), closing(self._at(staged).connect()) as db:
                bad = [finding for finding in findings(db) if finding.name in _NEEDED and not finding.ok]
                if bad:
                    raise Corrupt(f"the backup {source} is damaged: {bad[0].detail}. Nothing was restored")
                if known < self._database.version:
                    db.execute("BEGIN IMMEDIATE")
                    migrate(db, self._database.scripts)
                    db.execute("COMMIT")
            yield staged
        finally:
            removed(staged)

    def _verified(self, backup: Database, source: Path) -> int:
        try:
            known = backup.look()
        except Newer:
            raise
        except Misconfigured as exc:
            raise InvalidInput(f"{source} is not a backup of a vault; nothing was restored") from exc
        except Corrupt as exc:
            raise Corrupt(f"the backup cannot be used: {exc}") from exc
        if known is None:
            raise NotFound(f"there is no backup at {source}")
        if source.exists() and self._file.exists() and source.samefile(self._file):
            raise InvalidInput(f"{source} is the vault itself; name a backup")
        return known

    def _at(self, file: Path) -> Database:
        return Database(file, busy=self._database.busy, scripts=self._database.scripts)

    def _bring_in(self, staged: Path, source: Path, caller: Caller, reason: str) -> Restored:
        """Into the vault as it is, in one transaction: who has it open sees the old content or the new."""
        with translated(self._file), closing(self._database.connect()) as db:
            db.execute("ATTACH ? AS staged", (f"{staged.as_uri()}?mode=ro",))
            db.execute("BEGIN IMMEDIATE")
            try:
                kept = self._kept()
                old = tip(db)[0]
                for (table,) in db.execute(_TABLES).fetchall():
                    db.execute(f'DELETE FROM main."{table}"')  # noqa: S608 the names of our own schema
                    db.execute(f'INSERT INTO main."{table}" SELECT * FROM staged."{table}"')  # noqa: S608 the same
                found = self._concluded(db, caller, old, reason)
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.rollback()
                raise
        return Restored(source, found.memories, found.events, kept)

    def _kept(self) -> Path:
        """The vault as it is, beside it: a reader of its own does not see the open transaction."""
        kept = beside(self._file, "before-restore")
        with closing(self._database.connect(read_only=True)) as reader:
            copy(reader, self._file, kept)
        return kept

    def _replace(self, staged: Path, source: Path, caller: Caller, reason: str, word: str | None) -> Restored:
        """In the place of a file that cannot be written into, which is only renamed, or of none."""
        with locked(self._file.parent, self._database.busy), translated(staged), self._held() as held:
            if word is None and self._file.exists():
                raise Unavailable(f"another process has just made a vault at {self._file}; restore again")
            with closing(self._at(staged).connect()) as db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("BEGIN IMMEDIATE")
                db.execute(_NO_TOKENS)
                found = self._concluded(db, caller, self._last_line(held), reason)
                db.execute("COMMIT")
            kept = None
            if word is not None:
                kept = beside(self._file, word)
                self._set_aside(kept)
            put_in_place(staged, self._file)
        return Restored(source, found.memories, found.events, kept)

    def _concluded(self, db: sqlite3.Connection, caller: Caller, old: int, reason: str) -> Counts:
        Entry.begin(db, caller.user, micros(self._clock())).restored(old, reason)
        return counts(db)

    @contextmanager
    def _held(self) -> Generator[sqlite3.Connection | None]:
        """Keep others from writing to the file that is renamed, as far as it can still be locked."""
        db = None
        try:
            if self._file.exists():
                db = self._database.connect()
                db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            if db is not None:
                db.close()
            db = None
        try:
            yield db
        finally:
            if db is not None:
                db.close()

    def _last_line(self, held: sqlite3.Connection | None) -> int:
        """Where the log of the present file ends, so that its followers notice.

        If it cannot be read: further than any log can be, as no line takes less than a microsecond.
        """
        furthest = micros(self._clock())
        if not self._file.exists():
            return 0
        known = -1
        with contextlib.suppress(sqlite3.Error):
            known = tip(held)[0] if held is not None else -1
        return known if 0 <= known <= furthest else furthest

    def _set_aside(self, kept: Path) -> None:
        try:
            for end in ("-wal", "-shm", ""):
                part = Path(f"{self._file}{end}")
                if part.exists():
                    os.rename(part, f"{kept}{end}")  # noqa: PTH104 Path.rename is the same, the names are not paths
        except OSError as exc:
            raise Unavailable(f"{self._file} cannot be set aside: {exc.strerror}; nothing was restored") from exc

    def _check(self) -> list[Finding]:
        try:
            known = self._database.look()
        except MemosError as exc:
            first = Finding("file", False, str(exc))
        else:
            if known is None:
                return [Finding("file", True, f"there is no vault at {self._file} yet; it is made when it is needed")]
            first = Finding("file", True, f"{self._file}, {self._file.stat().st_size} bytes, schema {known}")
        try:
            with closing(self._database.connect(read_only=True)) as db:
                db.execute("BEGIN")
                return [first, *findings(db)]
        except sqlite3.Error:
            return [first]


_NO_TOKENS = "DELETE FROM ledger WHERE kind NOT IN ('watermark', 'delivery')"
# Tokens may have been revoked since: they are made anew. Without its key no text that was delivered could be traced.
_TABLES = """SELECT name FROM staged.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND name NOT IN ('ledger', 'copy') AND name NOT LIKE 'access%'"""
# Who may come in is decided now: a token revoked since the backup stays revoked, a copy made since is
# known. Nor is it undone who read what.
