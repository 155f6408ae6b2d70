"""Rules of memories over MCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import Caller, wiring
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


async def test_access_is_set_shown_and_explained(client: Client, tmp_path: Path) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    (id,) = stored["ids"]
    given: dict[str, JsonValue] = {"readers": ["ben"], "read_only": True, "reason": "the party"}
    _, text = await call(client, "set_access", id=id, **given)
    assert text.startswith(f"Let ben use memory [{id}]? It says: 'the tea plan'.")
    rules, text = await call(client, "set_access", id=id, confirm=True, **given)
    assert (rules["readers"], rules["read_only"]) == (["ben"], True)
    assert text == f"[{id}] belongs to ada; readers ben; read-only."
    async with wiring.open(home=tmp_path, user="ada") as memos:
        assert (await memos.acting_as(Caller("ben")).recall("tea")).cubes[0].id == id
    shown, text = await call(client, "get_access", id=id)
    assert [each["by"] for each in shown["changes"]] == ["ada"]
    assert "changed by ada (the party)" in text
    decided, text = await call(client, "get_access", id=id, act="write", user="ben")
    assert (decided["allowed"], decided["why"]) == ("no", "it is read-only")
    rules, _ = await call(client, "set_access", id=id, readers=[], read_only="false", expires_at="2030-01-31")
    assert rules == {"id": id, "owner": "ada", "expires_at": "2030-01-31T00:00:00Z"}
    rules, _ = await call(client, "set_access", id=id, never_expires=True)
    assert rules == {"id": id, "owner": "ada"}


async def test_priority_and_sources_are_set_and_told(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan", source_class="web")
    (id,) = stored["ids"]
    rules, text = await call(client, "set_access", id=id, priority=3, decay=0.1, contexts=["from-web:role:editor"])
    assert rules == {"id": id, "owner": "ada", "priority": 3, "decay": 0.1, "contexts": ["from-web:role:editor"]}
    assert text == f"[{id}] belongs to ada; only in from-web:role:editor; priority 3; decay 0.1 a day."
    decided, _ = await call(client, "get_access", id=id, act="read", user="ben")
    assert decided["why"] == "what comes from a source of class web is for role:editor alone"
    _, text = await call(client, "set_access", path="user/ada", priority=1)
    assert text.startswith("set_access: a namespace has no end, priority or decay")


async def test_a_namespace_is_shared_shown_and_closed(client: Client, tmp_path: Path) -> None:
    stored, _ = await call(client, "remember", content="the tea plan", path="user/ada/plans/party")
    (id,) = stored["ids"]
    _, text = await call(client, "set_access", path="user/ada/plans", readers=["ben"])
    assert text.startswith("Let ben use all memories at and beneath 'user/ada/plans'?")
    rules, text = await call(client, "set_access", path="user/ada/plans", readers=["ben"], confirm=True)
    assert (rules, text) == ({"path": "user/ada/plans", "readers": ["ben"]}, "user/ada/plans: readers ben")
    async with wiring.open(home=tmp_path, user="ada") as memos:
        assert (await memos.acting_as(Caller("ben")).recall("tea")).cubes[0].id == id
    await call(client, "set_access", path="user/ada/plans/party", read_only=True)
    shown, _ = await call(client, "get_access", path="user/ada/plans/party")
    assert shown == {"path": "user/ada/plans/party", "read_only": True, "inherited": ["user/ada/plans: readers ben"]}
    decided, _ = await call(client, "get_access", id=id, act="read", user="ben")
    assert (decided["allowed"], decided["why"]) == ("yes", "ben is a reader of it, as user/ada/plans says")
    rules, text = await call(client, "set_access", path="user/ada/plans", readers=[])
    assert text == "user/ada/plans: no rules of its own"
    for wrong in ({}, {"id": id, "path": "user/ada"}):
        _, text = await call(client, "get_access", **wrong)
        assert text.startswith("get_access needs either the id of a memory or the path of a namespace")
    _, text = await call(client, "set_access", path="user/ada", expires_at="2030-01-31")
    assert text.startswith("set_access: a namespace has no end")


async def test_wrong_rules_are_refused_in_one_sentence(client: Client) -> None:
    stored, _ = await call(client, "remember", content="the tea plan")
    (id,) = stored["ids"]
    wrong: list[tuple[dict[str, JsonValue], str]] = [
        ({}, "say what is to change"),
        ({"contexts": ["days:never"]}, "days are like days:mon-fri"),
        ({"expires_at": "2030-01-31", "never_expires": True}, "give either"),
        ({"read_only": "perhaps"}, "read_only must be"),
    ]
    for arguments, said in wrong:
        _, text = await call(client, "set_access", id=id, **arguments)
        assert said in text
    _, text = await call(client, "get_access", id="nobody00")
    assert "has no memory" in text
