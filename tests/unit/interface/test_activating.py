"""KV blocks follow the log: who is answered through one, and what ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos_mcp import Memos, NotFound
from memos_mcp.answers import KvBlock
from memos_mcp.errors import Unavailable
from memos_mcp.interface.activating import Activations
from tests.activations import Table, remembering

pytestmark = pytest.mark.anyio


def kv(memos: Memos) -> Activations:
    found = memos._on.activations  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def built(memos: Memos, *texts: str) -> KvBlock:
    ids = [id for text in texts for id in (await memos.remember(text)).ids]
    return await kv(memos).build([await memos.get(id) for id in ids], by="ada")


async def test_a_question_is_answered_after_the_block_that_holds_its_memories(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        block = await built(memos, "Ada likes green tea.", "Ben likes black tea.")
        answer = await memos.ask("Who likes tea?")
        assert answer.via == "prefix"
        assert answer.recall.prefix is not None
        assert answer.recall.prefix.block == block.name
        assert answer.cited == (block.sources[0].id,)
        assert answer.reused == block.activation.tokens
        assert "<memories>" not in table.prompts[-1]
        assert "Who likes tea?" in table.prompts[-1]
        assert (await kv(memos).block(block.name)).hits == 1


async def test_without_a_block_the_memories_are_sent_in_words(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        await memos.remember("Ada likes green tea.")
        answer = await memos.ask("Who likes tea?")
        assert (answer.via, answer.fallback, answer.recall.prefix) == ("text", "", None)
        assert "Ada likes green tea." in table.prompts[-1]


async def test_what_the_block_does_not_hold_is_sent_beside_it(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        await built(memos, "Ada likes green tea, above all in the morning, and never with sugar in it.")
        await memos.remember("Ben likes tea.")
        answer = await memos.ask("Who likes tea?")
        assert answer.via == "prefix"
        assert "Ben likes tea." in table.prompts[-1]
        assert "green" not in table.prompts[-1]


@pytest.mark.parametrize("what", ["update", "forget", "quarantine", "acl", "archive"])
async def test_a_block_ends_with_the_first_of_its_memories_that_changes(tmp_path: Path, what: str) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        block = await built(memos, "Ada likes green tea.", "Ben likes black tea.")
        id = block.sources[0].id
        match what:
            case "update":
                await memos.update(id, "Ada likes coffee.")
            case "forget":
                await memos.forget(id)
            case "quarantine":
                await memos.quarantine.add([id])
            case "acl":
                await memos.acl.change([id], readers=["eve"])
            case _:
                await memos.lifecycle.move([id], "archive")
        with pytest.raises(NotFound):
            await kv(memos).block(block.name)
        assert table.dropped == [block.activation.blob]
        assert (await memos.ask("Who likes tea?")).via == "text"


async def test_an_answer_in_words_says_why_the_block_was_not_used(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        await built(memos, "Ada likes green tea.")
        table.trouble = Unavailable("SGLang is not there: start it")
        answer = await memos.ask("Who likes tea?")
        assert answer.via == "none"
        assert answer.fallback == "SGLang is not there: start it"
        assert answer.recall.cubes
