"""Ends, dry runs, compression, migration and rotation as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def plan(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "the tea plan", "--path", "user/ada/a", "--json").stdout)["ids"]
    return id


def test_what_is_stored_for_a_time_says_until_when(memos: Memos) -> None:
    said = memos("put", "ticket", "seat 4", "--expires", "2999-01-31").stdout
    assert "2999-01-31 00:00 UTC" in said
    (id,) = json.loads(memos("remember", "the tea of today", "--expires", "12h", "--json").stdout)["ids"]
    assert json.loads(memos("show", id, "--json").stdout)["governance"]["expires_at"]
    assert "is over" in memos("put", "ticket", "seat 5", "--expires", "2020-01-31", code=2).stderr
    for wrong in ("soon", "12y", "-3d", "99999999999999w"):
        memos("put", "ticket", "seat 5", f"--expires={wrong}", code=2)


def test_a_dry_run_asks_nobody_and_does_nothing(memos: Memos, plan: str) -> None:
    memos("lifecycle", "policy", "user/ada", "--kept-for", "0")
    said = memos("lifecycle", "sweep", "--dry-run").stdout
    assert f"{plan}@1 expire: it was kept for 0 days" in said
    assert "1 due, nothing was done  looked at 1 memory" in said
    assert "0 due" in memos("lifecycle", "clean", "--dry-run").stdout
    assert "0 due" in memos("lifecycle", "compact", "--dry-run").stdout
    assert "1 memory moved" in memos("lifecycle", "sweep").stdout


def test_a_vault_is_compressed_and_its_sizes_shown(memos: Memos, plan: str) -> None:
    memos("lifecycle", "move", "archive", plan)
    assert "indexes 0 kB, access log about" in memos("status").stdout
    assert json.loads(memos("status", "--json").stdout)["sizes"]["cold"] > 0
    memos("lifecycle", "compress", code=2)
    assert "0 versions compacted, 0 moved" in memos("lifecycle", "compress", "--yes").stdout
    assert "the tea plan" in memos("show", plan).stdout


def test_a_namespace_is_taken_to_another_path(memos: Memos, plan: str) -> None:
    (held,) = json.loads(memos("remember", "the court tea", "--path", "user/ada/a", "--json").stdout)["ids"]
    memos("lifecycle", "hold", held)
    memos("lifecycle", "migrate", "user/ada/a", "shared/team", code=2)
    said = memos("lifecycle", "migrate", "user/ada/a", "shared/team", "--reason", "for all", "--yes").stdout
    assert f"stayed: {held}" in said
    assert "1 memory is at shared/team" in said
    assert "the tea plan" in memos("recall", "tea", user="ben").stdout
    assert "arrive by ada for all" in memos("history", plan).stdout.replace("  ", " ")
    assert "may not write to" in memos("lifecycle", "migrate", "user/ben", "shared/x", "--yes", code=5).stderr


def test_a_log_is_cut_to_its_last_lines(memos: Memos, plan: str) -> None:
    for _ in range(3):
        memos("show", plan)
    assert "removed 2  2 lines left" in memos("audit", "rotate", "--keep-last", "2", "--yes").stdout
    assert "the chain of 3 lines holds; 2 lines were cut, last those before" in memos("audit", "verify").stdout
    assert "say how long lines stay" in memos("audit", "rotate", "--yes", code=2).stderr
