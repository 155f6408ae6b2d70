"""`memos kv` as a person types it, before an SGLang that has names instead of tensors."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests import openai_server, sglang_fake
from tests.imports import IMPORTS
from tests.openai_server import said
from tests.sglang_fake import KEY, Fake

Memos = Callable[..., Result]
TEAM = "shared/team"


@pytest.fixture
def sglang(monkeypatch: pytest.MonkeyPatch) -> Generator[Fake]:
    with sglang_fake.serving() as fake:
        monkeypatch.setenv("MEMOS_ACTIVATION__KIND", "sglang")
        monkeypatch.setenv("MEMOS_ACTIVATION__URL", fake.url)
        monkeypatch.setenv("MEMOS_ACTIVATION__KEY", KEY)
        yield fake


def told(memos: Memos, text: str, *more: str) -> str:
    (id,) = json.loads(memos("remember", text, "--path", TEAM, *more, "--json").stdout)["ids"]
    return id


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def test_a_block_is_built_listed_used_checked_pinned_and_dropped(memos: Memos, sglang: Fake) -> None:
    assert "no KV blocks yet" in memos("kv", "list").stdout
    tea = told(memos, "Ada likes green tea, above all in the morning.", "--tag", "tea")
    told(memos, "Ben likes black tea with milk.", "--tag", "tea")
    built = answer(memos("kv", "build", "--path", TEAM, "--tag", "tea", "--json"))
    name, tokens = built["name"], built["tokens"]
    assert [built["memories"], built["by"], built["why"]] == [2, "ada", ""]
    asked = memos("ask", "Who likes tea in the morning?").stdout
    assert f"via prefix {name}, {tokens:,} of its {tokens:,} tokens not read again" in asked
    listed = memos("kv", "list").stdout
    assert f"{name}: 2 memories, {tokens:,} tokens, " in listed
    assert re.search(r"1 hit, [\d,]+ tokens saved, last 20\d\d-", listed)
    assert "built 20" in listed
    assert f"✓ {name}: 2 memories" in memos("kv", "verify").stdout
    assert "pinned" in memos("kv", "pin", name).stdout
    assert "pinned" not in memos("kv", "pin", name, "--off").stdout
    assert "nobody to ask" in memos("kv", "drop", name, code=2).stderr
    assert f"dropped the KV block {name}" in memos("kv", "drop", name, "--yes").stdout
    assert answer(memos("kv", "list", "--json")) == []
    assert tea in memos("recall", "morning").stdout


def test_an_answer_that_had_a_choice_is_judged(memos: Memos, sglang: Fake) -> None:
    told(memos, "Ada likes green tea, above all in the morning.", "--tag", "tea")
    memos("kv", "build", "--path", TEAM, "--tag", "tea")
    asked = memos("ask", "Who likes tea in the morning?", "--explain").stdout
    (access,) = re.findall(r"`memos feedback (\w+)`", " ".join(asked.split()))
    assert "prefix, at the start of the prompt, as part 1 of the prefix" in " ".join(asked.split())
    assert "Missing option '--good'" in memos("feedback", access, code=2).stderr
    assert "noted" in memos("feedback", access, "--good").stdout
    assert "each once" in " ".join(memos("feedback", access, "--bad", code=3).stderr.split())
    explained = memos("recall", "Who likes tea in the morning?", "--explain").stdout
    assert "given: a question on its own: the answer begins after about " in " ".join(explained.split())
    assert "prefix, at the start of the prompt, as part 1 of the prefix" in " ".join(explained.split())


def test_recall_explains_which_block_is_warm(memos: Memos, sglang: Fake) -> None:
    told(memos, "Ada likes green tea, above all in the morning.")
    name = answer(memos("kv", "build", "--path", TEAM, "--json"))["name"]
    assert f"prefix: KV block {name} of " in memos("recall", "tea", "--explain").stdout
    assert "prefix" not in memos("recall", "tea").stdout
    assert answer(memos("recall", "tea", "--json"))["prefix"]["block"] == name


def test_what_is_amiss_with_a_block_ends_the_command_with_its_code(
    memos: Memos, sglang: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(memos, "Ada likes green tea.")
    name = answer(memos("kv", "build", "--path", TEAM, "--json"))["name"]
    assert "no KV block 'none'" in memos("kv", "verify", "none", code=3).stderr
    assert "either the ids" in memos("kv", "build", code=2).stderr
    assert answer(memos("kv", "build", "--json", code=2))["error"]["code"] == "invalid_input"
    monkeypatch.setenv("MEMOS_ACTIVATION__URL", sglang.url.replace("127.0.0.1", "localhost"))
    assert "it was built for SGLang at 127.0.0.1" in answer(memos("kv", "verify", name, "--json", code=7))[0]["why"]
    assert f"✗ {name}" in memos("kv", "verify", code=7).stdout
    assert "cannot be used: it was built for" in memos("kv", "list").stdout


def test_an_answer_in_words_says_why_the_block_was_not_used(memos: Memos, sglang: Fake) -> None:
    told(memos, "Ada likes green tea.")
    memos("kv", "build", "--path", TEAM)
    with openai_server.serving(said("In words.")) as chat, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMOS_CHAT__URL", chat.url)
        patch.setenv("MEMOS_CHAT__MODEL", "m")
        sglang.faults["/generate"] = [sglang_fake.Reply(status=500)] * 9
        sglang.faults["/server_info"] = [sglang_fake.Reply(status=500)] * 9
        shown = memos("ask", "Which tea does Ada like?").stdout
    assert "In words." in shown
    assert "the KV block was not used, the memories were sent in words: SGLang at" in shown


def test_doctor_says_whether_the_model_of_blocks_is_there(
    memos: Memos, sglang: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "answers, with the model" in memos("doctor").stdout
    monkeypatch.setenv("MEMOS_ACTIVATION__URL", "http://127.0.0.1:1")
    assert "cannot be reached; is it running?" in memos("doctor", code=6).stdout
    monkeypatch.setenv("MEMOS_ACTIVATION__KIND", "transformers")
    monkeypatch.setenv("MEMOS_ACTIVATION__MODEL", str(tmp_path))
    assert "✗ activation" in memos("doctor", code=6).stdout
    monkeypatch.setenv("MEMOS_ACTIVATION__KIND", "none")
    assert "switched off by the setting activation.kind" in memos("doctor").stdout


def test_without_a_model_it_says_which_setting(memos: Memos) -> None:
    assert "set activation.kind" in memos("kv", "list", code=8).stderr


def test_progress_is_shown_on_a_terminal_and_nowhere_else(memos: Memos, sglang: Fake, tmp_path: Path) -> None:
    for number in range(3):
        told(memos, f"Ada likes tea number {number}.")
    ours, its = pty.openpty()
    env = {**os.environ, "MEMOS_USER": "ada", "PYTHONPATH": IMPORTS, "TERM": "xterm"}
    command = [sys.executable, "-m", "memos_mcp.apps.cli", "kv", "build", "--path", TEAM]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=its, timeout=60, check=True)
    os.close(its)
    seen = os.read(ours, 65_536).decode()
    os.close(ours)
    assert re.search(r"(\d+) of \1 tokens", seen.replace(",", ""))
    assert done.stdout.decode().startswith("KV block ")
    quiet = subprocess.run(command, env=env, capture_output=True, timeout=60, check=True)
    assert quiet.stderr == b""
