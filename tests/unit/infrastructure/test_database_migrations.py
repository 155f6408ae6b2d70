"""A file of an earlier version is brought to this one: wholly, once, and with a copy kept."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.files import APPLICATION_ID
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


# Migrations


NOW = len(migrations())
LATER = [
    *migrations(),
    "CREATE TABLE later (x INTEGER);\nINSERT INTO later\nVALUES (1);",
    "INSERT INTO later VALUES (2);",
]


def copies(file: Path) -> list[Path]:
    return [path for path in file.parent.iterdir() if not path.name.endswith(("-wal", "-shm")) and path != file]


def test_a_migration_runs_what_is_missing_and_keeps_a_copy(opened: Open, file: Path) -> None:
    old = opened()
    add(old)
    old.close()
    new = opened(scripts=LATER)
    with new.read() as db:
        assert db.execute("SELECT x FROM later").fetchall() == [(1,), (2,)]
        assert [row[0] for row in db.execute("SELECT version FROM migration")] == list(range(1, NOW + 3))
        assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert paths(new) == ["user/ada"]
    (copy,) = copies(file)
    assert copy.name.startswith(f"memos.db.before-{NOW + 2}-")
    before = Database(copy)
    assert paths(before) == ["user/ada"]
    before.close()


def test_a_vault_of_the_first_version_opens_with_what_it_held(opened: Open) -> None:
    old = opened(scripts=migrations()[:1])
    add(old)
    old.close()
    new = opened()
    assert paths(new) == ["user/ada"]
    with new.read() as db:
        assert db.execute("SELECT count(*) FROM ledger").fetchone() == (0,)


def test_a_migration_that_fails_changes_nothing(opened: Open, file: Path) -> None:
    old = opened()
    add(old)
    old.close()
    for script in ("CREATE TABLE later (x INTEGER);\nINSERT INTO none VALUES (1);", "nonsense;"):
        with unchanged(file), pytest.raises(Unavailable, match=f"could not be brought from schema {NOW} to {NOW + 1}"):
            paths(opened(scripts=[*migrations(), script]))
    assert copies(file) == []
    assert paths(old) == ["user/ada"]


def test_a_migration_on_a_full_disk_changes_nothing(opened: Open, file: Path) -> None:
    old = opened()
    with old.write() as db:
        db.execute("INSERT INTO policy (rules) VALUES (?)", ("x" * 200_000,))
    old.close()
    code = """
import sys
from pathlib import Path
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.migrations import migrations
with Database(Path(sys.argv[1]), scripts=[*migrations(), "CREATE TABLE later (x INTEGER);"]).read():
    pass
"""
    with unchanged(file):
        done = subprocess.run(
            [sys.executable, "-c", code, file],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        )
    assert "memos_mcp.errors.Unavailable" in done.stderr
    assert copies(file) == []


def test_migrations_at_the_same_moment_run_once(opened: Open, file: Path) -> None:
    add(opened())
    opened().close()
    gate = threading.Barrier(6)
    databases = [opened(scripts=LATER) for _ in range(6)]

    def start(database: Database) -> int:
        gate.wait()
        with database.read() as db:
            return db.execute("SELECT count(*) FROM later").fetchone()[0]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(start, databases)) == [2] * 6
    assert len(copies(file)) == 1
