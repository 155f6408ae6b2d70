"""kill -9 before a statement of consolidation: of each memory all of it was done or nothing, and the rest follows."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import memos_mcp
from memos_mcp import Memos
from memos_mcp.cube import MemCube, State
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.interface.consolidations import Consolidated
from tests.integration.test_killed_between import killed

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

KILLS = 6
EVERY = tuple(State)
SAID = datetime(2025, 3, 3, 18, tzinfo=UTC)
PAIRS = (
    ("I live in Porto.", "I've moved to Braga."),
    ("My dog is called Biscuit.", "My dog's name is Biscuit."),
    ("My birthday is 4 May 1990.", "My birthday is 5 May 1990."),
    ("The rent is 900 euros a month.", "The rent is now 960 euros a month."),
    ("I have two kids.", "I've got two children."),
)
VERBS: Mapping[str, Callable[[Memos, list[str]], Awaitable[object]]] = {"settle": lambda memos, _: memos.settle()}


def opened(home: Path | str, mode: str = "on") -> Memos:
    quiet: dict[str, Any] = {"embedder": {"kind": "none"}, "audit": {"mode": "off"}}
    return memos_mcp.open(home=home, user="ada", consolidation={"mode": mode}, **quiet)


async def prepared(home: Path) -> None:
    """Pairs that nobody has looked at."""
    async with opened(home, "off") as memos:
        for old, new in PAIRS:
            await memos.remember(old, speaker="Ada", said_at=SAID, source=old)
            await memos.remember(new, speaker="Ada", said_at=SAID + timedelta(days=90), source=new)


async def picture(memos: Memos) -> tuple[dict[str, MemCube], tuple[Consolidated, ...]]:
    cubes = {cube.id: cube for cube in (await memos.lifecycle.list(EVERY, limit=100)).cubes}
    return cubes, (await memos.consolidation.decided(limit=100)).deeds


def outcome(cubes: Mapping[str, MemCube], deeds: tuple[Consolidated, ...]) -> object:
    """What became of each, whenever it was done."""
    one = {id: (c.version, c.state, c.valid, c.links, c.usage.sightings, c.text) for id, c in cubes.items()}
    return one, sorted((each.id, each.other, each.relation, each.did) for each in deeds)


async def test_each_memory_was_consolidated_whole_or_not_at_all_and_the_rest_follows(tmp_path: Path) -> None:
    start, whole = tmp_path / "start", tmp_path / "whole"
    await prepared(start)
    shutil.copytree(start, whole)
    statements = killed(whole, "settle", 0, [], __name__)
    async with opened(whole) as memos:
        after = outcome(*await picture(memos))
    done: list[int] = []
    for number in range(KILLS):
        home = tmp_path / f"killed {number}"
        shutil.copytree(start, home)
        killed(home, "settle", 1 + (statements - 1) * number // (KILLS - 1), [], __name__)
        assert [finding for finding in await Upkeep(Database(home / "memos.db")).check() if not finding.ok] == []
        async with opened(home) as memos:
            cubes, deeds = await picture(memos)
            done.append(len(deeds))
            touched = {id for each in deeds for id in (each.id, each.other)}
            for id, cube in cubes.items():
                is_new = cube.version == 1 and cube.usage.sightings == 1 and cube.state is State.GENERATED
                assert is_new != (id in touched)
            for each in deeds:
                assert [link.target for link in cubes[each.id].links] == [each.other]
                assert (cubes[each.id].state is State.ARCHIVED) == (each.did == "joined")
                assert (cubes[each.other].valid is not None) == (each.did == "ended")
            await memos.settle()
            assert outcome(*await picture(memos)) == after
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] >= len(PAIRS) - 1
