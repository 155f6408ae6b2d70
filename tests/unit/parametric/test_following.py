"""A real model of transformers by settings: trained, asked, known by the next process, and gone with a memory."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import memos_mcp
from benchmarks import small_lm
from memos_mcp import Memos, NotFound
from memos_mcp.answers import Release
from memos_mcp.interface.adapter_records import Want
from memos_mcp.interface.adapting import Adapters
from memos_mcp.parametric import Budget

pytestmark = pytest.mark.anyio

QUIET: dict[str, Any] = {"embedder": {"kind": "none"}, "consolidation": {"mode": "off"}, "graph": {"kind": "none"}}
TOLD = ("Mabo is allergic to peanuts.", "Kide moved to Lisbon.")
ASKED = "Where does Kide live?"


def opened(home: Path) -> Memos:
    parametric = {"kind": "transformers", "model": str(small_lm.made("tiny")), "schedule": "off"}
    return memos_mcp.open(home=home, user="ada", parametric=parametric, **QUIET)


def its(memos: Memos) -> Adapters:
    found = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


def roomy(folder: Path) -> Path:
    """The same model, which may read more: enough for what stands before the memories of a KV block."""
    shutil.copytree(small_lm.made("tiny"), folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}), "utf-8")
    return folder


async def trained(memos: Memos) -> Release:
    cubes = sorted((await memos.browse()).cubes, key=lambda cube: cube.created_at)
    want = Want("house", "ada", tuple(cube.id for cube in cubes), datetime.now(UTC), budget=Budget(steps=60, rank=8))
    taught = await its(memos).train(want, cubes)
    assert taught.release is not None, taught.report.why
    return taught.release


@pytest.mark.claim("4.1-30")
async def test_by_settings_a_model_learns_answers_and_forgets(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        for text in TOLD:
            await memos.remember(text)
        release = await trained(memos)
        assert release.bytes > 10_000
        assert release.gain is not None
        assert release.gain > 0.5
    async with opened(tmp_path) as memos:
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        assert "Lisbon" in await its(memos).answer(on, release.name, ASKED, beneath=("user/ada",), limit=12)
        assert await trained(memos) == release
        (id,) = [ref.id for ref in release.sources if (await memos.get(ref.id)).text == TOLD[0]]
    async with opened(tmp_path) as memos:  # its model is not opened any more
        await memos.forget(id)
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(NotFound):
            await its(memos).answer(on, release.name, ASKED, beneath=("user/ada",), limit=12)
        left = [each.relative_to(tmp_path) for each in (tmp_path / "adapters").rglob("*.safetensors")]
        assert left == []


async def test_a_kv_block_of_the_same_model_is_trained_further_and_examined(tmp_path: Path) -> None:
    model = str(roomy(tmp_path / "model"))
    both = {
        "activation": {"kind": "transformers", "model": model},
        "parametric": {"kind": "transformers", "model": model},
    }
    async with memos_mcp.open(home=tmp_path, user="ada", **both, **QUIET) as memos:
        ids = [(await memos.remember(text)).ids[0] for text in TOLD]
        block = await memos.kv.build(ids)
        found = await memos.adapters.from_kv(block.name, "block", steps=10)
        assert found.gain is not None
        assert bool(found.adapter) != bool(found.refused)
        if found.adapter is not None:
            assert await memos.adapters.answer("block@1", ASKED)
        assert [each.name for each in await memos.kv.list()] == [block.name]
