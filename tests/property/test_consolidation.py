"""Every pair is decided, a statement is its own duplicate, and what is not sure joins and ends nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.interface.stating import stated
from memos_mcp.operation.consolidation import RELATIONS, decide, follows

SAID = datetime(2025, 3, 3, 18, tzinfo=UTC)
WORDS = st.sampled_from(
    "I my we Ada Bela's the a is am was not never no longer now like love live in work at Porto Braga mill dog name "
    "called two 3 cats on Monday yesterday 4 May 2020 moved to , . ? but again allergic born has have stopped".split(
        " "
    )
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join))
SPEAKERS = st.sampled_from([None, "", "Ada", "Bela"])


@given(TEXTS, TEXTS, SPEAKERS, SPEAKERS, st.integers(-400, 400), st.none() | st.floats(-1, 1))
def test_every_pair_is_decided_and_what_is_not_sure_joins_and_ends_nothing(
    old: str, new: str, one: str | None, other: str | None, days: int, similarity: float | None
) -> None:
    later = SAID + timedelta(days=days)
    decision = decide(stated(old, one, SAID), stated(new, other, later), similarity=similarity)
    assert decision.relation in RELATIONS
    assert decision.reason
    done = follows(decision, "old", "new", at=later)
    assert {subject for subject, _ in done.links} <= {"old", "new"}
    assert done.joined is None or done.ended is None
    if not decision.sure:
        assert done.joined is None
        assert done.ended is None
    if decision.relation == "update" and days != 0 and decision.sure:
        assert (days > 0) == (decision.ends == "old")


@given(TEXTS, SPEAKERS)
def test_a_statement_is_its_own_duplicate_or_says_nothing(text: str, speaker: str | None) -> None:
    statement = stated(text, speaker, SAID)
    assert decide(statement, statement).relation in ("duplicate", "unrelated")
