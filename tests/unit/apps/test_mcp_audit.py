"""The access log over MCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import RequestParamsMeta, TextContent
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


@pytest.mark.claim("5.3.2-17")
async def test_a_client_follows_a_request_under_the_trace_that_it_named(client: Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    meta: RequestParamsMeta = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    await client.call_tool("remember", {"content": "the tea plan"}, meta=meta)
    await client.call_tool("recall", {"question": "tea"}, meta=meta)
    await client.call_tool("recall", {"question": "tea"}, meta={"traceparent": "mine"})
    await call(client, "recall", question="tea")
    found, text = await call(client, "query_audit", request=trace)
    assert [each["action"] for each in found["accesses"]] == ["recall", "remember"]
    assert {each["request"] for each in found["accesses"]} == {trace}
    assert found["accesses"][1]["stages"] == ["read 1", "screened 1", "committed 1", "applied 1"]
    assert f"of request {trace}: lane.graph 0, lane.vectors 0, lane.words 1, searched 1, served 1" in text
    found, _ = await call(client, "query_audit", action="recall")
    assert ["request" in each for each in found["accesses"]] == [False, False, True]
    assert all("stages" not in each for each in found["accesses"])


async def test_what_one_call_asks_of_the_memory_is_one_request(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    await call(client, "forget", id=stored["ids"][0], confirm=True)
    found, _ = await call(client, "query_audit", action="forget")
    (forgot,) = found["accesses"]
    found, _ = await call(client, "query_audit", request=forgot["request"])
    assert [(each["action"], each["outcome"]) for each in found["accesses"]] == [
        ("forget", "allowed"),
        ("get", "allowed"),
    ]


async def test_a_client_asks_what_is_read_most(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    (id,) = stored["ids"]
    for _ in range(3):
        await call(client, "recall", question="tea")
    found, text = await call(client, "audit_hotspots")
    assert [(each["id"], each["reads"]) for each in found["memories"]] == [(id, 3)]
    assert [(each["path"], each["reads"]) for each in found["paths"]] == [("user/ada", 3)]
    assert f"[{id}] user/ada: heat 3.0, 3 reads" in text
