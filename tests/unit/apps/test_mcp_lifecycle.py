"""How long memories stay, over MCP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import wiring
from memos_mcp.apps.mcp import build
from memos_mcp.operation.lifecycle import Policy

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


async def stored(client: Client, text: str) -> str:
    (id,) = (await call(client, "remember", content=text))[0]["ids"]
    return id


async def test_a_memory_is_moved_held_and_swept(client: Client) -> None:
    id = await stored(client, "the tea plan")
    moved, text = await call(client, "move_memories", ids=[id], move="archive", reason="old")
    assert (moved["total"], moved["ids"], text) == (1, [id], f"1 memories are archived. {id}")
    assert (await call(client, "recall", question="tea"))[0]["memories"] == []
    life, text = await call(client, "get_lifecycle", id=id)
    assert (life["state"], life["moves"]) == ("archived", ["restore", "expire"])
    assert text.startswith(f"[{id}] archived: out of use")
    _, text = await call(client, "hold_memories", ids=id)
    assert text == f"1 memories came under legal hold. {id}"
    assert (await call(client, "get_lifecycle", id=id))[0]["held"] is True
    swept, _ = await call(client, "sweep_memories")
    assert (swept["total"], swept["looked"]) == (0, 1)
    _, text = await call(client, "hold_memories", ids=id, lift=True)
    assert text == f"1 holds were lifted. {id}"
    _, text = await call(client, "move_memories", ids=[], move="archive")
    assert "1 to 100 ids" in text


async def test_erasing_asks_first_and_tells_no_place(client: Client, tmp_path: Path) -> None:
    id, over = await stored(client, "the tea plan"), await stored(client, "the old plan")
    await call(client, "move_memories", ids=[over], move="expire")
    await wiring.upkeep(home=tmp_path).backup(tmp_path / "backup.db")
    _, text = await call(client, "erase_memories", ids=[id, over], reason="asked")
    assert text.startswith(f"Erase 2 memories for good? They say: [{id}] 'the tea plan'; [{over}] 'its time is over'.")
    gone, text = await call(client, "erase_memories", ids=[id, over], reason="asked", confirm=True)
    assert (gone["total"], gone["copies"], gone.get("complete", True)) == (2, 1, True)
    assert "1 backups still hold them" in text
    assert "backup.db" not in text
    _, text = await call(client, "erase_memories", path="user/ada/x", source="s", reason="asked")
    assert text.startswith("Erase for good all memories from 's' at and beneath user/ada/x?")
    _, text = await call(client, "erase_memories", reason="asked", confirm=True)
    assert "needs ids, or a source" in text
    _, text = await call(client, "get_lifecycle", id=id)
    assert "has no memory" in text


async def test_what_is_over_is_forgotten_and_the_vault_compressed_once_the_user_agrees(
    client: Client, tmp_path: Path
) -> None:
    id = (await call(client, "put_memory", key="k", text="one tea", expires_at="2999-01-01T00:00:00Z"))[0]["id"]
    assert (await call(client, "get_lifecycle", id=id))[0]["expires_at"] == "2999-01-01T00:00:00Z"
    _, text = await call(client, "sweep_memories", dry_run=True)
    assert text == "0 memories are due; nothing was moved."
    _, text = await call(client, "forget_over", confirm=True)
    assert text == "0 memories have been over for long enough."
    async with wiring.open(home=tmp_path, user="ada") as memos:
        await memos.lifecycle.set_policy("user/ada", Policy(dropped_after=timedelta(0)))
        await memos.lifecycle.move([id], "expire")
    _, text = await call(client, "forget_over", dry_run=True)
    assert text == f"1 memories have been over for long enough. {id}"
    _, text = await call(client, "forget_over")
    assert text.startswith("Forget 1 memories for good, as they are over?")
    _, text = await call(client, "forget_over", confirm=True)
    assert text == "1 memories were forgotten."
    _, text = await call(client, "compress_vault")
    assert text.startswith("Remove the words of 0 old versions for good, and write the vault anew?")
    _, text = await call(client, "compress_vault", dry_run=True)
    assert text.startswith("0 old versions are kept no longer. The vault has ")
    _, text = await call(client, "compress_vault", confirm=True)
    assert text.startswith("The vault has ")


async def test_a_namespace_goes_elsewhere_once_the_user_agrees(client: Client) -> None:
    id = (await call(client, "put_memory", key="k", text="one tea", path="user/ada/a"))[0]["id"]
    _, text = await call(client, "migrate_memories", path="user/ada/a", to="shared/team")
    assert text.startswith("Take all memories at and beneath user/ada/a to shared/team?")
    _, text = await call(client, "migrate_memories", path="user/ada/a", to="shared/team", confirm=True)
    assert text == "1 memories went from user/ada/a to shared/team."
    (memory,) = (await call(client, "recall", question="tea", path="shared/team"))[0]["memories"]
    assert memory["id"] == id
