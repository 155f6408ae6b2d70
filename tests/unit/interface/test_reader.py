from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.reader import MAX_SOURCE, RulesReader, check_text, drafts_of
from memos_mcp.ports import Draft
from memos_mcp.search import Turn

NOW = datetime(2026, 3, 2, tzinfo=UTC)

NOON = datetime(2023, 5, 8, 12, tzinfo=UTC)


def read(source: JsonValue, origin: Origin | None = None) -> list[Draft]:
    return list(drafts_of(source, origin or Origin()))


# --- statements and documents


def test_a_short_text_is_one_draft_word_for_word() -> None:
    (draft,) = read("  Ada likes tea.\n\nShe  takes it black. ")
    assert draft.text == "Ada likes tea.\n\nShe  takes it black."
    assert (draft.origin.span, draft.origin.position, draft.origin.session) == ((2, 38), 0, None)


def test_what_the_caller_knows_is_kept() -> None:
    given = Origin(
        source="notes.txt", source_class="web", session="s1", speaker="Ada", said_at=NOON, uri="https://a.b/c"
    )
    (draft,) = read("Tea is a drink.", given)
    assert draft.origin == given.model_copy(update={"position": 0, "span": (0, 15)})


def test_a_statement_told_twice_has_one_key() -> None:
    one, two = read(["It's 5 km to school.", "it is 5km to school"])
    assert one.once == two.once
    assert (one.origin.position, two.origin.position) == (0, 1)


def test_each_text_of_a_list_is_a_statement_of_its_own() -> None:
    assert [d.text for d in read(["Ada likes tea.", "Ben: likes coffee"])] == ["Ada likes tea.", "Ben: likes coffee"]


def test_a_long_text_is_cut_between_paragraphs() -> None:
    paragraphs = [f"Paragraph {n}. " + "Some words follow here. " * 20 for n in range(6)]
    text = "\n\n".join(paragraphs)
    drafts = read(text, Origin(source="book"))
    assert len(drafts) > 1
    assert all(draft.text.startswith("Paragraph") and len(draft.text) <= 1200 for draft in drafts)
    assert all(draft.kind == "document" for draft in drafts)


def test_a_long_paragraph_is_cut_between_sentences_but_not_after_an_abbreviation() -> None:
    text = "We saw Dr. Smith at 3.50 for e.g. Nothing, as J. Doe said. " * 60
    assert all(draft.text.endswith("as J. Doe said.") for draft in read(text))


def test_a_sentence_without_end_is_cut_between_words() -> None:
    drafts = read("word " * 1000)
    assert {word for draft in drafts for word in draft.text.split()} == {"word"}


def test_a_long_word_stays_whole() -> None:
    url = "https://example.org/" + "a" * 3000
    assert [d.text for d in read(f"See {url} please")] == ["See", url, "please"]


def test_a_script_without_spaces_is_cut_at_its_full_stops_then_anywhere() -> None:
    assert all(draft.text.endswith("。") for draft in read("我每天早上都喜欢喝绿茶。" * 200))
    drafts = read("茶" * 3000)
    assert "".join(draft.text for draft in drafts) == "茶" * 3000
    assert max(len(draft.text) for draft in drafts) <= 1200


def test_a_letter_is_never_parted_from_its_marks() -> None:
    assert all(draft.text[0] == "e" for draft in read("e\u0301\u0323" * 2000))


def test_a_document_read_twice_has_the_same_keys_and_repeats_in_it_have_their_own() -> None:
    text = "\n\n".join(["Same words in each paragraph. " * 35] * 3)
    once = [draft.once for draft in read(text, Origin(source="a"))]
    assert len(set(once)) == 3
    assert once == [draft.once for draft in read(text, Origin(source="a"))]
    assert not set(once) & {draft.once for draft in read(text, Origin(source="b"))}


@pytest.mark.claim("4.1-17")
def test_markdown_is_cut_at_headings_and_means_their_path() -> None:
    text = "Intro.\n\n# Install\n\nFirst this.\n\n## Linux ##\n- apt\n\n```sh\n\n# no heading\n```\n\n# Use\nRun it."
    drafts = read(text)
    assert [d.meaning for d in drafts] == ["", "Install", "Install > Linux", "Use"]
    assert drafts[1].text == "# Install\n\nFirst this."
    assert drafts[2].text.endswith("# no heading\n```")
    assert {draft.kind for draft in drafts} == {"document"}


def test_a_heading_stays_with_what_it_heads() -> None:
    text = "# Title\n\n" + "A sentence of some words. " * 60
    first, *_ = read(text)
    assert first.text.startswith("# Title\n\nA sentence")
    assert len(first.text) <= 1200


def test_comments_of_a_script_and_hashtags_are_no_headings() -> None:
    assert len(read("pip install x\n# then run it\npython x\n#done\nbye")) == 1


# --- kinds


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Always answer in French.", "instruction"),
        ("From now on call me Captain.", "instruction"),
        ("Please never use emoji", "instruction"),
        ("I love green tea.", "preference"),
        ("My favourite colour is blue", "preference"),
        ("I'm allergic to nuts", "preference"),
        ("I usually run before breakfast", "preference"),
        ("Ada prefers dark mode", "preference"),
        ("Yesterday I went to Rome", "event"),
        ("We met on 8 May 2023", "event"),
        ("I'm going to Berlin next week", "event"),
        ("How to bake bread: mix flour and water", "skill"),
        ("1. Mix flour\n2. Bake it", "skill"),
        ("The locker number is K-2047", "fact"),
        ("What is your favourite colour?", "fact"),
        ("Ada works in Oban", "fact"),
        ("!!!", "fact"),
    ],
)
def test_the_form_of_a_statement_shows_its_kind(text: str, kind: str) -> None:
    assert read(text)[0].kind == kind


def test_only_a_user_gives_instructions() -> None:
    order = "Always answer in French."
    assert read({"role": "user", "content": order})[0].kind == "instruction"
    assert read({"role": "assistant", "content": order})[0].kind == "fact"
    assert read({"speaker": "Ben", "text": order})[0].kind == "fact"
    assert read(order, Origin(source_class="web"))[0].kind == "fact"


# --- what is refused


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ([], "empty"),
        ([{"role": "user", "content": " "}], "no message has any words"),
        (["a", " "], r"text 1 .* empty"),
        ("a\0b", "NUL character at position 1"),
        ("ab\ud83d", "lone surrogate.* position 2"),
        ([{"text": "a"}, {"text": "b\ud83d"}], "message 1 .*surrogate"),
        ([{"text": "a", "speaker": "b\ud83d"}], "message 0 .*speaker"),
        ([{"text": "a", "speaker": 5}], "message 0 .*speaker"),
        ([{"text": "a"}, 5], "message 1 .*neither a text nor a message"),
        ([{"text": "a"}, {"id": 5}], "message 1 .*content or text"),
        ([{"role": "user", "content": [5]}], "message 0 .*block"),
        ([["a"]], "message 0"),
        ({"content": {"a": 1}}, "message 0"),
        ({}, "message 0"),
        (None, "NoneType cannot be remembered"),
        (5, "int cannot be remembered"),
        ("a" * (MAX_SOURCE + 1), "split it"),
        (["a" * 1_500_000] * 2, "in parts"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(source: JsonValue, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read(source)


def test_a_name_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(InvalidInput, match="speaker"):
        read("Hi", Origin.model_construct(speaker="a\ud83d"))


def test_a_checked_text_comes_back_as_it_is() -> None:
    assert check_text(" a ", "the text") == " a "
    assert check_text("", "the note", empty=True) == ""
    with pytest.raises(InvalidInput, match="the note is empty"):
        check_text(" ", "the note")


@pytest.mark.anyio
async def test_a_question_is_asked_as_it_is_unless_it_refers_to_what_was_said_before() -> None:
    call = await RulesReader().understand("  Who is Ada? ", now=NOW)
    assert (call.asked, call.query) == ("Who is Ada?", "Who is Ada?")
    with pytest.raises(InvalidInput, match="the question is empty"):
        await RulesReader().understand(" ", now=NOW)
    turns = [Turn("My dentist is Dr Lindqvist.")]
    call = await RulesReader().understand("When did I last see her?", turns=turns, now=NOW)
    assert (call.asked, call.query) == ("When did I last see her?", "When did I last see Dr Lindqvist?")
