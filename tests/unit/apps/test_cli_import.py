"""`memos import`: which files are read, what is said of the others, and that doing it again changes nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import JsonValue
from typer.testing import CliRunner, Result

import memos_mcp
from memos_mcp import sync
from memos_mcp.apps.cli_import import JOURNAL, import_
from memos_mcp.apps.files import JSON, JSON_LINES, TEXTS
from memos_mcp.apps.importing import import_files
from memos_mcp.cube import Origin
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Reading
from tests.things_to_import import everything, jsonl, talk

Run = Callable[..., Result]
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "import.md"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FORCE_COLOR", "MEMOS_CONFIG", "MEMOS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    """Run `memos import …` on an empty vault of ada's."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("import")(import_)

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def counts(result: Result) -> tuple[int, ...]:
    told = answer(result)
    return tuple(told[name] for name in ("files", "parts", "texts", "new", "repeated"))


def opened(home: Path) -> sync.Memos:
    return sync.open(home=home, user="ada")


def stored(home: Path) -> dict[str, memos_mcp.MemCube]:
    with opened(home) as memos:
        return {cube.text: cube for cube in memos.browse(limit=100).cubes}


# --- what is read


def test_a_folder_becomes_memories_with_their_sources(run: Run, home: Path, folder: Path) -> None:
    told = run(everything(folder)).stdout
    assert told.startswith("9 new memories  from 4 files, in 5 parts\n")
    assert "left out 1: 1 no message has any words" in told
    found = stored(home)
    origins = {text: (cube.origin.source, cube.origin.session) for text, cube in found.items()}
    assert origins == {
        "# Tea\n\nGreen.": ("tea.md", None),
        "# Coffee\n\nBlack.": ("tea.md", None),
        "Do you like rum?": ("sub/chat.txt", "sub/chat.txt"),
        "I do!": ("sub/chat.txt", "sub/chat.txt"),
        "Me too.": ("sub/chat.txt", "sub/chat.txt"),
        "I like figs.": ("sub/list.JSON", "sub/list.JSON"),
        "one": ("turns.jsonl", "s1"),
        "two": ("turns.jsonl", "s1"),
        "three": ("turns.jsonl", "s2"),
    }
    assert found["one"].origin.uri == (folder / "turns.jsonl").as_uri()


def test_again_changes_nothing_with_a_journal_or_without(run: Run, home: Path, folder: Path) -> None:
    assert counts(run(everything(folder), "--json")) == (4, 5, 9, 9, 0)
    with opened(home) as memos:
        before = [memos.history(cube.id) for cube in memos.browse(limit=100).cubes]
    assert counts(run(folder, "--json")) == (4, 5, 9, 0, 9)
    (home / JOURNAL).unlink()
    assert counts(run(folder, "--json")) == (4, 5, 9, 0, 9)
    with opened(home) as memos:
        assert [memos.history(cube.id) for cube in memos.browse(limit=100).cubes] == before


def test_a_file_that_grew_brings_its_new_turns(run: Run, folder: Path) -> None:
    file = jsonl(folder / "a.jsonl", *talk("one", "Thanks!"), *talk("other", session="s2"))
    run(folder)
    jsonl(file, *talk("one", "Thanks!"), *talk("other", session="s2"), *talk("two", "Thanks!"))
    assert counts(run(folder, "--json"))[3:] == (2, 3)


def test_a_document_that_grew_brings_its_new_sections(run: Run, folder: Path) -> None:
    file = folder / "a.md"
    file.write_text("# Tea\n\nGreen.\n\n# Rum\n\nBrown.", "utf-8")
    run(folder)
    file.write_text(file.read_text("utf-8") + "\n\n# Milk\n\nWhite.", "utf-8")
    assert counts(run(folder, "--json"))[3:] == (1, 2)


@pytest.mark.claim("5.5.3-03", "5.5.3-04")
def test_what_is_known_of_all_is_said_once(run: Run, home: Path, folder: Path) -> None:
    (folder / "a.txt").write_text("I went to Oban", "utf-8")
    options = ("--path", "user/ada/work", "--tag", "x", "--tag", "y", "--kind", "fact", "--speaker", "Ben")
    run(folder, *options, "--said-at", "2026-03-02")
    cube = stored(home)["I went to Oban"]
    assert (cube.path, cube.tags, cube.kind, cube.origin.speaker) == ("user/ada/work", ("x", "y"), "fact", "Ben")
    assert str(cube.origin.said_at) == "2026-03-02 00:00:00+00:00"


def test_a_dry_run_reads_everything_and_stores_nothing(run: Run, home: Path, folder: Path) -> None:
    told = run(everything(folder), "--dry-run").stdout
    assert told.startswith("9 texts to remember, nothing stored  from 4 files, in 5 parts\n")
    assert not home.exists()
    assert counts(run(folder, "--json")) == (4, 5, 9, 9, 0)


def test_encodings_are_told_by_their_mark(run: Run, home: Path, folder: Path) -> None:
    for number, encoding in enumerate(("utf-8-sig", "utf-16-le", "utf-16-be")):
        mark = "\ufeff" if encoding.startswith("utf-16") else ""
        (folder / f"{number}.txt").write_text(f"{mark}Fauré {number}", encoding)
        (folder / f"{number}.jsonl").write_text(f'{mark}{{"text": "Ravel {number}"}}\n', encoding)
    assert counts(run(folder, "--json"))[3] == 6
    assert set(stored(home)) == {f"{name} {number}" for name in ("Fauré", "Ravel") for number in range(3)}


def test_every_command_of_the_page_runs(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    everything(tmp_path / "notes")
    (tmp_path / "diary.md").write_text("Ada likes tea", "utf-8")
    jsonl(tmp_path / "chat.jsonl", *talk("four"))
    export = {"uuid": "u", "chat_messages": [{"sender": "human", "text": "five"}]}
    (tmp_path / "conversations.json").write_text(json.dumps([export]), "utf-8")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^memos import (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        run(*shlex.split(command, comments=True))
    found = stored(home)
    assert found["five"].tags == ("chatgpt",)
    assert len(found) == 12
    with opened(home) as memos:
        assert {each.path: each.memories for each in memos.namespaces()} == {"shared/team": 9, "user/ada": 12}


def test_every_kind_of_file_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [suffix for suffix in TEXTS | JSON_LINES | {JSON} if f"`{suffix}`" not in page] == []


# --- what is not


def test_in_a_folder_hidden_files_links_and_other_kinds_are_left_out(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_text("not to be read", "utf-8")
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "c.txt").write_text("not to be read", "utf-8")
    (folder / ".hidden.md").write_text("not to be read", "utf-8")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "link.txt").symlink_to(tmp_path / "elsewhere" / "b.txt")
    (folder / "photo.PNG").write_bytes(b"\x89PNG\0")
    (folder / "Makefile").write_text("all:", "utf-8")
    (folder / "package.json").write_text('{"name": "x"}', "utf-8")
    (folder / "empty.txt").touch()
    os.mkfifo(folder / "pipe.txt")
    told = answer(run(folder, "--json"))
    assert (told["files"], told["new"], told["failed"]) == (1, 1, [])
    assert {each["file"]: each["why"] for each in told["skipped"]} == {
        ".git/": "hidden",
        ".hidden.md": "hidden",
        "link/": "link",
        "link.txt": "link",
        "photo.PNG": ".png",
        "Makefile": "no suffix",
        "package.json": "JSON without messages",
        "empty.txt": "empty",
        "pipe.txt": "no file",
    }
    assert "left out 9: 2 hidden, 2 link, " in run(folder).stdout


def test_a_file_that_is_named_is_read_whatever_its_name(run: Run, home: Path, folder: Path) -> None:
    (folder / ".todo").write_text("Ada buys tea", "utf-8")
    (folder / "link").symlink_to(folder / ".todo")
    assert counts(run(folder / "link", folder / ".todo", "--json"))[:4] == (1, 1, 1, 1)
    assert stored(home)["Ada buys tea"].origin.source == "link"


def test_a_file_that_is_named_and_cannot_be_read_is_a_failure(run: Run, folder: Path) -> None:
    (folder / "package.json").write_text('{"name": "x"}', "utf-8")
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    places = [folder / "package.json", folder / "missing.txt", folder / "a.txt", Path(os.devnull)]
    told = answer(run(*places, "--json", code=2))
    assert told["new"] == 1
    assert told["failed"] == [
        {"file": "missing.txt", "line": None, "why": "cannot be read: No such file or directory"},
        {"file": "null", "line": None, "why": "is neither a file nor a folder"},
        {"file": "package.json", "line": None, "why": "JSON without messages"},
    ]


def test_what_is_broken_is_named_with_its_line_and_the_rest_is_stored(run: Run, home: Path, folder: Path) -> None:
    (folder / "latin.txt").write_bytes("Tea\nis the\nfavourite of Andr\xe9".encode("latin-1"))
    (folder / "lines.jsonl").write_bytes(b'{"text": "one"}\n{"text": \n{"text": "tw\xff"}\n{"text": "three"}\n')
    (folder / "ok.txt").write_text("Ada likes tea", "utf-8")
    (folder / "zero.txt").write_text("Ada\0", "utf-8")
    for _ in range(2):
        told = run(folder, code=2).stdout
        assert "could not be read: 4\n" in told
        assert "latin.txt:3 is not a text in UTF-8 (byte 0xe9): convert it" in told
        assert "lines.jsonl:2 is not JSON: " in told
        assert "lines.jsonl:3 is not a text in UTF-8 (byte 0xff)" in told
        assert "zero.txt:1 holds a NUL character" in told
    assert set(stored(home)) == {"one", "three", "Ada likes tea"}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that can be opened and not be read")
def test_a_file_that_breaks_while_it_is_read_is_a_failure(run: Run, folder: Path) -> None:
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    told = answer(run("/proc/self/mem", folder, "--json", code=2))
    assert told["failed"] == [{"file": "mem", "line": None, "why": "cannot be read: Input/output error"}]
    assert told["new"] == 1


def test_only_the_first_failures_are_shown(run: Run, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"text": "one"}\n' + "no\n" * 30, "utf-8")
    told = run(folder, code=2).stdout
    assert told.count("is not JSON") == 20
    assert told.endswith("and 10 more; --json names all\n")
    assert len(answer(run(folder, "--json", code=2))["failed"]) == 30


def test_strict_ends_at_the_first_failure(run: Run, home: Path, folder: Path) -> None:
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    jsonl(folder / "b.jsonl", *talk("one"), 7, 8, *talk("two", session="s2"))
    (folder / "c.txt").write_text("Ben likes rum", "utf-8")
    told = answer(run(folder, "--strict", "--json", code=2))
    assert (told["new"], len(told["failed"])) == (2, 1)
    assert set(stored(home)) == {"Ada likes tea", "one"}
    assert answer(run(folder / "x", folder, "--strict", "--json", code=2))["texts"] == 0


def test_what_no_file_could_be_stored_with_ends_the_command(run: Run, folder: Path) -> None:
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    assert "may not write to" in run(folder, "--path", "user/ben", code=5).stderr
    assert "tags are" in run(folder, "--tag", "", code=2).stderr
    assert answer(run(folder, "--speaker", "a\nb", "--json", code=2))["error"]["code"] == "invalid_input"
    assert "is no time" in run(folder, "--said-at", "noon", code=2).output.replace("not a", "no")


def test_a_vault_that_fails_on_the_way_leaves_word_how_far_it_came(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.txt").write_text("Ada likes tea", "utf-8")
    run(folder)
    (folder / "b.txt").write_text("Ben likes rum", "utf-8")
    monkeypatch.setenv("MEMOS_VAULT__READ_ONLY", "true")
    told = run(folder, "--json", code=6)
    assert "memos: 50% of all is read, 0 new memories are stored; the same command goes on" in told.stderr
    assert answer(told)["error"]["code"] == "unavailable"


def test_a_name_that_cannot_be_a_source_is_a_failure_of_that_file(run: Run, folder: Path) -> None:
    (folder / "a\nb.txt").write_text("Ada likes tea", "utf-8")
    (folder / "b.txt").write_text("Ben likes rum", "utf-8")
    told = run(folder, code=2).stdout
    assert told.startswith("1 new memory  from")
    assert "a b.txt source has up to 1024 printable characters" in told


def test_a_name_that_is_no_text_can_be_shown(run: Run, home: Path, folder: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt"))).write_text("Ada likes tea", "utf-8")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    assert counts(run(folder, "--json"))[3] == 1
    assert stored(home)["Ada likes tea"].origin.source == "caf\ufffd.txt"


# --- the journal


def test_what_was_forgotten_stays_forgotten_while_its_file_is_the_same(run: Run, home: Path, folder: Path) -> None:
    file = jsonl(folder / "a.jsonl", *talk("one", "two"))
    run(folder)
    with opened(home) as memos:
        memos.forget(next(cube.id for cube in memos.browse().cubes if cube.text == "two"))
    assert counts(run(folder, "--json"))[3:] == (0, 2)
    assert set(stored(home)) == {"one"}
    jsonl(file, *talk("one", "two", "three"))
    assert counts(run(folder, "--json"))[3:] == (2, 1)


def test_a_vault_that_lost_what_was_imported_gets_it_again(run: Run, home: Path, folder: Path) -> None:
    run(everything(folder))
    for file in home.glob("memos.db*"):
        file.unlink()
    assert counts(run(folder, "--json"))[3:] == (9, 0)
    assert counts(run(folder, "--json"))[3:] == (0, 9)


@pytest.mark.parametrize("options", [("--path", "shared/team"), ("--speaker", "Ben"), ("--said-at", "2026-03-02")])
def test_imported_in_another_way_it_is_read_again(run: Run, home: Path, folder: Path, options: Sequence[str]) -> None:
    (folder / "a.txt").write_text("I like tea", "utf-8")
    run(folder)
    lines = (home / JOURNAL).read_text().count("\n")
    run(folder, *options)
    assert (home / JOURNAL).read_text().count("\n") == 2 * lines


def test_the_journal_holds_no_words_and_is_the_owners_alone(run: Run, home: Path, folder: Path) -> None:
    run(everything(folder))
    assert (home / JOURNAL).stat().st_mode & 0o777 == 0o600
    for line in (home / JOURNAL).read_text().split():
        assert json.loads(line).keys() <= {"file", "part", "texts", "last", "end"}


class Tired(RulesReader):
    """A reader whose model answers from the second time on."""

    asked = 0

    async def read(self, source: JsonValue, *, origin: Origin) -> Reading:
        self.asked += 1
        reading = await super().read(source, origin=origin)
        return replace(reading, fallback="" if self.asked > 1 else "the model did not answer")


@pytest.mark.anyio
async def test_what_a_model_did_not_read_is_given_to_it_again(tmp_path: Path, folder: Path) -> None:
    jsonl(folder / "a.jsonl", *talk("one"), *talk("two", session="s2"))
    reader, journal = Tired(), tmp_path / JOURNAL
    async with memos_mcp.Memos(
        vault=SqliteAdapter(tmp_path / "memos.db"), reader=reader, routes=[], caller=memos_mcp.Caller("ada")
    ) as memos:
        told = [await import_files(memos, [folder], journal=journal) for _ in range(3)]
    assert [each.fallback for each in told] == ["the model did not answer", "", ""]
    assert [(each.new, each.repeated) for each in told] == [(2, 0), (0, 2), (0, 2)]
    assert reader.asked == 4


@pytest.mark.parametrize("spoilt", [b"", b"\xff\n\0", b'{"file": "x", "part": -1}\n{"file"', b"[]"])
def test_a_spoilt_journal_costs_only_time(run: Run, home: Path, folder: Path, spoilt: bytes) -> None:
    run(everything(folder))
    whole = (home / JOURNAL).read_bytes()
    for journal in (
        spoilt,
        re.sub(rb'"last":"\w+"', b'"last":"\\n"', whole),
        whole[: len(whole) // 2],
        whole[:-9],
        whole[len(whole) // 2 :] + spoilt,
    ):
        (home / JOURNAL).write_bytes(journal)
        assert counts(run(folder, "--json")) == (4, 5, 9, 0, 9)


def test_without_a_place_for_the_journal_the_import_works(run: Run, home: Path, folder: Path) -> None:
    (home / JOURNAL).mkdir(parents=True)
    for new in (9, 0):
        assert counts(run(everything(folder) if new else folder, "--json"))[3] == new
