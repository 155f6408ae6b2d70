"""What keeps a vault safe on the command line: doctor, backup, restore, and questions to a person at a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from memos_mcp.apps.cli import app

Memos = Callable[..., Result]


@pytest.fixture
def memos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memos:
    """Run `memos …` on an empty vault of ada's."""
    for name in ("FORCE_COLOR", "MEMOS_CONFIG", "MEMOS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def damage(vault: Path) -> None:
    """Overwrite the middle of a vault."""
    with vault.open("r+b") as file:
        file.seek(vault.stat().st_size // 4)
        file.write(b"\xff" * (vault.stat().st_size // 2))


def test_doctor_shows_every_setting_with_its_source(memos: Memos, tmp_path: Path) -> None:
    memos("remember", "Ada likes tea")
    (tmp_path / "home" / "memos.toml").write_text("[words]\nmemory_mb = 64\n")
    told = memos("doctor").stdout
    for part in ("sqlite", "vault.read_only", "words.memory_mb", "64", "memos.toml", "variable", "default", "✓"):
        assert part in told
    report = answer(memos("doctor", "--json"))
    settings = {each["name"]: (each["value"], each["source"]) for each in report["settings"]}
    assert settings["user"] == ("ada", "variable")
    assert settings["words.memory_mb"] == ("64", str(tmp_path / "home" / "memos.toml"))
    assert settings["vault.file"] == ("memos.db", "default")
    assert set(report["versions"]) == {"memos", "python", "sqlite", "system"}
    assert report["findings"]
    assert all(finding["ok"] for finding in report["findings"])


def test_doctor_asks_the_graph(memos: Memos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def graph(code: int = 0) -> tuple[bool, str]:
        found = answer(memos("doctor", "--json", code=code))["findings"]
        (its,) = [finding for finding in found if finding["name"] == "graph"]
        assert all(finding["ok"] for finding in found if finding is not its)
        return its["ok"], its["detail"]

    assert graph() == (True, "none is drawn yet")
    memos("remember", "Zoe lives in Perth")
    memos("status")
    assert graph() == (True, "it answers, and holds 1 namespace")
    (tmp_path / "home" / "graph.db").write_bytes(b"no graph at all" * 1000)
    ok, detail = graph(code=6)
    assert (ok, "memos rebuild graph" in detail) == (False, True)
    monkeypatch.setenv("MEMOS_GRAPH__KIND", "neo4j")
    monkeypatch.setenv("MEMOS_GRAPH__URL", "bolt://127.0.0.1:1")
    assert graph(code=6) == (
        False,
        "Neo4j at bolt://127.0.0.1:1 does not answer: is it running? (recall goes on without it, and it catches up by "
        "itself)",
    )
    monkeypatch.setenv("MEMOS_GRAPH__KIND", "none")
    assert graph() == (True, "switched off by the setting graph.kind")


def test_an_unknown_setting_is_named(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_HOEM", "elsewhere")
    assert "unknown variable MEMOS_HOEM" in memos("status", code=8).stderr
    told = memos("doctor", code=8).stdout
    assert "✗ misconfigured unknown variable MEMOS_HOEM" in told
    assert "python" in told
    (finding,) = answer(memos("doctor", "--json", code=8))["findings"]
    assert not finding["ok"]
    assert memos("restore", "x", "--yes", code=8).stderr.startswith("memos: unknown variable MEMOS_HOEM")


def test_a_damaged_vault_is_reported_with_what_to_do(memos: Memos, tmp_path: Path) -> None:
    memos("remember", "Ada likes tea")
    damage(tmp_path / "home" / "memos.db")
    for command in (("list",), ("remember", "Ben likes rum"), ("status",)):
        told = memos(*command, code=7)
        assert told.stdout == ""
        assert "is damaged" in told.stderr
        assert "memos restore" in told.stderr
    assert answer(memos("list", "--json", code=7))["error"]["code"] == "corrupt"
    told = memos("doctor", code=7).stdout
    assert "✗" in told
    assert "memos restore" in told
    assert not all(finding["ok"] for finding in answer(memos("doctor", "--json", code=7))["findings"])


def test_a_backup_brings_memories_back(memos: Memos, tmp_path: Path) -> None:
    memos("remember", "Ada likes tea")
    copy = tmp_path / "copy.db"
    assert memos("backup", copy).stdout.startswith(f"copied 1 memory  to {copy}, ")
    assert "exists already" in memos("backup", copy, code=2).stderr
    memos("remember", "Ben likes rum")
    damage(tmp_path / "home" / "memos.db")
    assert "--yes" in memos("restore", copy, code=2).stderr
    told = memos("restore", copy, "--yes").stdout
    assert told.startswith(f"brought back 1 memory  what was there before is kept at {tmp_path / 'home'}")
    assert "Ada likes tea" in memos("recall", "tea").stdout
    assert "Ben" not in memos("list").stdout
    memos("doctor")


def test_backup_and_restore_answer_with_json(memos: Memos, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert answer(memos("backup", copy, "--json", code=3))["error"]["code"] == "not_found"
    memos("remember", "Ada likes tea")
    made = answer(memos("backup", copy, "--json"))
    assert (made["file"], made["memories"]) == (str(copy), 1)
    back = answer(memos("restore", copy, "--yes", "--json"))
    assert (back["source"], back["memories"]) == (str(copy), 1)
    assert Path(back["kept"]).is_file()
    assert answer(memos("restore", tmp_path / "missing.db", "--yes", "--json", code=3))["error"]["code"] == "not_found"


@pytest.mark.parametrize(("said", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1), (None, 130, 1)])
def test_a_person_is_asked_before_a_memory_is_deleted(memos: Memos, said: str | None, code: int, left: int) -> None:
    (id,) = answer(memos("remember", "Ada likes [red]tea", "--json"))["ids"]
    terminal, stdin = pty.openpty()
    command = [sys.executable, "-m", "memos_mcp.apps.cli", "forget", id, "--json"]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        os.close(stdin)
        assert asked.stdout is not None
        assert asked.stderr is not None
        question = b""
        while not question.endswith(b"[y/N] "):
            question += asked.stderr.read(1)
        assert question.decode() == f'Forget {id}, "Ada likes [red]tea"? [y/N] '
        if said is None:
            asked.send_signal(signal.SIGINT)
        else:
            os.write(terminal, said.encode())
        told = asked.stdout.read()
    os.close(terminal)
    assert asked.returncode == code
    assert b"Traceback" not in told
    assert (code == 130) or isinstance(json.loads(told), dict)
    assert len(answer(memos("list", "--json"))["cubes"]) == left
