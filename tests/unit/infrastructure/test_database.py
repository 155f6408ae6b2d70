"""One SQLite file: how it is made, opened, shared, migrated and refused."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from anyio import CapacityLimiter, create_task_group
from anyio.lowlevel import checkpoint

from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, Misconfigured, Unavailable
from memos_mcp.infrastructure.storage import database as module
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


def test_a_vault_is_made_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "home" / "memos.db"
    database = Database(file)
    assert paths(database) == []
    add(database)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (file.parent, *file.parent.iterdir())}
    database.close()
    assert modes == {"home": 0o700, "memos.db": 0o600, "memos.db-wal": 0o600, "memos.db-shm": 0o600}
    assert [path.name for path in file.parent.iterdir()] == ["memos.db"]


def test_what_was_written_is_there_for_the_next_one(opened: Open) -> None:
    first, second = opened(), opened()
    add(first, "user/ada")
    add(second, "user/ben")
    first.close()
    assert paths(first) == paths(second) == ["user/ada", "user/ben"]


def test_an_error_rolls_the_transaction_back(opened: Open) -> None:
    database = opened()

    def fail() -> None:
        with database.write() as db:
            db.execute("INSERT INTO place (path, root) VALUES ('a', 'a')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert paths(database) == []


def test_a_read_transaction_sees_one_moment(opened: Open) -> None:
    database = opened()
    with database.read() as db:
        before = db.execute("SELECT count(*) FROM place").fetchone()
        add(database)
        assert db.execute("SELECT count(*) FROM place").fetchone() == before == (0,)
    assert paths(database) == ["user/ada"]


def test_closing_waits_for_nobody_and_the_next_use_opens_again(opened: Open) -> None:
    database = opened()
    with database.read() as db:
        database.close()
        assert db.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")
    add(database)
    assert paths(database) == ["user/ada"]


def test_many_threads_share_few_connections(opened: Open) -> None:
    database = opened()
    gate = threading.Barrier(12)

    def work(number: int) -> int:
        gate.wait()
        add(database, f"user/{number}")
        return len(paths(database))

    with ThreadPoolExecutor(12) as threads:
        assert max(threads.map(work, range(12))) == 12


def test_first_starts_at_the_same_moment_make_one_vault(opened: Open) -> None:
    gate = threading.Barrier(8)
    databases = [opened() for _ in range(8)]

    def start(number: int) -> None:
        gate.wait()
        add(databases[number], str(number))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(8)))
    assert sorted(paths(databases[0])) == [str(n) for n in range(8)]


# Files that are not ours to open


def test_a_vault_of_a_newer_version_is_refused(opened: Open, file: Path) -> None:
    newer = opened(scripts=[*migrations(), "CREATE TABLE later (x INTEGER);"])
    add(newer)
    newer.close()
    with (
        unchanged(file),
        pytest.raises(Misconfigured, match=r"newer memos \(schema \d+, this one knows \d+\); upgrade"),
    ):
        paths(opened())


def test_a_vault_that_was_migrated_while_it_is_open_is_refused(opened: Open) -> None:
    old = opened()
    add(old)
    add(opened(scripts=[*migrations(), "ALTER TABLE place ADD COLUMN x INTEGER;"]), "user/ben")
    for use in (paths, add):
        with pytest.raises(Misconfigured, match="newer memos"):
            use(old)


def test_the_database_of_another_program_is_refused(opened: Open, file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript("CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1;")
    with unchanged(file), pytest.raises(Misconfigured, match=r"another program; set MEMOS_HOME"):
        paths(opened())


@pytest.mark.parametrize("pragma", ["application_id = 0", "application_id = 77", "user_version = 0"])
def test_a_vault_whose_mark_is_gone_is_damaged(opened: Open, file: Path, pragma: str) -> None:
    add(opened())
    opened().close()
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA {pragma}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(Corrupt, match="is gone"):
        paths(Database(file))


def test_a_write_ahead_log_without_its_vault_is_damage_and_no_new_vault_takes_it(file: Path) -> None:
    log = Path(f"{file}-wal")
    log.write_bytes(b"frames")
    with unchanged(log), pytest.raises(Corrupt, match=r"only memos\.db-wal is left of it"):
        paths(Database(file))
    log.write_bytes(b"")
    database = Database(file)
    assert paths(database) == []
    database.close()


def test_a_place_that_cannot_hold_a_vault_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "memos.db").mkdir()
    with pytest.raises(Unavailable, match=r"memos.db cannot be read: Is a directory"):
        paths(Database(tmp_path / "memos.db"))
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="set MEMOS_HOME to a folder you own"):
        paths(Database(tmp_path / "file" / "memos.db"))
    with pytest.raises(Unavailable, match="cannot be made"):
        paths(Database(Path("/proc/none/memos.db")))
    with pytest.raises(Unavailable):
        paths(Database(Path("/proc/memos.db")))


def test_too_old_a_sqlite_is_named(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OLDEST_SQLITE", (99, 0))
    with pytest.raises(Misconfigured, match=sqlite3.sqlite_version):
        paths(opened())


# Files that are moved


def test_a_vault_that_vanished_is_not_made_anew_under_its_users(opened: Open, file: Path) -> None:
    database = opened()
    add(database)
    away = file.with_name("away.db")
    file.rename(away)
    for use in (paths, add):
        with pytest.raises(Unavailable, match="moved or deleted while in use"):
            use(database)
    assert not file.exists()
    away.rename(file)
    assert paths(database) == ["user/ada"]


def test_a_vault_that_was_replaced_is_opened_again(opened: Open, file: Path, tmp_path: Path) -> None:
    other = Database(tmp_path / "other.db")
    add(other, "user/ben")
    other.close()
    database = opened()
    add(database)
    database.checkpoint()
    with database.read():
        (tmp_path / "other.db").replace(file)
    assert paths(database) == ["user/ben"]
    add(database, "user/cat")
    assert paths(database) == ["user/ben", "user/cat"]


# What SQLite says


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT zeroblob(2000000000)", InvalidInput),
        ("SELECT json_extract('{', '$.a')", Corrupt),
        ("SELECT CAST(x'ff' AS TEXT)", Corrupt),
        ("SELECT * FROM nowhere", Corrupt),
        ("INSERT INTO place (path, root) VALUES ('a', 'a'), ('a', 'a')", Conflict),
    ],
)
def test_errors_of_sqlite_become_ours(opened: Open, sql: str, error: type[MemosError]) -> None:
    database = opened()
    with pytest.raises(error), database.write() as db:
        db.execute(sql).fetchall()
    assert paths(database) == []


def test_what_is_no_text_is_invalid_input(opened: Open) -> None:
    with pytest.raises(InvalidInput, match="surrogates"):
        add(opened(), "user/\ud800")


def test_a_programming_mistake_stays_what_it_is(opened: Open) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax error"), opened().read() as db:
        db.execute("SELEC")


def test_the_lock_of_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"), locked(tmp_path / "none", 1):
        os.abort()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What reads are timed by: it stands still until a test moves it."""
    now = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


@pytest.mark.anyio
async def test_a_read_is_done_at_once_if_the_last_of_its_kind_was_short(tmp_path: Path, clock: list[float]) -> None:
    database, limiter, here = Database(tmp_path / "memos.db"), CapacityLimiter(1), threading.get_ident()

    async def asked(kind: str, seconds: float = 0.0) -> bool:
        def ask(_: sqlite3.Connection) -> int:
            clock[0] += seconds
            return threading.get_ident()

        return await database.asked(ask, limiter, kind) == here

    assert [await asked("count"), await asked("count", 0.01), await asked("count"), await asked("count")] == [
        False, True, False, True,
    ]  # fmt: skip
    assert [await asked("events"), await asked(""), await asked("")] == [False, False, False]
    database.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("clock")
async def test_while_others_read_a_short_read_waits_in_another_thread(tmp_path: Path) -> None:
    database, limiter, here = Database(tmp_path / "memos.db"), CapacityLimiter(8), threading.get_ident()

    async def at_once() -> bool:
        return await database.asked(lambda _: threading.get_ident(), limiter, "count") == here

    assert [await at_once(), await at_once()] == [False, True]
    where: list[bool] = []

    async def look() -> None:
        where.append(await at_once())

    with ExitStack() as readers:
        for _ in range(module._READERS):  # pyright: ignore[reportPrivateUsage]
            readers.enter_context(database.read())
        async with create_task_group() as tasks:
            tasks.start_soon(look)
            await checkpoint()
            readers.close()
    assert [*where, await at_once()] == [False, True]
    database.close()
