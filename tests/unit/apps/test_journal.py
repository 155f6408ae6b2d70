"""The journal of imports: what is done is not done again, and without it an import only takes longer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp.apps.cli_import import JOURNAL
from memos_mcp.apps.importing import import_files
from memos_mcp.cube import Origin
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Reading
from tests.things_to_import import Run, at_home, counts, everything, importer, jsonl, opened, stored, talk


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return at_home(tmp_path, monkeypatch)


@pytest.fixture
def run(home: Path) -> Run:
    """Run `memos import …` on an empty vault of ada's."""
    return importer()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


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
        assert json.loads(line).keys() <= {"file", "part", "texts", "last", "end", "format"}


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
