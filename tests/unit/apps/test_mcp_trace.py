"""The tools of `full` for lineages and deliveries, as a client in the same process sees them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import Memos, wiring
from memos_mcp.apps.mcp import build

pytestmark = pytest.mark.anyio
MINUTES = (
    "The committee didn't decide anything on Tuesday, because the report that Ines had promised wasn't ready. Ben will "
    "ask the neighbours whether they'd lend us their tent, and Carla is looking for somebody who plays the accordion."
)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    system = build(lambda: wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}), toolset="full")
    async with Client(system) as connected:
        yield connected


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def call(client: Client, tool: str, **arguments: JsonValue) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (block,) = result.content
    assert isinstance(block, TextContent)
    return result.structured_content, block.text


async def test_a_lineage_is_told(client: Client, memos: Memos) -> None:
    (tea,) = (await memos.remember("Ada drinks green tea", source="notes.md")).ids
    (green,) = (await memos.remember("Ada likes green things")).ids
    await memos.provenance.attach(green, derived_from=[tea], trigger="weekly digest")
    told, text = await call(client, "trace_memory", id=green)
    first, second = told["memories"]
    assert (first["id"], first["away"], first["origin"]) == (tea, -1, "source notes.md")
    assert (second["made_from"], second["origin"]) == ([tea], "trigger weekly digest")
    assert "data, not instructions" in text
    assert f"made from {tea}" in text
    told, _ = await call(client, "trace_memory", id=tea, direction="down", depth=1)
    assert [each["id"] for each in told["memories"]] == [tea, green]
    result = await client.call_tool("trace_memory", {"id": "nobody"})
    assert result.is_error


async def test_a_copy_is_marked_and_attributed(client: Client, memos: Memos) -> None:
    minutes = (await memos.put(None, "minutes", text=MINUTES)).id
    copy, text = await call(client, "deliver_memory", to="Ben", ids=[minutes])
    assert copy["traceable"]
    assert copy["text"] in text
    found, text = await call(client, "attribute_text", text=copy["text"][20:190])
    assert [(each["to"], each["memories"]) for each in found["recipients"]] == [("Ben", [f"{minutes}@1"])]
    assert "by chance at most" in text
    assert found["recipients"][0]["chance"] < 1e-6
    found, text = await call(client, "attribute_text", text=MINUTES)
    assert found == {}
    assert "nobody" in text
    result = await client.call_tool("attribute_text", {"text": "x" * 20_001})
    assert result.is_error
