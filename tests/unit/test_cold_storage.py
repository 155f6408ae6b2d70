"""Cold storage and the room that a vault takes: nothing but the size of it is to be noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Corrupt, Denied, Memos
from memos_mcp.cube import COLD
from memos_mcp.infrastructure.storage.cold import packed, unpacked
from memos_mcp.operation.lifecycle import REGIMES, Policy
from memos_mcp.wiring import upkeep

pytestmark = pytest.mark.anyio

LONG = "The zanzibar ferry leaves at nine. " * 20


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    alone = {"mode": "off"}  # consolidation would write to what is measured
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, consolidation=alone) as system:
        yield system


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("memos.db*"))


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "memos.db")) as db:
        found = db.execute(sql).fetchall()
        db.commit()
        return found


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


def test_what_is_laid_away_is_what_the_regimes_call_cold() -> None:
    assert {state for state, regime in REGIMES.items() if regime.tier == "cold"} == COLD


@given(st.text())
def test_what_is_packed_comes_back(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    small = packed(plain)
    assert small is None or (unpacked(small) == plain and len(small) < len(plain.encode()))
    assert unpacked(plain) == plain


@given(st.binary())
def test_bytes_that_are_no_payload_give_none(data: bytes) -> None:
    assert unpacked(data) == "" or packed(unpacked(data)) is not None or unpacked(data)


@pytest.mark.claim("5.4.3-13")
@pytest.mark.parametrize("way", ["archive", "freeze"])
async def test_what_goes_to_cold_storage_comes_back_in_every_way_there_is(
    memos: Memos, tmp_path: Path, way: str
) -> None:
    id = await stored(memos, LONG + "one")
    await memos.update(id, LONG + "two")
    before = datetime.now().astimezone()
    if way == "archive":
        await memos.lifecycle.move([id], "archive")
    else:
        await memos.timeline.freeze([id])
    assert [row[0] for row in rows(tmp_path, "SELECT payload FROM version")] == [None, None]
    assert [(await memos.get(id, version=n)).text[-3:] for n in (1, 2)] == ["one", "two"]
    written = [event.cube for event in await memos.history(id) if event.cube and event.action in ("remember", "update")]
    assert [cube.text[-3:] for cube in written] == ["one", "two"]
    assert (await memos.timeline.get(id, before)).text[-3:] == "two"
    assert [finding for finding in await upkeep(home=tmp_path).check() if not finding.ok] == []
    await memos.rebuild("words")
    assert [c.id for c in (await memos.recall("zanzibar ferry")).cubes] == ([id] if way == "freeze" else [])
    if way == "archive":
        await memos.lifecycle.move([id], "restore")
    else:
        await memos.timeline.thaw([id])
    assert [row[0] for row in rows(tmp_path, "SELECT packed FROM version")] == [None, None]
    assert (await memos.recall("zanzibar ferry")).cubes[0].text[-3:] == "two"


async def test_an_archived_memory_that_is_updated_stays_in_cold_storage(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, LONG + "one")
    await memos.lifecycle.move([id], "archive")
    await memos.update(id, LONG + "two")
    assert rows(tmp_path, "SELECT payload FROM version") == [(None,), (None,)]
    assert (await memos.get(id)).text[-3:] == "two"


async def test_cold_bytes_that_were_changed_are_found(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, LONG)
    await memos.lifecycle.move([id], "archive")
    other = packed('{"kind":"plaintext","text":"' + "another one " * 20 + '","data":null}')
    assert other is not None
    for blob in (b"no payload", other):
        with closing(sqlite3.connect(tmp_path / "memos.db")) as db:
            db.execute("UPDATE version SET packed = ?", (blob,))
            db.commit()
        with pytest.raises(Corrupt, match="is not what was written"):
            await memos.get(id)
    (finding,) = [finding for finding in await upkeep(home=tmp_path).check() if not finding.ok]
    assert finding.name == "versions"


async def test_what_lies_in_cold_storage_is_erased_like_all_else(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, LONG)
    await memos.lifecycle.move([id], "archive")
    ((small,),) = rows(tmp_path, "SELECT packed FROM version")
    assert isinstance(small, bytes)
    await memos.lifecycle.erase([id], reason="asked")
    assert small not in raw(tmp_path)
    assert rows(tmp_path, "SELECT count(*) FROM version WHERE packed IS NOT NULL") == [(0,)]


async def test_a_backup_brings_cold_memories_back(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, LONG)
    await memos.lifecycle.move([id], "archive")
    care = upkeep(home=tmp_path)
    await care.backup(tmp_path / "copy.db")
    await memos.forget(id)
    await care.restore(tmp_path / "copy.db", caller=Caller("ada"))
    assert (await memos.get(id)).text == LONG.strip()


@pytest.mark.claim("5.4.3-14")
async def test_compressing_lays_away_what_was_archived_before_and_frees_room(memos: Memos, tmp_path: Path) -> None:
    ids = [(await memos.put(None, f"{number}", text=f"{LONG}{number}" * 20)).id for number in range(20)]
    await memos.lifecycle.move(ids[:10], "archive")
    with closing(sqlite3.connect(tmp_path / "memos.db")) as db:  # as an earlier version of this program left it
        for version, blob in db.execute("SELECT rowid, packed FROM version WHERE packed IS NOT NULL").fetchall():
            db.execute("UPDATE version SET payload = ?, packed = NULL WHERE rowid = ?", (unpacked(blob), version))
        db.commit()
    id = await stored(memos, "the tea of today")
    await memos.update(id, "the tea of now")
    await memos.update(id, "the tea of then")
    await memos.lifecycle.set_policy("user/ada", Policy(versions=1))
    done = await memos.lifecycle.compress()
    assert (done.compacted, done.moved) == (1, 10)
    assert done.after.vault < done.before.vault
    assert (done.after.free, done.after.log) == (0, 0)
    assert done.after.cold > 0
    assert (await memos.get(ids[0])).text == f"{LONG}0" * 20
    assert [finding for finding in await upkeep(home=tmp_path).check() if not finding.ok] == []
    assert (await memos.recall("tea")).cubes[0].text == "the tea of then"


async def test_sizes_and_compressing_are_for_who_looks_after_the_vault(memos: Memos) -> None:
    await stored(memos, "the tea plan")
    sizes = (await memos.status()).sizes
    assert sizes is not None
    assert sizes.vault > 10_000
    clerk = memos.acting_as(Caller("ada", scopes=("read", "write")))
    assert (await clerk.status()).sizes is None
    assert (await memos.acting_as(Caller("ada", within="user/ada")).status()).sizes is None
    with pytest.raises(Denied, match="admin"):
        await clerk.lifecycle.compress()
