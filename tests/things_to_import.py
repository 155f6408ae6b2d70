"""Files that `memos import` is tried on, and the command itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import JsonValue
from typer.testing import CliRunner, Result

import memos_mcp
from memos_mcp import sync
from memos_mcp.apps.cli_import import import_

Run = Callable[..., Result]


IMPORTS = Path(__file__).parent / "data" / "imports"
"""What other memory systems write: a knowledge graph, memories of mem0, notes of basic-memory."""


def jsonl(file: Path, *values: JsonValue) -> Path:
    file.write_text("".join(f"{json.dumps(value)}\n" for value in values), "utf-8")
    return file


def talk(*words: str, session: str = "s1") -> list[JsonValue]:
    return [{"speaker": "Ada", "text": each, "session": session} for each in words]


def everything(folder: Path) -> Path:
    """A folder with one of each."""
    (folder / "sub").mkdir()
    (folder / "tea.md").write_text("# Tea\n\nGreen.\n\n# Coffee\n\nBlack.", "utf-8")
    (folder / "sub" / "chat.txt").write_text("Ada: Do you like rum?\nBen: I do!\nAda: Me too.", "utf-8")
    (folder / "sub" / "list.JSON").write_text(json.dumps([{"role": "user", "content": "I like figs."}]), "utf-8")
    jsonl(folder / "turns.jsonl", *talk("one", "two"), *talk("three", session="s2"))
    export = {"mapping": {"a": {"message": None}}, "id": "c"}
    (folder / "conversations.json").write_text(json.dumps([export]), "utf-8")
    return folder


def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of ada, whose data folder is not there yet."""
    for name in ("FORCE_COLOR", "MEMOS_CONFIG", "MEMOS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(folder / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    return folder / "home"


def importer() -> Run:
    """Run `memos import …`."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("import")(import_)

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def counts(result: Result) -> tuple[int, ...]:
    told = answer(result)
    return tuple(told[name] for name in ("files", "parts", "texts", "new", "repeated"))


def opened(home: Path) -> sync.Memos:
    return sync.open(home=home, user="ada")


def stored(home: Path) -> dict[str, memos_mcp.MemCube]:
    with opened(home) as memos:
        return {cube.text: cube for cube in memos.browse(limit=100).cubes}
