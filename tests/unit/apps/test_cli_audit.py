"""`memos audit` as a person types it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def id(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "the tea plan", "--json").stdout)["ids"]
    return id


def test_who_was_refused_is_seen_by_the_owner(memos: Memos, id: str) -> None:
    memos("show", id, code=3, user="eve")
    said = memos("audit", "query", "--outcome", "denied").stdout
    assert "eve  get  denied (private)" in said
    assert f"{id}@1" in said
    said = memos("audit", "query", user="eve").stdout
    assert "eve  get  missing" in said
    assert id not in said
    assert memos("audit", "query", "--caller", "nobody").stdout == "no such access\n"


def test_an_answer_leads_to_its_memories_and_reads_are_shown(memos: Memos, id: str) -> None:
    found = json.loads(memos("recall", "tea", "--json").stdout)
    assert f"{id}@1" in memos("audit", "answer", found["access"]).stdout
    said = memos("audit", "hotspots").stdout.splitlines()
    assert "all  user/ada  1 read, last" in said[0]
    assert f"{id}  user/ada  1 read, last" in said[1]
    page = json.loads(memos("audit", "query", "-n", "1", "--json").stdout)
    assert "more: --after" in memos("audit", "query", "-n", "1").stdout
    assert len(page["lines"]) == 1


@pytest.mark.claim("5.3.2-17")
def test_a_command_is_a_request_and_its_steps_are_shown(memos: Memos, id: str) -> None:
    memos("forget", id, "--yes")
    (forgot,) = json.loads(memos("audit", "query", "--action", "forget", "--json").stdout)["lines"]
    asked = forgot["request"]
    assert asked != forgot["id"]
    assert f"of {asked}" in memos("audit", "query", "--action", "forget").stdout
    said = memos("audit", "trace", asked).stdout.splitlines()
    assert "ada  get  allowed" in said[0]
    assert "ada  forget  allowed" in said[1]
    assert said[2:4] == ["    committed  1", "    applied  1"]
    assert said[4].split()[2:] == ["forget", f"{id}@1", "user/ada"]
    found = json.loads(memos("audit", "trace", asked, "--json").stdout)
    assert [each["verb"] for each in found["steps"]] == ["get", "forget"]
    assert asked in memos("audit", "query", "--request", asked).stdout
    assert "has no request" in memos("audit", "trace", "nobodys0", code=3).output


def test_the_log_is_verified_exported_and_rotated(memos: Memos, id: str, tmp_path: Path) -> None:
    assert "the chain of 1 line holds" in memos("audit", "verify").stdout
    file = tmp_path / "access.csv"
    assert "wrote 2 lines" in memos("audit", "export", "--format", "csv", str(file)).stdout
    assert file.read_text("utf-8").splitlines()[0].startswith("id,at,user")
    assert "give a name that is free" in memos("audit", "export", str(file), code=2).output
    rows = [json.loads(line) for line in memos("audit", "export").stdout.splitlines()]
    assert rows[0]["memories"][0]["id"] == id
    memos("audit", "rotate", "--keep-days", "0", code=2)
    assert "removed 4" in memos("audit", "rotate", "--keep-days", "0", "--yes").stdout
    assert "holds" in memos("audit", "verify").stdout


def test_a_changed_line_ends_the_command_with_an_error(memos: Memos, id: str, tmp_path: Path) -> None:
    memos("show", id)
    with closing(sqlite3.connect(tmp_path / "home" / "memos.db")) as db:
        db.execute("UPDATE access SET user = 'eve' WHERE seq = 2")
        db.commit()
    assert "the chain breaks at line 2" in memos("audit", "verify", code=7).output
