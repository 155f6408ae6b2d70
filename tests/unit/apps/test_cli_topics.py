"""`memos topics` as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def ids(memos: Memos) -> list[str]:
    texts = ("The dentist fixed my tooth.", "The dentist hates sugar.", "Nine is enough.")
    return [json.loads(memos("remember", text, "--json").stdout)["ids"][0] for text in texts]


def test_the_tree_shows_topics_concepts_and_facts(memos: Memos, ids: list[str]) -> None:
    shown = memos("topics", "tree", "--depth", "3").stdout
    assert "health 2 predicted" in " ".join(shown.split())
    assert "dentist" in shown
    assert ids[0] in shown
    assert "1 of them without a topic" in shown
    told = json.loads(memos("topics", "tree", "food", "--json").stdout)
    assert [(each["name"], each["memories"]) for each in told["topics"]] == [("food", 1)]


def test_a_label_is_shown_confirmed_and_denied(memos: Memos, ids: list[str]) -> None:
    shown = memos("topics", "show", ids[1]).stdout
    assert "predicted    health, food" in shown
    assert "sentiment    negative" in shown
    assert "credibility  high" in shown
    assert "tags health" in memos("topics", "confirm", ids[1], "health").stdout
    assert "tags health, -food" in memos("topics", "deny", ids[1], "food").stdout
    noted = json.loads(memos("topics", "show", ids[1], "--json").stdout)
    assert (noted["tags"], noted["topics"], noted["denied"]) == (["health"], [], ["food"])


def test_a_summary_is_made_listed_and_out_of_date(memos: Memos, ids: list[str]) -> None:
    assert "memos topics summarise" in memos("topics", "summaries").stdout
    made = memos("topics", "summarise", "health").stdout
    assert "health: 2 memories" in made
    assert "up to date" in memos("topics", "summaries").stdout
    memos("remember", "The surgeon looked at my knee.")
    assert "1 new" in memos("topics", "summaries").stdout
    memos("forget", ids[0], "--yes")
    assert "no summaries" in memos("topics", "summaries").stdout
    assert "finds nothing" in memos("topics", "summarise", "music", code=3).stderr


def test_what_has_no_topic_is_shown_in_clusters(memos: Memos, ids: list[str]) -> None:
    assert "no clusters" in memos("topics", "clusters").stdout
    for text in ("The tangerine folder is mine.", "The tangerine folder is yours."):
        memos("remember", text)
    assert "folder" in memos("topics", "clusters").stdout
