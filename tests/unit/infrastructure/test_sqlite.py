"""SqliteAdapter: what the contract does not say, as it is about files, clocks and plans."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memos_mcp.cube import MemCube, Origin, Plaintext, Ref
from memos_mcp.errors import Conflict, InvalidInput, Unavailable
from memos_mcp.infrastructure.storage import sqlite
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.testing import a_cube, remember

pytestmark = pytest.mark.anyio
ADA = Caller("ada")


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


def on_the_disk(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))


async def update(vault: SqliteAdapter, cube: MemCube, text: str) -> MemCube:
    changed = cube.model_copy(update={"version": cube.version + 1, "payload": Plaintext(text=text)})
    event = (await vault.commit([Change("update", cube.id, changed)], caller=ADA))[0]
    assert event.cube is not None
    return event.cube


@pytest.mark.parametrize("length", [1, 40_000])
async def test_forgotten_words_are_gone_from_the_disk(vault: SqliteAdapter, file: Path, length: int) -> None:
    origin = Origin(source="a.txt", position=1)
    cube = a_cube("zeppelin " * length, key="zeppelin key", origin=origin)
    kept = a_cube("violin")
    said_again = cube.model_copy(update={"id": "again", "origin": Origin(source="zeppelin source")})
    await vault.commit([Change("remember", cube.id, cube, once=b"z"), Change("remember", kept.id, kept)], caller=ADA)
    await vault.commit([Change("remember", said_again.id, said_again, once=b"z")], caller=ADA)
    await update(vault, cube, "a zeppelin again" * length)
    assert b"zeppelin" in on_the_disk(file)
    await vault.commit([Change("forget", cube.id)], caller=ADA)
    assert b"zeppelin" not in on_the_disk(file)
    assert b"violin" in on_the_disk(file)


async def test_words_that_a_reader_kept_in_the_log_go_with_the_next_commit(vault: SqliteAdapter, file: Path) -> None:
    other = SqliteAdapter(file)
    cube = a_cube("zeppelin")
    await remember(vault, cube)
    with other.database.read() as db:
        db.execute("SELECT * FROM memory").fetchall()
        await vault.commit([Change("forget", cube.id)], caller=ADA)
        assert b"zeppelin" in on_the_disk(file)
    await remember(vault, a_cube())
    assert b"zeppelin" not in on_the_disk(file)
    await other.aclose()


async def test_time_in_the_log_never_runs_backwards(file: Path) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    times = iter([now, now - timedelta(hours=1), now + timedelta(seconds=1)])
    vault = SqliteAdapter(file, clock=lambda: next(times))
    events = [(await remember(vault, a_cube()))[0] for _ in range(3)]
    await vault.aclose()
    assert [event.at for event in events] == [now, now, now + timedelta(seconds=1)]


async def test_a_vault_open_for_reading_takes_no_commit(vault: SqliteAdapter, file: Path) -> None:
    cube = a_cube()
    await remember(vault, cube)
    reader = SqliteAdapter(file, read_only=True)
    assert len(await reader.get([cube.ref])) == 1
    with pytest.raises(Unavailable, match="for reading only"):
        await remember(reader, a_cube())
    await reader.aclose()


async def test_a_change_that_names_another_memory_is_refused(vault: SqliteAdapter) -> None:
    with pytest.raises(InvalidInput, match="cannot write"):
        await vault.commit([Change("put", "a", a_cube())], caller=ADA)


async def test_a_first_version_cannot_expect_one_before_it(vault: SqliteAdapter) -> None:
    cube = a_cube(key="k")
    with pytest.raises(Conflict, match="no version 3"):
        await vault.commit([Change("put", cube.id, cube, expect=3)], caller=ADA)


async def test_numbers_beyond_what_sqlite_counts_find_nothing_or_the_end(vault: SqliteAdapter) -> None:
    cube = a_cube()
    await remember(vault, cube)
    assert await vault.get([Ref(id=cube.id, version=10**30)]) == []
    assert await vault.events(after=10**30) == []
    assert len(await vault.events(after=-(10**30))) == 1
    assert len(await vault.scan(Where(("user",)), after=10**30)) == 1


async def test_changes_of_one_commit_see_those_before_them(vault: SqliteAdapter) -> None:
    cube, again = a_cube("one"), a_cube("one")
    second = cube.model_copy(update={"version": 2, "payload": Plaintext(text="two")})
    changes = [
        Change("remember", cube.id, cube, once=b"one"),
        Change("remember", again.id, again, once=b"one"),
        Change("update", cube.id, second, expect=1),
        Change("forget", cube.id, expect=2),
    ]
    events = await vault.commit(changes, caller=ADA)
    assert [event.action for event in events] == ["remember", "sight", "update", "forget"]
    assert {event.subject for event in events} == {cube.id}
    assert [event.cube for event in await vault.events()] == [None] * 4
    assert await vault.count(["user"]) == {}


async def test_an_update_may_take_over_the_duplicate_key_unless_another_memory_has_it(vault: SqliteAdapter) -> None:
    one, two, three = a_cube("one"), a_cube("two"), a_cube("three")
    changes = [Change("remember", c.id, c, once=c.text.encode()) for c in (one, two)]
    await vault.commit(changes, caller=ADA)

    async def say(cube: MemCube, once: bytes) -> str:
        said = cube.model_copy(update={"id": a_cube().id})
        return (await vault.commit([Change("remember", said.id, said, once=once)], caller=ADA))[0].subject

    later = one.model_copy(update={"version": 2, "payload": Plaintext(text="three")})
    await vault.commit([Change("update", one.id, later, once=b"three")], caller=ADA)
    assert await say(three, b"three") == one.id
    await vault.commit([Change("update", one.id, later.model_copy(update={"version": 3}), once=b"two")], caller=ADA)
    assert await say(two, b"two") == two.id
    assert await say(three, b"three") not in (one.id, two.id)


async def test_a_caller_with_few_of_many_memories_browses_by_an_index(vault: SqliteAdapter) -> None:
    await remember(vault, a_cube("mine", "user/ben"), *(a_cube(str(n)) for n in range(100)))
    found = await vault.scan(Where(("user/ben",)))
    assert [cube.text for _, cube in found] == ["mine"]
    given = {"branch": "main", "before": 9, "paths": '["user/ben"]', "kinds": "[]", "tags": "[]", "limit": 9}
    given |= {"source": "", "session": "", "class": ""}

    def plan(sql: str) -> str:
        with vault.database.read() as db:
            return " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", given))

    assert "memory_place" in plan(sqlite._SCAN_FEW)  # pyright: ignore[reportPrivateUsage] the plan is the promise
    assert "TEMP B-TREE" not in plan(sqlite._SCAN)  # pyright: ignore[reportPrivateUsage] the same
