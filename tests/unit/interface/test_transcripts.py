"""What is read of a session of Claude Code: the words of both sides, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.interface.reader import drafts_of
from memos_mcp.interface.transcripts import LONGEST, Said, Transcript
from tests.claude_code import SESSION, assistant, line, user


def raw(lines: Sequence[JsonValue]) -> list[bytes]:
    return [json.dumps(each).encode() + b"\n" for each in lines]


def read(*lines: JsonValue) -> list[Said]:
    return list(Transcript("s").messages(raw(lines)))


def texts(*lines: JsonValue) -> list[JsonValue]:
    return [said.message["content"] for said in read(*lines) if isinstance(said.message, dict)]


def test_what_user_and_assistant_say_is_read_with_its_time_and_session() -> None:
    first, second = read(user("Which port?", 1), assistant("8765.", 2))
    assert first.message == {
        "role": "user",
        "content": "Which port?",
        "said_at": "2026-11-21T09:01:00.123Z",
        "session": SESSION,
    }
    (draft,) = drafts_of([second.message], Origin())
    assert (draft.text, draft.origin.speaker, draft.origin.source_class) == ("8765.", "assistant", "assistant")
    assert draft.origin.session == second.session == SESSION


def test_results_of_tools_thoughts_and_calls_are_left_out() -> None:
    result: JsonValue = [{"type": "tool_result", "tool_use_id": "t", "content": "secret output"}]
    blocks: JsonValue = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t", "name": "Read", "input": {"file_path": "/etc/passwd"}},
    ]
    assert texts(line("assistant", blocks), line("user", result, toolUseResult={"stdout": "x"})) == ["I look."]


@pytest.mark.parametrize(
    "mark", ["isMeta", "isSidechain", "isCompactSummary", "isVisibleInTranscriptOnly", "isApiErrorMessage"]
)
def test_what_is_no_part_of_the_talk_is_left_out(mark: str) -> None:
    assert texts(user("aside", **{mark: True}), user("talk")) == ["talk"]


@pytest.mark.parametrize(
    "other",
    [
        {"type": "summary", "summary": "x"},
        {"type": "attachment", "attachment": {"type": "hook_additional_context", "content": ["x"]}},
        {"type": "queue-operation", "content": "x"},
        {"type": "system", "subtype": "local_command", "content": "x"},
        {"type": "user"},
        {"type": "user", "message": "x"},
        {"type": "user", "message": {"role": "assistant", "content": "x"}},
        {"type": "assistant", "message": {"role": "assistant", "model": "<synthetic>", "content": "x"}},
        {"type": "user", "message": {"role": "user", "content": 7}},
        {"type": "user", "message": {"role": "user", "content": [7, {"type": "text"}, {"type": "image"}]}},
        {"type": ["user"], "message": {"role": "user", "content": "x"}},
        {},
    ],
)
def test_other_lines_are_no_words(other: JsonValue) -> None:
    assert texts(other) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<command-name>/clear</command-name>\n<command-args></command-args>", []),
        ("<local-command-stdout>Set model</local-command-stdout>", []),
        ('<ide_selection file="a.py">x = 1</ide_selection>\nWhat is x?', ["What is x?"]),
        ("Buy milk.<system-reminder>Be brief.\nDo.</system-reminder>", ["Buy milk."]),
        ("[Request interrupted by user for tool use]", []),
        ("What does <system-reminder> mean?", ["What does <system-reminder> mean?"]),
        ("a\0b \ud800", ["ab ?"]),
        (" \n", []),
        ("x" * (LONGEST + 1), []),
    ],
)
def test_what_the_program_puts_among_the_words_of_the_user_is_taken_out(text: str, said: list[str]) -> None:
    assert texts(user(text)) == said


def test_marks_that_are_never_closed_cost_no_more_than_their_length() -> None:
    text = "<system-reminder>" * 20_000
    assert texts(user(text)) == [text]


def test_broken_lines_are_counted_and_the_rest_is_read() -> None:
    transcript = Transcript("s")
    lines = [b'{"type": "user", \n', b"\n", b"[1]\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", *raw([user("here")])]
    assert len(list(transcript.messages(lines))) == 1
    assert transcript.malformed == 4
    assert transcript.at == sum(map(len, lines))


def test_a_line_that_is_not_written_to_its_end_is_read_the_next_time() -> None:
    (whole,) = raw([user("later")])
    transcript = Transcript("s")
    assert list(transcript.messages([*raw([{}]), whole[:-9]])) == []
    assert (transcript.at, transcript.malformed) == (3, 0)
    assert [said.end for said in transcript.messages([whole[:-1]])] == [3 + len(whole) - 1]


def test_a_line_without_a_session_or_time_has_those_of_its_file() -> None:
    (said,) = read({"type": "user", "message": {"role": "user", "content": "hi"}, "timestamp": "soon"})
    assert said.message == {"role": "user", "content": "hi", "session": "s"}


@given(st.lists(st.sampled_from([user("a", 1), assistant("b", 2), user("a", 3), {}, 7]), max_size=12), st.data())
def test_wherever_reading_goes_on_the_same_is_read(lines: list[JsonValue], data: st.DataObject) -> None:
    written = raw(lines)
    cut = data.draw(st.integers(0, len(written)))
    whole, begin = list(Transcript("s").messages(written)), Transcript("s")
    assert [*begin.messages(written[:cut]), *Transcript("s", begin.at).messages(written[cut:])] == whole
