"""Segments in the vault's file: what the contract does not say."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.search import Segment
from memos_mcp.testing import a_cube, remember

pytestmark = pytest.mark.anyio
ROOT = "user/ada"


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    await remember(adapter, *(a_cube(str(n)) for n in range(9)))
    yield adapter
    await adapter.aclose()


CHANGES = ["UPDATE segment SET data = x'00'", "UPDATE segment SET after = 1", "UPDATE segment SET digest = x''"]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_segment_is_corrupt_and_can_still_be_replaced(vault: SqliteAdapter, change: str) -> None:
    segments = vault.segment_store
    assert await segments.replace("words", ROOT, [], [Segment(0, 5, 4, b"data")])
    with vault.database.write() as db:
        db.execute(change)
    with pytest.raises(Corrupt, match="memos rebuild words"):
        await segments.segments("words", ROOT)
    spans = await segments.spans("words", ROOT)
    assert await segments.replace("words", ROOT, spans, [Segment(0, 9, 3, b"new")])
    assert await segments.segments("words", ROOT) == [Segment(0, 9, 3, b"new")]


async def test_segments_that_overlap_each_other_are_refused(vault: SqliteAdapter) -> None:
    pair = [Segment(0, 5, 1, b"x"), Segment(4, 9, 1, b"y")]
    assert not await vault.segment_store.replace("words", ROOT, [], pair)
    assert await vault.segment_store.spans("words", ROOT) == []


async def test_a_segment_that_ends_beyond_the_log_is_refused(vault: SqliteAdapter) -> None:
    assert not await vault.segment_store.replace("words", ROOT, [], [Segment(0, 10, 1, b"x")])


async def test_what_a_replaced_segment_held_is_gone_from_the_disk(vault: SqliteAdapter, file: Path) -> None:
    segments = vault.segment_store
    old = Segment(0, 5, 60_000, b"zeppelin" * 7500)
    await segments.replace("words", ROOT, [], [old])
    await segments.replace("words", ROOT, [old], [Segment(0, 5, 1, b"x")])
    for path in (file, Path(f"{file}-wal")):
        assert b"zeppelin" not in path.read_bytes()
