"""`memos schedule` as a person types it, with the stand-in of an SGLang."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator

import pytest
from typer.testing import Result

from tests import sglang_fake
from tests.sglang_fake import KEY, Fake

Memos = Callable[..., Result]

HANDBOOK = "The pump of the harbour is looked after on the first Monday of the month, by whoever is on duty. " * 30


@pytest.fixture
def sglang(monkeypatch: pytest.MonkeyPatch) -> Generator[Fake]:
    with sglang_fake.serving(Fake(key=KEY)) as fake:
        monkeypatch.setenv("MEMOS_ACTIVATION__KIND", "sglang")
        monkeypatch.setenv("MEMOS_ACTIVATION__URL", fake.url)
        monkeypatch.setenv("MEMOS_ACTIVATION__KEY", KEY)
        yield fake


def test_without_a_model_that_keeps_blocks_it_says_what_to_set(memos: Memos) -> None:
    assert "set activation.kind" in memos("schedule", code=8).stderr


@pytest.mark.usefixtures("sglang")
def test_what_would_be_done_is_shown_done_and_listed(memos: Memos) -> None:
    assert "nothing was used yet" in memos("schedule").stdout
    assert "nothing was done yet" in memos("schedule", "log").stdout
    id = json.loads(memos("put", "handbook", HANDBOOK, "--json").stdout)["id"]
    for _ in range(5):
        memos("show", id)
    assert f"keep {id} v1" in memos("schedule").stdout
    assert memos("schedule", "run").stdout == "nothing was to be done\n"
    memos("timeline", "freeze", id)  # what cannot change need not stand still first
    assert f"promote {id} v1" in memos("schedule").stdout
    assert f"promote {id} v1" in memos("schedule", "run").stdout
    assert f"keep {id} v1" in memos("schedule").stdout
    (told,) = json.loads(memos("schedule", "log", "--json").stdout)["decisions"]
    assert (told["move"], told["id"]) == ("promote", id)
    assert "it was last used" in memos("schedule", "--policy", "recent").stdout
    assert "a policy is one of" in memos("schedule", "--policy", "best", code=2).stderr
