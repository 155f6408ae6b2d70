"""Backup, restore and the checks of `memos doctor`."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from memos_mcp.cube import Plaintext, Ref
from memos_mcp.errors import Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.storage import health
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.migrations import migrations
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.search import Segment
from memos_mcp.testing import a_cube, remember

pytestmark = pytest.mark.anyio
ADA = Caller("ada")
LATER = [*migrations(), "CREATE TABLE later (x INTEGER) STRICT;"]


@dataclass(frozen=True)
class Place:
    """A vault, what looks after it, and where its backup goes."""

    vault: SqliteAdapter
    upkeep: Upkeep
    file: Path
    backup: Path

    async def texts(self) -> list[str]:
        return [cube.text for _, cube in await self.vault.scan(Where(("user/ada",)))]

    def beside(self) -> list[Path]:
        """What a restore kept."""
        ends = ("-wal", "-shm")
        return [
            p for p in self.file.parent.iterdir() if p not in (self.file, self.backup) and not p.name.endswith(ends)
        ]


@pytest.fixture
async def place(file: Path, tmp_path: Path) -> AsyncGenerator[Place]:
    vault = SqliteAdapter(file)
    yield Place(vault, Upkeep(vault.database), file, tmp_path / "backup.db")
    await vault.aclose()


async def opened_texts(file: Path) -> list[str]:
    vault = SqliteAdapter(file, read_only=True)
    found = [cube.text for _, cube in await vault.scan(Where(("user/ada",)))]
    await vault.aclose()
    return found


def spoil(file: Path, start: int = 20_000, length: int = 20_000) -> bytes:
    data = bytearray(file.read_bytes())
    data[start : start + length] = bytes(length)
    file.write_bytes(data)
    return bytes(data)


# Backup


async def test_a_backup_holds_what_was_committed_and_needs_nothing_beside_it(place: Place) -> None:
    await remember(place.vault, a_cube("one"), a_cube("two"))
    copied = await place.upkeep.backup(place.backup)
    await remember(place.vault, a_cube("three"))
    assert (copied.file, copied.memories, copied.events) == (place.backup, 2, 2)
    assert copied.bytes == place.backup.stat().st_size
    assert place.backup.stat().st_mode & 0o777 == 0o600
    assert await opened_texts(place.backup) == ["two", "one"]
    assert sorted(await place.texts()) == ["one", "three", "two"]
    assert place.beside() == []
    with closing(sqlite3.connect(f"{place.backup.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


async def test_a_backup_overwrites_nothing(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube())
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link", "memos.db"):
        with pytest.raises(InvalidInput, match="exists already"):
            await place.upkeep.backup(tmp_path / name)
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(InvalidInput, match="no folder"):
        await place.upkeep.backup(tmp_path / "none" / "backup.db")


async def test_there_is_nothing_to_back_up_before_the_first_memory(place: Place) -> None:
    with pytest.raises(NotFound, match="nothing to back up"):
        await place.upkeep.backup(place.backup)


async def test_a_backup_that_cannot_be_written_leaves_nothing(place: Place) -> None:
    await remember(place.vault, a_cube())
    with pytest.raises(Unavailable, match="no copy can be written"):
        await place.upkeep.backup(Path("/proc/backup.db"))


# Restore


async def test_a_restore_brings_back_what_the_backup_holds_and_keeps_the_rest_beside(place: Place) -> None:
    old = a_cube("one", key="k")
    await remember(place.vault, old)
    await place.vault.segment_store.replace("words", "user/ada", [], [Segment(0, 1, 1, b"x")])
    await place.upkeep.backup(place.backup)
    changed = old.model_copy(update={"version": 2, "payload": Plaintext(text="changed")})
    await place.vault.commit([Change("update", old.id, changed)], caller=ADA)
    await remember(place.vault, a_cube("two"), a_cube("three"))

    restored = await place.upkeep.restore(place.backup, caller=Caller("ben"))
    assert (restored.source, restored.memories, restored.events) == (place.backup, 1, 2)
    assert await place.texts() == ["one"]
    assert [cube.version for cube in await place.vault.get([Ref(id=old.id)])] == [1]
    assert await place.vault.segment_store.segments("words", "user/ada") == [Segment(0, 1, 1, b"x")]
    assert [finding for finding in await place.upkeep.check() if not finding.ok] == []
    assert place.beside() == [restored.kept]
    assert restored.kept is not None
    assert restored.kept.name.startswith("memos.db.before-restore-2")
    assert sorted(await opened_texts(restored.kept)) == ["changed", "three", "two"]


async def test_a_restore_is_a_line_of_the_log_after_all_others(place: Place) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    head = (await remember(place.vault, *(a_cube() for _ in range(5))))[-1].seq
    await place.upkeep.restore(place.backup, caller=Caller("ben"))
    first, line = await place.vault.events()
    assert (line.action, line.subject, line.path, line.cube) == ("restore", "", "", None)
    assert (line.seq, line.caller, line.reason) == (head + 1, "ben", "from backup.db")
    assert await place.vault.events(after=head) == [line]
    assert await place.vault.events(after=-1) == [line]
    assert await place.vault.events(after=-2) == [first, line]
    assert await place.vault.events(root="user/ada") == [first]
    assert (await remember(place.vault, a_cube()))[0].seq == head + 2


async def test_a_restored_vault_can_be_backed_up_and_restored_again(place: Place) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    await remember(place.vault, a_cube("two"))
    await place.upkeep.restore(place.backup, caller=ADA)
    later = place.backup.with_name("later.db")
    await place.upkeep.backup(later)
    await remember(place.vault, a_cube("three"))
    kept = [(await place.upkeep.restore(later, caller=ADA)).kept for _ in range(2)]
    assert len(set(kept)) == 2
    assert [event.action for event in await place.vault.events()] == ["remember", "restore", "restore"]
    assert [finding for finding in await place.upkeep.check() if not finding.ok] == []


async def test_a_vault_is_restored_where_there_is_none(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    home = tmp_path / "new" / "memos.db"
    restored = await Upkeep(Database(home)).restore(place.backup, caller=ADA)
    assert restored.kept is None
    assert [path.name for path in home.parent.iterdir()] == ["memos.db"]
    assert await opened_texts(home) == ["one"]


@pytest.mark.parametrize("start", [0, 20_000], ids=["header", "middle"])
async def test_a_damaged_vault_is_set_aside_as_it_is(place: Place, start: int) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    head = (await remember(place.vault, *(a_cube("x" * 500) for _ in range(99))))[-1].seq
    await place.vault.aclose()
    data = spoil(place.file, start)
    restored = await place.upkeep.restore(place.backup, caller=ADA)
    assert restored.kept is not None
    assert restored.kept.name.startswith("memos.db.damaged-2")
    assert restored.kept.read_bytes() == data
    assert await place.texts() == ["one"]
    line = (await place.vault.events())[-1]
    assert line.action == "restore"
    assert line.seq > head
    assert [finding for finding in await place.upkeep.check() if not finding.ok] == []
    assert {path.name.split("-2")[0] for path in place.beside()} == {"memos.db.damaged"}


async def test_damage_that_opening_does_not_see_is_found_before_anything_is_restored(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_ALL", 0)
    monkeypatch.setattr(health, "_ALL_PAGES", 0)
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    await remember(place.vault, *(a_cube("x" * 500) for _ in range(999)))
    await place.vault.aclose()
    data = spoil(place.file, 25 * 8192, 8192)
    assert await place.vault.count(["user"]) == {"user/ada": 1000}
    restored = await place.upkeep.restore(place.backup, caller=ADA)
    assert restored.kept is not None
    assert restored.kept.name.startswith("memos.db.damaged-2")
    assert restored.kept.read_bytes() == data
    assert await place.texts() == ["one"]


async def test_a_vault_behind_a_link_is_restored_where_the_link_leads(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    await place.vault.aclose()
    spoil(place.file, 0, 100)
    link = tmp_path / "link.db"
    link.symlink_to(place.file)
    await Upkeep(Database(link)).restore(place.backup, caller=ADA)
    assert link.is_symlink()
    assert await place.texts() == ["one"]


async def test_a_vault_of_a_newer_version_is_set_aside_for_a_backup_of_this_one(place: Place, file: Path) -> None:
    await remember(place.vault, a_cube("one"))
    await place.vault.aclose()
    newer = Database(file, scripts=LATER)
    with newer.write() as db:
        db.execute("INSERT INTO later VALUES (1)")
    newer.close()
    (copy,) = place.beside()
    restored = await place.upkeep.restore(copy, caller=ADA)
    assert restored.kept is not None
    assert restored.kept.name.startswith("memos.db.newer-2")
    assert await place.texts() == ["one"]


async def test_a_backup_of_an_earlier_version_is_brought_to_this_one(place: Place, file: Path) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    await place.vault.aclose()
    for _ in range(2):  # over a vault of the earlier version, then over one of this
        database = Database(file, scripts=LATER)
        restored = await Upkeep(database).restore(place.backup, caller=ADA)
        with database.read() as db:
            assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)
            assert db.execute("SELECT count(*) FROM memory").fetchone() == (1,)
        assert [finding for finding in await Upkeep(database).check() if not finding.ok] == []
        database.close()
        assert restored.memories == 1
    earlier = Database(place.backup)
    assert earlier.look() == len(migrations())


async def refused(place: Place, source: Path, error: type[MemosError], match: str) -> None:
    """A restore fails, and nothing has changed or been left behind."""
    files = sorted(path.name for path in place.file.parent.iterdir())
    with pytest.raises(error, match=match):
        await place.upkeep.restore(source, caller=ADA)
    assert sorted(path.name for path in place.file.parent.iterdir()) == files
    assert await place.texts() == ["here"]


async def test_what_is_no_good_backup_is_refused_and_changes_nothing(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube("here"))
    await place.upkeep.backup(place.backup)
    whole = place.backup.read_bytes()
    away = tmp_path / "away"
    away.mkdir()
    await refused(place, away / "none.db", NotFound, "no backup at")
    await refused(place, away, Unavailable, "Is a directory")
    await refused(place, place.file, InvalidInput, "the vault itself")
    text = away / "text.db"
    text.write_text("hello, " * 100)
    await refused(place, text, Corrupt, "does not begin like a SQLite database")
    with closing(sqlite3.connect(away / "other.db")) as db:
        db.executescript("CREATE TABLE other (x);")
    await refused(place, away / "other.db", InvalidInput, "not a backup of a vault")
    for name, data in {"cut.db": whole[:30_000], "hole.db": whole[:20_000] + bytes(9000) + whole[29_000:]}.items():
        (away / name).write_bytes(data)
        await refused(place, away / name, Corrupt, "cannot be used: .* damaged")
    for old, new in ((b"here", b"hare"), (b"remember", b"rememBer")):
        (away / "changed.db").write_bytes(whole.replace(old, new))
        await refused(place, away / "changed.db", Corrupt, r"the backup .* is damaged: .* Nothing was restored")
    newer = Database(away / "newer.db", scripts=LATER)
    with newer.write():
        pass
    newer.close()
    await refused(place, away / "newer.db", Misconfigured, "newer memos")


async def test_the_database_of_another_program_is_not_replaced(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube("here"))
    await place.upkeep.backup(place.backup)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.executescript("CREATE TABLE other (x);")
    before = other.read_bytes()
    with pytest.raises(Misconfigured, match="another program"):
        await Upkeep(Database(other)).restore(place.backup, caller=ADA)
    assert other.read_bytes() == before


async def test_what_is_left_of_a_deleted_vault_is_set_aside(place: Place, tmp_path: Path) -> None:
    await remember(place.vault, a_cube("here"))
    await place.upkeep.backup(place.backup)
    home = tmp_path / "home"
    home.mkdir()
    (home / "memos.db-wal").write_bytes(b"frames")
    await Upkeep(Database(home / "memos.db")).restore(place.backup, caller=ADA)
    assert await opened_texts(home / "memos.db") == ["here"]
    (kept,) = home.glob("memos.db.damaged-*")
    assert kept.read_bytes() == b"frames"


async def test_a_vault_open_for_reading_is_not_restored(place: Place) -> None:
    await remember(place.vault, a_cube("here"))
    await place.upkeep.backup(place.backup)
    reading = Upkeep(Database(place.file, read_only=True))
    with pytest.raises(Unavailable, match="for reading only"):
        await reading.restore(place.backup, caller=ADA)


async def test_a_restore_that_fails_halfway_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await remember(place.vault, a_cube("one"))
    await place.upkeep.backup(place.backup)
    await remember(place.vault, a_cube("two"))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(Upkeep, "_concluded", full)
    with pytest.raises(sqlite3.OperationalError, match="disk full"):
        await place.upkeep.restore(place.backup, caller=ADA)
    assert sorted(await place.texts()) == ["one", "two"]


# Check


async def test_a_whole_vault_passes_every_check(place: Place) -> None:
    cube, other = a_cube("one"), a_cube("two")
    await remember(place.vault, cube, other)
    await place.vault.commit([Change("forget", other.id)], caller=ADA)
    await place.vault.segment_store.replace("words", "user/ada", [], [Segment(0, 3, 1, b"x")])
    findings = await place.upkeep.check()
    assert [(f.name, f.ok) for f in findings] == [
        (name, True)
        for name in ("file", "pages", "references", "versions", "log", "counters", "sightings", "indexes", "accesses")
    ]
    assert [f.detail for f in findings[3:]] == [
        "1 versions match their digests",
        "the chain of 3 lines holds",
        "1 memories are counted at their paths",
        "0 repeats are counted at their memories",
        "1 segments match their checksums",
        "the chain of 0 accesses holds",
    ]


async def test_there_is_nothing_wrong_before_the_first_memory(place: Place) -> None:
    (finding,) = await place.upkeep.check()
    assert finding.ok
    assert "no vault" in finding.detail
    assert not place.file.exists()


@pytest.mark.parametrize(
    ("change", "name", "detail"),
    [
        ("UPDATE version SET payload = replace(payload, 'one', 'two')", "versions", "is not what was written"),
        ("UPDATE version SET at = at + 1 WHERE memory = 1", "versions", "is not what was written"),
        ("UPDATE version SET seq = 2 WHERE memory = 1", "versions", "is not what was written"),
        ("UPDATE event SET caller = 'eve' WHERE seq = 2", "log", "breaks at line 2"),
        ("DELETE FROM event WHERE seq = 1", "log", "breaks at line 2"),
        ("UPDATE place SET live = live + 1", "counters", "holds 2 memories, not 3"),
        ("UPDATE memory SET sightings = 5 WHERE memory = 2", "sightings", "was seen 1 times, not 5"),
        ("UPDATE memory SET place = 77 WHERE memory = 1", "references", "memory row 1 refers to no place"),
        ("DELETE FROM version WHERE memory = 2", "references", "has no version 1"),
        ("UPDATE memory SET forgotten = 1 WHERE memory = 1", "versions", "forgotten and still has words"),
    ],
)
async def test_the_check_names_what_is_wrong(place: Place, change: str, name: str, detail: str) -> None:
    await remember(place.vault, a_cube("one"), a_cube("two"))
    with place.vault.database.write() as db:
        db.execute(change)
    wrong = {f.name: f.detail for f in await place.upkeep.check() if not f.ok}
    assert detail in wrong[name]


async def test_a_damaged_file_is_a_finding_and_the_other_checks_go_on(place: Place) -> None:
    await remember(place.vault, *(a_cube("x" * 500) for _ in range(99)))
    await place.vault.aclose()
    data = spoil(place.file)
    findings = {finding.name: finding for finding in await place.upkeep.check()}
    assert not findings["file"].ok
    assert not findings["pages"].ok
    assert "memos restore BACKUP" in findings["file"].detail
    assert place.file.read_bytes() == data
    spoil(place.file, 0, 100)
    (only,) = await place.upkeep.check()
    assert not only.ok
