"""The tools of `full` for what-if branches, as a client in the same process sees them."""

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


async def test_a_branch_is_changed_asked_compared_and_merged(client: Client) -> None:
    (tea,) = (await call(client, "remember", content="Ada drinks green tea"))["ids"]
    (old,) = (await call(client, "remember", content="An old note"))["ids"]
    assert (await call(client, "make_branch", label="idea"))["branches"][0]["path"] == "user/ada"
    await call(client, "change_branch", label="idea", id=tea, text="Ada drinks black tea")
    await call(client, "change_branch", label="idea", id=old, forget=True)
    (born,) = (await call(client, "change_branch", label="idea", text="Ada keeps bees"))["ids"]
    found = await call(client, "recall_branch", label="idea", question="tea bees note")
    assert {m["text"] for m in found["memories"]} == {"Ada drinks black tea", "Ada keeps bees"}
    assert {m["text"] for m in (await call(client, "recall", question="tea bees note"))["memories"]} == {
        "Ada drinks green tea",
        "An old note",
    }
    compared = await text_of(client, "compare_branch", label="idea")
    for line in (f"[{tea}] changed: Ada drinks [-green-]{{+black+}} tea", f"[{born}] added", f"[{old}] forgotten"):
        assert line in compared
    assert "'idea' of user/ada" in await text_of(client, "list_branches")
    assert "needs the user's yes" in await text_of(client, "merge_branch", label="idea")
    merged = await call(client, "merge_branch", label="idea", confirm=True)
    assert (merged["done"], set(merged["ids"])) == (3, {tea, old, born})
    assert "0 branches" in await text_of(client, "list_branches")


async def test_clashes_are_shown_and_a_branch_can_be_given_up(client: Client) -> None:
    (tea,) = (await call(client, "remember", content="Ada drinks green tea"))["ids"]
    await call(client, "make_branch", label="idea")
    await call(client, "change_branch", label="idea", id=tea, text="Ada drinks black tea")
    await call(client, "update_memory", id=tea, text="Ada drinks white tea")
    told = await text_of(client, "merge_branch", label="idea", confirm=True)
    assert "Nothing was merged: 1 clashes" in told
    assert "original: 'Ada drinks white tea' branch: 'Ada drinks black tea'" in told
    assert "needs the user's yes" in await text_of(client, "forget_branch", label="idea")
    assert (await call(client, "forget_branch", label="idea", confirm=True))["gone"]
    assert "no branch 'idea'" in await text_of(client, "recall_branch", label="idea", question="tea")
    assert "change_branch needs" in await text_of(client, "change_branch", label="idea")
