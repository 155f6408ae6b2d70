"""`memos consolidation` as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import Result

Memos = Callable[..., Result]


def stored(memos: Memos, text: str) -> str:
    return json.loads(memos("remember", text, "--json").stdout)["ids"][0]


def test_what_waits_is_done_shown_and_undone(memos: Memos) -> None:
    assert "nothing was done" in memos("consolidation", "decided").stdout
    assert "nothing here contradicts" in memos("consolidation", "contradictions").stdout
    dog, name = stored(memos, "My dog is called Biscuit."), stored(memos, "My dog's name is Biscuit.")
    stored(memos, "My birthday is 4 May 1990.")
    stored(memos, "My birthday is 5 May 1990.")
    assert "on, 4 memories wait" in memos("consolidation", "status").stdout
    assert "on, nothing waits" in memos("consolidation", "run").stdout
    decided = memos("consolidation", "decided", "--id", name).stdout
    assert f"{name} paraphrase {dog}: joined" in decided
    assert "5 May 1990" in memos("consolidation", "contradictions").stdout
    assert "more: --after" in memos("consolidation", "decided", "--limit", "1").stdout
    assert "are as before" in memos("consolidation", "undo", dog, name, "--reason", "two dogs").stdout
    assert "(undone by ada)" in memos("consolidation", "decided", "--id", name).stdout
    assert "nothing was done" in memos("consolidation", "undo", dog, dog, code=3).stderr
    assert "eve has no memory" in memos("consolidation", "undo", dog, name, user="eve", code=3).stderr
