"""kill -9 while an adapter is trained: it goes on, and comes out as it would have."""

# pyright: reportMissingModuleSource=false
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.imports import IMPORTS
from tests.lora_lessons import backend, lesson, let_through, lying

_STEPS = 40


async def train(folder: Path, kill_at: int) -> None:
    """Train, and die on the way."""
    its = backend(folder)
    await its.train(lesson(steps=_STEPS), let_through, told=lambda done, _: _die() if done == kill_at else None)
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(folder: Path, kill_at: int) -> None:
    env = {"PYTHONPATH": IMPORTS, "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder), str(kill_at)]
    done = subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.anyio
async def test_what_was_killed_goes_on_and_comes_out_the_same_and_once(tmp_path: Path) -> None:
    whole = await backend(tmp_path / "whole").train(lesson(steps=_STEPS), let_through)
    folder = tmp_path / "killed"
    killed(folder, 30)
    assert [name for name in lying(folder) if "adapter_model" in name] == []
    told: list[int] = []
    its = backend(folder)
    rest = await its.train(lesson(steps=_STEPS), let_through, told=lambda done, _: told.append(done))
    assert told[0] == 26
    assert (rest.adapter, rest.losses) == (whole.adapter, whole.losses)
    again = await backend(folder).train(lesson(steps=_STEPS), let_through)
    assert (again.known, again.adapter) == (True, rest.adapter)
    assert [each.name for each in await its.releases("towns")] == ["towns@1"]


def note(folder: Path) -> Path:
    """Where it says what the one training came to."""
    (found,) = folder.rglob("measured.json")
    return found


@pytest.mark.anyio
async def test_killed_before_it_was_noted_an_adapter_is_found_and_not_promoted_twice(tmp_path: Path) -> None:
    its = backend(tmp_path)
    first = await its.train(lesson(steps=3), let_through)
    noted = note(tmp_path)
    noted.unlink()
    again = await its.train(lesson(steps=3), let_through)
    assert (again.known, again.adapter) == (False, first.adapter)
    assert await its.releases("towns") == [first.adapter]


@pytest.mark.anyio
async def test_killed_before_its_checkpoint_was_cleared_it_is_cleared_the_next_time(tmp_path: Path) -> None:
    its = backend(tmp_path)
    first = await its.train(lesson(steps=3), let_through)
    noted = note(tmp_path)
    (noted.parent / f"000003-{'0' * 64}.safetensors").write_bytes(b"half")
    assert (await its.train(lesson(steps=3), let_through)).adapter == first.adapter
    assert sorted(each.name for each in noted.parent.iterdir()) == ["measured.json", "sources.json"]


if __name__ == "__main__":
    anyio.run(train, Path(sys.argv[1]), int(sys.argv[2]))
