"""The SGLang for tests says in one line what is missing, and touches nothing that is not its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.sglang_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env, cwd=ROOT)


def test_one_line_says_what_is_installed_and_one_that_it_cannot_be_had(tmp_path: Path) -> None:
    done = run("install", XDG_CACHE_HOME=str(tmp_path), PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="0")
    first, last = done.stderr.splitlines()
    assert done.returncode == 1
    assert first.startswith("memos: installing SGLang 0.5.21 into ")
    assert last.startswith("memos: pip could not install SGLang: ")
    assert not list(tmp_path.rglob("ready"))


def test_a_port_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("start", str(taken.getsockname()[1]), tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "already: name another one" in done.stderr


def test_what_does_not_run_is_stopped_in_vain_and_a_foreign_process_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    done = run("stop", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
