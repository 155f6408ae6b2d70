"""The examples for LlamaIndex run: scripts, the notebook, and its own MCP bridge against our server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.imports import IMPORTS
from tests.notebooks import run
from tests.served import served

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "llama_index"


def printed(example: str, home: Path, *given: str) -> str:
    """What an example prints, with the vault in a folder."""
    env = {**os.environ, "MEMOS_HOME": str(home), "PYTHONPATH": IMPORTS}
    command = [sys.executable, str(EXAMPLES / example), *given]
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_agent_remembers_across_sessions(tmp_path: Path) -> None:
    first, second = printed("agent.py", tmp_path).splitlines()
    assert "shellfish" not in first
    assert "I am allergic to shellfish." in second


def test_a_chat_engine_answers_from_memories_and_remembers_the_chat(tmp_path: Path) -> None:
    said = printed("chat_engine.py", tmp_path)
    assert "The office in Utrecht closes at six. (handbook.md)" in said
    assert "I take the train at five." in said


def test_the_bridge_of_llama_index_calls_our_tools(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        said = printed("mcp_tools.py", tmp_path, server.url, server.secret)
    assert "'recall'" in said
    assert "Ada plays the cello." in said


def test_the_notebook_runs(tmp_path: Path) -> None:
    said = run(EXAMPLES / "memory.ipynb", tmp_path)
    assert "I am allergic to shellfish." in said
    assert "handbook.md" in said
    assert "told by mistake" in said
