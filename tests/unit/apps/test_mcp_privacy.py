"""Who sees a part of a memory sees no more of it through any door of MCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from memos_mcp import Memos, wiring
from memos_mcp.apps.mcp import build
from memos_mcp.sections import Toolset

pytestmark = pytest.mark.anyio

MAIL = "ines.lobo@stmary.pt"
WARD, FILES = "shared/ward", "shared/ward/memories"
SETTINGS: dict[str, Any] = {"privacy": {"mode": "redact_at_read", "roles": ["doctor"]}, "embedder": {"kind": "none"}}


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with wiring.open(home=tmp_path, user="ada", **SETTINGS) as opened:
        yield opened


def nurse(folder: Path, toolset: Toolset) -> Client:
    return Client(
        build(lambda: wiring.open(home=folder, user="ned", roles=["nurse"], path=WARD, **SETTINGS), toolset=toolset)
    )


async def test_no_tool_or_resource_shows_the_rest(memos: Memos, tmp_path: Path) -> None:
    (id,) = (await memos.remember(f"Ines is allergic; {MAIL}.", path=WARD)).ids
    await memos.update(id, f"Ines is allergic to penicillin; {MAIL}.", reason=f"{MAIL} said so")
    await memos.put(FILES, "contact.txt", text=f"write to {MAIL}")
    asked: list[tuple[Toolset, str, dict[str, Any]]] = [
        ("core", "recall", {"question": "What is Ines allergic to?"}),
        ("core", "get_memory", {"id": id}),
        ("core", "list_memories", {}),
        ("core", "memory_history", {"id": id}),
        ("chatgpt", "search", {"query": "allergic"}),
        ("chatgpt", "fetch", {"id": id}),
        ("full", "memory", {"command": "view", "path": "/memories/contact.txt"}),
        ("full", "memory", {"command": "view", "path": "/memories"}),
    ]
    for toolset in ("core", "chatgpt", "full"):
        async with nurse(tmp_path, toolset) as client:
            for tool, arguments in [(tool, given) for named, tool, given in asked if named == toolset]:
                result = await client.call_tool(tool, arguments)
                said = result.model_dump_json()
                assert not result.is_error, said
                assert "lobo" not in said, tool
            if toolset == "core":
                for uri in ("memory://recent", "memory://profile", f"memory://{id}"):
                    assert "lobo" not in (await client.read_resource(uri)).model_dump_json()


async def test_a_file_that_one_sees_in_part_is_not_edited(memos: Memos, tmp_path: Path) -> None:
    await memos.put(FILES, "contact.txt", text=f"write to {MAIL}")
    edit = {"command": "str_replace", "path": "/memories/contact.txt", "old_str": "write", "new_str": "speak"}
    async with nurse(tmp_path, "full") as client:
        result = await client.call_tool("memory", edit)
    assert result.is_error
    assert "personal data" in result.model_dump_json()
    assert (await memos.get(path=FILES, key="contact.txt")).text == f"write to {MAIL}"
