"""`memos deliver`, `deliveries` and `attribute` as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Memos = Callable[..., Result]
MINUTES = (
    "The committee didn't decide anything on Tuesday, because the report that Ines had promised wasn't ready. Ben will "
    "ask the neighbours whether they'd lend us their tent, and Carla is looking for somebody who plays the accordion."
)


@pytest.fixture
def minutes(memos: Memos) -> str:
    return str(json.loads(memos("put", "minutes", MINUTES, "--json").stdout)["id"])


def test_a_copy_is_handed_out_and_found_again(memos: Memos, minutes: str, tmp_path: Path) -> None:
    assert "nothing was delivered yet" in memos("deliveries").stdout
    copy, leaked = tmp_path / "ben.txt", tmp_path / "leaked.txt"
    done = memos("deliver", minutes, "--to", "Ben", "-o", str(copy))
    assert "ben.txt for Ben" in done.stdout
    assert done.stderr == ""
    leaked.write_text(copy.read_text("utf-8")[30:200], "utf-8")
    found = memos("attribute", str(leaked)).stdout
    assert "Ben" in found
    assert f"{minutes} v1" in found
    assert "by chance alone" in found
    memos("forget", minutes, "--yes")
    assert f"{minutes} v1 (forgotten)" in memos("deliveries", "--to", "Ben").stdout
    leaked.write_text(MINUTES, "utf-8")
    assert "nobody that you know of" in memos("attribute", str(leaked)).stdout


def test_a_copy_on_standard_output_is_exact(memos: Memos, minutes: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_text(memos("deliver", minutes, "--to", "Carla").stdout, "utf-8")
    (leak,) = json.loads(memos("attribute", str(copy), "--json").stdout)
    assert leak["receipt"]["recipient"] == "Carla"
    told = json.loads(memos("deliver", minutes, "--to", "Dan", "--json").stdout)
    copy.write_text(told["text"], "utf-8")
    assert json.loads(memos("attribute", str(copy), "--json").stdout)[0]["receipt"]["id"] == told["receipt"]["id"]
    assert [each["recipient"] for each in json.loads(memos("deliveries", "--json").stdout)["receipts"]] == [
        "Dan",
        "Carla",
    ]


def test_a_text_that_was_made_from_memories_is_delivered(memos: Memos, minutes: str, tmp_path: Path) -> None:
    answer, copy = tmp_path / "answer.md", tmp_path / "answer-ben.md"
    answer.write_text(MINUTES.replace("committee", "board"), "utf-8")
    memos("deliver", minutes, "--to", "Ben", "--file", str(answer), "-o", str(copy))
    assert "board" in copy.read_text("utf-8").replace("\u200b", "").replace("\u2060", "")
    assert minutes in memos("attribute", str(copy)).stdout


def test_what_cannot_be_handed_over_is_not_delivered(memos: Memos, minutes: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken.txt"
    taken.touch()
    assert "exists already" in memos("deliver", minutes, "--to", "Ben", "-o", str(taken), code=2).stderr
    nowhere = tmp_path / "no" / "where.txt"
    assert "there is no folder" in memos("deliver", minutes, "--to", "Ben", "-o", str(nowhere), code=2).stderr
    assert "name 1 to 100 memories" in memos("deliver", "--to", "Ben", code=2).stderr
    assert "eve has no memory" in memos("deliver", minutes, "--to", "Ben", user="eve", code=3).stderr
    assert "nothing was delivered yet" in memos("deliveries").stdout


def test_a_short_text_is_said_to_be_too_short(memos: Memos) -> None:
    (tea,) = json.loads(memos("remember", "Ada drinks green tea", "--json").stdout)["ids"]
    assert "too short to be traced" in memos("deliver", tea, "--to", "Ben").stderr


def test_a_terminal_that_would_spoil_the_mark_gets_none(tmp_path: Path) -> None:
    env = {**os.environ, "MEMOS_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "memos_mcp.apps.cli", "deliver", "any", "--to", "Ben"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "would spoil the mark" in done.stderr
    assert done.stdout == ""
