"""What is done to many memories and killed at any moment: every batch is done or not done, and the next one goes on."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp.cube import State
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.operation.lifecycle import Policy
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

MEMORIES = 3000


async def to_and_fro(memos: memos_mcp.Memos) -> None:
    for number in range(100):
        await memos.lifecycle.migrate(*sorted(("user/ada/a", "user/ada/b"), reverse=number % 2 == 1))


VERBS: Mapping[str, Callable[[memos_mcp.Memos], Awaitable[object]]] = {
    "sweep": lambda memos: memos.lifecycle.sweep(),
    "compact": lambda memos: memos.lifecycle.compact(),
    "compress": lambda memos: memos.lifecycle.compress(),
    "erase": lambda memos: memos.lifecycle.erase(path="user/ada", reason="asked"),
    "migrate": to_and_fro,
}


async def works(home: str, verb: str) -> None:
    async with opened(Path(home)) as memos:
        print("ready", flush=True)  # noqa: T201 to who started it
        await VERBS[verb](memos)


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"})


async def filled(home: Path) -> None:
    async with opened(home) as memos:
        said: list[JsonValue] = [{"speaker": "Ada", "text": f"Zanzibar number {number}"} for number in range(MEMORIES)]
        await memos.remember(said, session="s")
        await memos.lifecycle.set_policy("user/ada", Policy(kept_for=timedelta(0)))


def killed(verb: str, home: Path, seconds: float) -> None:
    with Child(works, home, verb) as child:
        assert child.line() == "ready\n"
        time.sleep(seconds)


def files_in(home: Path) -> list[bytes]:
    return [file.read_bytes() for file in home.rglob("*") if file.is_file()]


async def assert_healthy(home: Path) -> None:
    findings = await Upkeep(Database(home / "memos.db")).check()
    assert [finding for finding in findings if not finding.ok] == []


async def test_a_killed_sweep_is_done_batch_by_batch_and_goes_on(tmp_path: Path) -> None:
    await filled(tmp_path)
    dice = random.Random(7)
    for _ in range(6):
        killed("sweep", tmp_path, dice.uniform(0.02, 0.25))
        await assert_healthy(tmp_path)
        async with opened(tmp_path) as memos:
            over: list[str] = []
            after = 0
            while True:
                page = await memos.lifecycle.list([State.EXPIRED], limit=1000, after=after)
                over, after = [*over, *(cube.id for cube in page.cubes)], page.after
                assert all(cube.governance.expires_at for cube in page.cubes)
                if not after:
                    break
            status = await memos.status()
            assert status.memories + len(over) == MEMORIES
            assert len(over) % 200 == 0
            assert (await memos.recall("Zanzibar", limit=10)).searched == status.memories
    async with opened(tmp_path) as memos:
        await memos.lifecycle.sweep()
        assert (await memos.status()).memories == 0
    await assert_healthy(tmp_path)


async def test_a_killed_erasure_is_done_or_not_done(tmp_path: Path) -> None:
    await filled(tmp_path)
    dice = random.Random(8)
    for _ in range(8):
        killed("erase", tmp_path, dice.uniform(0.01, 0.3))
        await assert_healthy(tmp_path)
        async with opened(tmp_path) as memos:
            left = (await memos.status()).memories
            assert left in (0, MEMORIES)
            if not left:
                break
    async with opened(tmp_path) as memos:
        await memos.lifecycle.erase(path="user/ada", reason="asked")
        assert (await memos.recall("Zanzibar")).searched == 0
        (id,) = (await memos.remember("the tea stays")).ids
        await memos.lifecycle.erase([id], reason="asked")
    await assert_healthy(tmp_path)
    assert not any(b"anzibar" in data for data in files_in(tmp_path))


async def test_a_killed_compaction_or_compression_leaves_a_vault_that_is_whole(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        cubes = [await memos.put(None, f"{n}", text=f"Zanzibar number {n}, one. " * 9) for n in range(300)]
        for cube in cubes:
            await memos.update(cube.id, f"Zanzibar number {cube.key}, two. " * 9)
            await memos.update(cube.id, f"Zanzibar number {cube.key}, three. " * 9)
        await memos.lifecycle.move([cube.id for cube in cubes[:100]], "archive")
        await memos.lifecycle.set_policy("user/ada", Policy(versions=1))
    dice = random.Random(9)
    for turn in range(8):
        killed("compact" if turn < 3 else "compress", tmp_path, dice.uniform(0.01, 0.25))
        await assert_healthy(tmp_path)
        async with opened(tmp_path) as memos:
            lines = [line for line in (await memos.log.news(0, limit=10_000)).events if line.action == "compact"]
            assert len(lines) in (0, 200, 300)
            for cube in cubes[:20]:
                first, last = await memos.get(cube.id, version=1), await memos.get(cube.id)
                assert (first.text, last.text[-7:]) == (cube.text, "three. ")
    async with opened(tmp_path) as memos:
        await memos.lifecycle.compress()
        assert (await memos.recall("Zanzibar")).searched == 200
    assert not any(b", two. " in data for data in files_in(tmp_path))
    await assert_healthy(tmp_path)


async def test_a_killed_migration_is_done_or_not_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        for number in range(400):
            await memos.put("user/ada/a", f"{number}", text=f"Zanzibar number {number}")
    dice, seen = random.Random(10), set[str]()
    for _ in range(8):
        killed("migrate", tmp_path, dice.uniform(0.02, 0.4))
        await assert_healthy(tmp_path)
        async with opened(tmp_path) as memos:
            (place,) = await memos.namespaces()
            assert place.memories == 400
            assert (await memos.recall("Zanzibar", path=place.path)).searched == 400
            assert (await memos.get(key="7", path=place.path)).text == "Zanzibar number 7"
            seen.add(place.path)
    assert seen <= {"user/ada/a", "user/ada/b"}
