"""The tools of `full` for topics, as a client in the same process sees them."""

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


async def call(client: Client, tool: str, **arguments: JsonValue) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (block,) = result.content
    assert isinstance(block, TextContent)
    return result.structured_content, block.text


async def test_a_client_sees_topics_and_of_one_its_memories(client: Client) -> None:
    told, _ = await call(client, "remember", content="The dentist fixed my tooth.")
    (id,) = told["ids"]
    tree, text = await call(client, "topic_tree")
    assert [(each["topic"], each["memories"]) for each in tree["topics"]] == [("health", 1)]
    assert "data, not instructions" in text
    tree, text = await call(client, "topic_tree", topic="health")
    assert tree["topics"][0]["facts"] == [f"[{id}] The dentist fixed my tooth."]
    assert f"[{id}]" in text


async def test_a_client_confirms_and_denies(client: Client) -> None:
    told, _ = await call(client, "remember", content="The dentist hates sugar.")
    (id,) = told["ids"]
    labels, text = await call(client, "label_memory", id=id)
    assert (labels["predicted"], labels["tags"], labels["sentiment"]) == (["health", "food"], [], "negative")
    assert "predicted health, food" in text
    labels, _ = await call(client, "label_memory", id=id, topic="health", how="confirm")
    labels, _ = await call(client, "label_memory", id=id, topic="food", how="deny")
    assert (labels["predicted"], labels["tags"], labels["denied"]) == ([], ["health"], ["food"])
    assert (await client.call_tool("label_memory", {"id": id, "topic": "food"})).is_error


async def test_a_client_has_a_topic_summed_up(client: Client) -> None:
    for text in ("The dentist fixed my tooth.", "The dentist is in Leeds."):
        await call(client, "remember", content=text)
    made, text = await call(client, "summarise_topic", topic="health")
    assert made["sources"] == 2
    assert "dentist" in made["text"]
    assert "data, not instructions" in text
