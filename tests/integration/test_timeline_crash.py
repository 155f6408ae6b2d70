"""kill -9 of a process that brings a path back: on reopening all of it is back, or none."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

import memos_mcp
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
KILLS = 8
MEMORIES = 300


async def writes(home: str) -> None:
    async with opened(Path(home)) as memos:
        while True:
            for label in ("old", "new"):
                await memos.timeline.restore_all(label)
                print(label, flush=True)  # noqa: T201 to who started it


async def test_what_is_brought_back_is_back_or_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        ids = (await memos.remember([{"text": f"note {n} is old"} for n in range(MEMORIES)])).ids
        await memos.timeline.snapshot("old")
        for id in ids:
            await memos.update(id, f"note {id} is new")
        await memos.timeline.snapshot("new")
    dice, seen = random.Random(7), set[str]()
    for _ in range(KILLS):
        killed_at_work(tmp_path, dice.uniform(0, 0.3))
        async with opened(tmp_path) as memos:
            endings = {(await memos.get(id)).text.split()[-1] for id in ids}
            assert len(endings) == 1
            seen |= endings
            label = endings.pop()
            assert (await memos.timeline.restore_all(label)).cubes == ()
            assert len((await memos.recall(f"note {label}", limit=100)).cubes) == 100
    assert seen <= {"old", "new"}


def killed_at_work(home: Path, seconds: float) -> None:
    with Child(writes, home) as child:
        child.line()
        time.sleep(seconds)


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"})
