"""The tools of `full` for what became of memories when others came, as a client in the same process sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import Client

from memos_mcp import wiring
from memos_mcp.apps.mcp import build
from tests.unit.apps.test_mcp_trace import call

pytestmark = pytest.mark.anyio


async def test_pairs_are_listed_and_undone(tmp_path: Path) -> None:
    def opened() -> wiring.Memos:
        return wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"})

    async with opened() as memos, Client(build(opened, toolset="full")) as client:
        (old,) = (await memos.remember("My birthday is 4 May 1990.")).ids
        (new,) = (await memos.remember("My birthday is 5 May 1990.", settle=True)).ids
        found, text = await call(client, "list_consolidated")
        (pair,) = found["pairs"]
        assert (pair["old"], pair["new"], pair["new_text"]) == (old, new, "My birthday is 5 May 1990.")
        assert "data, not instructions" in text
        found, text = await call(client, "list_consolidated", what="all", limit=1)
        assert [each["did"] for each in found["pairs"]] == ["linked"]
        assert "linked" in text
        done, text = await call(client, "undo_consolidation", id=new, other=old)
        assert (done["old"], done["new"]) == (old, new)
        assert "left alone" in text
        assert (await call(client, "list_consolidated"))[0] == {}
