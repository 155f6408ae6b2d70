"""`ask` after a KV block of a real, tiny model of transformers."""

# pyright: reportMissingModuleSource=false
from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Memos
from memos_mcp.interface import answering
from tests import kv_models
from tests.client_kinds import plain

pytestmark = pytest.mark.anyio

TEA = ("Ada likes green tea, above all in the morning.", "Ben likes black tea with milk.")
ASKED = "Who likes tea?"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of random weights never end an answer by themselves."""
    monkeypatch.setattr(answering, "LONGEST", 6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    kv_models.model(max_position_embeddings=16_384).save_pretrained(str(folder))
    kv_models.tokenizer().save_pretrained(str(folder))
    return folder


@asynccontextmanager
async def on(home: Path, model: Path) -> AsyncGenerator[Memos]:
    given = {"kind": "transformers", "model": str(model), "schedule": "off"}
    async with memos_mcp.open(plain(home, activation=given)) as memos:
        yield memos


def files(home: Path) -> list[Path]:
    return [path for path in (home / "kv").rglob("*") if path.is_file()]


async def remembered(memos: Memos) -> list[str]:
    return [id for text in TEA for id in (await memos.remember(text)).ids]


async def test_an_answer_after_a_block_is_the_one_that_reading_all_of_it_gives(model: Path, tmp_path: Path) -> None:
    async with on(tmp_path, model) as memos:
        await memos.kv.build(await remembered(memos))
        first = await memos.ask(ASKED)
    async with on(tmp_path, model) as memos:  # from the disk
        second = await memos.ask(ASKED)
        (block,) = await memos.kv.list()
    assert (first.via, first.fallback, first.text) == ("prefix", "", second.text)
    assert first.reused == second.reused == block.tokens
    assert (block.hits, block.saved) == (2, 2 * block.tokens)


async def test_without_a_block_the_same_model_answers_in_words(model: Path, tmp_path: Path) -> None:
    async with on(tmp_path, model) as memos:
        await remembered(memos)
        answer = await memos.ask(ASKED)
    assert (answer.via, answer.model, answer.reused) == ("text", "tiny", 0)
    assert answer.text


@pytest.mark.parametrize("what", ["forget", "erase", "update"])
async def test_the_file_goes_with_the_first_memory_that_changes(what: str, model: Path, tmp_path: Path) -> None:
    async with on(tmp_path, model) as memos:
        ids = await remembered(memos)
        await memos.kv.build(ids)
        assert len(files(tmp_path)) == 1
        match what:
            case "forget":
                await memos.forget(ids[0])
            case "erase":
                await memos.lifecycle.erase([ids[0]], reason="asked to")
            case _:
                await memos.update(ids[0], "Ada likes coffee.")
        assert files(tmp_path) == []
        assert (await memos.ask(ASKED)).via == "text"


async def test_a_damaged_or_missing_file_is_read_again(model: Path, tmp_path: Path) -> None:
    async with on(tmp_path, model) as memos:
        await memos.kv.build(await remembered(memos))
        said = await memos.ask(ASKED)
    (file,) = files(tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    async with on(tmp_path, model) as memos:
        again = await memos.ask(ASKED)
        assert (again.via, again.text) == ("prefix", said.text)
    (file,) = files(tmp_path)
    file.unlink()
    async with on(tmp_path, model) as memos:
        assert (await memos.ask(ASKED)).text == said.text


async def test_another_model_in_the_same_folder_reads_the_memories_itself(model: Path, tmp_path: Path) -> None:
    async with on(tmp_path / "home", model) as memos:
        await memos.kv.build(await remembered(memos))
    other = tmp_path / "tiny"
    kv_models.model(seed=8, max_position_embeddings=16_384).save_pretrained(str(other))
    kv_models.tokenizer().save_pretrained(str(other))
    async with on(tmp_path / "home", other) as memos:
        answer = await memos.ask(ASKED)
        assert (answer.via, answer.fallback) == ("prefix", "")
        (block,) = await memos.kv.list()
        assert (await memos.kv.verify(block.name)).why == ""


async def test_a_model_that_cannot_be_opened_leaves_the_recall(model: Path, tmp_path: Path) -> None:
    async with on(tmp_path / "home", model) as memos:
        await memos.kv.build(await remembered(memos))
    broken = tmp_path / "tiny"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "nothing"}))
    async with on(tmp_path / "home", broken) as memos:
        with pytest.raises(memos_mcp.Misconfigured, match="cannot be used on 'cpu'"):
            await memos.ask(ASKED)
        assert len((await memos.recall(ASKED)).cubes) == 2
