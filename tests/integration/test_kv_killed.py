"""kill -9 while a KV block is built, dropped or ended by its memory: it is there or not, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import memos_mcp
from memos_mcp import Memos
from memos_mcp.activation import Progress, Reply, Source
from memos_mcp.cube import Activation
from memos_mcp.infrastructure.activation.later import Later
from memos_mcp.infrastructure.blobs import Blobs
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.activating import HITS, KIND, OWED, Activations
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Caller
from tests.activations import Table
from tests.integration.test_killed_between import killed

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

KILLS = 6
ASKED = "What of the quagga?"


async def rebuilt(memos: Memos, ids: Sequence[str]) -> None:
    """Drop the block, and build a larger one."""
    await memos.kv.drop((await memos.kv.list())[0].name)
    await memos.kv.build(ids)


VERBS: Mapping[str, Callable[[Memos, list[str]], Awaitable[object]]] = {
    "build": lambda memos, ids: memos.kv.build(ids),
    "rebuild": rebuilt,
    "forget": lambda memos, ids: memos.forget(ids[0]),
    "update": lambda memos, ids: memos.update(ids[0], "The quagga is gone."),
}


class Files(Table):
    """A model that keeps its blocks as files, as that of this machine does."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._blobs = Blobs(folder)

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        made = await super().warm(sources, tenant=tenant, pinned=pinned, told=told)
        blob = await self._blobs.put("\n".join((tenant, *(source.text for source in sources))).encode())
        return made.model_copy(update={"blob": blob})

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        if activation is not None:
            await self.verify(activation)
        return Reply("So it is.", activation.tokens if activation else 0, len(prompt), 3)

    async def verify(self, activation: Activation) -> None:
        await self._blobs.get(activation.blob or "")

    async def drop(self, activation: Activation) -> str:
        await self._blobs.drop(activation.blob or "")
        return ""


def opened(home: Path | str) -> Memos:
    """Ada's memory, with such a model."""
    vault, closing, folder = SqliteAdapter(Path(home) / "memos.db"), AsyncExitStack(), Path(home) / "kv"
    closing.push_async_callback(vault.aclose)

    async def model() -> Files:
        return Files(folder)

    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller("ada"),
        closing=closing,
        backend=Later("table", model, folder=folder),
    )


async def prepared(home: Path) -> list[str]:
    """Three memories, and a block of the first two that was used."""
    async with opened(home) as memos:
        ids = [(await memos.remember(f"Quagga number {n} is striped.")).ids[0] for n in range(3)]
        await memos.kv.build(ids[:2])
        assert (await memos.ask(ASKED)).via == "prefix"
    return ids


def files(home: Path) -> set[str]:
    return {f"{each.parent.name}{each.name}" for each in (home / "kv").rglob("*") if each.is_file()}


async def picture(home: Path, memos: Memos) -> tuple[set[str], set[str]]:
    """The names of the blocks and their files, once what was killed is tidied up; nothing else is left."""
    for each in (home / "kv").rglob("*"):
        os.utime(each, (0, 0))  # nobody has been writing it for long
    on = memos._on  # pyright: ignore[reportPrivateUsage]
    assert isinstance(on.activations, Activations)
    await on.activations.follow()
    blocks, ledger = await on.activations.blocks(), on.vault.ledger
    assert await ledger.list(OWED) == []
    assert {note.key for note in await ledger.list(HITS)} <= {note.key for note in await ledger.list(KIND)}
    assert {block.activation.blob for block in blocks} == files(home)
    assert [block.why for block in await memos.kv.list()] == ["" for _ in blocks]
    return {block.name for block in blocks}, files(home)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_block_is_there_whole_or_not_at_all_and_leaves_no_file(tmp_path: Path, verb: str) -> None:
    start, whole = tmp_path / "start", tmp_path / "whole"
    ids = await prepared(start)
    shutil.copytree(start, whole)
    statements = killed(whole, verb, 0, ids, __name__)
    async with opened(whole) as memos:
        after = await picture(whole, memos)
    seen: list[bool] = []
    for number in range(KILLS):
        home = tmp_path / f"killed {number}"
        shutil.copytree(start, home)
        killed(home, verb, 1 + (statements - 1) * number // (KILLS - 1), ids, __name__)
        assert [finding for finding in await Upkeep(Database(home / "memos.db")).check() if not finding.ok] == []
        async with opened(home) as memos:
            answer = await memos.ask(ASKED)
            assert answer.fallback == ""
            assert all(cube.text.startswith(("Quagga", "The quagga")) for cube in answer.recall.cubes)
            if answer.recall.prefix is not None:
                now = [cube.ref for cube in (await memos.browse()).cubes]
                assert all(ref in now for ref in answer.recall.prefix.sources)
            seen.append(await picture(home, memos) == after)
            if verb in ("build", "rebuild") or ids[0] in {cube.id for cube in (await memos.browse()).cubes}:
                await again(memos, verb, ids)
            assert await picture(home, memos) == after
    assert not seen[0]
    assert seen == sorted(seen)  # from some statement on it is done


async def again(memos: Memos, verb: str, ids: list[str]) -> None:
    """Do what was killed once more, if it was not done."""
    if verb == "rebuild" and not await memos.kv.list():
        await memos.kv.build(ids)
    elif verb != "rebuild" or len((await memos.kv.list())[0].sources) < len(ids):
        await VERBS[verb](memos, ids)


async def test_without_a_model_what_is_forgotten_takes_its_files_along(tmp_path: Path) -> None:
    ids = await prepared(tmp_path)
    assert len(files(tmp_path)) == 1
    quiet: dict[str, Any] = {"embedder": {"kind": "none"}, "consolidation": {"mode": "off"}, "graph": {"kind": "none"}}
    async with memos_mcp.open(home=tmp_path, user="ada", **quiet) as memos:
        (block,) = await memos.kv.list()
        assert block.why == "it was built for table, and no model answers here"
        await memos.forget(ids[2])
        assert len(files(tmp_path)) == 1
        await memos.forget(ids[0])
        assert files(tmp_path) == set()
        assert await memos.kv.list() == ()
