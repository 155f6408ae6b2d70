"""From the event on which a question hangs to the time that is asked about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos_mcp.cube import Interval
from memos_mcp.interface.episodes import asked_about, hangs_on, looked_for_in, side_of
from memos_mcp.interface.intent import call_of
from memos_mcp.interface.understanding import meant
from memos_mcp.search import MemoryCall

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST_YEAR = Interval(start=datetime(2025, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, tzinfo=UTC))
START, END = datetime(2025, 6, 7, tzinfo=UTC), datetime(2025, 6, 9, tzinfo=UTC)
WEDDING = Interval(start=START, end=END)


def call(question: str) -> MemoryCall:
    return call_of(meant(question, now=NOW), now=NOW)


@pytest.mark.parametrize(
    ("question", "then"),
    [
        ("What did Mara say during last year's wedding?", WEDDING),
        ("What did Mara say at last year's wedding?", WEDDING),
        ("What did we buy before last year's wedding?", Interval(end=START)),
        ("What did we buy after last year's wedding?", Interval(start=END)),
        ("What did we buy since last year's wedding?", Interval(start=START, end=NOW)),
        ("What did we buy until last year's wedding?", Interval(end=END)),
    ],
)
def test_the_event_is_looked_for_in_its_year_and_the_side_of_it_is_asked_about(question: str, then: Interval) -> None:
    asked = call(question)
    assert hangs_on(asked, NOW) == "wedding"
    assert looked_for_in(asked, "wedding", NOW) == LAST_YEAR
    assert asked_about(asked, "wedding", WEDDING, NOW) == then


@pytest.mark.parametrize(
    "question",
    [
        "Which tea does Ada like?",
        "Thanks!",
        "Remember that I was ill at the wedding last year.",
        "Who sang during the wedding?",
    ],
)
def test_nothing_hangs_on_an_event_if_none_is_asked_of(question: str) -> None:
    assert hangs_on(call(question), NOW) == ""
    assert hangs_on(MemoryCall("tea", "tea"), NOW) == ""


def test_a_side_of_an_event_with_an_open_end_is_no_time() -> None:
    asked = call("What did we buy before last year's wedding?")
    assert asked_about(asked, "wedding", Interval(end=END), NOW) is None
    assert asked_about(call("What did we buy since the wedding?"), "wedding", Interval(start=NOW), NOW) is None
    assert side_of("We met on Monday, and the wedding was fine", "wedding") == "during"
    assert side_of("no such word", "wedding") == "during"
