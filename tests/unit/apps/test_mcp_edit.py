"""edit_memory: passages changed, and a change merged with what others did meanwhile."""

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

PAGE = "Ada drinks green tea.\n\nBen drinks coffee."


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with Client(build(lambda: wiring.open(home=tmp_path, user="ada"), toolset="full")) as connected:
        yield connected


async def call(client: Client, tool: str, **arguments: JsonValue) -> tuple[dict[str, Any], str]:
    result = await client.call_tool(tool, arguments)
    (block,) = result.content
    assert isinstance(block, TextContent)
    return result.structured_content or {}, block.text


@pytest.fixture
async def page(client: Client) -> str:
    return (await call(client, "put_memory", key="page", text=PAGE, data='{"cups": 2}'))[0]["id"]


async def test_a_passage_is_changed_and_history_shows_label_and_difference(client: Client, page: str) -> None:
    edits: list[JsonValue] = [{"old": "green", "new": "black"}, {"new": "Cyd drinks milk."}]
    edited, text = await call(client, "edit_memory", id=page, edits=edits, label="tea-7", reason="she said so")
    assert (edited["version"], "[-green-]{+black+}" in edited["changed"]) == (2, True)
    assert text.startswith(f"[{page}] is at version 2: Ada drinks [-green-]{{+black+}} tea.")
    history, _ = await call(client, "memory_history", id=page)
    last = history["events"][-1]
    assert (last["version"], last["reason"]) == (2, "tea-7: she said so")
    assert "[-green-]{+black+}" in last["changed"]


async def test_a_change_of_an_earlier_version_is_merged_or_its_conflicts_are_returned(
    client: Client, page: str
) -> None:
    await call(client, "update_memory", id=page, text=PAGE.replace("coffee", "cocoa"))
    mine = PAGE.replace("green", "black")
    merged, _ = await call(client, "edit_memory", id=page, text=mine, base_version=1)
    assert merged["version"] == 3
    found, _ = await call(client, "get_memory", id=page)
    assert found["text"].startswith("Ada drinks black tea.\n\nBen drinks cocoa.")
    asked: dict[str, JsonValue] = {"text": PAGE.replace("green", "white"), "data": '{"cups": 4}', "base_version": 1}
    disputed, text = await call(client, "edit_memory", id=page, **asked)
    sides = {"was": "Ada drinks green tea.", "yours": "Ada drinks white tea.", "now": "Ada drinks black tea."}
    assert disputed == {"id": page, "version": 3, "conflicts": [{"at": "line 1", **sides}]}
    assert "then call again with base_version=3" in text
    assert "  yours: Ada drinks white tea." in text
    assert (await call(client, "get_memory", id=page))[0]["version"] == 3


async def test_what_does_not_go_together_is_refused_in_one_sentence(client: Client, page: str) -> None:
    wrong: list[tuple[dict[str, JsonValue], str]] = [
        ({}, "there is nothing to update"),
        ({"text": "x"}, "edit_memory needs base_version"),
        ({"edits": [{"old": "green", "with": "x"}]}, "edits are objects such as"),
        ({"edits": [{"old": "nowhere"}]}, "the passage 'nowhere' of memory"),
    ]
    for arguments, says in wrong:
        _, text = await call(client, "edit_memory", id=page, **arguments)
        assert text.startswith(says), text
    await call(client, "quarantine_memories", ids=[page])
    _, text = await call(client, "edit_memory", id=page, edits=[{"old": "green", "new": "black"}])
    assert "only the user may look" in text
