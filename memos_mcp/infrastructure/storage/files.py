"""The vault as a file among files: its header, the lock of its folder, the names beside it."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.storage.faults import damaged

APPLICATION_ID = 0x4D454D4F  # "MEMO": tells our file from any other SQLite database
_HEADER = b"SQLite format 3\x00"
_WAIT = 0.01  # seconds between two tries for the lock; SQLite's own first waits are as long


def look_at(file: Path) -> bool | None:
    """Look at the header before SQLite does, as SQLite takes a short file for a new database.

    True: a vault. False: a database without our mark. None: there is no file. Raises Corrupt, Unavailable.
    """
    try:
        with file.open("rb") as f:
            head, size = f.read(100), os.fstat(f.fileno()).st_size
    except FileNotFoundError:
        if has_log(file) and not file.exists():  # SQLite would take it for the log of whatever comes here next
            raise damaged(file, f"only {file.name}-wal is left of it; put the file back, or move that away") from None
        return None
    except OSError as exc:
        raise Unavailable(f"the vault {file} cannot be read: {exc.strerror}; check its place and permissions") from exc
    if not head:
        raise damaged(file, "it is empty; delete it only if there was nothing in it")
    if not head.startswith(_HEADER) or len(head) < 100:
        raise damaged(file, "it does not begin like a SQLite database")
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    if size < page * pages and not has_log(file):  # with a write-ahead log, another process may just be moving it here
        raise damaged(file, f"it ends after {size} of {page * pages} bytes")
    return int.from_bytes(head[68:72], "big") == APPLICATION_ID


def has_log(file: Path) -> bool:
    """Is there something in the write-ahead log beside the file?"""
    try:
        return Path(f"{file}-wal").stat().st_size > 0
    except OSError:
        return False


def make_folder(folder: Path) -> None:
    """The data folder, readable by its owner only. Raises Unavailable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise Unavailable(
            f"the data folder {folder} cannot be made ({exc.strerror}); set MEMOS_HOME to a folder you own"
        ) from exc


@contextmanager
def locked(folder: Path, patience: float, *, shared: bool = False) -> Generator[None]:
    """Hold the lock of the folder: who opens the vault shares it, who makes or replaces the file has it alone.

    SQLite's own locks cannot do that: they end with the file. Raises Unavailable after `patience` seconds.
    """
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as exc:
        raise Unavailable(f"the data folder {folder} cannot be read: {exc.strerror}") from exc
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(place, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except OSError as exc:
                if exc.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                    raise Unavailable(f"the data folder {folder} cannot be locked: {exc.strerror}") from exc
                if time.monotonic() > deadline:
                    raise Unavailable(f"another process is setting up the vault in {folder}; try again") from exc
                time.sleep(_WAIT)
        yield
    finally:
        os.close(place)


def beside(file: Path, word: str) -> Path:
    """An unused name next to the file: `memos.db.kept-20261121T120000Z`."""
    name = f"{file.name}.{word}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    free = file.with_name(name)
    count = 1
    while free.exists():
        count += 1
        free = file.with_name(f"{name}-{count}")
    return free


def unfinished(file: Path) -> Path:
    """A name for what is to become the file, not used by anybody else who makes it."""
    return file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")


def put_in_place(made: Path, file: Path) -> None:
    """Give a finished file its name, durably. Raises Unavailable."""
    try:
        with made.open("rb") as f:
            os.fsync(f.fileno())
        made.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as exc:
        raise Unavailable(f"{file} cannot be written: {exc.strerror}") from exc
