"""Tasks from the log of a vault: what it says of them, what is drawn, and policies compared on them."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from benchmarks.choosing import main, of_vault
from benchmarks.choosing_policies import CHOICE, ENTRANTS
from benchmarks.choosing_recording import EARLIER, FIRST, PAUSE, Asked, Recording, record
from benchmarks.choosing_simulation import Machine, Truth
from benchmarks.choosing_traces import Memory, Trace
from benchmarks.choosing_use import USER, themes, use
from memos_mcp import Caller, sync
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from tests.worlds import Clock, opened

TEXTS = ("Ada likes green tea in the morning.", "The green tea of Ada comes from Uji.", "Ada keeps her tea in a tin.")
ASKED = Asked(0.0, 1, "fact", ("a", "b", "c"), {"d": 0.1}, 0, 0)


@contextmanager
def vault(home: Path, user: str = "ada") -> Generator[sync.Memos]:
    with sync.open(home=home, user=user, embedder={"kind": "none"}, graph={"kind": "none"}) as memos:
        yield memos


def recorded(home: Path) -> Recording:
    with vault(home) as memos:
        return record(memos)


async def _afternoon(home: Path) -> None:
    clock = Clock()
    async with opened(home, clock, "ada") as memos:
        ids = [(await memos.remember(text, tags=["tea"])).ids[0] for text in TEXTS]
        clock.tick()
        await memos.recall("Where does the green tea of Ada come from?")
        clock.tick()
        await memos.get(ids[1])
        clock.tick(timedelta(seconds=10))
        await memos.recall("tin", limit=1)
        await memos.recall("tin", limit=1)
        await memos.get(ids[1])
        clock.tick()
        await memos.update(ids[2], text="Ada keeps her tea in a wooden box, and the tin is empty now.")
        clock.tick(timedelta(hours=1))
        await memos.ask("How do I find the tin?", limit=2)
        clock.tick()
        await memos.recall("submarine")
        (gone,) = (await memos.remember("A secret tin is under the roof.")).ids
        await memos.recall("secret roof")
        await memos.forget(gone)


def test_questions_come_with_session_nature_load_and_what_the_log_says_of_their_need(tmp_path: Path) -> None:
    anyio.run(_afternoon, tmp_path)
    first, second, third, fourth, *_ = recorded(tmp_path).asked
    assert [each.session for each in (first, second, third, fourth)] == [1, 1, 1, 2]
    assert [each.nature for each in (first, second, third, fourth)] == ["fact", "dialogue", "dialogue", "procedure"]
    assert [each.goes_on for each in (first, second, third)] == [True, True, False]
    assert [each.load for each in (first, second, third, fourth)] == [0, 0, 1, 0]
    assert [each.turns for each in (first, second, third, fourth)] == [0, 1, 2, 0]
    assert (first.opened, first.cited, first.is_known, first.number) == ({first.found[0]}, None, True, 1)
    assert (second.is_known, second.found == third.found, len(second.found)) == (False, True, 1)
    assert (third.is_known, third.opened) == (False, set())
    assert (fourth.cited, fourth.number) == (len(fourth.found), len(fourth.found))


def test_versions_come_before_what_was_asked_after_them_and_what_was_forgotten_is_left_out(tmp_path: Path) -> None:
    anyio.run(_afternoon, tmp_path)
    recording = recorded(tmp_path)
    trace = recording.trace(1)
    changed = [[each.tokens for each in work.changed] for work in trace.tasks]
    assert [len(each) for each in changed] == [3, 0, 0, 1, *(0 for _ in trace.tasks[4:])]
    assert changed[3][0] > max(changed[0])
    assert {memory.topic for _, memory in recording.versions} == {"tea"}
    assert len({memory.id for _, memory in recording.versions}) == 3
    assert all({each.id for each in work.wanted} <= {m.id for _, m in recording.versions} for work in trace.tasks)
    assert [work.at for work in trace.tasks][:4] == [0.0, 70.0, 70.0, 3730.0]


def test_what_an_earlier_turn_found_may_be_needed_still_and_is_no_use_of_now(tmp_path: Path) -> None:
    anyio.run(_afternoon, tmp_path)
    task = recorded(tmp_path).trace(1).tasks[1]
    found, *_ = (each for each in task.wanted if each.served)
    before = [each for each in task.wanted if not each.served]
    assert found.need == FIRST
    assert before
    assert all(0 < each.need <= EARLIER * FIRST for each in before)


def test_a_session_ends_with_a_pause(tmp_path: Path) -> None:
    async def evening() -> None:
        clock = Clock()
        async with opened(tmp_path, clock, "ada") as memos:
            await memos.remember(TEXTS[0])
            for pause in (PAUSE, PAUSE, PAUSE + 1, 1):
                await memos.recall("tea")
                clock.tick(timedelta(seconds=pause))

    anyio.run(evening)
    assert [(each.session, each.turns) for each in recorded(tmp_path).asked] == [(1, 0), (1, 1), (1, 2), (2, 0)]


def test_what_the_log_says_is_needed_is_and_only_the_rest_is_drawn() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        assert replace(ASKED, cited=0).needed(chance) == set()
        assert replace(ASKED, opened={"b"}).needed(chance) == {"b"}
        both = replace(ASKED, opened={"c"}, cited=2).needed(chance)
        assert "c" in both
        assert len(both) == 2
        assert both <= {"a", "b", "c"}
        assert len(replace(ASKED, cited=9).needed(chance)) == 3
    drawn = [ASKED.needed(random.Random(seed)) for seed in range(400)]
    shares = {id: sum(id in each for each in drawn) / 400 for id in "abcd"}
    assert shares["a"] == pytest.approx(FIRST, abs=0.08)
    assert shares["a"] > shares["b"] > shares["c"]
    assert shares["d"] == pytest.approx(0.1, abs=0.05)


def test_it_is_told_how_many_were_thought_to_be_needed_and_were() -> None:
    sure = replace(ASKED, earlier={}, found=("a",), cited=1)
    recording = Recording((sure, replace(sure, cited=0), ASKED), ())
    assert recording.known == 2
    assert recording.calibrated() == pytest.approx((FIRST, 0.5))


def test_a_machine_knows_a_memory_from_its_first_version_on_and_keeps_no_old_one(tmp_path: Path) -> None:
    anyio.run(_afternoon, tmp_path)
    trace = recorded(tmp_path).trace(1)
    machine = Machine(trace, Truth(room=1.0), CHOICE)
    figures = machine.follow()
    assert figures.tasks == len(trace.tasks)
    assert sorted(machine.versions.values()) == [1, 1, 2]
    assert all(machine.versions[part.id] == part.version for _, parts in machine.held for part in parts)


def test_without_words_the_nature_follows_from_what_was_found_and_rules_are_no_versions(tmp_path: Path) -> None:
    with sync.open(home=tmp_path, user="ada", embedder={"kind": "none"}, graph={"kind": "none"}) as memos:
        (steps,) = memos.remember("Rinse the pot before the tea is made.", kind="instruction").ids
        memos.remember("The harbour opens at noon.", kind="fact")
        for asked in ("harbour", "pot", "harbour"):
            memos.recall(asked)
        memos.acl.change([steps], readers=["bob"])
        recording = record(memos)
    assert [each.nature for each in recording.asked] == ["fact", "procedure", "dialogue"]
    assert len(recording.versions) == 2


def test_what_is_sensitive_is_closed(tmp_path: Path) -> None:
    async def told() -> None:
        async with opened(tmp_path, Clock(), "ada") as memos:
            (id,) = (await memos.remember(TEXTS[0])).ids
            cube = (await memos.recall("tea")).cubes[0]
        vault = SqliteAdapter(tmp_path / "memos.db")
        rules = cube.governance.model_copy(update={"sensitivity": ("private",)})
        await vault.commit([Change("govern", id, cube.model_copy(update={"governance": rules}))], caller=Caller("ada"))
        await vault.aclose()

    anyio.run(told)
    ((_, memory),) = recorded(tmp_path).versions
    assert memory.closed == "it is sensitive (private), and is kept in no other form"


def test_what_was_found_counts_as_used_even_if_it_was_not_needed() -> None:
    asked = tuple(replace(ASKED, at=10.0 * n, found=("a",), earlier={}, cited=0) for n in range(3))
    machine = Machine(Recording(asked, ((0.0, Memory("a", "tea", "fact", 20)),)).trace(1), Truth(), CHOICE)
    assert machine.follow().needing == 0
    past = machine.uses.blocks["a"].past
    assert past is not None
    assert past.times == 3


def test_a_closed_memory_of_a_log_stays_text() -> None:
    open_one = Memory("a", "tea", "skill", 200)
    asked = tuple(replace(ASKED, at=10.0 * n, found=("a",), earlier={}, turns=n) for n in range(8))
    for closed, kept in (("", True), ("it is sensitive", False)):
        trace: Trace = Recording(asked, ((0.0, replace(open_one, closed=closed)),)).trace(1)
        assert ("prefix" in Machine(trace, Truth(room=1.0), CHOICE).follow().ways) == kept


def test_policies_are_compared_on_the_questions_of_a_vault_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMOS_EMBEDDER__KIND", "none")
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setattr("sys.argv", ["choosing", "--log", str(tmp_path)])
    main()
    assert capsys.readouterr().out == "nothing was asked yet\n"
    anyio.run(_afternoon, tmp_path)
    main()
    said = capsys.readouterr().out
    assert said.startswith("{'questions': 5, ")
    assert all(f"'{each.name}': " in said for each in ENTRANTS)
    assert "room for all tokens: " in said
    with of_vault(tmp_path / "memos.db") as by_file, of_vault(tmp_path) as by_folder:
        assert record(by_file) == record(by_folder)


def test_a_use_by_script_is_of_all_natures_and_made_by_its_seed(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "other")]
    few = [theme for theme in themes() if theme.name in ("notes", "audit", "topics")]
    for home in homes:
        anyio.run(use, home, 40, 1, few)
    one, other = (_of_script(home) for home in homes)
    assert [(each.at, each.session, len(each.found)) for each in one.asked] == [
        (each.at, each.session, len(each.found)) for each in other.asked
    ]
    assert {each.nature for each in one.asked} == {"fact", "dialogue", "procedure"}
    assert 0 < one.known < len(one.asked) <= 40


def _of_script(home: Path) -> Recording:
    with vault(home, USER) as memos:
        return record(memos)


def test_a_theme_of_the_script_has_the_texts_that_answer_its_questions() -> None:
    for theme in themes():
        names = {name for name, _ in theme.texts}
        assert theme.questions
        assert all(answers <= names for _, answers in theme.questions)
        assert all(text.strip() for _, text in theme.texts)
