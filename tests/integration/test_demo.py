import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from rich.console import Console
from typer.testing import CliRunner

from memos_mcp.apps.cli import app
from memos_mcp.apps.demo import Step, demo, next_steps
from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.tokens import terms
from tests import tiny_models
from tests.imports import IMPORTS

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of who runs the tests: neither settings nor models."""
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "nobody"))


def memos(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a folder that is not the clone."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    env = kept | {"PYTHONPATH": IMPORTS, "HOME": str(home), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "memos_mcp.apps.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=home, timeout=60)


def test_the_demo_goes_through_the_life_of_a_memory(tmp_path: Path) -> None:
    done = memos("demo", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = [
        "start the server",
        "remember a conversation: 80 turns on 7 days",
        "recall: Which locker number should the torch be posted to?",
        "→ 2026-03-02 Ada: K-2047",
        "recall: Who is Moira Kinnear?",
        "recall: What did Ben say on 12 April 2026?",
        "→ 2026-04-12 Ben: ",
        "recall: What did Ben promise in May 2026?",
        "→ 2026-05-09 Ben: Moved, and confirmed by email. To make up for it, I promise",
        "– recall by meaning is off",
        "\n    `memos model install` switches it on: a model of 91 MB, fetched once\n",
        "update that memory",
        "→ 2026-03-02 Ada: My locker number is K-3110",
        "its history",
        "version 1, remember: K-2047",
        "version 2, update (the locker changed): ",
        "recall: What is Ada allergic to?",
        "forget one",
        "not found any more",
        "What to type next",
        "memos remember",
        "memos install claude",
        '"mcpServers"',
    ]
    in_order(told, done.stdout)


def test_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    assert memos("demo", home=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.claim("5.2-04")
def test_with_a_model_of_the_user_the_demo_also_recalls_by_meaning(tmp_path: Path) -> None:
    assert memos("model", "install", home=tmp_path).returncode == 0
    done = memos("demo", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = [
        "→ 2026-05-09 Ben: Moved, and confirmed by email. To make up for it, I promise",
        "✓ recall by meaning is on",
        "recall: Who has trouble with seafood?",
        "allergic to",
        "recall: What is Ada allergic to?",
        "recall: Who has trouble with seafood?",
        "not found any more",
        "What to type next",
    ]
    in_order(told, done.stdout)
    assert [each.name for each in (tmp_path / ".memos").iterdir()] == ["models"]


@pytest.mark.claim("5.2-04")
def test_the_question_by_meaning_shares_no_word_with_its_answer() -> None:
    said = json.loads((ROOT / "examples" / "conversation.json").read_text("utf-8"))["messages"]
    (answer,) = (message["text"] for message in said if "allergic to shellfish" in message["text"])
    assert not set(terms("Who has trouble with seafood?")) & set(terms(answer))


def test_nobody_who_listens_to_its_end_is_no_crash(tmp_path: Path) -> None:
    code = "import sys; from memos_mcp.apps import cli; sys.argv = ['memos', 'demo']; cli.main()"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": IMPORTS, "HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True, env=env) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline().startswith("✓ start the server")
        started.stdout.close()
        assert "Traceback" not in started.stderr.read()


async def test_a_model_that_is_broken_is_named_and_the_demo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny_models.write(tmp_path / "models" / "all-MiniLM-L6-v2") / "model.json").write_text("{")
    monkeypatch.setenv("MEMOS_MODELS", str(tmp_path / "models"))
    tour = await demo(lambda _: None)
    (off,) = (step for step in tour.steps if step.skipped)
    assert off.title == "recall by meaning is off"
    assert "model.json is damaged" in off.lines[0]


def in_order(told: list[str], shown: str) -> None:
    """Each of these is shown, one after the other."""
    at = 0
    for part in told:
        found = shown.find(part, at)
        assert found >= 0, part
        at = found + 1


async def test_the_demo_names_a_server_that_starts_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[Step] = []
    tour = await demo(steps.append)
    assert tuple(steps) == tour.steps
    assert all(step.seconds > 0 for step in steps)
    Console(width=80).print(*(step.shown() for step in steps), next_steps(tour), crop=False)
    shown = capsys.readouterr().out
    _, config = shown.split("other MCP hosts:\n")
    server = json.loads(config)["mcpServers"]["memos"]
    assert Path(server["command"]).is_absolute()
    command = [server["command"], *server["args"]]
    env = {"PATH": os.environ["PATH"], "MEMOS_HOME": str(tmp_path / "vault"), **server["env"]}
    async with await anyio.open_process(command, env=env, cwd="/") as started:
        assert started.stdin is not None
        await started.stdin.aclose()
        assert await started.wait() == 0


def test_the_demo_answers_with_json() -> None:
    done = CliRunner().invoke(app, ["demo", "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    tour = json.loads(done.stdout)
    assert [step["title"] for step in tour["steps"]][-1] == "recall: What is Ada allergic to?"


async def test_a_server_that_does_not_start_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("false", "/no/such/python"):
        monkeypatch.setattr(sys, "executable", command)
        with pytest.raises(MemosError, match="the demo's server did not answer: "):
            await demo(lambda _: None)


async def test_a_wrong_answer_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "server.py"
    server.write_text(
        f"#!{sys.executable}\n"
        "from mcp.server import MCPServer\n"
        "server = MCPServer('forgetful')\n"
        "@server.tool()\n"
        "def remember(messages: list[dict[str, str]], session: str) -> dict[str, int]:\n"
        "    return {'new': 0}\n"
        "server.run()\n"
    )
    server.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(server))
    with pytest.raises(MemosError, match="the demo did not go as it must: 80 turns became 0 memories"):
        await demo(lambda _: None)
