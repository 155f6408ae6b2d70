"""What sentences ask for, by what their signs weigh together."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.understanding import counted_calls, turns_of
from memos_mcp.cube import Kind
from memos_mcp.interface import weighing
from memos_mcp.interface.features import features
from memos_mcp.interface.understanding import meant
from memos_mcp.search import Intent

INTERFACE = Path(weighing.__file__).parent
DATA = Path(__file__).parents[2] / "data" / "understanding"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "least"), [("intent", 85), ("entities", 92), ("interval", 93), ("kinds", 80), ("alone", 80)]
)
def test_calls_that_nothing_was_learnt_from_are_read_as_labelled(slot: str, least: int) -> None:
    assert counted_calls("seventh_unseen").share(slot) >= least


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("I can't decide, how do the two cottages differ", "compare"),
        ("The locksmith's number, do you have it", "retrieve"),
        ("bin everything you have on the Harrow deal", "forget"),
        ("Gus isn't at Lidl any more, he's at Aldi", "update"),
        ("catch me up on the Tallow account", "summarise"),
        ("indent with two spaces in this project", "remember"),
    ],
)
def test_a_sentence_that_no_rule_is_made_for_is_read_by_its_signs(said: str, intent: Intent) -> None:
    assert meant(said, now=NOW).intent == intent


def test_what_was_said_before_counts() -> None:
    after = turns_of(["u: What do I weigh?", "a: 81 kilos."])
    assert meant("79 now", after, now=NOW).intent == "update"
    after = turns_of(["u: Explain closures", "a: A closure is a function with its surroundings."])
    assert meant("and decorators?", after, now=NOW).intent == "none"


@pytest.mark.parametrize(
    ("before", "said", "alone"),
    [
        (
            ["u: When's my tutorial with Dr Fane?", "a: At three."],
            "which room",
            "which room (when's my tutorial with Dr Fane)",
        ),
        (["u: Where does Mara live?", "a: In Ulm."], "What about her work?", "What about Mara's work?"),
        (
            ["u: Are there nut allergies in my class?", "a: Yes."],
            "what about egg allergies",
            "Are there egg allergies in my class?",
        ),
        (["u: My nan's carer is called Blessing"], "whats her number", "whats Blessing's number"),
        (["u: How often did I swim on monday", "a: Twice."], "wednesday?", "How often did I swim on wednesday"),
        (["u: Ada lives in Bath.", "a: Noted."], "Where is the key to my shed?", "Where is the key to my shed?"),
    ],
)
def test_what_a_sentence_hangs_on_goes_with_it(before: list[str], said: str, alone: str) -> None:
    assert meant(said, turns_of(before), now=NOW).alone == alone


def test_signs_are_the_same_for_names_and_numbers_that_differ() -> None:
    one = features("Note that Ada is 41", "Note that Ada is 41")
    other = features("Note that Boris is 52", "Note that Boris is 52")
    assert {sign for sign in one ^ other if not sign.startswith("w:")} == set()


@pytest.mark.parametrize(("slot", "readings"), [("intent", get_args(Intent)), ("kind", (*get_args(Kind), "none"))])
def test_a_table_of_weights_knows_each_reading_and_no_other(slot: str, readings: tuple[str, ...]) -> None:
    lines = (INTERFACE / f"weights_{slot}.txt").read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    found = {word for line in lines[1:] for word in line.partition("\t")[2].split()[::2]}
    assert found == set(readings)


def test_no_lesson_is_a_call_that_nothing_is_learnt_from() -> None:
    tables = [tomllib.loads((DATA / f"{name}.toml").read_text("utf-8")) for name in ("lessons", "lessons_more")]
    lessons = [texts for table in tables for kinds in table.values() for texts in kinds.values()]
    taught = {text.rpartition(" // ")[2].lower() for texts in lessons for text in texts}
    for name, part in (("seventh", "seventh_unseen"), ("blind_second", "blind_second")):
        calls = tomllib.loads((DATA / f"{name}.toml").read_text("utf-8"))[part]
        shared = len({call["q"].lower() for call in calls if "turns" not in call} & taught)
        assert shared == 0
