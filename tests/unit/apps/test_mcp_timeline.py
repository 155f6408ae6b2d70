"""The tools of `full` for what was, as a client in the same process sees them."""

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
    system = build(lambda: wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}), toolset="full")
    async with Client(system) as connected:
        yield connected


async def call(client: Client, tool: str, **arguments: JsonValue) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def text_of(client: Client, tool: str, **arguments: JsonValue) -> str:
    (block,) = (await client.call_tool(tool, arguments)).content
    assert isinstance(block, TextContent)
    return block.text


async def changed(client: Client) -> str:
    """A memory that was changed after the snapshot `start`."""
    (tea,) = (await call(client, "remember", content="Ada drinks green tea"))["ids"]
    assert (await call(client, "snapshot_memories", label="start"))["snapshots"][0]["path"] == "user/ada"
    await call(client, "update_memory", id=tea, text="Ada drinks black tea")
    return tea


async def test_a_moment_is_recalled_and_compared(client: Client) -> None:
    tea = await changed(client)
    await call(client, "remember", content="Ben has a dog")
    assert [m["text"] for m in (await call(client, "recall_past", question="tea", at="start"))["memories"]] == [
        "Ada drinks green tea"
    ]
    assert "0 of 0 memories" in await text_of(client, "recall_past", question="tea", at="2020-01-01T00:00:00Z")
    assert "needs a moment" in await text_of(client, "recall_past", question="tea", at="")
    found = await text_of(client, "compare_moments", before="start")
    assert f"[{tea}] changed: Ada drinks [-green-]{{+black+}} tea" in found
    assert "added: Ben has a dog" in found
    assert "'start' of user/ada" in await text_of(client, "list_snapshots")
    await call(client, "forget", id=tea, confirm=True)
    assert f"[{tea}] forgotten" in await text_of(client, "compare_moments", before="start")


async def test_history_shows_the_words_that_differ(client: Client) -> None:
    tea = await changed(client)
    assert "version 2 update by ada: Ada drinks [-green-]{+black+} tea" in await text_of(
        client, "memory_history", id=tea
    )
    events = (await call(client, "memory_history", id=tea))["events"]
    assert [event["text"] for event in events] == ["Ada drinks green tea", "Ada drinks black tea"]


async def test_one_memory_or_a_path_is_brought_back(client: Client) -> None:
    tea = await changed(client)
    assert "needs either the version of a memory, or at" in await text_of(client, "restore_memories", id=tea)
    assert (await call(client, "restore_memories", id=tea, version=1))["total"] == 1
    assert (await call(client, "get_memory", id=tea))["text"] == "Ada drinks green tea"
    await call(client, "restore_memories", id=tea, version=2)
    assert "confirm" in await text_of(client, "restore_memories", at="start")
    done = await text_of(client, "restore_memories", at="start", confirm=True, reason="a bad day")
    assert done == f"Brought back 1 memories at user/ada, the way back is another restore. {tea}"


async def test_a_frozen_memory_is_refused_until_it_is_thawed(client: Client) -> None:
    tea = await changed(client)
    assert (await call(client, "freeze_memories", ids=[tea]))["state"] == "frozen"
    assert "thaw it first" in await text_of(client, "update_memory", id=tea, text="x")
    assert (await call(client, "freeze_memories", ids=[tea], thaw=True))["state"] == "generated"
    assert "1 to 100 ids" in await text_of(client, "freeze_memories", ids=[])
