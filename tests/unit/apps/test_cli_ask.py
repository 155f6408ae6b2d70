"""`memos ask` as a person types it, before a chat model that answers by script."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator

import pytest
from typer.testing import Result

from tests.openai_server import Reply, Request, Server, refused, said, serving

Memos = Callable[..., Result]


def citing(request: Request) -> Reply:
    (line, *_) = request.body["messages"][1]["content"].splitlines()[1:]
    return said(f"Green \x1b[31mtea [{json.loads(line)['id']}] [0123456789abcdef].")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    with serving(citing) as server:
        monkeypatch.setenv("MEMOS_CHAT__URL", server.url)
        monkeypatch.setenv("MEMOS_CHAT__MODEL", "qwen")
        yield server


@pytest.fixture
def id(memos: Memos) -> str:
    told = memos("remember", "Ada likes green tea", "--speaker", "Ben", "--said-at", "2026-03-02", "--json")
    return json.loads(told.stdout)["ids"][0]


def test_the_answer_comes_before_its_sources(memos: Memos, model: Server, id: str) -> None:
    lines = [
        line.rstrip() for line in memos("ask", "Which tea", "does Ada like?", "--turn", "Hello").stdout.split("\n")
    ]
    assert lines[0] == f"Green ␛[31mtea [{id}]."
    assert lines[2:4] == [f"· 2026-03-02 Ben  {id}", "  Ada likes green tea"]
    assert lines[4] == "1 of 1 memories under user/ada, shared, global; answered by qwen"
    told = json.loads(memos("ask", "Which tea does Ada like?", "--json").stdout)
    assert (told["cited"], told["via"], told["recall"]["searched"]) == ([id], "text", 1)


def test_an_answer_without_sources_says_so(memos: Memos, model: Server, id: str) -> None:
    model.script[:] = [said("The memories do not say.")]
    shown = memos("ask", "Which tea does Ben like?").stdout
    assert shown.startswith("The memories do not say.\n1 of 1 memories")
    assert "it cites no memory" in shown
    shown = memos("ask", "Which tea?", "--where", "tag:none").stdout
    assert shown == "No memory answers this.\n0 of 1 memories under user/ada, shared, global\n"


def test_a_model_that_fails_leaves_what_was_found_and_the_exit_code_says_so(
    memos: Memos, model: Server, id: str
) -> None:
    model.script[:] = [refused(413)]
    failed = memos("ask", "Which tea does Ada like?", code=6)
    assert "Ada likes green tea" in failed.stdout
    assert "memos: the chat model 'qwen' at http://127.0.0.1:" in failed.stderr
    told = json.loads(memos("ask", "Which tea does Ada like?", "--json", code=6).stdout)
    assert "HTTP 413" in told["missing"]
    assert told["recall"]["memories"][0]["cube"]["id"] == id


def test_the_plan_stands_between_the_answer_and_what_was_searched(memos: Memos, model: Server, id: str) -> None:
    shown = memos("ask", "Which tea does Ada like?", "--explain").stdout
    answered, planned, searched = (shown.index(words) for words in ("Green", "1. ", "1 of 1 memories"))
    assert answered < shown.index("Ada likes green tea") < planned < searched
    assert "given:" not in shown, "there is nothing to choose"
    told = json.loads(memos("ask", "Which tea does Ada like?", "--explain", "--json").stdout)
    assert told["recall"]["plan"]["steps"]
    assert "1. " not in memos("ask", "Which tea does Ada like?").stdout
    model.script[:] = [refused(413)]
    assert "1. " in memos("ask", "Which tea does Ada like?", "--explain", code=6).stdout


def test_without_a_model_the_error_names_the_setting(memos: Memos) -> None:
    assert "set chat.model" in memos("ask", "Which tea?", code=8).stderr
    assert "set chat.model" in memos("ask", "Which tea?", "--explain", code=8).stderr
