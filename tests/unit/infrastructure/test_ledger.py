"""The ledger: small values beside the memories, shared by all processes on a vault."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue

from memos_mcp.errors import Conflict, Corrupt, Unavailable
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.ledger import SqliteLedger
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ledger import Ledger, Note
from memos_mcp.testing.cubes import ADA

pytestmark = pytest.mark.anyio

Open = Callable[..., Database]


@pytest.fixture
async def ledger(opened: Open) -> AsyncGenerator[Ledger]:
    made = SqliteLedger(opened())
    yield made
    await made.aclose()


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True]}, [], "é𝄞", 0, False, ""])
async def test_what_is_written_is_read_by_everybody(ledger: Ledger, opened: Open, value: JsonValue) -> None:
    assert await ledger.read("token", "one") is None
    assert await ledger.write("token", "one", value) == 1
    assert await ledger.read("token", "one") == Note("token", "one", value, 1)
    assert await SqliteLedger(opened()).read("token", "one") == Note("token", "one", value, 1)
    assert await ledger.read("key", "one") is None


async def test_a_list_has_one_kind_and_one_beginning_of_keys(ledger: Ledger) -> None:
    for kind, key in [("a", "x1"), ("a", "x2"), ("a", "y%"), ("a", "y_"), ("b", "x3")]:
        await ledger.write(kind, key, key)
    assert [note.key for note in await ledger.list("a")] == ["x1", "x2", "y%", "y_"]
    assert [note.key for note in await ledger.list("a", "x")] == ["x1", "x2"]
    assert [note.key for note in await ledger.list("a", "y_")] == ["y_"]
    assert await ledger.list("c") == []


async def test_a_value_that_changed_since_it_was_read_is_not_overwritten(ledger: Ledger) -> None:
    assert await ledger.write("a", "x", 1, expect=0) == 1
    with pytest.raises(Conflict, match="revision 1, not 0"):
        await ledger.write("a", "x", 2, expect=0)
    assert await ledger.write("a", "x", 2, expect=1) == 2
    assert await ledger.write("a", "x", 3) == 3
    assert await ledger.write("a", "x", None, expect=3) == 0
    assert await ledger.read("a", "x") is None
    assert await ledger.write("a", "x", None) == 0


async def test_of_many_who_write_first_one_wins(ledger: Ledger, opened: Open) -> None:
    won: list[int] = []

    async def write(number: int) -> None:
        try:
            await SqliteLedger(opened()).write("key", "seal", number, expect=0)
            won.append(number)
        except Conflict:
            pass

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(write, number)
    note = await ledger.read("key", "seal")
    assert note is not None
    assert won == [note.value]


async def test_a_vault_that_may_only_be_read_is_not_written(ledger: Ledger, opened: Open) -> None:
    await ledger.write("a", "x", 1)
    reading = SqliteLedger(opened(read_only=True))
    assert await reading.read("a", "x") == Note("a", "x", 1, 1)
    with pytest.raises(Unavailable, match="reading only"):
        await reading.write("a", "x", 2)


async def test_a_value_that_is_no_json_is_damage(ledger: Ledger, file: Path) -> None:
    await ledger.write("a", "x", 1)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE ledger SET value = '{'")
    with pytest.raises(Corrupt, match="'x' in the ledger"):
        await ledger.read("a", "x")


async def test_restoring_a_backup_brings_nothing_back_that_was_taken_away_since(
    ledger: Ledger, opened: Open, tmp_path: Path
) -> None:
    await ledger.write("token", "x", "active")
    keeper = Upkeep(opened())
    await keeper.backup(tmp_path / "backup.db")
    await ledger.write("token", "x", "revoked")
    await keeper.restore(tmp_path / "backup.db", caller=ADA)
    note = await ledger.read("token", "x")
    assert note is not None
    assert note.value == "revoked"


async def test_a_backup_in_the_place_of_a_lost_vault_has_an_empty_ledger(
    ledger: Ledger, opened: Open, file: Path, tmp_path: Path
) -> None:
    await ledger.write("token", "x", "active")
    await Upkeep(opened()).backup(tmp_path / "backup.db")
    await ledger.aclose()
    async for part in anyio.Path(tmp_path).glob("memos.db*"):
        await part.unlink()
    await Upkeep(opened()).restore(tmp_path / "backup.db", caller=ADA)
    assert await SqliteLedger(opened()).list("token") == []
