from typing import cast

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.interface.chat import messages_in
from memos_mcp.interface.duplicates import normalise
from memos_mcp.interface.passages import LIMIT
from memos_mcp.interface.reader import LONGEST_TURN, drafts_of
from memos_mcp.ports import Draft

PARTS = st.sampled_from(
    [
        *"\n #-*`:()[]?!.。茶e\u0301",
        *("\n\n", "# ", "## A\n", "```\n", "Ann: ", "Ben: ", "[2023-05-08 13:56] Ann: ", "8 May 2023\n", "**Ann**: "),
        *("Hi you! ", "word ", "A sentence. ", "e.g. ", "x" * 1300, "茶" * 1300, "word " * 300, "It is so. " * 150),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PARTS, max_size=40).map("".join)).filter(
    lambda text: text.strip() and "\0" not in text and messages_in(text) is None
)


def read(text: str) -> list[Draft]:
    return list(drafts_of(text, Origin(source="a")))


def spans(drafts: list[Draft]) -> list[tuple[int, int]]:
    return [cast("tuple[int, int]", draft.origin.span) for draft in drafts]


@given(TEXTS)
@example("[2023-05-08 13:56] Ann:\n[2023-05-08 13:57] Ben: Hi\n[2023-05-08 13:58] Ann:")
@example("# " + "0" * 1200)
def test_the_drafts_of_any_text_cover_it_in_order_word_for_word(text: str) -> None:
    drafts = read(text)
    end = 0
    for draft, (start, stop) in zip(drafts, spans(drafts), strict=True):
        assert not text[end:start].strip()
        assert draft.text in text[start:stop]
        assert draft.text == draft.text.strip() != ""
        assert draft.text == text[start:stop] or draft.origin.session
        end = stop
    assert not text[end:].strip()
    assert [draft.origin.position for draft in drafts] == list(range(len(drafts)))


@given(TEXTS)
@example("[2026-03-02 10:00] Ada: " + "so it goes on " * 100)
@example("[2026-03-02 10:00] Ada: " + "so it goes on " * 700)
def test_a_draft_is_longer_than_the_limit_only_for_a_whole_turn_or_one_word(text: str) -> None:
    for draft in read(text):
        is_turn = draft.origin.session is not None and draft.kind != "document"
        assert len(draft.text) <= (LONGEST_TURN if is_turn else LIMIT) or len(draft.text.split()) == 1


@given(st.lists(st.text("ab .,\n", max_size=400), min_size=1, max_size=30))
def test_no_word_is_ever_cut(parts: list[str]) -> None:
    text = " ".join(parts) + "."
    assert [word for draft in read(text) for word in draft.text.split()] == text.split()


@settings(max_examples=50)
@given(TEXTS)
def test_reading_a_text_again_gives_the_same_drafts(text: str) -> None:
    assert read(text) == read(text)


@given(st.lists(st.sampled_from(["Hi", "Thanks!", "I moved to Rome"]), min_size=1, max_size=12), st.integers(0, 12))
def test_a_conversation_grown_longer_begins_with_the_same_keys(texts: list[str], shown: int) -> None:
    turns: list[JsonValue] = [{"speaker": "Ann", "text": text} for text in texts]
    whole = [draft.once for draft in drafts_of(turns, Origin())]
    begun = [draft.once for draft in drafts_of(turns[: shown or 1], Origin())]
    assert whole[: len(begun)] == begun
    assert len(set(whole)) == len(whole)


@example(")\x1f")
@given(st.text().filter(lambda text: "\0" not in text))
def test_the_normal_form_is_never_empty_for_words_and_ignores_space_around(text: str) -> None:
    assert not text.strip() or normalise(text).strip()
    assert normalise(f" {text}\n") == normalise(text)


@given(st.text("abc 1.2,-", min_size=1), st.text("abc 1.2,-", min_size=1))
def test_duplicates_have_the_same_letters_and_digits(one: str, other: str) -> None:
    if normalise(one) == normalise(other):
        assert [c for c in one if c.isalnum()] == [c for c in other if c.isalnum()]
