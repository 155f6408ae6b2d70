"""The server for tests says in one line what is missing, and touches nothing that is not its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.neo4j_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env, cwd=ROOT)


def test_one_line_says_that_maven_is_missing(tmp_path: Path) -> None:
    done = run("install", XDG_CACHE_HOME=str(tmp_path), PATH="/nowhere")
    assert done.returncode == 1
    assert done.stderr == "memos: Maven, which fetches Neo4j, is missing (Debian: apt-get install maven)\n"


def test_one_line_says_that_a_version_cannot_be_had(tmp_path: Path) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no such artifact'\nexit 1\n")
    maven.chmod(0o755)
    done = run("install", XDG_CACHE_HOME=str(tmp_path), PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "memos: Maven could not fetch Neo4j 5.26.30: [ERROR] no such artifact"
    )


def test_a_port_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("start", str(taken.getsockname()[1]), tmp_path)
    assert done.returncode == 1
    assert "already: name another one" in done.stderr


def test_what_does_not_run_is_stopped_in_vain_and_a_foreign_process_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    done = run("stop", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
