import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memos_mcp.apps.demo import check
from memos_mcp.errors import MemosError

ROOT = Path(__file__).parents[2]


def memos(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a folder that is not the clone."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    env = kept | {"PYTHONPATH": str(ROOT), "HOME": str(home), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "memos_mcp.apps.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=home, timeout=60)


def test_the_demo_goes_through_the_life_of_a_memory(tmp_path: Path) -> None:
    done = memos("demo", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = [
        "start the server",
        "remember a conversation: 80 turns on 7 days",
        "recall: Which locker number should the torch be posted to?",
        "2026-03-02 Ada: K-2047",
        "recall: What is Ada allergic to?",
        "recall: What did Ben say on 12 April 2026?",
        "2026-04-12 Ben: ",
        "update that memory",
        "K-3110",
        "its history",
        "version 1, remember: K-2047",
        "version 2, update: ",
        "forget one",
        "What to type next",
        "memos remember",
        '"mcpServers"',
    ]
    at = [done.stdout.find(part, 0) for part in told]
    assert -1 not in at, told[at.index(-1)]
    assert at == sorted(at)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_names_a_server_that_starts_anywhere(tmp_path: Path) -> None:
    done = memos("demo", "--json", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tour = json.loads(done.stdout)
    assert len(tour["steps"]) >= 8
    assert all(step["seconds"] >= 0 for step in tour["steps"])
    server = tour["server"]
    assert Path(server["command"]).is_absolute()
    command = [server["command"], *server["args"]]
    env = {"PATH": os.environ["PATH"], "MEMOS_HOME": str(tmp_path / "vault"), **server["env"]}
    started = subprocess.run(command, input="", capture_output=True, check=False, env=env, cwd="/", timeout=60)
    assert started.returncode == 0, started.stderr


def test_a_wrong_answer_ends_the_demo() -> None:
    check(True, "never said")
    with pytest.raises(MemosError, match="the demo did not go as it must: nothing was found"):
        check(False, "nothing was found")
