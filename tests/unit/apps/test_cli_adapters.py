"""`memos adapters` as a person types it, before a model that knows by heart what it was trained on."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from typer.testing import Result

import memos_mcp
from memos_mcp import wiring
from memos_mcp.interface.planning import Terms
from memos_mcp.parametric import Judge, Lesson, Progress, Trained
from tests.activations import Table, remembering
from tests.imports import IMPORTS
from tests.learners import Learner

Memos = Callable[..., Result]
TEAM = "shared/team"
OPEN = wiring.open
TERMS = Terms(training=True)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "adapters.md"


@pytest.fixture
def learner() -> Learner:
    return Learner()


@pytest.fixture(autouse=True)
def trained(tmp_path: Path, learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault that every command opens."""
    table = Table()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[memos_mcp.Memos]:
        user = os.environ["MEMOS_USER"]
        async with remembering(tmp_path, table, user=user, parametric=learner, scheduling=TERMS) as memos:
            yield memos

    monkeypatch.setattr(wiring, "open", opened)


def told(memos: Memos, text: str) -> str:
    (id,) = json.loads(memos("remember", text, "--path", TEAM, "--json").stdout)["ids"]
    return id


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def test_every_command_of_the_page_runs_and_says_what_the_page_says(
    memos: Memos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"^```\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "theirs").mkdir()
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    for line in block.splitlines():
        name = answer(memos("kv", "list", "--json"))[0]["name"] if " BLOCK " in line else ""
        said.append(memos(*shlex.split(line.replace("BLOCK", name), comments=True)[1:]).stdout)
    shown = dict(zip(block.splitlines(), said, strict=True))

    def of(begin: str) -> str:
        return [text for line, text in shown.items() if line.startswith(f"memos {begin}")][-1]

    assert "house@2 answers for house" in said[7]
    assert "2 memories" in of("adapters list")
    assert "gain 2.00, harm 0.00; trained 20" in of("adapters list")
    assert "held out -3.00 → -1.00" in of("adapters report")
    assert "Ada is allergic to peanuts." in of("adapters sources")
    assert re.fullmatch(r'\+ \w+  "The dog sleeps in the kitchen."\n', of("adapters diff"))
    assert "house@1: 2 memories" in said[9]
    assert "house@2: 3 memories" in said[10]
    assert "home@1 answers for home" in of("adapters merge")
    assert "lost by merging 0.20" in of("adapters merge")
    assert of("adapters verify").count("✓") == 4
    assert "KV block " in of("adapters to-kv")
    assert "garden@2 answers for garden" in of("adapters from-kv")
    assert of("adapters answer") == "peanuts\n"
    assert "not examined; adopted 20" in of("adapters adopt")
    assert "Where does Ben live? Lisbon." in of("adapters infer")
    assert of("adapters plan") == "no rule or skill of yours applied again and again\n"
    assert "dropped the adapter home@1" in of("adapters drop")


def test_json_is_one_value_each(memos: Memos) -> None:
    assert answer(memos("adapters", "list", "--json")) == {"adapters": [], "waiting": []}
    id = told(memos, "Ada is allergic to peanuts.")
    made = answer(memos("adapters", "train", "house", id, "--steps", "40", "--rank", "8", "--json"))
    assert (made["adapter"]["name"], made["refused"], made["left_out"]) == ("house@1", [], [])
    assert answer(memos("adapters", "train", "house", id, "--steps", "40", "--rank", "8", "--json"))["known"]
    (seen,) = answer(memos("adapters", "list", "--json"))["adapters"]
    assert (seen["current"], seen["why"], seen["sources"]) == (True, "", [{"id": id, "version": 1}])
    assert answer(memos("adapters", "report", "house@1", "--json"))["budget"]["steps"] == 40
    assert [cube["id"] for cube in answer(memos("adapters", "sources", "house@1", "--json"))] == [id]
    assert answer(memos("adapters", "diff", "house@1", "house@1", "--json"))["added"] == []
    assert answer(memos("adapters", "verify", "--json"))[0]["name"] == "house@1"
    block = answer(memos("adapters", "to-kv", "house@1", "--pin", "--json"))
    assert block["pinned"]
    assert [cube["id"] for cube in answer(memos("kv", "memories", block["name"], "--json"))] == [id]
    assert answer(memos("adapters", "drop", "house@1", "--yes", "--json")) == {"name": "house@1", "said": ""}


def test_what_the_gate_refuses_ends_the_command_with_a_code_and_its_reasons(memos: Memos, learner: Learner) -> None:
    told(memos, "Ada is allergic to peanuts.")
    short = told(memos, "Ouch!")
    learner.gain = 0.1
    refused = memos("adapters", "train", "house", "--path", TEAM, code=2).stdout
    assert "refused by its gate: no adapter" in refused
    assert "gained 0.10 nats per token" in refused
    assert f"left out {short}: it has no words that could be asked for" in refused
    found = answer(memos("adapters", "train", "house", "--path", TEAM, "--json", code=2))
    assert (found["adapter"], found["gain"]) == (None, 0.1)
    listed = memos("adapters", "list").stdout
    assert "no adapters yet; `memos adapters train` makes one" in listed
    assert re.search(r"house: 2 memories, refused 20.* for ada: answers to held-out phrasings gained 0.10", listed)


def test_errors_end_the_command_with_their_codes(memos: Memos, learner: Learner) -> None:
    id = told(memos, "Ada is allergic to peanuts.")
    assert "up to 64 small letters" in memos("adapters", "train", "My House", id, code=2).stderr
    assert "either the ids" in memos("adapters", "train", "house", code=2).stderr
    assert answer(memos("adapters", "train", "house", "--json", code=2))["error"]["code"] == "invalid_input"
    assert "no adapter 'none@1'" in memos("adapters", "report", "none@1", code=3).stderr
    assert "at least two" in memos("adapters", "merge", "both", "none@1", code=2).stderr
    memos("adapters", "train", "house", id)
    assert "nobody to ask" in memos("adapters", "drop", "house@1", code=2).stderr
    assert "no adapter before house@1" in memos("adapters", "rollback", "house", code=3).stderr
    learner.model = "another"
    assert "it was trained for learner" in memos("adapters", "verify", code=7).stdout
    assert "cannot be used: it was trained for learner" in memos("adapters", "list").stdout
    assert "another answers here" in memos("adapters", "rollback", "house", "--to", "house@1", code=4).stderr


def test_what_waits_is_listed_with_why(memos: Memos) -> None:
    id = told(memos, "Ada is allergic to peanuts.")
    memos("adapters", "train", "house", id)
    memos("update", id, "Ada is allergic to nuts.")
    listed = memos("adapters", "list").stdout
    assert re.search(r"house: 1 memory, is being trained, or will be, since 20.*: a memory in it was changed", listed)
    assert "house" not in memos("adapters", "list", "--path", TEAM).stdout


def test_without_a_model_it_says_which_setting(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "open", OPEN)
    assert "set parametric.kind" in memos("adapters", "list", code=8).stderr


class Interrupted(Learner):
    """A model whose user presses Ctrl-C while it is trained, the first time."""

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        if self.begun is None:
            self.begun = anyio.Event()
            signal.raise_signal(signal.SIGINT)
            await anyio.sleep(30)
        return await super().train(lesson, judge, told=told)


@pytest.mark.parametrize("learner", [Interrupted()])
def test_ctrl_c_says_how_to_go_on_and_leaves_nothing_waiting(memos: Memos, learner: Learner) -> None:
    id = told(memos, "Ada is allergic to peanuts.")
    stopped = memos("adapters", "train", "house", id, code=130)
    assert (stopped.stdout, stopped.stderr) == ("", "memos: stopped; the same command goes on where it was\n")
    assert learner.trained == []
    assert answer(memos("adapters", "list", "--json")) == {"adapters": [], "waiting": []}
    assert "house@1 answers for house" in memos("adapters", "train", "house", id).stdout


SCRIPT = """
from pathlib import Path
from memos_mcp import wiring
from memos_mcp.apps import cli
from tests.activations import remembering
from tests.learners import Learner

wiring.open = lambda: remembering(Path({home!r}), None, parametric=Learner())
cli.main()
"""


def test_progress_is_shown_on_a_terminal_and_nowhere_else(memos: Memos, tmp_path: Path) -> None:
    told(memos, "Ada is allergic to peanuts.")
    ours, its = pty.openpty()
    env = {**os.environ, "MEMOS_USER": "ada", "PYTHONPATH": IMPORTS, "TERM": "xterm"}
    command = [sys.executable, "-c", SCRIPT.format(home=str(tmp_path)), "adapters", "train", "house", "--path", TEAM]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=its, timeout=60, check=True)
    os.close(its)
    seen = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "1 of 1 steps" in seen
    assert done.stdout.decode().startswith("house@1 answers for house")
    quiet = subprocess.run(command, env=env, capture_output=True, timeout=60, check=True)
    assert quiet.stderr == b""
