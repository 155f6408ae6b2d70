"""The scheduler by similarity: what is like that which is used now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from memos_mcp.cube import MemCube
from memos_mcp.errors import Misconfigured
from memos_mcp.operation.scheduling import Limits
from tests.activations import Table
from tests.schedules import FERRY, TEA, TERMS, asked, held, scheduled, scheduler_of, stored

pytestmark = pytest.mark.anyio


async def meant(cubes: Sequence[MemCube]) -> list[tuple[float, ...]]:
    """One direction for drinks, one for travel."""
    return [(1.0, 0.0) if "tea" in cube.text else (0.0, 1.0) for cube in cubes]


@pytest.mark.parametrize(("talk", "kept"), [(FERRY, FERRY), (TEA, TEA)])
async def test_by_similarity_what_is_held_is_like_what_is_used_now(tmp_path: Path, talk: str, kept: str) -> None:
    terms = replace(TERMS, policy="similar", longest=250, limits=Limits(0, settled=0, stay=0), meaning=meant)
    async with scheduled(tmp_path, Table(budget=2000), terms) as memos:
        ids = [await stored(memos, text) for text in (TEA, FERRY)]
        much = (await memos.put(None, "much", text=talk * 20)).id  # too long for a block
        for id in [*ids * 5, *[much] * 200]:
            await memos.get(id)
        plan = await memos.scheduler.plan()
        assert [each.id for each in plan.decisions if each.move == "promote"] == [ids[kept == FERRY]]
        await scheduler_of(memos).run()
        assert [(await memos.get(id)).text for id in await held(memos)] == [kept]


async def test_without_vectors_nothing_is_planned_by_similarity(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), replace(TERMS, policy="similar")) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        with pytest.raises(Misconfigured, match="needs vectors of memories"):
            await memos.scheduler.plan()
        await scheduler_of(memos).run()
        assert "needs vectors" in scheduler_of(memos).why
        assert (await memos.scheduler.plan("recent")).decisions
