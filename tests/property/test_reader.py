"""Whatever the text: nothing of it is lost, nothing is read twice, and no word is cut."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.markdown import LIMIT
from memos_mcp.interface.reader import RulesReader

LINE = st.sampled_from(
    [
        "# Title",
        "## Part",
        "Ann: hello there",
        "Ben: I see.",
        "Ann:",
        "[2023-05-08 12:00] Ann: hi",
        "8 May 2023",
        "",
        "```",
        "- item",
        "**Ben**: bold words",
        "Note: x",
        "word " * 80,
        "我喜欢喝绿茶。" * 60,
        "x" * 1500,
    ]
)
LINES = st.lists(st.one_of(LINE, st.text(max_size=60)), max_size=25).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(LINES, st.text(max_size=400)))
@example("Ann: hi\nBen:")
@example("Ann: hi\nBen: ho\n\n9 May 2023")
def test_the_spans_of_the_drafts_cover_every_character_that_is_no_space(text: str) -> None:
    try:
        drafts = RulesReader().read(text, origin=Origin())
    except InvalidInput:
        return
    assert [d.origin.position for d in drafts] == list(range(len(drafts)))
    covered = [False] * len(text)
    end_before = 0
    for draft in drafts:
        assert draft.origin.span is not None
        start, end = draft.origin.span
        assert end_before <= start < end <= len(text)
        assert draft.text in text[start:end]
        assert draft.text == draft.text.strip() != ""
        covered[start:end] = [True] * (end - start)
        end_before = end
    assert all(done or letter.isspace() for done, letter in zip(covered, text, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,12}[.,!?]?", fullmatch=True), min_size=1, max_size=900).map(" ".join))
def test_no_word_is_cut_and_no_piece_is_too_long(text: str) -> None:
    drafts = RulesReader().read(text, origin=Origin())
    assert [word for d in drafts for word in d.text.split()] == text.split()
    assert all(len(d.text) <= LIMIT for d in drafts)
