"""kill -9 before a statement of the scheduler: a block stands with its decision, or neither does; the rest follows."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from memos_mcp import Memos
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.interface.scheduled import KIND
from tests.activations import Table
from tests.integration.test_killed_between import killed
from tests.schedules import TEA, blocks_of, held, scheduled, scheduler_of, stored

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

KILLS = 8
PATHS = ("user/ada", "user/ada/work", "shared/team")
VERBS: Mapping[str, Callable[[Memos, list[str]], Awaitable[object]]] = {"run": lambda memos, _: memos.scheduler.run()}


def opened(home: Path | str) -> AbstractAsyncContextManager[Memos]:
    return scheduled(Path(home), Table())


async def prepared(home: Path, first: bool) -> set[str]:
    """Memories that are worth a block; or one that has a block, and others that are to join it."""
    async with opened(home) as memos:
        ids = [await stored(memos, f"{TEA} Number 0.")]
        for id in ids * 8:
            await memos.get(id)
        if not first:
            await memos.scheduler.run()
        ids += [await stored(memos, f"{TEA} Number {n}.", path=path) for n, path in enumerate(PATHS, start=1)]
        for id in ids * 8:
            await memos.get(id)
    return set(ids)


@pytest.mark.parametrize("first", [True, False])
async def test_a_block_and_its_decision_are_there_or_neither_and_the_rest_follows(tmp_path: Path, first: bool) -> None:
    start, whole = tmp_path / "start", tmp_path / "whole"
    ids = await prepared(start, first)
    shutil.copytree(start, whole)
    statements = killed(whole, "run", 0, [], __name__)
    counts: list[int] = []
    for number in range(KILLS):
        home = tmp_path / f"killed {number}"
        shutil.copytree(start, home)
        killed(home, "run", 1 + (statements - 1) * number // (KILLS - 1), [], __name__)
        assert [finding for finding in await Upkeep(Database(home / "memos.db")).check() if not finding.ok] == []
        async with opened(home) as memos:
            before, said = await held(memos), await promoted(memos)
            counts.append(len(before))
            assert set(said) <= before
            assert len(before - set(said)) <= 2  # those of the block that was just built
            assert (await memos.scheduler.run()).why == ""
            assert await held(memos) == ids
            assert len(await blocks_of(memos)) == len(PATHS)
            assert sorted(await promoted(memos)) == sorted(ids)
            notes = await memos._on.vault.ledger.list(KIND)  # pyright: ignore[reportPrivateUsage]
            assert len(notes) == len(await scheduler_of(memos).decisions.all())
    assert counts == sorted(counts)
    assert counts[0] == (0 if first else 1)
    assert counts[-1] >= len(ids) - 2


async def promoted(memos: Memos) -> list[str]:
    return [each.id for each in await scheduler_of(memos).decisions.all() if each.move == "promote"]
