"""`memos lifecycle` as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from memos_mcp.apps.cli import app

Memos = Callable[..., Result]


@pytest.fixture
def memos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memos:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def plan(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "the tea plan", "--json").stdout)["ids"]
    return id


def test_a_memory_is_archived_found_and_restored(memos: Memos, plan: str) -> None:
    assert "1 memory is archived" in memos("lifecycle", "move", "archive", plan, "--reason", "old").stdout
    assert "0 of 0 memories" in memos("recall", "tea").stdout
    assert f'{plan}  archived   "the tea plan"' in memos("lifecycle", "list").stdout
    shown = memos("lifecycle", "show", plan).stdout
    assert "archived: out of use" in shown
    assert "restore, expire" in shown
    assert "archived already" in memos("lifecycle", "move", "archive", plan, code=2).stderr
    memos("lifecycle", "move", "restore", plan)
    assert "the tea plan" in memos("recall", "tea").stdout
    assert "archive: old" in memos("history", plan).stdout
    assert "0 memories" in memos("lifecycle", "list").stdout


def test_a_policy_is_set_shown_swept_and_cleared(memos: Memos, plan: str) -> None:
    said = memos("lifecycle", "policy", "user/ada", "--kept-for", "0", "--archive-below", "0.5").stdout
    assert "kept for                    0 days" in said
    assert "archived below              0.5" in memos("lifecycle", "policy").stdout
    assert "expire: it was kept for 0 days" in memos("lifecycle", "show", plan).stdout
    swept = memos("lifecycle", "sweep").stdout
    assert f"{plan} expire: it was kept for 0 days" in swept
    assert "1 memory moved  looked at 1 memory" in swept
    assert "0 versions compacted" in memos("lifecycle", "compact", "--yes").stdout
    memos("lifecycle", "policy", "user/ada", "--dropped-after", "0", "--versions", "3", "--versions-for", "9")
    assert "versions kept               3" in memos("lifecycle", "policy").stdout
    assert "1 memory forgotten  looked at 1 memory" in memos("lifecycle", "clean", "--yes").stdout
    memos("lifecycle", "policy", "user/ada", "--clear")
    assert "kept for                    no" in memos("lifecycle", "policy").stdout
    assert "name the PATH" in memos("lifecycle", "policy", "--half-life", "3", code=2).stderr


def test_what_is_held_is_not_erased_and_then_it_is(memos: Memos, plan: str, tmp_path: Path) -> None:
    assert "1 memory under legal hold" in memos("lifecycle", "hold", plan).stdout
    erase = ("lifecycle", "erase", plan, "--reason", "asked")
    assert "legal hold" in memos(*erase, "--yes", code=5).stderr
    assert "1 memory free again" in memos("lifecycle", "hold", plan, "--lift").stdout
    assert "nobody to ask" in memos(*erase, code=2).stderr
    memos("backup", str(tmp_path / "backup.db"))
    said = memos(*erase, "--yes").stdout
    assert "erased 1 memory" in said
    assert str(tmp_path / "backup.db") in said
    assert "has no memory" in memos("show", plan, code=3).stderr
    assert json.loads(memos("lifecycle", "list", "expired", "--json").stdout) == {"cubes": [], "after": 0}
