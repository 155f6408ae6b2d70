"""What memories are about, on sentences labelled before the words were listed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import cast

import pytest

from memos_mcp.operation.topics import MOST, TOPICS, topics_in

DATA = Path(__file__).parents[2] / "data" / "topics" / "topics.toml"


def labelled(half: str) -> list[tuple[str, str]]:
    return cast("dict[str, list[tuple[str, str]]]", tomllib.loads(DATA.read_text("utf-8")))[half]


@pytest.mark.parametrize(("half", "least"), [("tuned", 0.9), ("held_out", 0.9), ("fresh", 0.8), ("last", 0.75)])
def test_the_topic_of_a_sentence_is_among_those_found(half: str, least: float) -> None:
    rows = [(label, topics_in(text)) for label, text in labelled(half)]
    found = sum(label in topics if label else not topics for label, topics in rows)
    assert found / len(rows) >= least


@pytest.mark.parametrize("half", ["tuned", "held_out", "fresh", "last"])
def test_every_label_is_a_topic_there_is(half: str) -> None:
    assert {label for label, _ in labelled(half)} <= {*TOPICS, ""}


def test_a_word_that_may_mean_something_else_needs_company_in_its_sentence() -> None:
    assert topics_in("We had to train a lot.") == ()
    assert "sport" in topics_in("We had to train a lot for the race.")
    assert topics_in("We had to train. It was the final.") == ()
    assert topics_in("We had to train for the final.") == ("sport",)


def test_a_text_about_many_things_has_the_topics_it_says_most_of() -> None:
    text = "The concert had an orchestra, a choir and a cellist. Dinner was late. We saw a lawyer, a fox and a mosque."
    topics = topics_in(text)
    assert topics[0] == "music"
    assert len(topics) <= MOST


def test_words_of_idioms_tell_nothing() -> None:
    assert topics_in("It was a piece of cake.") == ()
    assert topics_in("A piece of chocolate cake.") == ("food",)


@pytest.mark.parametrize("text", ["", " ", "\0", "ok", "12 34", "ß" * 50_000, "tea " * 20_000])
def test_no_text_is_too_odd(text: str) -> None:
    assert len(topics_in(text)) <= MOST
