import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.reader import drafts_of
from memos_mcp.ports import Draft

NOON = datetime(2023, 5, 8, 12, tzinfo=UTC)


def read(source: JsonValue, origin: Origin | None = None) -> list[Draft]:
    return list(drafts_of(source, origin or Origin()))


def said(drafts: list[Draft]) -> list[tuple[str | None, str]]:
    return [(draft.origin.speaker, draft.text) for draft in drafts]


# --- transcripts


@pytest.mark.parametrize(
    "text",
    [
        "[2023-05-08 13:56] Ann: Hi Ben\n[2023-05-08 13:57] Ben: Hello!",
        "2023-05-08T13:56 Ann: Hi Ben\n2023-05-08T13:57 Ben: Hello!",
        "2023-05-08 13:56:00 - Ann: Hi Ben\n2023-05-08 13:57:00 - Ben: Hello!",
        "[1:56 pm on 8 May, 2023] Ann: Hi Ben\n[1:57 pm on 8 May, 2023] Ben: Hello!",
        "Ann (May 8, 2023 1:56 PM): Hi Ben\n\nBen (May 8, 2023 1:57 PM): Hello!",
        "**Ann** (8 May 2023, 13:56): Hi Ben\n**Ben** (8 May 2023, 13:57): Hello!",
        "8 May 2023\n[13:56] Ann: Hi Ben\n[13:57] Ben: Hello!",
        "# 2023-05-08\n\n13:56 Ann: Hi Ben\n13:57 Ben: Hello!",
        "25/5/2023, 13:56 - Ann: Hi Ben\n25/5/2023, 13:57 - Ben: Hello!".replace("25/5", "8.5").replace("/", "."),
    ],
)
def test_a_transcript_with_times_is_read_turn_by_turn(text: str) -> None:
    drafts = read(text)
    assert said(drafts) == [("Ann", "Hi Ben"), ("Ben", "Hello!")]
    assert [draft.origin.said_at for draft in drafts] == [NOON.replace(hour=13, minute=m) for m in (56, 57)]
    assert len({draft.origin.session for draft in drafts}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Ann: Hi!\nBen: Hello, how are you?",
        "Ann: Hi!\nBen: Hello, how are you?\nAnn: Fine.\n",
        "**Ann**: Hi!\n**Ben:** Hello, how are you?",
        "**Ann Lee**: Do you dance?\n\n**Ben de Vries**: I do!",
        "User: Hi\nAssistant: Hello",
        "Human: Hi\n\nAI: Here is a list:\n\nPros: cheap\nCons: slow",
        "小明\uff1a你好\n小红\uff1a你好吗\uff1f",
    ],
)
def test_a_transcript_without_times_is_read_turn_by_turn(text: str) -> None:
    drafts = read(text)
    assert len(drafts) >= 2
    assert all(draft.origin.session and draft.origin.speaker for draft in drafts)


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk",
        "I have a plan.\nNote: buy milk\nWarning: it is late",
        "Name: Ada\nAge: 36\nCity: London",
        "Title: Emma\nAuthor: Jane Austen\n\nTitle: Persuasion\nAuthor: Jane Austen",
        "Monday: gym\nTuesday: rest\nMonday: gym",
        "Summary: We are late.\nRisks: The budget is gone.",
        "Pros: cheap\nCons: slow\nPros: small\nCons: loud",
        "Q: What is tea?\nA: A drink.\nQ: And coffee?\nA: Another one.",
        "2023-05-08T13:56:00Z ERROR: disk full\n2023-05-08T13:57:00Z ERROR: disk full",
        "See https://example.org:8080/a\nand http://example.org",
        "def f(x):\n    return x\nclass A:\n    pass",
        "Ann said: no.",
        "Meeting (8 May 2023): we chose blue",
        "To do: call Ben\nDone: call Ann",
    ],
)
def test_a_text_that_only_looks_like_a_transcript_stays_a_text(text: str) -> None:
    (draft,) = read(text)
    assert draft.text == text
    assert draft.origin.session is None


def test_one_line_with_date_and_time_is_a_turn() -> None:
    (draft,) = read("[2023-05-08 12:00] Ann: I like tea")
    assert (draft.text, draft.origin.speaker, draft.origin.said_at) == ("I like tea", "Ann", NOON)


def test_a_turn_has_all_its_lines_and_its_span_has_the_head() -> None:
    text = "[2023-05-08 12:00] Ann: One\n\n  two: three\n[2023-05-08 12:01] Ben:\nfour"
    one, two = read(text)
    assert one.text == "One\n\n  two: three"
    assert two.text == "four"
    assert [text[slice(*d.origin.span)] for d in (one, two) if d.origin.span] == [
        "[2023-05-08 12:00] Ann: One\n\n  two: three",
        "[2023-05-08 12:01] Ben:\nfour",
    ]


def test_a_date_line_dates_the_turns_below_it() -> None:
    text = (
        "8 May 2023\nAnn: Hi!\nBen: How are you?\n\n--- May 9, 2023 ---\nAnn: Fine, you?\nBen: On\n8 May 2023\nI moved"
    )
    days = [draft.origin.said_at.day for draft in read(text) if draft.origin.said_at]
    assert days == [8, 8, 9, 9]
    assert read(text)[-1].text == "On\n8 May 2023\nI moved"


def test_slashed_dates_are_read_in_the_order_that_the_other_dates_show() -> None:
    text = "05/08/2023, 12:00 - Ann: Hi\n25/08/2023, 12:00 - Ben: Hello"
    assert [d.origin.said_at for d in read(text)] == [NOON.replace(month=8, day=5), NOON.replace(month=8, day=25)]


def test_a_stamp_that_can_be_read_in_two_ways_stays_in_the_words() -> None:
    drafts = read("05/08/2023, 12:00 - Ann: Hi\n05/09/2023, 12:00 - Ben: Hello")
    assert said(drafts) == [("Ann", "05/08/2023, 12:00 - Ann: Hi"), ("Ben", "05/09/2023, 12:00 - Ben: Hello")]
    assert drafts[0].origin.said_at is None


# --- messages


def test_role_and_content_are_a_message() -> None:
    drafts = read([{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Hello"}])
    assert said(drafts) == [("user", "Hi"), ("assistant", "Hello")]
    assert [d.origin.source_class for d in drafts] == ["user", "assistant"]
    assert [d.origin.position for d in drafts] == [0, 1]
    assert drafts[0].origin.span == (1, 3)


@pytest.mark.parametrize(
    ("role", "source_class"),
    [
        ("human", "user"),
        ("ai", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
        ("system", "system"),
        ("Chair", "web"),
    ],
)
def test_the_role_says_what_class_of_source_it_is(role: str, source_class: str) -> None:
    (draft,) = read({"role": role, "content": "Words."}, Origin(source_class="web"))
    assert draft.origin.source_class == source_class


def test_a_name_beats_the_role() -> None:
    assert said(read({"role": "user", "name": "Ada", "content": "Hi"})) == [("Ada", "Hi")]


def test_the_speaker_whom_the_caller_names_is_the_user() -> None:
    messages: list[JsonValue] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert said(read(messages, Origin(speaker="Ada"))) == [("Ada", "Hi"), ("assistant", "Hello")]


def test_blocks_are_joined_and_pictures_named() -> None:
    content: JsonValue = [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {}},
        {"type": "text", "text": "nice?"},
    ]
    assert said(read({"role": "user", "content": content})) == [("user", "Look:\n[image]\nnice?")]


def test_the_result_of_a_tool_is_a_turn_of_the_tool() -> None:
    messages: list[JsonValue] = [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "name": "weather"}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "content": [{"type": "text", "text": "12 degrees"}]},
                {"type": "text", "text": "Is that cold?"},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [{}]},
    ]
    drafts = read(messages)
    assert said(drafts) == [("tool", "12 degrees"), ("user", "Is that cold?")]
    assert [d.origin.source_class for d in drafts] == ["tool", "user"]


@pytest.mark.parametrize("key", ["said_at", "timestamp", "time", "created_at"])
@pytest.mark.parametrize(
    "when",
    [
        "2023-05-08T12:00:00Z",
        "2023-05-08T14:00:00+02:00",
        "2023-05-08 12:00",
        "Mon, 8 May 2023 12:00:00 +0000",
        "Monday, May 8, 2023 at 12 pm",
        "12:00 pm on 8 May, 2023",
        1683547200,
        1683547200.0,
        1683547200000,
        "1683547200",
    ],
)
def test_times_are_read_in_the_forms_that_chats_use(key: str, when: str | float) -> None:
    (draft,) = read({"speaker": "Ada", "text": "Hi", key: when})
    assert draft.origin.said_at == NOON


def test_a_day_is_its_first_moment_and_a_time_without_zone_is_utc() -> None:
    one, two = read([{"text": "a", "time": "May 8, 2023"}, {"text": "b", "time": "2023-05-08T12:00"}])
    assert (one.origin.said_at, two.origin.said_at) == (NOON.replace(hour=0), NOON)
    (far,) = read({"text": "a"}, Origin(said_at=NOON.astimezone(timezone(timedelta(hours=3)))))
    assert far.origin.said_at == NOON


@pytest.mark.parametrize("when", ["soon", "5/8/2023", 7, "2023-02-30", "2023", True, "13:56", "9" * 400, 1e300, [1]])
def test_a_time_that_cannot_be_read_for_certain_is_refused_with_its_index(when: JsonValue) -> None:
    with pytest.raises(InvalidInput, match=r"message 1 .*said_at"):
        read([{"text": "a"}, {"text": "b", "said_at": when}])


def test_a_conversation_names_its_session() -> None:
    turns: list[JsonValue] = [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Bye", "session": "s2"}]
    assert [d.origin.session for d in read({"messages": turns, "session": "s1"})] == ["s1", "s2"]
    assert [d.origin.session for d in read({"messages": turns, "id": "c9"})] == ["c9", "s2"]
    assert [d.origin.session for d in read(turns, Origin(session="s3"))] == ["s3", "s2"]


def test_a_conversation_without_a_session_gets_the_same_one_each_time() -> None:
    turns: list[JsonValue] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    first, again = read(turns[:1])[0].origin.session, read(turns)[1].origin.session
    assert first == again
    assert first
    assert first.startswith("chat-")
    assert len(first) == 17


def test_a_grown_conversation_keeps_its_keys_and_repeated_words_are_turns() -> None:
    turns: list[JsonValue] = [{"speaker": "Ann", "text": t} for t in ("Thanks!", "Bye", "Thanks!")]
    short, long = [[d.once for d in read(turns[:n], Origin(session="s1"))] for n in (2, 3)]
    assert long[:2] == short
    assert len(set(long)) == 3
    assert not set(long) & {d.once for d in read(turns, Origin(session="s2"))}


def test_sessions_mixed_in_one_list_have_the_keys_they_have_alone() -> None:
    a: list[JsonValue] = [{"speaker": "Ann", "text": t, "session": "a"} for t in ("Hi", "Bye")]
    b: list[JsonValue] = [{"speaker": "Ann", "text": t, "session": "b"} for t in ("Hi", "Bye")]
    mixed = {d.once for d in read([a[0], b[0], a[1], b[1]])}
    assert mixed == {d.once for d in read(a)} | {d.once for d in read(b)}


def test_a_long_message_is_cut_and_every_piece_says_who_said_it() -> None:
    drafts = read(
        [{"speaker": "Ann", "text": "Hi"}, {"speaker": "Ben", "text": "Some words here. " * 500, "time": "2023-05-08"}]
    )
    assert [d.origin.position for d in drafts] == list(range(len(drafts)))
    assert len(drafts) > 3
    assert {(d.origin.speaker, d.origin.said_at) for d in drafts[1:]} == {("Ben", NOON.replace(hour=0))}
    assert len({d.once for d in drafts}) == len(drafts)


def test_texts_and_messages_may_be_mixed() -> None:
    drafts = read(["Tea is a drink.", {"role": "user", "content": "Hi"}])
    assert [d.origin.session is None for d in drafts] == [True, False]


def test_messages_without_words_are_left_out() -> None:
    messages: list[JsonValue] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " "}]
    assert said(read(messages)) == [("user", "Hi")]


# --- JSON in a text


def test_json_lines_of_messages_are_messages() -> None:
    text = '{"speaker": "Ann", "text": "Hi"}\n\n{"role": "user", "content": "Bye"}\n'
    assert said(read(text)) == [("Ann", "Hi"), ("user", "Bye")]


def test_a_json_document_of_messages_is_read_like_the_messages() -> None:
    conversation: JsonValue = {"session": "s1", "messages": [{"speaker": "Ann", "text": "Hi"}]}
    assert read(json.dumps(conversation)) == read(conversation)
    assert said(read('[{"role": "user", "content": "Hi"}]')) == [("user", "Hi")]


@pytest.mark.parametrize(
    "text",
    [
        '{"role": "user", "content": "Hi"}',
        '{"a": 1}',
        '["Ada", "Ben"]',
        "[]",
        '[{"role": "user", "content": "Hi"}, {"id": 3}]',
        '[{"role": ["user"], "content": "Hi"}]',
        '{"messages": "none"}',
        "{not json",
        "[" * 5000,
        '{"id": 1}\n{"id": 2}',
    ],
)
def test_other_json_is_a_text_like_any_other(text: str) -> None:
    assert "".join(draft.text for draft in read(text)) == text
