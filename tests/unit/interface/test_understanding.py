"""What a sentence asks of which memories, on questions and statements labelled before the rules were run on them."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

import pytest

from benchmarks.understanding import Call
from memos_mcp.cube import Interval, Kind, MemCube, Plaintext
from memos_mcp.interface.anchors import episode
from memos_mcp.interface.rewriting import alone
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.interface.understanding import Understanding, meant
from memos_mcp.search import Turn

DATA = Path(__file__).parents[2] / "data" / "understanding"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def calls(half: str) -> list[Call]:
    return cast("dict[str, list[Call]]", tomllib.loads((DATA / "calls.toml").read_text("utf-8")))[half]


def turns(*said: str) -> list[Turn]:
    return [Turn(each[3:], by_user=each.startswith("u:")) for each in said]


def read(call: Call) -> Understanding:
    return meant(call["q"], turns(*call.get("turns", ())), now=NOW)


def instant(day: date | None) -> datetime | None:
    return day if isinstance(day, datetime) or day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def right(call: Call, found: Understanding) -> dict[str, bool]:
    """What of a call is read as it is labelled."""
    during = Interval(start=instant(call.get("start")), end=instant(call.get("end"))) if "start" in call else None
    words = found.alone.lower()
    return {
        "intent": found.intent == call["intent"],
        "entities": {each.lower() for each in found.entities} == {each.lower() for each in call["entities"]},
        "interval": found.during == during,
        "kinds": set(found.kinds) == set(call["kinds"]),
        "scope": found.scope == call.get("scope"),
        "anchor": found.anchor.lower() == call.get("anchor", "").lower(),
        "topics": set(call.get("topics", ())) <= set(found.topics),
        "rewriting": all(word.lower() in words for word in call.get("says", ())),
    }


def shares(half: str) -> dict[str, float]:
    """In per cent, how many calls of a half are read right in each respect."""
    read_as = [right(call, read(call)) for call in calls(half)]
    return {what: 100 * sum(each[what] for each in read_as) / len(read_as) for what in read_as[0]}


@pytest.mark.parametrize(
    ("half", "least"),
    [
        ("tuned", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("held_out", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("fresh", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("last", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("broad", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("once_more", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("third", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("fourth", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("fifth", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
        ("sixth", {"intent": 90, "entities": 80, "interval": 80, "kinds": 85, "rewriting": 90}),
    ],
)
def test_calls_are_read_as_they_were_labelled(half: str, least: dict[str, int]) -> None:
    found = shares(half)
    assert {what: share for what, share in found.items() if share < least.get(what, 95)} == {}


@pytest.mark.parametrize(
    "half", ["tuned", "held_out", "fresh", "last", "broad", "once_more", "third", "fourth", "fifth"]
)
def test_kinds_of_statements_are_as_they_were_labelled(half: str) -> None:
    table = cast("dict[str, dict[Kind, list[str]]]", tomllib.loads((DATA / "kinds.toml").read_text("utf-8")))[half]
    right = [kind_of_statement(text, said_by_user=True) == kind for kind, texts in table.items() for text in texts]
    assert 100 * sum(right) / len(right) >= 95


@pytest.mark.claim("5.3.1-01")
@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("What can my brother not eat?", ("preference",)),
        ("What is my landlord's phone number?", ("fact",)),
        ("When did we go to Porto?", ("event",)),
        ("Which rules did I give you for emails?", ("instruction",)),
        ("How do I descale the kettle?", ("skill",)),
        ("What does my lease say about pets?", ("document",)),
        ("Summarise my notes on the roof", ()),
    ],
)
def test_a_request_tells_which_kinds_of_memory_it_asks_for(asked: str, kinds: tuple[Kind, ...]) -> None:
    assert meant(asked, now=NOW).kinds == kinds


@pytest.mark.claim("5.3.1-02")
def test_the_example_of_the_paper_is_a_call_with_intent_time_topic_and_anchor() -> None:
    call = meant("Remind me what the doctor said about my medication during last year's hospitalization", now=NOW)
    assert (call.intent, call.output, call.anchor) == ("retrieve", "answer", "hospitalization")
    assert (call.topics, call.entities) == (("medication", "hospitalization"), ("doctor",))
    assert call.during == Interval(start=datetime(2025, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.claim("5.3.1-03", "5.3.1-04")
@pytest.mark.parametrize(
    ("before", "question", "expected"),
    [
        (
            ["u: When is Mara's birthday?", "a: On 14 June."],
            "What about her sister?",
            "When is Mara's sister's birthday?",
        ),
        (["u: What did I eat on Friday?"], "And on Saturday?", "What did I eat on Saturday?"),
        (["u: Which books did I read in 2023?"], "What about 2024?", "Which books did I read in 2024?"),
        (["u: My dentist is Dr Lindqvist."], "When did I last see her?", "When did I last see Dr Lindqvist?"),
        (["u: My locker number is 318."], "Delete that", "Delete that my locker number is 318"),
        (["u: Where does Yusuf live?", "a: In Malmö."], "Since when?", "Since when does Yusuf live?"),
        (["u: Is it late?"], "What time is it?", "What time is it?"),
        (["u: Did I ever visit Trakai?", "a: Yes."], "Who with?", "Who with did I visit Trakai?"),
        (["u: Where's the kettle?", "a: In the loft."], "Since when?", "Since when is the kettle?"),
        (["u: How often did I swim in May?"], "and cycling?", "How often did I go cycling in May?"),
        (["u: Summarise my notes on the garden"], "Now do the same for the garage", "Summarise my notes on the garage"),
        (["u: Who did I lend it to?", "a: To Gareth."], "Did he call?", "Did Gareth call?"),
        (["u: Is Sunniva's mother well?"], "And her father?", "Is Sunniva's father well?"),
        (
            ["u: My knee hurt again after the run."],
            "How often has that happened?",
            "How often has it (my knee hurt) happened?",
        ),
        ([], "Where does she live?", "Where does she live?"),
        (["u: I met Ada.", "a: How is she?"], "Did Ben like her?", "Did Ben like her?"),
    ],
)
def test_what_was_said_before_is_written_out(before: list[str], question: str, expected: str) -> None:
    assert alone(question, turns(*before), now=NOW).text == expected


def test_a_chain_of_fragments_goes_back_to_the_question() -> None:
    before = turns("u: How often did I swim in January?", "a: Nine times.", "u: And in February?", "a: Twice.")
    assert alone("And in March?", before, now=NOW).text == "How often did I swim in March?"


def test_what_was_written_out_is_told() -> None:
    before = turns("u: My aunt Philippa moved to Ghent.")
    assert meant("What is her new address?", before, now=NOW).filled == (("her", "Philippa's"),)


def test_only_a_user_gives_instructions() -> None:
    assert kind_of_statement("Use metric units.", said_by_user=True) == "instruction"
    assert kind_of_statement("Use metric units.", said_by_user=False) != "instruction"


def memory(text: str, day: str) -> MemCube:
    said = datetime.fromisoformat(day).replace(tzinfo=UTC)
    valid = Interval(start=said, end=said.replace(hour=23))
    return MemCube(id=day, path="user/ada", valid=valid, created_at=NOW, updated_at=NOW, payload=Plaintext(text=text))


def test_an_anchor_is_the_year_first_and_then_the_episode_in_it() -> None:
    call = meant("What did I read during last year's hospitalisation?", now=NOW)
    stay = [
        memory("Second day of my hospitalization", "2025-05-04"),
        memory("Hospitalisation: they let me go", "2025-05-06"),
    ]
    others = [memory("My first hospitalisation", "2019-01-01"), memory("Nothing to do with it", "2025-05-05")]
    assert episode(call.anchor, call.during, [*others, *stay]) == Interval(
        start=datetime(2025, 5, 4, tzinfo=UTC), end=datetime(2025, 5, 6, 23, tzinfo=UTC)
    )
    assert episode(call.anchor, call.during, others) is None
