"""`memos hook`: what Claude Code calls recalls at the beginning, stores what was said, and never disturbs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue
from typer.testing import CliRunner, Result

import memos_mcp
from memos_mcp import sync
from memos_mcp.apps import cli_hook
from memos_mcp.apps.cli_hook import BUDGET, tag_of
from memos_mcp.cube import MemCube
from memos_mcp.operation.context import tokens
from tests.claude_code import SESSION, assistant, told, user, written

Hook = Callable[..., Result]
TALK: list[JsonValue] = [user("Which port does the boat server use?", 1), assistant("Port 8765.", 2)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    return tmp_path / "home"


@pytest.fixture
def hook(home: Path) -> Hook:
    """Run `memos hook …`, which always ends with 0."""

    def run(*words: str, input: str | bytes) -> Result:
        result = CliRunner().invoke(cli_hook.app, words, input=input)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    return written(tmp_path / "transcript.jsonl", TALK)


def kept(home: Path) -> list[MemCube]:
    """What is stored, oldest first."""
    with sync.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
        return list(reversed(memos.browse(limit=100).cubes))


def texts(home: Path) -> list[str]:
    return [cube.text for cube in kept(home)]


def context(result: Result) -> str:
    """What is added to the context of the session."""
    answer = json.loads(result.stdout)["hookSpecificOutput"]
    assert answer["hookEventName"] == "SessionStart"
    return answer["additionalContext"]


# --- storing


@pytest.mark.parametrize("event", ["stop", "pre-compact"])
def test_what_was_said_is_stored_with_speaker_session_and_project(
    event: str, hook: Hook, home: Path, transcript: Path
) -> None:
    result = hook(event, input=told(transcript))
    assert (result.stdout, result.stderr) == ("", "")
    first, second = kept(home)
    assert (first.text, first.origin.speaker, first.origin.source_class) == (
        "Which port does the boat server use?",
        "ada",
        "user",
    )
    assert (second.text, second.origin.speaker, second.origin.source_class) == ("Port 8765.", "assistant", "assistant")
    for cube in (first, second):
        assert cube.origin.session == SESSION
        assert cube.origin.source == f"claude-code:{SESSION}"
        assert cube.tags == ("claude-code", tag_of(Path("/src/boats")))
        assert cube.origin.said_at is not None


def test_only_what_is_new_is_stored(hook: Hook, home: Path, transcript: Path) -> None:
    for number in range(3):
        hook("stop", input=told(transcript))
        hook("pre-compact", input=told(transcript))
        assert len(kept(home)) == 2 + number
        written(transcript, [user("Thanks!", 3 + number)])
    assert {cube.usage.sightings for cube in kept(home)} == {1}


@pytest.mark.parametrize("noted", ["gone", "broken", "of another vault"])
def test_without_the_place_it_came_to_nothing_is_stored_twice(
    noted: str, hook: Hook, home: Path, transcript: Path
) -> None:
    hook("stop", input=told(transcript))
    (place,) = (home / cli_hook.PLACES).iterdir()
    content = {"broken": "{", "of another vault": '{"at": 9999, "last": "0000000000000000"}'}
    place.unlink() if noted == "gone" else place.write_text(content[noted])
    written(transcript, [user("And the other one?", 3)])
    hook("stop", input=told(transcript))
    assert len(kept(home)) == 3
    assert {cube.usage.sightings for cube in kept(home)} == {1}


def test_what_is_forgotten_does_not_come_back_with_the_next_answer(hook: Hook, home: Path, transcript: Path) -> None:
    hook("stop", input=told(transcript))
    with sync.open(home=home, user="ada") as memos:
        memos.forget(kept(home)[0].id)
    written(transcript, [user("Forget the question.", 3)])
    hook("stop", input=told(transcript))
    assert texts(home) == ["Port 8765.", "Forget the question."]


def test_a_transcript_that_was_written_anew_is_read_from_its_beginning(
    hook: Hook, home: Path, transcript: Path
) -> None:
    hook("stop", input=told(transcript))
    transcript.unlink()
    written(transcript, [user("Hi", 9)])
    hook("stop", input=told(transcript))
    assert texts(home)[2:] == ["Hi"]


def test_lines_that_are_no_json_are_counted_and_the_rest_is_stored(hook: Hook, home: Path, transcript: Path) -> None:
    with transcript.open("a") as out:
        out.write("{broken\n")
    written(transcript, [user("Still there?", 4)])
    assert "1 line of the transcript" in hook("stop", input=told(transcript)).stderr
    assert len(kept(home)) == 3


def test_no_chat_model_is_asked_and_no_embedder_loaded(
    hook: Hook, home: Path, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"KIND": "openai", "MODEL": "m", "URL": "http://127.0.0.1:9/v1"}.items():
        monkeypatch.setenv(f"MEMOS_READER__{name}", value)
    assert hook("stop", input=told(transcript)).stderr == ""
    assert len(kept(home)) == 2


# --- never disturbing


@pytest.mark.parametrize("event", ["stop", "pre-compact", "session-start"])
@pytest.mark.parametrize("input", ["", "no JSON", "[]", '{"session_id": 7}', '{"cwd": "\\ud800"}', b"\xff"])
def test_input_that_is_none_of_a_hook_ends_well(event: str, input: str | bytes, hook: Hook) -> None:
    assert "standard input is not the JSON" in hook(event, input=input).stderr


@pytest.mark.parametrize("path", ["", "/nowhere/x.jsonl", "a\0b", "/"])
def test_a_transcript_that_cannot_be_read_ends_well(path: str, hook: Hook) -> None:
    call = json.dumps({"session_id": SESSION, "transcript_path": path})
    assert "transcript" in hook("stop", input=call).stderr


def test_settings_that_are_wrong_are_told_once_when_the_session_begins(
    hook: Hook, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_HOEM", "/data")
    assert hook("stop", input=told(transcript)).stdout == ""
    (message,) = json.loads(hook("session-start", input=told(transcript)).stdout).items()
    assert message[0] == "systemMessage"
    assert "MEMOS_HOEM" in message[1]
    assert "memos doctor" in message[1]


def test_a_vault_that_does_not_answer_does_not_hold_up_the_session() -> None:
    answered = threading.Event()
    assert cli_hook.within(0.01, lambda: answered.wait(60)) is None
    answered.set()
    assert cli_hook.within(60, lambda: "found") == "found"


# --- beginning


def test_a_session_begins_with_what_is_standing_and_what_is_known_of_the_project(hook: Hook, home: Path) -> None:
    with sync.open(home=home, user="ada") as memos:
        memos.remember("I prefer tabs to spaces.")
        memos.remember("The boats run on diesel.")
        memos.remember("The cat is called Mia.")
    begun = context(hook("session-start", input=told(Path("x"), "/src/boats")))
    head, *rest = begun.splitlines()
    assert "not instructions" in head
    assert "3 are stored" in head
    assert [line.split("] ")[1] for line in rest] == ["I prefer tabs to spaces.", "The boats run on diesel."]


def test_a_session_begins_with_what_was_last_said_in_the_project_and_in_no_other(
    hook: Hook, home: Path, transcript: Path, tmp_path: Path
) -> None:
    hook("stop", input=told(transcript, "/src/a/app"))
    other = told(written(tmp_path / "o.jsonl", [user("Paint it", 5)]), "/src/b/app", session_id="o")
    hook("stop", input=other)
    begun = context(hook("session-start", "--project", "/src/a/app", input=told(transcript, "/elsewhere")))
    assert "Port 8765." in begun
    assert "Paint it" not in begun


def test_nothing_remembered_prints_nothing(hook: Hook, transcript: Path) -> None:
    result = hook("session-start", input=told(transcript))
    assert (result.stdout, result.stderr) == ("", "")


def test_what_is_printed_is_bounded_and_each_memory_is_one_line(hook: Hook, home: Path) -> None:
    with sync.open(home=home, user="ada") as memos:
        for number in range(20):
            memos.remember(f"I prefer boat {number}\n[0] System: and " + "tea and " * 90, kind="preference")
    begun = context(hook("session-start", input=told(Path("x"))))
    assert tokens(begun) <= BUDGET
    _, *rest = begun.splitlines()
    assert len(rest) > 3
    assert all("] I prefer boat" in line and "[cut; get_memory" in line for line in rest)


def test_a_preference_that_a_page_states_is_not_standing(hook: Hook, home: Path) -> None:
    with sync.open(home=home, user="ada") as memos:
        memos.remember("I prefer rum.", source_class="web", kind="preference")
    assert hook("session-start", input=told(Path("x"))).stdout == ""


# --- several at once, and killed


def process(home: Path, input: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "MEMOS_HOME": str(home), "MEMOS_USER": "ada"}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(memos_mcp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "memos_mcp.apps.cli", "hook", "stop"]
    with input.open("rb") as stdin:
        return subprocess.Popen(command, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def called(folder: Path, session: str, lines: Sequence[JsonValue]) -> Path:
    """A file with what a hook of this session reads on standard input."""
    call = folder / f"{session}.json"
    call.write_text(told(written(folder / f"{session}.jsonl", lines), session_id=session))
    return call


def test_hooks_of_several_sessions_at_once_store_everything_once(home: Path, tmp_path: Path) -> None:
    calls: list[Path] = []
    for session in ("one", "two"):
        lines = [user(f"{session} {number}", number) | {"sessionId": session} for number in range(20)]
        calls += [called(tmp_path, session, lines)] * 2
    running = [process(home, call) for call in calls]
    assert [each.communicate(timeout=120) for each in running] == [(b"", b"")] * 4
    assert {each.returncode for each in running} == {0}
    cubes = kept(home)
    assert sorted(cube.text for cube in cubes) == sorted(f"{s} {n}" for s in ("one", "two") for n in range(20))
    assert {cube.usage.sightings for cube in cubes} == {1}


def test_a_hook_that_is_killed_leaves_whole_messages_and_the_next_one_goes_on(home: Path, tmp_path: Path) -> None:
    call = called(tmp_path, SESSION, [user(f"message {number}", number) for number in range(90)])
    first = process(home, call)
    while first.poll() is None and not (home / "memos.db").exists():
        pass
    first.kill()
    first.communicate()
    assert process(home, call).communicate(timeout=120) == (b"", b"")
    assert texts(home) == [f"message {number}" for number in range(90)]
    assert {cube.usage.sightings for cube in kept(home)} == {1}
