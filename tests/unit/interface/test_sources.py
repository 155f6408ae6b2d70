"""What files hold, and that however they are cut, grow or are put in another order, each turn keeps its key."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.interface import sources
from memos_mcp.interface.exports import conversation_in
from memos_mcp.interface.parts import Found, Nothing, Part, Unread
from memos_mcp.interface.reader import MAX_SOURCE, drafts_of
from memos_mcp.interface.sources import parts_of_json, parts_of_lines, parts_of_text
from memos_mcp.ports import Draft

NAME = "chats/ada.txt"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def drafts(found: Iterator[Found] | Sequence[Found]) -> list[Draft]:
    """What remembering every part stores; there is nothing that is no part."""
    read: list[Draft] = []
    for part in found:
        assert isinstance(part, Part), part
        some = drafts_of(part.content, Origin(source=NAME, session=part.session))
        assert len(some) == part.texts
        read += some
    return read


def keys(found: Iterator[Found] | Sequence[Found]) -> dict[bytes, int | None]:
    return {draft.once: draft.origin.position for draft in drafts(found)}


def lines(messages: Sequence[JsonValue]) -> Iterator[Found]:
    return parts_of_lines(lambda: [json.dumps(each) for each in messages], NAME)


def turn(number: int, session: str | None = None, words: str = "tea") -> dict[str, JsonValue]:
    said_at = (START + timedelta(minutes=number)).isoformat()
    turn: dict[str, JsonValue] = {"speaker": "Ada", "text": f"{words} {number}", "said_at": said_at}
    return turn | ({"session": session} if session else {})


# --- texts


def test_a_note_is_one_statement() -> None:
    assert list(parts_of_text("Ada likes tea.\n", NAME)) == [Part("Ada likes tea.\n", 1, 1.0, source_class="document")]


def test_a_document_keeps_no_session() -> None:
    (part,) = parts_of_text("# Tea\n\nGreen.\n\n# Coffee\n\nBlack.", NAME)
    assert isinstance(part, Part)
    assert (part.texts, part.session) == (2, None)


def test_a_transcript_is_a_session_named_after_its_file() -> None:
    (part,) = parts_of_text("Ada: Do you like tea?\nBen: I do!\nAda: Me too.", NAME)
    assert isinstance(part, Part)
    assert (part.texts, part.session) == (3, NAME)


def test_messages_are_found_in_any_text() -> None:
    for text in (json.dumps([turn(0), turn(1)]), json.dumps(turn(0)) + "\n" + json.dumps(turn(1))):
        assert [draft.text for draft in drafts(parts_of_text(text, NAME))] == ["tea 0", "tea 1"]


def test_what_holds_nothing_says_so() -> None:
    assert list(parts_of_text(" \n", NAME)) == [Nothing("empty")]
    assert list(parts_of_json("\n", NAME)) == [Nothing("empty")]
    assert list(parts_of_json("[]", NAME)) == [Nothing("empty")]
    assert list(lines([])) == [Nothing("empty")]
    for other in ('{"name": "x"}', "[1, 2]", "5", '{"messages": {"hi": "Hallo"}}', '[{"text": "a"}]'):
        assert list(parts_of_json(other, NAME)) == [Nothing("JSON without messages")]


def test_a_text_with_a_nul_is_none() -> None:
    (found,) = parts_of_text("a\nb\0", NAME)
    assert found == Unread("holds a NUL character, so it is not a text", 2)


# --- what the reader cannot take at once


def test_a_long_document_is_cut_before_headings_and_loses_no_piece() -> None:
    text = ""
    for number in range(90):
        text += f"# Part {number}\n\n"
        text += "".join(f"Words of section {number} in paragraph {n}. " * 16 + "\n\n" for n in range(40))
    text = text.strip()
    assert len(text) > MAX_SOURCE
    parts = list(parts_of_text(text, NAME))
    assert len(parts) == 2
    assert [str(part.content)[:6] for part in parts if isinstance(part, Part)] == ["# Part"] * 2
    assert " ".join(draft.text for draft in drafts(parts)).split() == text.split()


def test_the_end_of_a_long_document_is_still_a_document() -> None:
    text = "\n\n".join(f"Line {number} of a text without any headings." + " x" * 500 for number in range(1900))
    text = text[: text.index("Line 1861")]
    for more in ("", "The end.", "The end.\n\nOr not."):
        assert {draft.kind for draft in drafts(parts_of_text(text + more, NAME))} == {"document"}


def test_a_conversation_that_can_be_read_at_once_is_never_cut() -> None:
    assert len(list(lines([turn(number) for number in range(5000)]))) == 1


@pytest.mark.no_cover
def test_a_long_conversation_keeps_its_keys_when_it_grows() -> None:
    said = [turn(number, words="word " * 200) for number in range(3000)]
    grown = [keys(lines(said[:length])) for length in (1500, 2500, 3000)]
    assert [len(each) for each in grown] == [1500, 2500, 3000]
    assert grown[0].items() <= grown[1].items() <= grown[2].items()


@pytest.mark.no_cover
def test_a_turn_is_not_lost_because_two_parts_begin_with_it() -> None:
    said: list[JsonValue] = []
    for number in range(9):  # four times two fill a part to the last character
        long = f"{number} {'word ' * 100_000}"[:499_992] + "."
        said.append({"speaker": "Ada", "text": "Thanks!"})
        said.append({"speaker": "Ben", "text": long})
    read = drafts(lines(said))
    assert sum(draft.text == "Thanks!" for draft in read) == 9
    assert len({draft.once for draft in read}) == len(read)


@pytest.mark.no_cover
def test_a_long_transcript_has_the_keys_of_a_short_one() -> None:
    def written(turns: int) -> str:
        return "2 March 2026\n" + "\n".join(
            f"[{9 + n // 60 % 12:02}:{n % 60:02}] {('Ada', 'user')[n % 2]}: {'word ' * 190}{n}" for n in range(turns)
        )

    short, long = keys(parts_of_text(written(2000), NAME)), keys(parts_of_text(written(2200), NAME))
    assert len(written(2000)) < MAX_SOURCE < len(written(2200))
    assert len(long) == 2200
    assert short.keys() < long.keys()


# --- conversations in JSON


def test_turns_belong_to_the_session_they_name_wherever_they_stand() -> None:
    mixed = [turn(0, "a"), turn(1), turn(2, "b"), turn(3, "a"), turn(4), turn(5, "b")]
    parts = list(lines(mixed))
    assert [[d.text for d in drafts([part])] for part in parts] == [
        ["tea 0", "tea 3"],
        ["tea 1", "tea 4"],
        ["tea 2", "tea 5"],
    ]
    assert [drafts([part])[0].origin.session for part in parts] == ["a", NAME, "b"]


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=12), st.data())
def test_growing_lines_keep_keys_and_positions(sessions: list[str | None], data: st.DataObject) -> None:
    said = [turn(number, session) for number, session in enumerate(sessions)]
    length = data.draw(st.integers(1, len(said)))
    assert keys(lines(said[:length])).items() <= keys(lines(said)).items()


@given(st.permutations(["a", "b", "c", "d"]))
def test_conversations_in_another_order_keep_keys_and_positions(names: list[str]) -> None:
    def told(order: Sequence[str]) -> str:
        return json.dumps([{"id": name, "messages": [turn(n, words=name) for n in range(3)]} for name in order])

    assert keys(parts_of_json(told(names), NAME)) == keys(parts_of_json(told(sorted(names)), NAME))


def test_a_conversation_has_its_own_name_or_that_of_its_file() -> None:
    talk: JsonValue = {"messages": [turn(0)]}
    for text, names in (
        (json.dumps(talk), [NAME]),
        (json.dumps([talk, talk | {"id": 7}]), [f"{NAME}#1", "7"]),
        (json.dumps(talk) + "\n" + json.dumps(talk | {"session_id": "s"}), [f"{NAME}#1", "s"]),
        (json.dumps([turn(0), turn(1)]), [NAME]),
        (json.dumps(turn(0)), [NAME]),
    ):
        assert [part.session for part in parts_of_json(text, NAME) if isinstance(part, Part)] == names


def test_a_broken_line_is_named_and_the_others_are_read() -> None:
    text = "\n".join(
        [json.dumps(turn(0)), '{"text": ', "", "7", json.dumps(turn(1)), '{"id": 1}', '{"text": "a\\ud800"}']
    )
    found = list(parts_of_lines(lambda: text.split("\n"), NAME))
    assert [each.line for each in found if isinstance(each, Unread)] == [2, 4, 6, 7]
    assert next(each.why for each in found if isinstance(each, Unread)).startswith("is not JSON: ")
    assert [d.text for d in drafts([each for each in found if isinstance(each, Part)])] == ["tea 0", "tea 1"]


def test_lines_of_which_none_is_json_are_one_fault() -> None:
    (found,) = parts_of_lines(lambda: ["a", "b"], NAME)
    assert isinstance(found, Unread)
    assert found.line == 1


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (turn(1) | {"said_at": "5/8/2023"}, "has said_at '5/8/2023', which is no certain date"),
        (turn(1) | {"text": "x" * (MAX_SOURCE + 1)}, "at most 2,000,000"),
        ({"role": "user", "content": [{"type": "text", "text": "x" * 1_500_000}] * 2}, "split it"),
        (turn(1) | {"speaker": "A" * 300}, "has a speaker or session"),
        (turn(1) | {"speaker": 7, "role": "user"}, "has a speaker that is not text"),
        (turn(1) | {"session": 7}, "has a session that is not text"),
    ],
)
def test_a_message_that_cannot_be_read_is_named_and_the_others_are_read(message: JsonValue, why: str) -> None:
    before, found, after = lines([turn(0, "a"), message, turn(2, "b")])
    assert isinstance(found, Unread)
    assert why in found.why
    assert "message 0" not in found.why
    assert found.line == 2
    assert len(drafts([before, after])) == 2


def test_in_a_conversation_a_message_is_named_by_its_number() -> None:
    text = '{"session": "s",\n"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": 7}, "no"]}'
    one, other, part = parts_of_json(text, NAME)
    assert isinstance(one, Unread)
    assert one.why.startswith("message 1 (counted from 0) has no words")
    assert other == Unread(f"message 2 (counted from 0) is no message: {sources.SHAPES}", 1)
    assert [d.text for d in drafts([part])] == ["Hi"]


def test_a_document_that_breaks_off_is_read_up_to_there() -> None:
    text = json.dumps([{"id": "a", "messages": [turn(0)]}, {"id": "b", "messages": [turn(1)]}], indent=1)
    whole, broken = parts_of_json(text[: text.index('"b"')], NAME)
    assert [d.text for d in drafts([whole])] == ["tea 0"]
    assert isinstance(broken, Unread)
    assert broken.line == text[: text.index('"b"')].count("\n") + 1


@pytest.mark.parametrize(
    "text",
    ["{", "[", "[1", "[1 [2]", '[{"a": 1}] x', "[1,]", "nope", "[" * 100_000, "9" * 5000, "[" + "9" * 5000 + "]"],
)
def test_what_is_no_json_is_one_fault(text: str) -> None:
    (found,) = parts_of_json(text, NAME)
    assert isinstance(found, Unread)
    assert "JSON" in found.why
    assert found.line == 1


def test_messages_without_words_are_left_out() -> None:
    assert list(lines([{"role": "assistant", "content": None}, {"role": "user", "content": " "}])) == []


# --- exports


def node(parent: str | None, role: str, *parts: JsonValue, **more: JsonValue) -> dict[str, JsonValue]:
    content: JsonValue = {"content_type": more.pop("content_type", "text"), "parts": list(parts)}
    message: JsonValue = {"author": {"role": role}, "create_time": 1712345678.5, "content": content, **more}
    return {"parent": parent, "children": ["?"], "message": message}


CHATGPT: JsonValue = {
    "title": "Tea",
    "conversation_id": "c1",
    "current_node": "n8",
    "mapping": {
        "root": {"parent": None, "children": ["n1"], "message": None},
        "n1": node("root", "system", "You are helpful.", metadata={"is_visually_hidden_from_conversation": True}),
        "n2": node("n1", "user", "Which tea?"),
        "other": node("n2", "assistant", "Black, I regret to say.") | {"children": []},
        "n3": node("n2", "assistant", "Let me look.", metadata={}),
        "n4": node("n3", "assistant", "search(tea)", recipient="browser"),
        "n5": node("n4", "tool", "A long page"),
        "n6": node("n5", "assistant", "Thinking", content_type="thoughts"),
        "n7": node("n6", "assistant", "Green.", recipient="all"),
        "n8": node("n7", "user", {"content_type": "image_asset_pointer"}, "And this?", content_type="multimodal_text")
        | {"children": []},
    },
}
CLAUDE: JsonValue = {
    "uuid": "u1",
    "name": "Tea",
    "chat_messages": [
        {"sender": "human", "text": "Which tea?", "created_at": "2026-02-14T10:04:22.000Z"},
        {
            "sender": "assistant",
            "text": "…",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Green."}],
            "created_at": "2026-02-14T10:05:22.000Z",
        },
        {"sender": "human", "text": "", "content": [], "attachments": [{"file_name": "a.pdf"}]},
    ],
}


@pytest.mark.claim("5.5.3-02")
def test_of_chatgpt_the_branch_shown_last_is_read_with_what_was_said_there() -> None:
    (part,) = parts_of_json(json.dumps([CHATGPT]), NAME)
    said = drafts([part])
    assert [draft.text for draft in said] == ["Which tea?", "Let me look.", "Green.", "And this?"]
    assert {draft.origin.session for draft in said} == {"c1"}
    assert [draft.origin.source_class for draft in said] == ["user", "assistant", "assistant", "user"]
    assert said[0].origin.said_at == datetime.fromtimestamp(1712345678.5, UTC)


def test_of_chatgpt_without_a_mark_the_last_branch_is_read() -> None:
    assert isinstance(CHATGPT, dict)
    found = conversation_in({**CHATGPT, "current_node": None})
    assert found is not None
    assert len(found.messages) == 4


def test_a_tree_that_bites_its_tail_comes_to_an_end() -> None:
    found = conversation_in({"id": "x", "current_node": "a", "mapping": {"a": node("a", "user", "Hi"), "b": None}})
    assert found is not None
    assert len(found.messages) == 1


def test_of_claude_the_words_are_read() -> None:
    (part,) = parts_of_json(json.dumps([CLAUDE]), NAME)
    said = drafts([part])
    assert [(d.text, d.origin.session) for d in said] == [("Which tea?", "u1"), ("Green.", "u1")]
    assert [d.origin.source_class for d in said] == ["user", "assistant"]
    assert said[0].origin.said_at == datetime(2026, 2, 14, 10, 4, 22, tzinfo=UTC)


def test_what_an_export_holds_besides_words_does_no_harm() -> None:
    tree: JsonValue = {"a": 7, "b": {"parent": "a", "message": {"author": None}}, "c": node("b", "user", "Hi")}
    odd: JsonValue = {"id": "x", "current_node": "c", "mapping": tree}
    found = list(
        parts_of_json(json.dumps([odd, {"uuid": "u", "chat_messages": [5, {"sender": "human", "text": 7}]}]), NAME)
    )
    assert [draft.text for draft in drafts(found[:1])] == ["Hi"]
    assert found[1:] == [Unread(f"message 0 (counted from 0) is no message: {sources.SHAPES}", 1)]
    (part,) = parts_of_json(
        json.dumps([{"mapping": {"a": node(None, "user", 5, "Hi") | {"message": {"author": {}}}}}, odd]), NAME
    )
    assert len(drafts([part])) == 1


def test_exports_are_read_as_json_lines_too() -> None:
    assert [d.origin.session for d in drafts(lines([CHATGPT, CLAUDE]))] == ["c1"] * 4 + ["u1"] * 2


# --- whatever a file holds

KEYS = st.sampled_from(
    "memory content text role state categories metadata results memories relations id user_id hash event type name "
    "entityType observations entities from to relationType mapping current_node parent message author parts "
    "content_type chat_messages sender messages session created_at source target relationship category_ids user".split()
)
WORDS = st.sampled_from(
    ["", "user", "assistant", "entity", "active", "text", "2026-03-02", "Ada", "a\0", "\ud800", " "]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=24,
)


@given(st.lists(ANY_JSON, min_size=1, max_size=4))
def test_any_json_is_read_to_its_end(values: list[JsonValue]) -> None:
    def read(found: Iterator[Found]) -> None:
        for each in found:
            if isinstance(each, Part):
                drafts_of(each.content, Origin(source=NAME, session=each.session))
                assert 0 < each.share <= 1

    read(parts_of_json(json.dumps(values), NAME))
    read(parts_of_json(json.dumps(values[0]), NAME))
    read(lines(values))


def test_of_a_long_file_only_names_are_held() -> None:
    def written() -> Iterator[str]:
        for number in range(4_000):
            observed: JsonValue = [f"{number} {'sings ' * 50}"]
            yield json.dumps({"name": f"n{number % 200}", "entityType": "bird", "observations": observed})

    tracemalloc.start()
    try:
        assert sum(1 for _ in parts_of_lines(written, NAME)) == 4_000
        assert tracemalloc.get_traced_memory()[1] < 400_000
    finally:
        tracemalloc.stop()
