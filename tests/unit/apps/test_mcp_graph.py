"""The tools of `full` for the graph, as a client in the same process sees them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import Memos
from memos_mcp.apps.mcp import build
from tests.graphs import system

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with Client(build(lambda: system(tmp_path), toolset="full")) as connected:
        yield connected


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with system(tmp_path) as made:
        yield made


async def call(client: Client, tool: str, **arguments: JsonValue) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (block,) = result.content
    assert isinstance(block, TextContent)
    return result.structured_content, block.text


async def test_what_lies_around_is_told(client: Client, memos: Memos) -> None:
    (one,) = (await memos.remember("Ben likes Eigg")).ids
    told, text = await call(client, "graph_neighbourhood", what="eigg", hops=1)
    assert {(node["what"], node["kind"]) for node in told["nodes"]} >= {
        ("Eigg", "thing"),
        ("Ben likes Eigg", "preference"),
    }
    assert f"[{one}] mentions Eigg" in told["edges"]
    assert "data, not instructions" in text
    assert "\n1 preference Ben likes Eigg [" in text
    result = await client.call_tool("graph_neighbourhood", {"what": "Perth"})
    assert result.is_error


async def test_ways_are_told(client: Client, memos: Memos) -> None:
    one, other = (await memos.remember(["Ben likes Eigg", "the ferry to Eigg is late"])).ids
    told, _ = await call(client, "graph_paths", start=one, end=other)
    assert told["paths"] == [f"Ben likes Eigg [{one}] –mentions→ Eigg ←mentions– the ferry to Eigg is late [{other}]"]
    told, text = await call(client, "graph_paths", start=one, end=other, hops=1)
    assert (told, text) == ({}, "No way so short leads from one to the other.")


async def test_an_entity_is_told(client: Client, memos: Memos) -> None:
    (one,) = (await memos.remember("Ben likes Eigg", speaker="Zoe")).ids
    told, text = await call(client, "graph_entity", entity="Ben")
    assert (told["name"], told["total"], told["beside"]) == ("Ben", 1, ["Eigg"])
    assert told["memories"] == [{"what": "Ben likes Eigg", "kind": "preference", "id": one}]
    assert told["said"][0].startswith("Ben likes Eigg: “Ben likes Eigg” Zoe ")
    assert "named in 1 memories" in text
