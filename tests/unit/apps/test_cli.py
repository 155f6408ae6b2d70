import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import memos_mcp
from memos_mcp.apps.cli import app
from tests import tiny_models

Memos = Callable[..., Result]
ESCAPE = "\x1b[31mred\x1b]0;title\x07"
EXAMPLE = Path(__file__).parents[3] / "examples" / "conversation.json"


@pytest.fixture
def memos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memos:
    """Run `memos …` on an empty vault of ada's."""
    for name in ("FORCE_COLOR", "MEMOS_CONFIG", "MEMOS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str | Path, input: str | bytes | None = None, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], input=input)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def stored(memos: Memos, *words: str | Path) -> str:
    """The id of the one memory that was stored."""
    (id,) = answer(memos("remember", *words, "--json"))["ids"]
    return id


def test_what_was_remembered_is_recalled(memos: Memos) -> None:
    said = memos("remember", "The spare key is under the blue pot", "--speaker", "Ben", "--said-at", "2026-03-02")
    assert said.stdout.startswith("1 new memory at user/ada\n")
    shown = memos("recall", "where", "is", "the", "spare", "key").stdout
    assert "2026-03-02 Ben" in shown
    assert "The spare key is under the blue pot" in shown
    assert "1 of 1 memories under user/ada, shared, global" in shown


def test_recall_takes_conditions_and_turns_and_says_what_was_searched(memos: Memos) -> None:
    memos("remember", "I saw Dr Lindqvist in May", "--tag", "health")
    memos("remember", "I saw Dr Lindqvist's dog", "--tag", "pets")
    options = ("--turn", "My dentist is Dr Lindqvist.", "--where", "tag:health", "--explain")
    shown = " ".join(memos("recall", "When did I see her?", *options).stdout.split())
    assert "I saw Dr Lindqvist in May" in shown
    assert "dog" not in shown
    assert "stands for 'When did I see Dr Lindqvist?'" in shown
    assert "1. rank the best 50 of each lane" in shown
    assert "in May" in memos("recall", "--where", 'tag:health "Lindqvist"').stdout
    assert "dog" in memos("list", "--where", "NOT tag:health").stdout
    assert answer(memos("recall", "dog", "--json"))["call"]["understanding"]["alone"] == "dog"


@pytest.mark.claim("5.4.1-09", "5.5.2-08")
def test_a_question_that_shares_no_word_is_answered_by_one_command(
    memos: Memos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDER__MODEL", str(tiny_models.write(tmp_path / "tiny")))
    memos("remember", "key")
    memos("remember", "tea")
    found = answer(memos("recall", "coffee", "--json"))
    assert [each["cube"]["payload"]["text"] for each in found["memories"]] == ["tea", "key"]
    assert found["pending"] == 0
    (words, vectors, graph) = answer(memos("status", "--json"))["lanes"]
    assert (words["name"], vectors["name"], vectors["on"], vectors["pending"]) == ("words", "vectors", True, 0)
    assert (graph["name"], graph["on"], graph["pending"]) == ("graph", True, 0)
    for lane in ("vectors", "graph"):
        assert f"{lane} lane".ljust(14) + "on, 0 waiting" in memos("rebuild", lane).stdout


def test_why_a_chat_model_did_not_read_is_told(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KIND": "openai", "MODEL": "m", "URL": "http://127.0.0.1:9/v1"}.items():
        monkeypatch.setenv(f"MEMOS_READER__{name}", value)
    told = memos("remember", "Ada likes tea").stdout.splitlines()
    assert told[0] == "1 new memory at user/ada"
    assert told[2].startswith("read by rules alone, because the chat model 'm' ")
    assert answer(memos("remember", "Ben likes rum", "--json"))["fallback"].startswith("read by rules alone")


def test_remember_and_recall_answer_with_json(memos: Memos) -> None:
    options = ("--session", "s1", "--said-at", "2026-03-02T09:20+01:00", "--kind", "event", "--tag", "a", "--tag", "b")
    first = answer(memos("remember", "Fauré was played", *options, "--json"))
    assert (first["path"], first["new"], first["repeated"]) == ("user/ada", 1, 0)
    found = answer(memos("recall", "Fauré", "--limit", "3", "--budget", "100", "--json"))
    assert found["question"] == "Fauré"
    assert "Fauré was played" in found["context"]
    (memory,) = found["memories"]
    assert memory["score"] > 0
    cube = memory["cube"]
    assert cube["id"] == first["ids"][0]
    assert (cube["kind"], cube["tags"]) == ("event", ["a", "b"])
    assert (cube["origin"]["session"], cube["origin"]["said_at"]) == ("s1", "2026-03-02T08:20:00Z")


def test_a_repeated_statement_is_counted(memos: Memos) -> None:
    id = stored(memos, "Ada likes green tea")
    again = memos("remember", "Ada likes green tea").stdout
    assert again.startswith("0 new memories, 1 known already at user/ada\n")
    assert id in again
    assert "said 2 times" in memos("recall", "tea").stdout


def test_text_comes_from_standard_input(memos: Memos) -> None:
    memos("remember", "-", input="The ferry sails at ten.")
    assert "The ferry sails at ten." in memos("list").stdout
    memos("put", "note", "-", input="kept\n  exactly\n")
    assert answer(memos("show", "--key", "note", "--json"))["payload"]["text"] == "kept\n  exactly\n"


def test_a_conversation_file_keeps_speakers_and_dates(memos: Memos) -> None:
    assert answer(memos("remember", "--file", EXAMPLE, "--json"))["new"] >= 60
    again = answer(memos("remember", "--file", EXAMPLE, "--json"))
    assert again["new"] == 0
    assert "and 77 more" in memos("remember", "--file", EXAMPLE).stdout
    found = answer(memos("recall", "Which locker number should the torch be posted to?", "--json"))["memories"]
    best = next(memory["cube"] for memory in found if "K-2047" in memory["cube"]["payload"]["text"])
    assert best["origin"]["speaker"] == "Ada"
    assert best["origin"]["said_at"].startswith("2026-03-02")
    assert best["origin"]["source"] == "conversation.json"
    assert best["origin"]["uri"] == EXAMPLE.as_uri()


def test_a_markdown_file_is_remembered(memos: Memos, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("# Boat\n\nThe engine needs oil in May.\n\n# Garden\n\nPlum trees want no pruning in winter.\n")
    memos("remember", "--file", notes)
    assert "The engine needs oil in May." in memos("recall", "engine oil").stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "is not a text in UTF-8 (byte 10 is 0xe2)"),
        (b"one\0two", "is not a text: it holds a NUL character"),
        (b"x" * 8_000_001, "has more than 8 MB; remember it in parts"),
    ],
    ids=["missing", "binary", "nul", "large"],
)
def test_a_file_that_is_no_text_is_refused(memos: Memos, tmp_path: Path, content: bytes | None, complaint: str) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    result = memos("remember", "--file", file, code=2)
    assert result.stderr == f"memos: {file} {complaint}\n"
    assert result.stdout == ""
    memos("remember", "--file", tmp_path, code=2)


def test_remember_wants_one_source(memos: Memos) -> None:
    assert "give either TEXT" in memos("remember", code=2).stderr
    assert "give either TEXT" in memos("remember", "tea", "--file", "x", code=2).stderr
    assert memos("remember", "tea", "--said-at", "yesterday", code=2).stdout == ""


def test_list_pages_through_memories_newest_first(memos: Memos) -> None:
    for number in range(3):
        memos("remember", f"Fact number {number} about boats", "--tag", f"t{number}")
    memos("put", "plan", "Sail north", "--path", "user/ada/trips")
    page = answer(memos("list", "--limit", "3", "--json"))
    assert [cube["payload"]["text"] for cube in page["cubes"]] == [
        "Sail north",
        "Fact number 2 about boats",
        "Fact number 1 about boats",
    ]
    assert page["total"] == 4
    rest = memos("list", "--limit", "3", "--after", page["after"]).stdout
    assert "Fact number 0 about boats" in rest
    assert f"go on with --after {page['after']}" in memos("list", "--limit", "3").stdout
    assert "plan = Sail north" in memos("list", "--path", "user/ada/trips", "--kind", "document").stdout
    assert len(answer(memos("list", "--tag", "t1", "--json"))["cubes"]) == 1


def test_a_pipe_gets_whole_lines(memos: Memos) -> None:
    text = "The spare key is under the blue pot " * 9
    memos("remember", text)
    assert text.strip() in memos("list").stdout


def test_update_makes_versions_and_history_shows_them(memos: Memos) -> None:
    id = stored(memos, "The locker is K-2047")
    memos("update", id, "The locker is K-3110", "--reason", "moved upstairs")
    changed = answer(memos("update", id, "It is blue", "--how", "append", "--expect", "2", "--tag", "lab", "--json"))
    assert (changed["version"], changed["tags"]) == (3, ["lab"])
    assert changed["payload"]["text"] == "The locker is K-3110\nIt is blue"
    shown = memos("history", id).stdout
    assert [shown.index(each) for each in ("K-2047", "K-3110", "It is blue")] == sorted(
        shown.index(each) for each in ("K-2047", "K-3110", "It is blue")
    )
    assert "moved upstairs" in shown
    events = answer(memos("history", id, "--json"))
    assert [(event["action"], event["version"]) for event in events] == [("remember", 1), ("update", 2), ("update", 3)]
    assert events[0]["cube"]["payload"]["text"] == "The locker is K-2047"
    assert "K-2047" in memos("show", id, "--version", "1").stdout


def test_show_tells_everything_about_a_memory(memos: Memos) -> None:
    id = stored(
        memos, "Sails at ten", "--speaker", "Ben", "--session", "s1", "--said-at", "2026-03-02", "--tag", "boat"
    )
    shown = memos("show", id).stdout
    for part in (id, "user/ada", "boat", "2026-03-02 00:00 UTC by Ben", "s1", "Sails at ten"):
        assert part in shown
    assert answer(memos("show", id, "--json"))["id"] == id


def test_put_keeps_a_text_under_a_key(memos: Memos) -> None:
    assert answer(memos("put", "plan", "Sail", "north", "--path", "shared/crew", "--json"))["version"] == 1
    memos("put", "plan", "Sail south", "--path", "shared/crew", "--expect", "1", "--kind", "instruction")
    assert "Sail south" in memos("show", "--key", "plan", "--path", "shared/crew").stdout
    first = answer(memos("show", "--key", "plan", "--path", "shared/crew", "--version", "1", "--json"))
    assert first["payload"]["text"] == "Sail north"
    memos("show", "--key", "plan", code=3)


def test_forget_asks_or_wants_to_be_told(memos: Memos) -> None:
    id = stored(memos, "Ada is allergic to shellfish")
    refused = memos("forget", id, code=2)
    assert refused.stderr == "memos: there is nobody to ask here: repeat with --yes if you are sure\n"
    assert answer(memos("forget", id, "--json", code=2))["error"]["code"] == "invalid_input"
    assert "shellfish" in memos("list").stdout
    gone = memos("forget", id, "--yes", "--reason", "private").stdout
    assert gone.startswith(f"forgot {id}")
    assert "shellfish" not in memos("list").stdout
    assert answer(memos("history", id, "--json"))[-1]["reason"] == "private"
    other = stored(memos, "Ada likes boats")
    assert answer(memos("forget", other, "--yes", "--json"))["action"] == "forget"


def test_namespaces_and_status_count_memories(memos: Memos, tmp_path: Path) -> None:
    assert "no memories yet" in memos("namespaces").stdout
    memos("remember", "Ada likes tea")
    memos("remember", "The crew likes rum", "--path", "shared/crew")
    assert answer(memos("namespaces", "--json")) == [
        {"path": "shared/crew", "memories": 1},
        {"path": "user/ada", "memories": 1},
    ]
    assert "shared/crew" not in memos("namespaces", "--path", "user/ada").stdout
    shown = memos("status").stdout
    assert "2 under user/ada, shared, global" in shown
    assert "words lane" in shown
    state = answer(memos("status", "--json"))
    assert (state["user"], state["memories"]) == ("ada", 2)
    assert state["vault"] == str(tmp_path / "home" / "memos.db")


def test_a_lane_is_rebuilt(memos: Memos) -> None:
    memos("remember", "The spare key is under the blue pot")
    assert "words lane" in memos("rebuild", "words").stdout
    assert answer(memos("rebuild", "words", "--json"))["lanes"][0]["pending"] == 0
    assert "blue pot" in memos("recall", "key").stdout
    assert "no lane 'smell'" in memos("rebuild", "smell", code=2).stderr


@pytest.mark.parametrize("text", ["[bold]loud[/bold] [/] :smile: [link=file:///etc/passwd]x[/link]", "[red", "a\\[b]"])
def test_markup_in_a_text_stays_text(memos: Memos, text: str) -> None:
    id = stored(memos, text, "--speaker", "[i]Ben[/i]", "--tag", "[t]")
    memos("update", id, f"{text} 2", "--reason", "[/red]")
    for command in (("recall", text), ("list",), ("show", id), ("history", id)):
        assert text in memos(*command).stdout
    assert "[i]Ben[/i]" in memos("show", id).stdout
    assert "[/red]" in memos("history", id).stdout
    assert repr(text) in memos("forget", text, "--yes", code=3).stderr


def test_a_text_cannot_steer_the_terminal(memos: Memos) -> None:
    id = answer(memos("put", "note", f"{ESCAPE} \u202eevil", "--json"))["id"]
    for command in (("recall", "red"), ("list",), ("show", id), ("history", id)):
        shown = memos(*command).stdout
        assert "red" in shown
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    assert answer(memos("show", id, "--json"))["payload"]["text"] == f"{ESCAPE} \u202eevil"
    assert "\x1b" not in memos("rebuild", ESCAPE, code=2).stderr


@pytest.mark.claim("5.3.2-22")
@pytest.mark.parametrize(
    ("command", "code", "name"),
    [
        (("recall", "tea", "--limit", "0"), 2, "invalid_input"),
        (("recall", " "), 2, "invalid_input"),
        (("show", "nosuchmemory"), 3, "not_found"),
        (("history", "nosuchmemory"), 3, "not_found"),
        (("put", "k", "text", "--expect", "7"), 4, "conflict"),
        (("remember", "tea", "--path", "user/eve"), 5, "denied"),
    ],
)
def test_an_error_is_one_line_a_code_and_an_object(
    memos: Memos, command: tuple[str, ...], code: int, name: str
) -> None:
    told = memos(*command, code=code)
    assert told.stdout == ""
    assert told.stderr.startswith("memos: ")
    assert told.stderr.count("\n") == 1
    error = answer(memos(*command, "--json", code=code))["error"]
    assert error["code"] == name
    assert error["message"] in told.stderr


def test_what_the_command_line_does_not_know_is_a_usage_error(memos: Memos) -> None:
    assert "No such command" in memos("remembr", "tea", code=2).stderr
    assert "--colour" in memos("recall", "tea", "--colour", code=2).stderr
    memos("remember", "tea", "--kind", "gossip", code=2)
    assert "Remember, recall, govern" in memos("--help").stdout
    assert "Usage" in memos(code=2).output


def test_the_version_is_told(memos: Memos) -> None:
    assert memos("--version").stdout == f"{memos_mcp.__version__}\n"


def test_passages_are_changed_and_two_changes_merged(memos: Memos) -> None:
    page = json.loads(memos("put", "page", "one tea\n\ntwo teas", "--json").stdout)["id"]
    edits = ("--replace", "one", "a green", "--add", "three", "--label", "tea-7", "--reason", "more")
    assert "a green tea" in memos("update", page, *edits).stdout
    history = memos("history", page).stdout
    assert "tea-7: more" in history
    assert "[-one-]{+a green+} tea" in history
    assert "one cup of tea" not in memos("update", page, "one tea\n\nten teas", "--base", "1").stdout
    assert "ten teas" in memos("show", page).stdout
    told = memos("update", page, "--base", "1", "--replace", "one", "a black", code=4).stderr
    assert "do not go together: line 1" in told
    assert "    yours  a black tea" in told
    error = json.loads(memos("update", page, "--base", "1", "--remove", "one", "--json", code=4).stdout)["error"]
    assert (error["code"], error["disputes"][0]["theirs"]) == ("merge_conflict", "a green tea")
    memos("update", page, "x", "--replace", "one", "two", code=2)
