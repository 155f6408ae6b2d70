"""Places that are read-only, full or busy."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos_mcp.errors import Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.files import locked
from memos_mcp.infrastructure.storage.migrations import migrations

Open = Callable[..., Database]


def add(database: Database, path: str = "user/ada") -> None:
    with database.write() as db:
        db.execute("INSERT INTO place (path, root) VALUES (?, 'user/ada')", (path,))


def paths(database: Database) -> list[str]:
    with database.read() as db:
        return [row[0] for row in db.execute("SELECT path FROM place ORDER BY place")]


@contextmanager
def unchanged(file: Path) -> Generator[None]:
    before = file.read_bytes()
    yield
    assert file.read_bytes() == before


# Read-only places


def test_a_vault_open_for_reading_is_read_and_never_made_or_written(opened: Open, file: Path) -> None:
    with pytest.raises(NotFound, match="no vault at"):
        paths(opened(read_only=True))
    with pytest.raises(NotFound, match="no vault at"):
        paths(Database(file.parent / "none" / "memos.db", read_only=True))
    add(opened())
    reader = opened(read_only=True)
    assert paths(reader) == ["user/ada"]
    with pytest.raises(Unavailable, match="open for reading only"):
        add(reader)
    with reader.read() as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM place")


def test_a_vault_of_an_older_version_is_not_migrated_by_a_reader(opened: Open) -> None:
    add(opened())
    reader = opened(read_only=True, scripts=[*migrations(), "CREATE TABLE later (x INTEGER);"])
    with pytest.raises(Misconfigured, match="older memos"):
        paths(reader)


AS_NOBODY = """
import os, sys
from pathlib import Path
from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.storage.database import Database
databases = [Database(Path(sys.argv[1]), read_only=read_only) for read_only in (True, False)]
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for database in databases:
    try:
        with database.read() as db:
            print([row[0] for row in db.execute("SELECT path FROM place")])
        with database.write() as db:
            print("written")
    except MemosError as error:
        print(error.code, str(error))
    database.close()
"""


def as_nobody(file: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, file], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_read_only_place_can_be_read_and_says_why_it_is_not_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "memos.db"
        database = Database(file)
        add(database)
        database.close()
        file.chmod(0o444)
        file.parent.chmod(0o555)
        with unchanged(file):
            said = as_nobody(file)
        file.parent.chmod(0o000)
        shut = as_nobody(file)
        file.parent.chmod(0o700)
    assert said[0] == "['user/ada']"
    assert [line.split()[0] for line in said[1:]] == ["unavailable"] * 2
    assert "for reading only" in said[1]
    assert "MEMOS_VAULT__READ_ONLY" in said[2]
    assert [line.split()[0] for line in shut] == ["unavailable"] * 2
    assert all("ermission denied" in line for line in shut)


# Full disks and busy neighbours


def fill(database: Database, size: int = 200_000) -> None:
    with database.write() as db:
        db.execute("INSERT INTO policy (rules) VALUES (?)", ("x" * size,))


def test_a_full_disk_is_unavailable_and_what_was_there_stays(opened: Open) -> None:
    database = opened()
    add(database)
    with database.write() as db:
        most = db.execute("PRAGMA max_page_count = 40").fetchone()[0]
    with pytest.raises(Unavailable, match="is full"):
        fill(database, 1_000_000)
    assert paths(database) == ["user/ada"]
    with database.write() as db:
        db.execute(f"PRAGMA max_page_count = {most + 1000}")
    fill(database, 1_000_000)


def test_a_file_that_may_not_grow_is_unavailable_and_nothing_is_lost(opened: Open, file: Path) -> None:
    database = opened()
    add(database)
    database.close()
    code = """
import sys
from pathlib import Path
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.storage.database import Database
database = Database(Path(sys.argv[1]))
for number in range(1000):
    try:
        with database.write() as db:
            db.execute("INSERT INTO place (path, root) VALUES (?, ?)", (f"{number}", "x" * 10_000))
    except Unavailable as error:
        print(number, error)
        break
"""
    limit = file.stat().st_size + 500_000
    done = subprocess.run(
        [sys.executable, "-c", code, file],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    number, said = done.stdout.split(" ", 1)
    assert "full or failing" in said
    assert paths(database) == ["user/ada", *(str(n) for n in range(int(number)))]


def test_a_new_vault_on_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from memos_mcp.infrastructure.storage.database import Database\n"
    code += "with Database(Path(sys.argv[1])).read(): pass"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "memos.db"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert "memos_mcp.errors.Unavailable" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_who_waits_too_long_for_another_writer_is_told(opened: Open) -> None:
    database, other = opened(), opened(busy=0.05)
    paths(other)
    with database.write(), pytest.raises(Unavailable, match="locked for too long"):
        add(other)
    add(other)


def test_who_waits_too_long_for_another_to_set_the_vault_up_is_told(opened: Open, file: Path) -> None:
    with locked(file.parent, 1), pytest.raises(Unavailable, match="setting up the vault"):
        paths(opened(busy=0.03))
    with locked(file.parent, 1, shared=True), pytest.raises(Unavailable, match="setting up the vault"):
        paths(opened(busy=0.03))
    paths(opened())
    with locked(file.parent, 1, shared=True):
        paths(opened(busy=0.03))


def test_a_reader_keeps_the_write_ahead_log_from_being_emptied(opened: Open) -> None:
    database, other = opened(), opened()
    add(database)
    with other.read() as db:
        db.execute("SELECT * FROM place").fetchall()
        add(database, "user/ben")
        assert not database.checkpoint()
    assert database.checkpoint()
