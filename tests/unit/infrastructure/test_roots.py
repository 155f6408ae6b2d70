"""Indexes of several roots over one vault: bounded, kept as segments, shared with processes, emptied on forget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from memos_mcp.cube import Ref
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure import vectors, words
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Caller, Event, Where
from memos_mcp.search import Segment
from memos_mcp.testing import a_cube, remember
from tests.embedders import Meanings, Watched, call, forget, running, settled, store, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("at_once")]
CALLER = Caller("ada")
ADA, BOB = Where(("user/ada",)), Where(("user/bob",))


async def found(lane: Vectors | Words, question: str, where: Where = ADA) -> dict[str, float]:
    hits = (await lane.find(call(question), where, 100)).hits
    return {hit.ref.id: round(hit.score, 3) for hit in hits}


# --- one process after another


async def test_the_next_process_embeds_nothing_again(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, *(f"Kitten number {n}" for n in range(40)))
        await settled(lane.lane)
        before = await found(lane, "cat 7")
    again = Meanings()
    async with running(vault, again) as lane:
        assert (await settled(lane.lane)).pending == 0
        assert await found(lane, "cat 7") == before
    assert set(again.embedded) == {"cat 7"}


@pytest.mark.parametrize(("model", "dimension"), [("other", 32), ("meanings", 16), ("other", 48)])
async def test_vectors_of_another_model_are_made_anew_before_anything_is_asked(
    vault: SqliteAdapter, model: str, dimension: int
) -> None:
    texts = [f"Kitten number {n}" for n in range(40)]
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, *texts)
        await settled(lane.lane)
    other = Meanings(model, dimension=dimension)
    async with running(vault, other) as lane:
        assert (await settled(lane.lane)).pending == 0
        assert sorted(other.embedded) == sorted(texts)
        scores = await found(lane, texts[7])
        assert max(scores.values()) == pytest.approx(1, abs=2e-3)
        assert len(scores) == 40
    async with running(vault, Meanings(model, dimension=dimension)) as lane:
        await settled(lane.lane)
        assert await found(lane, texts[7]) == scores


async def test_the_vectors_of_two_models_are_never_compared(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
    other = Meanings("other")
    held = asyncio.Event()

    async def hold(texts: Sequence[str]) -> None:
        if "cat" not in texts:
            await held.wait()

    other.before = hold
    async with running(vault, other) as lane:
        await until(lambda: lane.lane().on)
        answer = await lane.find(call("cat"), ADA, 10)
        assert (answer.hits, answer.pending) == ((), 2)
        held.set()
        await settled(lane.lane)
        assert len(await found(lane, "cat")) == 2


async def test_a_damaged_segment_is_made_anew(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
        before = await found(lane, "cat")
    with vault.database.write() as db:
        db.execute("UPDATE segment SET data = CAST(substr(data, 1, 100) AS BLOB) WHERE route = 'vectors'")
    again = Meanings()
    async with running(vault, again) as lane:
        await settled(lane.lane)
        assert await found(lane, "cat") == before
    assert again.embedded["Kitten asleep"] == 1


async def test_segments_that_cannot_be_read_at_the_start_are_read_later(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, "Kitten asleep")
        await settled(lane.lane)
        await remember(vault, a_cube("Automobile sold"))
    watched, failures = Watched(vault.segment_store), [1, 1]

    async def fail() -> None:
        if failures:
            failures.pop()
            raise Unavailable("the disk is busy")

    watched.before_reading = fail
    embedder = Meanings()
    lane = Vectors(vault, watched, embedder)
    lane.lane()
    await until(lambda: embedder.embedded.total() == 1 and not lane.lane().busy)
    assert set(embedder.embedded) == {"Automobile sold"}
    assert len(await found(lane, "cat")) == 2
    await lane.aclose()


# --- loading the model while something else happens


async def test_an_index_begun_before_the_model_came_is_not_used_with_it(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings("old")) as lane:
        events = await store(vault, lane, "Kitten asleep", "Automobile sold", "Violin lesson")
        await settled(lane.lane)
    embedder, watched = Meanings("new"), Watched(vault.segment_store)
    embedder.may_load.clear()
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        watched.before_reading = anyio.lowlevel.checkpoint
        reached.set()
        await go.wait()

    lane = Vectors(vault, watched, embedder)
    lane.lane()
    await until(lambda: embedder.loads == 1)
    watched.before_reading = hold
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(forget, vault, lane, events[2].subject)
            await reached.wait()
            embedder.may_load.set()
            await until(lambda: lane.lane().on)
            go.set()
        assert (await settled(lane.lane)).pending == 0
        assert (await found(lane, "Kitten asleep"))[events[0].subject] == pytest.approx(1, abs=2e-3)
    assert {text: embedder.embedded[text] for text in ("Kitten asleep", "Automobile sold")} == {
        "Kitten asleep": 1 + 1,
        "Automobile sold": 1,
    }
    await lane.aclose()


# --- two processes at once


async def test_what_another_process_embedded_is_taken_over(vault: SqliteAdapter, file: Path) -> None:
    mine, other_vault = Meanings(), SqliteAdapter(file)
    async with running(vault, mine) as lane, running(other_vault, Meanings()) as other:
        await store(vault, lane, "Violin lesson")
        await settled(lane.lane)
        await settled(other.lane)
        (kitten,) = await store(other_vault, other, "Kitten asleep")
        await settled(other.lane)
        await lane.find(call("cat"), ADA, 10)
        await settled(lane.lane)
        assert (await lane.find(call("cat"), ADA, 10)).hits[0].ref.id == kitten.subject
        assert await found(lane, "cat") == await found(other, "cat")
    assert set(mine.embedded) == {"Violin lesson", "cat"}
    await other_vault.aclose()


async def test_a_process_with_another_model_does_not_stop_the_embedding_of_this_one(
    vault: SqliteAdapter, file: Path
) -> None:
    other_vault = SqliteAdapter(file)
    async with running(vault, Meanings("mine")) as lane, running(other_vault, Meanings("other")) as other:
        await store(vault, lane, "Violin lesson")
        await settled(lane.lane)
        await settled(other.lane)
        await found(other, "cat")
        await settled(other.lane)
        (kitten,) = await store(other_vault, other, "Kitten asleep")
        await settled(other.lane)
        await found(lane, "cat")
        assert (await settled(lane.lane)).pending == 0
        assert (await found(lane, "Kitten asleep"))[kitten.subject] == pytest.approx(1, abs=2e-3)
    await other_vault.aclose()


async def test_words_written_by_another_process_meanwhile_are_not_lost_by_forgetting(
    vault: SqliteAdapter, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_WORTH_A_SEGMENT", 1)
    other_vault = SqliteAdapter(file)
    other, watched = Words(other_vault, other_vault.segment_store), Watched(vault.segment_store)
    mine = Words(vault, watched)
    first, second = await store(other_vault, other, "green tea", "black tea")
    assert len(await found(mine, "tea")) == 2
    late: list[Event] = []
    spans = watched.spans

    async def meanwhile(route: str, root: str) -> list[Segment]:
        if not late:
            late.append(first)
            late.extend(await store(other_vault, other, "mint tea", "tea with milk"))
        return await spans(route, root)

    monkeypatch.setattr(watched, "spans", meanwhile)
    await forget(vault, mine, first.subject)
    expected = {second.subject, *(event.subject for event in late[1:])}
    assert set(await found(Words(other_vault, other_vault.segment_store), "tea")) == expected
    await other_vault.aclose()


# --- bounded memory


@pytest.mark.parametrize("lane", ["words", "vectors"])
async def test_roots_that_do_not_fit_together_answer_as_with_room_for_all(vault: SqliteAdapter, lane: str) -> None:
    everywhere = Where(("user/ada", "user/bob", "user/cyd", "shared"))
    async with running(vault, Meanings()) as roomy, running(vault, Meanings(), memory=1) as narrow:
        for path in (*everywhere.paths[:3], "shared/team", "shared/family"):
            await store(vault, roomy, *(f"tea kitten {path} {n}" for n in range(20)), path=path)
        await settled(roomy.lane)
        await settled(narrow.lane)
        wide, tight = (
            (roomy, narrow)
            if lane == "vectors"
            else (Words(vault, vault.segment_store), Words(vault, vault.segment_store, memory=1))
        )
        for question in ("tea", "cat 7", "kitten shared team 3"):
            expected = await wide.find(call(question), everywhere, 10)
            assert await tight.find(call(question), everywhere, 10) == expected
            refs = [hit.ref for hit in expected.hits]
            scores = [await each.score(call(question), everywhere, refs) for each in (wide, tight)]
            assert len(scores[0]) == len(refs) >= 5
            assert sorted(scores[1], key=lambda hit: hit.ref.id) == sorted(scores[0], key=lambda hit: hit.ref.id)
        assert tight.lane().held < wide.lane().held


async def test_questions_to_other_roots_do_not_undo_what_is_being_embedded(
    vault: SqliteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_BATCH", 4)
    embedder = Meanings()
    async with running(vault, embedder, memory=1) as lane:
        await store(vault, lane, "Automobile sold", path="user/bob")
        await settled(lane.lane)

        async def ask(texts: Sequence[str]) -> None:
            if "cat" not in texts:
                await lane.find(call("cat"), BOB, 5)

        embedder.before = ask
        await store(vault, lane, *(f"Kitten number {n}" for n in range(40)))
        assert (await settled(lane.lane)).pending == 0
        assert len(await found(lane, "cat")) == 40
    assert {n for text, n in embedder.embedded.items() if text.startswith("Kitten")} == {1}


async def test_refs_of_other_roots_are_not_scored(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        (mine,) = await store(vault, lane, "Kitten asleep")
        (his,) = await store(vault, lane, "Kitten asleep", path="user/bob")
        await settled(lane.lane)
        await found(lane, "cat", Where(("user/ada", "user/bob")))
        refs = [Ref(id=event.subject, version=1) for event in (mine, his)]
        assert [hit.ref for hit in await lane.score(call("cat"), ADA, refs)] == refs[:1]
