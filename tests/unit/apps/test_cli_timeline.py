"""`memos timeline` and `memos recall --at` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def tea(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "Ada drinks green tea", "--json").stdout)["ids"]
    return id


def test_a_day_is_undone(memos: Memos, tea: str) -> None:
    assert "no snapshots yet" in memos("timeline", "list").stdout
    assert "monday user/ada by ada" in memos("timeline", "snapshot", "monday").stdout
    assert "already" in memos("timeline", "snapshot", "monday", code=4).stderr
    memos("update", tea, "Ada drinks black tea")
    memos("remember", "Ben has a dog")
    assert "Ada drinks green tea" in memos("recall", "tea", "--at", "monday").stdout
    assert "0 of 0 memories" in memos("recall", "tea", "--at", "2020-01-01").stdout
    assert "Ada drinks green tea" in memos("timeline", "show", "monday").stdout
    diff = memos("timeline", "diff", "monday").stdout
    assert "Ada drinks [-green-]{+black+} tea" in diff
    assert "Ben has a dog" in diff
    assert "nothing changed" in memos("timeline", "diff", "monday", "monday").stdout
    done = memos("timeline", "restore", "--to", "monday").stdout
    assert "brought back 1 memory at user/ada" in done
    assert "1 newer stay" in done
    assert "Ada drinks green tea" in memos("recall", "tea").stdout
    assert "Ada drinks black tea" in memos("timeline", "restore", tea, "--version", "2").stdout
    assert "back to version 2" in memos("history", tea).stdout
    assert "dropped" in memos("timeline", "drop", "monday").stdout
    assert "no snapshot" in memos("recall", "tea", "--at", "monday", code=3).stderr


def test_a_frozen_memory_says_how_to_go_on(memos: Memos, tea: str) -> None:
    assert f"{tea} is frozen" in memos("timeline", "freeze", tea, "--reason", "evidence").stdout
    assert "thaw it first" in memos("update", tea, "x", code=2).stderr
    assert f"{tea} is generated" in memos("timeline", "thaw", tea).stdout


@pytest.mark.parametrize("words", [[], ["--version", "1"], ["ID", "--version", "1", "--to", "monday"], ["ID"]])
def test_restore_asks_where_to_go_back_to(memos: Memos, words: list[str]) -> None:
    assert "say where to go back to" in memos("timeline", "restore", *words, code=2).stderr
