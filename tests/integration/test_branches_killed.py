"""kill -9 of a process that makes, merges and drops branches: each of it is done, or was not begun."""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import wiring
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
KILLS = 6
MEMORIES = 40


async def writes(home: str, turn: int) -> None:
    async with opened(Path(home)) as memos:
        ids = [cube.id for cube in (await memos.browse(limit=100)).cubes]
        for round in itertools.count():
            for end in (memos.branches.merge, memos.branches.drop):
                await memos.branches.make("idea")
                idea = await memos.on_branch("idea")
                for id in ids:
                    await idea.update(id, f"note {id} of {end.__name__} {turn}-{round}")
                await idea.remember(f"one more of {end.__name__} {turn}-{round}", path="user/ada/more")
                print(end.__name__, flush=True)  # noqa: T201 to who started it
                await end("idea")


async def test_a_branch_is_made_merged_and_dropped_whole_or_not_at_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        ids = (await memos.remember([{"text": f"note {n} of nothing"} for n in range(MEMORIES)])).ids
    dice = random.Random(7)
    for turn in range(KILLS):
        killed_at_work(tmp_path, turn, dice.uniform(0, 0.06))
        async with opened(tmp_path) as memos:
            endings = {(await memos.get(id)).text.split(" of ")[1] for id in ids}
            assert len(endings) == 1
            assert "drop" not in endings.pop()
            for branch in await memos.branches.list():
                found = await (await memos.on_branch(branch.label)).recall("note", limit=100)
                assert found.searched >= MEMORIES
                await memos.branches.drop(branch.label)
            assert left_over(tmp_path) == 0
        assert all(each.ok for each in await wiring.upkeep(home=tmp_path, user="ada").check())


def left_over(home: Path) -> int:
    """Memories of branches that there are no more."""
    with closing(sqlite3.connect(home / "memos.db")) as db:
        sql = "SELECT count(*) FROM memory WHERE branch <> 'main' AND forgotten IS NULL"
        return int(db.execute(sql).fetchone()[0])


def killed_at_work(home: Path, turn: int, seconds: float) -> None:
    """Killed after so many seconds of a merge or a drop, in turns."""
    with Child(writes, home, turn) as child:
        for _ in range(1 + turn % 2):
            child.line()
        time.sleep(seconds)


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"})
