"""How long lines of the access log stay, which of them always do, and that the rest still holds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import InvalidInput, Memos, wiring
from memos_mcp.accesses import Access, Item, Lines
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.lines import verified

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def verbs(memos: Memos, id: str | None = None) -> list[str]:
    found = (await memos.audit.query(id=id, limit=1000)).lines
    return [line.verb for line in reversed(found) if not line.verb.startswith("audit.")]


async def test_lines_about_what_is_held_or_frozen_stay_until_it_is_free(memos: Memos, tmp_path: Path) -> None:
    held, frozen, free = [(await memos.remember(f"tea {n}")).ids[0] for n in ("court", "ice", "now")]
    await memos.lifecycle.hold([held])
    await memos.timeline.freeze([frozen])
    for id in (free, held, free, frozen, free):
        await memos.get(id)
    done = await memos.audit.rotate(timedelta(0))
    assert done.removed == 4  # what was about the free one only
    assert await verbs(memos) == ["remember", "remember", "lifecycle.hold", "timeline.freeze", "get", "get"]
    found = await memos.audit.verify()
    assert (found.ok, found.removed) == (True, 4)
    assert found.cut is not None
    await memos.timeline.thaw([frozen])
    await memos.audit.rotate(timedelta(0))
    assert await verbs(memos) == ["remember", "lifecycle.hold", "get"]
    await memos.lifecycle.unhold([held])
    await memos.audit.rotate(last=0)
    assert await verbs(memos) == []
    assert (await memos.audit.verify()).ok
    assert [finding for finding in await wiring.upkeep(home=tmp_path).check() if not finding.ok] == []


async def test_the_words_of_such_lines_stay_too(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", audit={"texts": True}) as memos:
        (id,) = (await memos.remember("the tea plan")).ids
        await memos.recall("quagga tea")
        await memos.lifecycle.hold([id], reason="zebra case")
        await memos.recall("where is the pony", path="global")
        assert (await memos.audit.rotate(timedelta(0), texts_only=True)).removed == 1
        assert [line.said for line in (await memos.audit.query()).lines if line.said] == ["zebra case", "quagga tea"]


async def test_a_line_that_was_removed_without_an_anchor_is_missed(memos: Memos, tmp_path: Path) -> None:
    held, free = [(await memos.remember(f"tea {n}")).ids[0] for n in ("court", "now")]
    await memos.lifecycle.hold([held])
    for id in (free, held, free, held):
        await memos.get(id)
    await memos.audit.rotate(timedelta(0))
    assert (await memos.audit.verify()).ok
    for sql in (
        "DELETE FROM access WHERE seq = (SELECT min(seq) FROM access)",
        "DELETE FROM access WHERE seq = (SELECT max(seq) FROM access WHERE verb = 'get')",
        "DELETE FROM access_anchor WHERE seq = (SELECT max(seq) FROM access_anchor)",
        "UPDATE access_anchor SET lines = lines + 1",
        "UPDATE access_anchor SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM access_anchor)",
    ):
        with closing(sqlite3.connect(tmp_path / "memos.db", isolation_level=None)) as db:
            db.execute("BEGIN")
            db.execute(sql)
            found = verified(db)
            db.execute("ROLLBACK")
        assert not found.ok, sql
    assert (await memos.audit.verify()).ok


async def test_a_log_keeps_itself_as_short_as_it_is_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "memos.db")
    log = SqliteAccessLog(database, strict=True, last=50, keep=timedelta(minutes=10))
    for number in range(2500):
        at = NOON + timedelta(seconds=number)
        await log.write(Access(f"{number:08}", at, "ada", "recall", "allowed", items=(Item("tea", 1, "user/ada"),)))
    kept = await log.lines(Lines("ada", ()), limit=5000)
    assert 600 <= len(kept) <= 600 + 1000 + 100
    assert kept[0].id == "00002499"
    found = await log.verify()
    assert (found.ok, found.lines + found.removed) == (True, 2500)
    assert (await log.used(ids=["tea"]))["tea"].usage.reads == 2500
    await log.aclose()
    database.close()


async def test_the_settings_say_how_long_lines_stay(tmp_path: Path) -> None:
    given = {"mode": "strict", "keep_lines": 20}
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, audit=given) as memos:
        for _ in range(130):
            await memos.browse()
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, audit=given) as memos:
        await memos.browse()
        found = await memos.audit.verify()
        assert (found.ok, found.lines, found.removed) == (True, 20, 111)


async def test_a_rotation_says_what_is_to_stay(memos: Memos) -> None:
    for keep, last in ((None, None), (timedelta(days=-1), None), (None, -1)):
        with pytest.raises(InvalidInput, match="say how long lines stay, or how many"):
            await memos.audit.rotate(keep, last=last)
