"""kill -9 of a process that brings a path back: on reopening all of it is back, or none."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import memos_mcp

pytestmark = pytest.mark.anyio
KILLS = 8
MEMORIES = 300

WRITER = """
import sys
import anyio
import memos_mcp

async def main():
    alone = {"embedder": {"kind": "none"}, "consolidation": {"mode": "off"}}
    async with memos_mcp.open(home=sys.argv[1], user="ada", **alone) as memos:
        while True:
            for label in ("old", "new"):
                await memos.timeline.restore_all(label)
                print(label, flush=True)

anyio.run(main)
"""


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
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    child.communicate()


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"})
