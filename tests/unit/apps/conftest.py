"""The command line as a person uses it, on an empty vault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from memos_mcp.apps.cli import app


@pytest.fixture
def memos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `memos …` as ada, or another user; `code` is how it must end."""
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_EMBEDDER__KIND", "none")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, user: str = "ada", code: int = 0) -> Result:
        result = CliRunner(env={"MEMOS_USER": user}).invoke(app, words)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run
