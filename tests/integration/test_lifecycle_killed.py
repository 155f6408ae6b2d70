"""A sweep and an erasure that are killed at any moment: every batch is done or not done, and the next one goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp.cube import State
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.operation.lifecycle import Policy

pytestmark = pytest.mark.anyio

MEMORIES = 3000
SWEEPS = """
import anyio, sys, memos_mcp

async def main():
    async with memos_mcp.open(home=sys.argv[1], user="ada", embedder={"kind": "none"}) as memos:
        print("ready", flush=True)
        await memos.lifecycle.sweep()
        print("done", flush=True)
anyio.run(main)
"""
ERASES = SWEEPS.replace("sweep()", 'erase(path="user/ada", reason="asked")')


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"})


async def filled(home: Path) -> None:
    async with opened(home) as memos:
        said: list[JsonValue] = [{"speaker": "Ada", "text": f"Zanzibar number {number}"} for number in range(MEMORIES)]
        await memos.remember(said, session="s")
        await memos.lifecycle.set_policy("user/ada", Policy(kept_for=timedelta(0)))


def killed(code: str, home: Path, seconds: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.kill()
    process.communicate(timeout=60)


def files_in(home: Path) -> list[bytes]:
    return [file.read_bytes() for file in home.rglob("*") if file.is_file()]


async def assert_healthy(home: Path) -> None:
    findings = await Upkeep(Database(home / "memos.db")).check()
    assert [finding for finding in findings if not finding.ok] == []


async def test_a_killed_sweep_is_done_batch_by_batch_and_goes_on(tmp_path: Path) -> None:
    await filled(tmp_path)
    dice = random.Random(7)
    for _ in range(6):
        killed(SWEEPS, tmp_path, dice.uniform(0.02, 0.25))
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
        killed(ERASES, tmp_path, dice.uniform(0.01, 0.3))
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
