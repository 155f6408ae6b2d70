"""SQLite's errors as ours: the one place where they are translated."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, Unavailable
from memos_mcp.infrastructure.storage.rows import ADVICE

# What SQLite says without a code of its own when the bytes under fixed SQL are not what they were.
_DAMAGE = ("Could not decode to UTF-8", "malformed JSON", "no such table", "no such column", "no such index")


def damaged(file: Path, what: str) -> Corrupt:
    """The error for a file whose bytes are not what was written."""
    return Corrupt(f"the vault {file} is damaged: {' '.join(what.split())}. Nothing was changed; {ADVICE}")


@contextmanager
def translated(file: Path, *, written: Path | None = None) -> Generator[None]:
    """Raise our errors for those of SQLite on `file`; `written` is the file that is written if it is another one."""
    try:
        yield
    except sqlite3.Error as exc:
        ours = _ours(exc, file, written or file)
        if ours is None:
            raise
        raise ours from exc
    except UnicodeEncodeError as exc:
        raise InvalidInput("a text holds lone surrogates, which are no characters; nothing was stored") from exc


def code_of(exc: sqlite3.Error) -> str:
    """SQLite's name of the error, empty where the error is Python's."""
    return getattr(exc, "sqlite_errorname", "") or ""


def _ours(exc: sqlite3.Error, file: Path, written: Path) -> MemosError | None:
    code = code_of(exc)
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return damaged(file, str(exc))
    if str(exc).startswith(_DAMAGE):
        return damaged(file, str(exc).split(" with text ")[0])
    for start, ours in _UNAVAILABLE.items():
        if code.startswith(start):
            return Unavailable(ours.format(file=file, written=written, said=exc))
    if code in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"):
        return Conflict(f"another change came first ({exc}); read again and repeat")
    if code == "SQLITE_TOOBIG":
        return InvalidInput("a memory is too big to be stored; nothing was stored")
    return None


_UNAVAILABLE = {
    "SQLITE_BUSY": "another process kept {file} locked for too long; try again",
    "SQLITE_LOCKED": "another process kept {file} locked for too long; try again",
    "SQLITE_PROTOCOL": "another process kept {file} locked for too long; try again",
    "SQLITE_READONLY": "{written} cannot be written: its place is read-only. Nothing was changed; "
    "MEMOS_VAULT__READ_ONLY=true reads a vault in such a place",
    "SQLITE_PERM": "{written} cannot be written: permission denied. Nothing was changed",
    "SQLITE_FULL": "the disk under {written} is full ({said}); nothing was written. Free some room, then repeat",
    "SQLITE_IOERR": "the disk under {written} is full or failing ({said}); nothing was written",
    "SQLITE_CANTOPEN": "{file} cannot be opened ({said}); check the folder and its permissions; "
    "MEMOS_VAULT__READ_ONLY=true reads a vault in a read-only place",
    "SQLITE_NOMEM": "there is not enough memory to read {file}",
    "SQLITE_AUTH": "{file} cannot be opened ({said})",
}
