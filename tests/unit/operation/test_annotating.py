"""What is noted of a memory beside its words, and which of it was set and which predicted."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import cast

import pytest

from memos_mcp.cube import Link, MemCube, Origin, SourceClass, Usage
from memos_mcp.operation.annotating import annotated, credibility_of, layer_of
from memos_mcp.operation.sentiments import hedge_in, sentiment_of
from memos_mcp.testing.cubes import a_cube

DATA = Path(__file__).parents[2] / "data" / "topics" / "sentiment.toml"


def memory(text: str, source: SourceClass = "user", **more: object) -> MemCube:
    return a_cube(text).model_copy(update={"tags": (), "origin": Origin(source_class=source, source="a.txt")} | more)


@pytest.mark.claim("5.4.1-02", "5.4.1-04")
def test_a_memory_has_its_topics_source_credibility_and_sentiment() -> None:
    noted = annotated(memory("I hate the dentist.", tags=("teeth",)))
    assert noted.tags == ("teeth",)
    assert noted.topics == ("health",)
    assert (noted.source_class, noted.source) == ("user", "a.txt")
    assert noted.credibility == "high"
    assert noted.sentiment == "negative"


@pytest.mark.claim("5.4.1-04")
def test_what_a_user_set_is_told_apart_from_what_is_predicted() -> None:
    words = "The dentist fixed my tooth."
    assert annotated(memory(words)).topics == ("health",)
    confirmed = annotated(memory(words, tags=("Health", "personal:phone")))
    assert (confirmed.tags, confirmed.topics) == (("Health",), ())
    denied = annotated(memory(words, tags=("-health",)))
    assert (denied.tags, denied.topics, denied.denied) == ((), (), ("health",))


@pytest.mark.parametrize(
    ("cube", "expected", "why"),
    [
        (memory("The shop opens at nine."), "high", "class user"),
        (memory("I heard that the shop opens at nine."), "medium", "reserve"),
        (memory("The shop opens at nine.", "web"), "low", "class web"),
        (memory("The shop opens at nine.", "web", usage=Usage(sightings=2)), "medium", "more than once"),
        (memory("The shop opens at nine.", "tool", vouched_by="ada"), "high", "vouched"),
        (memory("It opens at nine.", links=(Link(kind="contradicts", target="x"),)), "medium", "contradicts"),
        (memory("It opens at nine.", quarantined=("injection",), vouched_by="ada"), "low", "quarantine"),
    ],
)
def test_credibility_follows_from_where_it_is_from_and_how_it_is_said(cube: MemCube, expected: str, why: str) -> None:
    found, because = credibility_of(cube)
    assert found == expected
    assert any(why in each for each in because)


@pytest.mark.parametrize(("half", "least"), [("tuned", 0.95), ("held_out", 0.9), ("fresh", 0.8), ("last", 0.75)])
def test_sentiment_is_as_labelled(half: str, least: float) -> None:
    rows = cast("dict[str, list[tuple[str, str]]]", tomllib.loads(DATA.read_text("utf-8")))[half]
    right = sum(sentiment_of(text) == label for label, text in rows)
    assert right / len(rows) >= least


def test_reserve_is_heard() -> None:
    assert hedge_in("Apparently the bridge is closed.")
    assert hedge_in("I’m not sure he came.")
    assert not hedge_in("I saw that the bridge is closed.")


def test_the_layer_is_that_of_the_path() -> None:
    assert [layer_of(path) for path in ("user/ada/x", "shared/team", "global")] == ["private", "shared", "global"]
