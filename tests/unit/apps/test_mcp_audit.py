"""The access log over MCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import wiring
from memos_mcp.apps.mcp import build

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with Client(build(lambda: wiring.open(home=tmp_path, user="ada"), toolset="full")) as connected:
        yield connected


async def call(client: Client, tool: str, **arguments: JsonValue) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments)
    (block,) = result.content
    assert isinstance(block, TextContent)
    return result.structured_content or {}, block.text


async def test_a_client_asks_who_read_a_memory(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    (id,) = stored["ids"]
    await call(client, "recall", question="tea")
    await call(client, "get_memory", id=id)
    found, text = await call(client, "query_audit", id=id, action="recall")
    (line,) = found["accesses"]
    assert (line["user"], line["outcome"], line["memories"]) == ("ada", "allowed", [f"{id}@1"])
    assert text == f"1 accesses, newest first.\n{line['at']} ada recall allowed: {id}@1 [{line['id']}]"
    first, text = await call(client, "query_audit", limit=1)
    assert f"More: query_audit with cursor={first['cursor']}" in text
    rest, _ = await call(client, "query_audit", cursor=first["cursor"])
    assert rest["accesses"][-1]["action"] == "remember"
    _, text = await call(client, "query_audit", outcome="perhaps")
    assert "outcome must be one of allowed, denied, missing, failed" in text


async def test_a_client_asks_what_is_read_most(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    (id,) = stored["ids"]
    for _ in range(3):
        await call(client, "recall", question="tea")
    found, text = await call(client, "audit_hotspots")
    assert [(each["id"], each["reads"]) for each in found["memories"]] == [(id, 3)]
    assert [(each["path"], each["reads"]) for each in found["paths"]] == [("user/ada", 3)]
    assert f"[{id}] user/ada: heat 3.0, 3 reads" in text
