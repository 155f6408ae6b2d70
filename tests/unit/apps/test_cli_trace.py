"""`memos trace` and `memos attach` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def chain(memos: Memos) -> list[str]:
    """Tea, and what was made from it."""
    ids = [
        json.loads(memos("remember", text, "--json").stdout)["ids"][0]
        for text in ("Ada drinks green tea", "Ada likes green things")
    ]
    memos("attach", ids[1], "--from", ids[0], "--trigger", "weekly digest", "--model", "small-1", "--reason", "checked")
    return ids


def test_a_lineage_is_shown_both_ways(memos: Memos, chain: list[str]) -> None:
    tea, green = chain
    both = memos("trace", green).stdout
    assert f'-1  {tea}  "Ada drinks green tea"'.replace("  ", " ") in both
    assert f"derived-from {tea} v1" in both
    assert "(checked)" in both
    assert "trigger weekly digest; model small-1" in both
    assert green not in memos("trace", tea, "--up").stdout
    down = json.loads(memos("trace", tea, "--down", "--json").stdout)
    assert [(each["id"], each["away"]) for each in down["memories"]] == [(tea, 0), (green, 1)]


def test_what_is_gone_keeps_its_place(memos: Memos, chain: list[str]) -> None:
    tea, green = chain
    memos("forget", tea, "--yes", "--reason", "asked to")
    shown = memos("trace", green).stdout
    assert f"{tea} forgotten" in shown
    assert "drinks" not in shown


def test_a_document_is_written_for_others(memos: Memos, chain: list[str], tmp_path: Path) -> None:
    tea, green = chain
    file = tmp_path / "lineage.json"
    assert "entities" in memos("trace", green, "--up", "--prov", str(file)).stdout
    document = json.loads(file.read_text("utf-8"))
    assert f"memory:{tea}.1" in document["entity"]
    assert "drinks" not in file.read_text("utf-8")
    assert "exists already" in memos("trace", green, "--prov", str(file), code=2).stderr
    assert "ada has no memory" in memos("trace", "nobody", "--prov", str(tmp_path / "x"), code=3).stderr


def test_what_others_may_not_read_is_not_traced(memos: Memos, chain: list[str]) -> None:
    tea, _ = chain
    assert f"eve has no memory '{tea}'" in memos("trace", tea, user="eve", code=3).stderr
    assert "say what is to be attached" in memos("attach", tea, code=2).stderr
