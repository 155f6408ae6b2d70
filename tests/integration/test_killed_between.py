"""kill -9 before a statement of a sweep, an erasure, a way back or a merge: on reopening it is done or not done."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import memos_mcp
from memos_mcp import Memos
from memos_mcp.cube import State
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.operation.lifecycle import Policy
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

MEMORIES = 12
KILLS = 5
OLD = "user/ada/old"
EVERY = tuple(State)

VERBS: Mapping[str, Callable[[Memos, list[str]], Awaitable[object]]] = {
    "sweep": lambda memos, _: memos.lifecycle.sweep(OLD),
    "clean": lambda memos, _: memos.lifecycle.clean("user/ada/over"),
    "compact": lambda memos, _: memos.lifecycle.compact(OLD),
    "erase": lambda memos, _: memos.lifecycle.erase(path=OLD, reason="asked"),
    "restore": lambda memos, _: memos.timeline.restore_all("then", OLD),
    "update": lambda memos, ids: memos.update(ids[0], "a quagga\na second line\na third line", how="merge"),
    "merge": lambda memos, ids: memos.lifecycle.move(ids, "merge"),
    "rename": lambda memos, _: memos.rename({f"key {n}": f"name {n}" for n in range(4)}, path=OLD),
}

ONCE = ("merge", "rename")
"""What is not as it was if it is done twice: a line more, a key that is no longer there."""


def opened(home: Path | str) -> Memos:
    return memos_mcp.open(
        home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}, audit={"mode": "off"}
    )


async def prepared(home: Path) -> list[str]:
    """Memories with three versions each and a label at the first, some that are over, and policies for all of it."""
    async with opened(home) as memos:
        ids = [(await memos.remember(f"quagga number {n}", path=OLD)).ids[0] for n in range(MEMORIES)]
        for number in range(4):
            await memos.put(OLD, f"key {number}", text=f"quagga of key {number}")
        await memos.timeline.snapshot("then", OLD)
        for id in ids:
            await memos.update(id, f"the second quagga of {id}")
            await memos.update(id, f"the third quagga of {id}")
        over = (await memos.remember([{"text": f"xylograph {n}"} for n in range(MEMORIES)], path="user/ada/over")).ids
        await memos.lifecycle.move(over, "expire")
        await memos.lifecycle.set_policy(OLD, Policy(kept_for=timedelta(0), versions=1))
        await memos.lifecycle.set_policy("user/ada/over", Policy(dropped_after=timedelta(0)))
    return ids


async def picture(memos: Memos) -> list[tuple[object, ...]]:
    """Every memory with all of its versions."""
    found: list[tuple[object, ...]] = []
    for cube in (await memos.lifecycle.list(EVERY, limit=1000)).cubes:
        lines = await memos.log.of(cube.id) if cube.state is not State.EXPIRED else ()
        words = tuple((line.action, line.version, line.cube and line.cube.text) for line in lines)
        found.append((cube.id, cube.version, cube.state, cube.key, cube.text, words))
    return found


async def counted(home: str, verb: str, stop: int, module: str, *ids: str) -> None:
    """Do it, be killed when about to execute the statement with that number, and else say how many there were."""
    given, seen, armed, connect = import_module(module), 0, False, sqlite3.connect

    def count(_statement: str) -> None:
        nonlocal seen
        seen += armed
        if armed and seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*args, **options)
        db.set_trace_callback(count)
        return db

    sqlite3.connect = connected
    async with given.opened(home) as memos:
        await memos.recall("quagga")
        armed = True
        await given.VERBS[verb](memos, list(ids))
        armed = False
        print(seen)  # noqa: T201 to who started it


def killed(home: Path, verb: str, stop: int, ids: list[str], module: str = __name__) -> int:
    """Let a child do it until it is about to execute that statement; how many there were, 0 if it was killed."""
    with Child(counted, home, verb, stop, module, *ids) as child:
        said = child.rest()
        return int(said[0]) if child.ended() == 0 else 0


@pytest.mark.parametrize("verb", VERBS)
async def test_what_was_killed_is_done_or_not_done_and_can_be_done_again(tmp_path: Path, verb: str) -> None:
    start, whole = tmp_path / "start", tmp_path / "whole"
    ids = await prepared(start)
    shutil.copytree(start, whole)
    statements = killed(whole, verb, 0, ids)
    async with opened(start) as memos:
        before = await picture(memos)
    async with opened(whole) as memos:
        after = await picture(memos)
    assert before != after
    seen: list[bool] = []
    for number in range(KILLS):
        home = tmp_path / f"killed {number}"
        shutil.copytree(start, home)
        killed(home, verb, 1 + (statements - 1) * number // (KILLS - 1), ids)
        assert [finding for finding in await Upkeep(Database(home / "memos.db")).check() if not finding.ok] == []
        async with opened(home) as memos:
            found = await picture(memos)
            assert found in (before, after)
            seen.append(found == after)
            await searched(memos)
            if verb not in ONCE or found == before:
                await VERBS[verb](memos, ids)
            assert await picture(memos) == after
            await searched(memos)
        if verb == "erase":
            assert not any(b"uagga" in file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert not seen[0]
    assert seen == sorted(seen)  # from some statement on it is done


async def searched(memos: Memos) -> None:
    """Recall finds what there is, in the words that it has now."""
    here = {cube.id: cube.text for cube in (await memos.browse(limit=100)).cubes}
    found = await memos.recall("quagga", limit=100)
    assert found.searched == len(here)
    assert {cube.id: cube.text for cube in found.cubes} == {id: text for id, text in here.items() if "quagga" in text}
