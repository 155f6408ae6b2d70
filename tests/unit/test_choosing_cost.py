"""The measure of what it costs to find out how memories reach a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.choosing_cost import FOUND, looked

pytestmark = pytest.mark.anyio


async def test_what_was_made_of_memories_is_looked_at_alone_and_beside_others(tmp_path: Path) -> None:
    row = await looked(tmp_path, memories=60, parts=FOUND + 2, others=2, rounds=1)
    ms = row.pop("ms")
    assert row == {"memories of the block": 12, "of the adapter": 12, "other blocks and adapters": 2}
    assert isinstance(ms, dict)
    assert list(ms) == ["the KV block", "the adapter", "the choice", "all of recall"]
