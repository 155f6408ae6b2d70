"""MemReader by rules: every shape that people have their words in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import cast

import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.markdown import LIMIT
from memos_mcp.interface.reader import MAX_SOURCE, RulesReader, check_text
from memos_mcp.ports import Draft

NOON = datetime(2023, 5, 8, 12, 0, tzinfo=UTC)


def read(content: object, **origin: object) -> list[Draft]:
    return RulesReader().read(cast("JsonValue", content), origin=Origin.model_validate(origin))


def said(drafts: list[Draft]) -> list[tuple[str | None, str]]:
    return [(d.origin.speaker, d.text) for d in drafts]


def test_a_short_text_is_one_statement_with_its_place() -> None:
    (draft,) = read("  Ada likes tea.\nAnd cake.  ", source="notes", speaker="Ada")
    assert draft.text == "Ada likes tea.\nAnd cake."
    assert (draft.origin.source, draft.origin.position, draft.origin.span) == ("notes", 0, (2, 26))


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "null", "[1, 2]", '["a", "b"]', '{"messages": 3}', '{"text": "x"}', "{broken"]
)
def test_text_that_looks_like_json_stays_text(text: str) -> None:
    (draft,) = read(text)
    assert (draft.text, draft.origin.session) == (text, None)


MESSAGES = [
    {"role": "user", "content": "I moved to Porto."},
    {"role": "assistant", "content": "How do you like it?"},
]


@pytest.mark.parametrize(
    "source",
    [
        MESSAGES,
        {"messages": MESSAGES},
        json.dumps(MESSAGES),
        json.dumps({"messages": MESSAGES}),
        "\n".join(json.dumps(m) for m in MESSAGES),
        [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in MESSAGES],
        "user: I moved to Porto.\nassistant: How do you like it?",
        "**User**: I moved to Porto.\n\n**Assistant:** How do you like it?",
    ],
    ids=["list", "object", "json", "json object", "json lines", "blocks", "transcript", "bold transcript"],
)
def test_one_conversation_in_many_shapes(source: object) -> None:
    drafts = read(source)
    assert [(str(s).lower(), t) for s, t in said(drafts)] == [
        ("user", "I moved to Porto."),
        ("assistant", "How do you like it?"),
    ]
    assert [d.origin.source_class for d in drafts] == ["user", "assistant"]
    assert [d.origin.position for d in drafts] == [0, 1]
    assert len({d.origin.session for d in drafts}) == 1
    assert drafts[0].origin.session


def test_a_named_speaker_goes_before_the_role() -> None:
    (draft,) = read({"role": "user", "name": "Ada", "content": "Hi there"})
    assert (draft.origin.speaker, draft.origin.source_class) == ("Ada", "user")


def test_the_result_of_a_tool_is_told_apart_and_pictures_are_named() -> None:
    blocks = [{"type": "tool_result", "content": "22 degrees"}, {"type": "image", "source": "sky.png"}]
    (draft,) = read([{"role": "user", "content": blocks}])
    assert (draft.text, draft.origin.source_class) == ("22 degrees\n[image]", "tool")


@pytest.mark.parametrize(
    "written",
    [
        "2023-05-08T12:00:00Z",
        "2023-05-08 14:00+02:00",
        1683547200,
        1683547200000,
        "12:00 pm on 8 May, 2023",
        "May 8, 2023 12:00",
        "2023/05/08 (Mon) 12:00",
    ],
)
def test_the_time_of_a_message_is_read(written: object) -> None:
    (draft,) = read([{"speaker": "Ann", "text": "Hello", "said_at": written}])
    assert draft.origin.said_at == NOON


@pytest.mark.parametrize(
    "text",
    [
        "[2023-05-08 12:00] Ann: I moved.\n[2023-05-08 12:01] Ben: Where to?",
        "2023-05-08T12:00 Ann: I moved.\n2023-05-08T12:01 Ben: Where to?",
        "Ann (12:00 pm on 8 May 2023): I moved.\nBen (12:01 pm on 8 May 2023): Where to?",
    ],
)
def test_a_dated_transcript_keeps_speakers_and_times(text: str) -> None:
    drafts = read(text)
    assert said(drafts) == [("Ann", "I moved."), ("Ben", "Where to?")]
    assert drafts[0].origin.said_at == NOON


def test_a_line_with_a_date_dates_the_turns_after_it() -> None:
    drafts = read("# 8 May 2023\nAnn: I moved.\nBen: Where to?\n\n9 May 2023\nAnn: To Porto.")
    assert [d.origin.said_at.day for d in drafts if d.origin.said_at] == [8, 8, 9]
    assert drafts[1].text == "Where to?"


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk\nTodo: call Ben",
        "Shopping list: milk",
        "Ingredients:\n- flour\nSteps:\n- mix",
        "See https://example.org: it is good.\nAnd more: yes.",
        "Some words before.\nAnn: hi\nBen: hello",
    ],
)
def test_a_text_with_colons_is_no_transcript(text: str) -> None:
    (draft,) = read(text)
    assert draft.text == text


def test_a_list_of_texts_is_a_list_of_statements() -> None:
    drafts = read(["one", {"role": "user", "content": "two"}, "three"])
    assert [d.text for d in drafts] == ["one", "two", "three"]
    assert [d.origin.position for d in drafts] == [0, 1, 2]


def test_markdown_is_cut_at_headings_and_says_under_which_a_piece_stands() -> None:
    drafts = read("# Install\n\nGet it.\n\n## Linux\n\nUse apt.\n\n# Use\n\nCall it.")
    assert [(d.meaning, d.text) for d in drafts] == [
        ("Install", "# Install\n\nGet it."),
        ("Install > Linux", "## Linux\n\nUse apt."),
        ("Use", "# Use\n\nCall it."),
    ]
    assert {d.kind for d in drafts} == {"document"}


def test_a_long_text_is_cut_between_sentences_not_within_words() -> None:
    text = " ".join(f"Sentence number {i} has Dr. Smith pay 2.50 euros." for i in range(100))
    drafts = read(text)
    assert len(drafts) > 3
    assert all(len(d.text) <= LIMIT and d.text.endswith("euros.") for d in drafts)
    assert " ".join(d.text for d in drafts) == text


def test_a_long_message_is_cut_and_keeps_its_speaker() -> None:
    drafts = read([{"speaker": "Ann", "text": "A long story. " * 200}])
    assert len(drafts) > 2
    assert {d.origin.speaker for d in drafts} == {"Ann"}
    assert len({d.once for d in drafts}) == len(drafts)


def test_the_same_document_twice_has_the_same_keys_and_its_boilerplate_two() -> None:
    page = "# A\n\nAll rights reserved.\n\n# A\n\nAll rights reserved."
    first, again = read(page, source="a.md"), read(page, source="a.md")
    assert [d.once for d in first] == [d.once for d in again]
    assert len({d.once for d in first}) == len(first) == 2


def test_a_conversation_that_grew_keeps_the_keys_of_its_beginning() -> None:
    short, long = read(MESSAGES), read([*MESSAGES, {"role": "user", "content": "Thanks!"}])
    assert [d.once for d in long][:2] == [d.once for d in short]
    assert long[0].origin.session == short[0].origin.session


def test_repeated_turns_and_other_sessions_have_keys_of_their_own() -> None:
    thanks = [{"role": "user", "content": "Thanks!"}] * 2
    one, two = read(thanks, session="one"), read(thanks, session="two")
    assert len({d.once for d in (*one, *two)}) == 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I love green tea", "preference"),
        ("I'm allergic to shellfish", "preference"),
        ("Always answer in French", "instruction"),
        ("From now on, call me Captain", "instruction"),
        ("We went to Porto last summer", "event"),
        ("I have a dentist appointment tomorrow", "event"),
        ("How to bake bread: knead, wait, bake", "skill"),
        ("1. Mix\n2. Bake", "skill"),
        ("The locker number is K-2047", "fact"),
        ("It looks like rain", "fact"),
    ],
)
def test_a_statement_has_a_kind_by_its_form(text: str, kind: str) -> None:
    assert read(text)[0].kind == kind


def test_only_a_user_gives_instructions() -> None:
    (draft,) = read([{"role": "assistant", "content": "Always answer in French"}])
    assert draft.kind == "fact"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ([], "list is empty"),
        ([""], "element 0 is empty"),
        ([{"role": "user", "content": ""}], "messages are empty"),
        ("a\x00b", "NUL character at position 1"),
        ("ab\ud800", "position 2"),
        ("x" * (MAX_SOURCE + 1), "in parts"),
        (["y" * (MAX_SOURCE // 2 + 1)] * 2, "in parts"),
        (17, "cannot remember int"),
        ([3], "element 0 is a number"),
        ([["nested"]], "element 0 is a list"),
        ([{"role": "user"}], "neither 'content' nor 'text'"),
        ([{"role": "user", "content": 5}], "content of element 0 is a number"),
        ([{"role": "user", "content": [5]}], "block in the content"),
        ([{"role": "user", "content": "x", "session": 3}], "session of element 0"),
        ([{"speaker": "a\nb", "content": "x"}], "no name"),
        ([{"speaker": "Ann", "text": "x", "said_at": "someday"}], "time of element 0"),
        ([{"speaker": "Ann", "text": "x", "said_at": True}], "time of element 0"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(source: object, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(source)


def test_a_question_is_taken_as_it_is() -> None:
    call = RulesReader().understand("  Where is it? ")
    assert (call.asked, call.query) == ("Where is it?", "Where is it?")
    with pytest.raises(InvalidInput, match="the question is empty"):
        RulesReader().understand(" ")


def test_a_note_may_be_empty_but_not_half_a_character() -> None:
    assert check_text("", "the note", empty=True) == ""
    with pytest.raises(InvalidInput, match="the note"):
        check_text("\udc00", "the note", empty=True)
