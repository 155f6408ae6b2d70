"""How adapters end: what the backend has to remove, and what is noted of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.interface.adapter_ends import Ends
from memos_mcp.interface.adapter_records import Records
from tests.learners import Learner
from tests.worlds import Clock

pytestmark = pytest.mark.anyio


class Listing(Records):
    """Says which notes of memories to be unlearnt were written."""

    def __init__(self, vault: SqliteAdapter) -> None:
        super().__init__(vault)
        self.written = list[str]()

    async def unlearn(self, ids: Sequence[str], *, done: bool) -> None:
        self.written += ids
        await super().unlearn(ids, done=done)


async def test_only_a_note_that_was_written_is_taken_back(tmp_path: Path) -> None:
    vault, learner = SqliteAdapter(tmp_path / "memos.db"), Learner()
    records = Listing(vault)
    ends = Ends(vault, records, learner, Clock())
    await ends.unlearnt(["one"])
    assert (learner.retired, records.written) == ([frozenset({"one"})], [])
    learner.trouble = Unavailable("SGLang is not there: start it")
    await ends.unlearnt(["two", "three"])
    assert await records.unlearnt() == ("three", "two")
    learner.trouble = None
    await ends.unlearnt(["one", "two"])
    assert records.written == ["three", "two", "two"]
    assert await records.unlearnt() == ("three",)
    await vault.aclose()


async def test_of_what_is_there_nothing_is_taken_back(tmp_path: Path) -> None:
    vault, learner = SqliteAdapter(tmp_path / "memos.db"), Learner()
    ends = Ends(vault, Records(vault), learner, Clock())
    await ends.forgotten(["gone"])
    await ends.forgotten([])
    assert learner.retired == [frozenset({"gone"})]
    await ends.retired("nothing@1", "it is not there")  # somebody was faster
    assert await vault.ledger.list("") == []
    await vault.aclose()
