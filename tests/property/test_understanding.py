"""What reading a sentence promises for any words."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from memos_mcp.interface.rewriting import Turn, alone
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.interface.understanding import meant

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = st.sampled_from(
    "what about her his it there that the two she they and how often when did Ada Ben my sister's aunt in Porto on"
    " Friday last year forget remember please list all which one compare or than a trip to ? . , ' ’s Dr I".split()
)
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
def test_any_text_has_a_kind(text: str, said_by_user: bool) -> None:
    assert kind_of_statement(text, said_by_user=said_by_user) != "document"
