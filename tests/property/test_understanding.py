"""What reading a sentence promises for any words."""

from __future__ import annotations

from datetime import UTC, datetime
from time import process_time
from typing import get_args

from hypothesis import example, given, settings
from hypothesis import strategies as st

from memos_mcp.cube import Kind
from memos_mcp.interface.rewriting import alone
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.interface.understanding import meant
from memos_mcp.search import Turn

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = st.sampled_from(
    "what about her his it there that the two she they and how often when did Ada Ben my sister's aunt in Porto on"
    " Friday last year forget remember please list all which one compare or than a trip to ? . , ' ’s Dr I".split()
)
PIECES = [
    "i ", "my ", "to ", "a ", " ", ", ", "the ", "not ", "can not ", "when i, ", "i do not really ", "first then ", "A "
    "",
    "You're ", "please can you ", "remember that ", "is ", "on monday ", "in may ", "i am so very ", "for me ", "or ",
    "which one is more ", "a\n1. b\n2. ", "\n", "he said ", "my old ", "- ", ".", "'", "every day i ", "it is ", "was ",
    "good night ", "note that ", "you should know that ", "scratch that ", "kind of ", "mostly ", "x x x: ", "do not "
    "ever ",
]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=20).map(" ".join))
TURNS = st.lists(st.builds(Turn, TEXTS, st.booleans()), max_size=4)


@given(TEXTS, TURNS, st.lists(st.sampled_from(["Ada", "Will", "  ", "a.b*"]), max_size=2))
@example("goodbye" * 50, [], [])
@example("I " * 999, [Turn("I " * 999)], [])
def test_any_sentence_after_any_turns_is_understood(text: str, turns: list[Turn], people: list[str]) -> None:
    call = meant(text, turns, now=NOW, people=people)
    assert call.asked == text
    assert call == meant(text, turns, now=NOW, people=people)
    assert (call.output == "none") == (call.intent in ("remember", "update", "forget", "none"))


@given(TEXTS)
def test_what_nothing_was_said_before_stands_alone(text: str) -> None:
    assert alone(text, now=NOW).text == text


@given(TEXTS, st.booleans())
@example("#" * 400, True)
@example("dear " * 80, True)
@example("i do not " * 40, True)
@example("when i " * 50 + ", tell me", False)
@example("to be first, " * 30 + "then", True)
def test_any_text_has_a_kind_and_only_a_user_instructs(text: str, said_by_user: bool) -> None:
    kind = kind_of_statement(text, said_by_user=said_by_user)
    assert kind in get_args(Kind)
    assert said_by_user or kind != "instruction"


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PIECES), st.integers(50, 400), st.sampled_from(["", "?", ", please", " not"]))
def test_the_oddest_text_is_read_in_bounded_time(piece: str, times: int, end: str) -> None:
    text = (piece * times)[:2_000] + end
    begin = process_time()
    kind_of_statement(text, said_by_user=True)
    meant(text, [Turn(text)], now=NOW)
    assert process_time() - begin < 1
