"""The plan of a recall, made before anything is searched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memos_mcp.cube import Interval
from memos_mcp.interface.intent import call_of
from memos_mcp.interface.understanding import meant
from memos_mcp.operation.paths import MemoryPathResolver, fact_of
from memos_mcp.search import MemoryCall

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def call(question: str) -> MemoryCall:
    return call_of(meant(question, now=NOW), now=NOW)


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("When did Mara move to Porto?", "date"),
        ("What year did we marry?", "date"),
        ("At what time does the train leave?", "time"),
        ("Where does Yusuf live?", "place"),
        ("Who lent me the ladder?", "person"),
        ("Why did Ada leave the choir?", "reason"),
        ("How many cups did I buy?", "number"),
        ("How much did the oven cost?", "amount"),
        ("How long did the journey take?", "duration"),
        ("How do I descale the kettle?", "manner"),
        ("What is the dog of Ben called?", "name"),
        ("What did the doctor say about my knee?", "statement"),
        ("Remind me what the doctor said about my medication", "statement"),
        ("Which hotel did we like?", "hotel"),
        ("What kind of tea does Ada drink?", "tea"),
        ("Did Ben sell his boat?", "whether"),
        ("Summarise what I told you about the garden", "summary"),
        ("List all my allergies", "list"),
        ("Is the red tent cheaper than the blue one?", "comparison"),
        ("tea", "any"),
    ],
)
def test_the_fact_is_what_the_question_wants_to_know(question: str, fact: str) -> None:
    assert fact_of(call(question)) == fact


def test_a_call_that_nobody_understood_has_a_plan_too() -> None:
    plan = MemoryPathResolver(lambda _: ()).plan(MemoryCall("tea", "tea"), paths=["global"], lanes=["words"], most=50)
    assert [step.kind for step in plan.steps] == ["rank"]
    assert str(plan).startswith("topic: any; concept: any; fact: any\n1. rank the best 50 of each lane for 'tea'")


def test_the_plan_of_a_question_with_event_and_conditions_is_in_order_and_in_words() -> None:
    asked = call("What did the doctor say about my medication during last year's hospitalisation?")
    plan = MemoryPathResolver(lambda _: ("health",)).plan(
        asked,
        paths=["user/ada", "global"],
        lanes=["words", "vectors"],
        most=50,
        event="hospitalisation",
        within=asked.during,
        only="tag:health",
    )
    first, second, *further = plan.steps
    assert (first.kind, first.what, first.preferred) == ("episode", "hospitalisation", ("of 2025-01-01 to 2026-01-01",))
    assert (second.kind, second.only) == ("rank", "tag:health")
    assert second.preferred[:2] == ("said by user", "of 2025-01-01 to 2026-01-01")
    assert [step.kind for step in further] == ["deepen", "scan"]
    assert str(plan).splitlines() == [
        "topic: health; concept: doctor, medication, hospitalisation; fact: statement",
        "1. find when 'hospitalisation' was, of the best 20, in user/ada, global by words, vectors; "
        "rather of 2025-01-01 to 2026-01-01",
        f"2. rank the best 50 of each lane for {asked.query!r} in user/ada, global by words, vectors; only tag:health; "
        "rather said by user, of 2025-01-01 to 2026-01-01, what shares rare words with the best",
        "3. rank the best 1,000, if too few hold, in user/ada, global by words, vectors; only tag:health",
        "4. look through the newest 5,000, if too few hold, in user/ada, global by words, vectors; only tag:health",
    ]


def test_a_request_is_after_leanings_and_an_open_time_is_written_as_such() -> None:
    asked = replace(call("Can you recommend a book?"), during=Interval(start=NOW))
    (step,) = MemoryPathResolver(lambda _: ()).plan(asked, paths=["global"], lanes=["words"], most=50).steps
    assert step.preferred[1:] == ("of 2026-03-02 12:00 to …", "statements of preference")
