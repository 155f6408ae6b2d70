"""The examples for LangChain run and say what their pages say; the notebook's cells do too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.client_kinds import plain, secret_of, served
from tests.imports import IMPORTS
from tests.notebooks import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "langchain"
PLAIN = {"MEMOS_EMBEDDER__KIND": "none", "MEMOS_GRAPH__KIND": "none", "MEMOS_CONSOLIDATION__MODE": "off"}


def ran(home: Path, name: str, *arguments: str) -> str:
    env = {**os.environ, **PLAIN, "MEMOS_HOME": str(home), "PYTHONPATH": IMPORTS}
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_agent_remembers_across_threads_and_keeps_people_apart(tmp_path: Path) -> None:
    said = ran(tmp_path, "agent.py").splitlines()
    assert said[3] == "  I know nothing about that."
    assert said[5] == "  You told me: user: I am allergic to peanuts."


def test_a_chain_answers_from_what_is_remembered(tmp_path: Path) -> None:
    said = ran(tmp_path, "rag.py")
    assert "You told me: The ferry to the island leaves at 7:40" in said
    assert "You told me: The harbour master is Ines Duarte." in said


def test_langchains_own_bridge_reaches_a_server(tmp_path: Path) -> None:
    settings = plain(tmp_path)
    with served(settings) as url:
        said = ran(tmp_path, "bridge.py", url, secret_of(settings))
    assert "recall, remember" in said.replace("memory_status, ", "")
    assert "The ferry leaves at 7:40." in said


def test_the_notebook_runs(tmp_path: Path) -> None:
    said = run(EXAMPLES / "memory.ipynb", tmp_path)
    assert "I was told nothing.\nI was told:\nMemories of earlier conversations" in said
    assert "I am allergic to peanuts." in said
    assert "porto {'text': 'Ada flies to Porto in May', 'nights': 4}" in said
    assert "[('ada', 'trips')]" in said
    assert "{'path': 'user/ada/store/ada/trips', 'kind': 'document', 'session': None}" in said
