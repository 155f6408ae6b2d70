"""The vectors route over a real vault and an embedder that is asked to fail: found by meaning, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import numpy as np
import pytest

from memos_mcp.cube import Interval, MemCube, Origin, Plaintext, Ref
from memos_mcp.errors import InvalidInput, Misconfigured, MissingExtra, Unavailable
from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.ports import Caller, Change, Event, Name, Where
from memos_mcp.search import Found, MemoryCall
from memos_mcp.testing import a_cube, remember
from tests.embedders import Meanings, Wordly, call, running, settled, until, vector_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("at_once")]
CALLER = Caller("ada")
ADA = Where(("user/ada",))


async def store(vault: SqliteAdapter, lane: Vectors, *texts: str, path: str = "user/ada") -> list[Event]:
    events = await remember(vault, *(a_cube(text, path) for text in texts))
    await lane.apply(events)
    return events


async def forget(vault: SqliteAdapter, lane: Vectors, subject: str) -> None:
    await lane.apply(await vault.commit([Change("forget", subject)], caller=CALLER))


async def ids(lane: Vectors, question: str, where: Where = ADA, limit: int = 10) -> list[str]:
    return [hit.ref.id for hit in (await lane.find(call(question), where, limit)).hits]


def changed(cube: MemCube | None, text: str) -> Change:
    assert cube is not None
    new = cube.model_copy(update={"version": cube.version + 1, "payload": Plaintext(text=text)})
    return Change("update", cube.id, new)


async def test_a_memory_is_found_by_its_meaning_without_a_shared_word(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        kitten, _, _ = await store(vault, lane, "Kitten asleep upstairs", "Automobile sold", "Vacation by train")
        await settled(lane.lane)
        found = await lane.find(call("Where are the cats?"), ADA, 10)
    assert found.hits[0].ref == Ref(id=kitten.subject, version=1)
    assert found.hits[0].score > max(hit.score for hit in found.hits[1:]) + 0.2
    assert (found.searched, found.pending) == (3, 0)


async def test_the_score_is_the_cosine(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        (event,) = await store(vault, lane, "green tea at noon")
        await settled(lane.lane)
        found = await lane.find(call("tea with milk"), ADA, 10)
        scored = await lane.score(call("tea with milk"), ADA, [Ref(id=event.subject, version=1), Ref(id="nobody")])
    expected = float(vector_of("green tea at noon") @ vector_of("tea with milk"))
    assert found.hits[0].score == pytest.approx(expected, abs=2e-3)
    assert scored == list(found.hits)


async def test_what_has_the_words_of_the_question_one_by_one_meets_it_better(vault: SqliteAdapter) -> None:
    async with running(vault, Wordly()) as lane:
        events = await store(vault, lane, "brew at dawn by the sea", "violin lessons", "tea")
        await settled(lane.lane)
        refs = [Ref(id=event.subject, version=1) for event in events]
        scored = await lane.score(call("beverage near the ocean"), ADA, refs)
        met = [hit.traits.met for hit in scored if hit.traits is not None and hit.traits.met is not None]
    assert len(met) == 3
    assert met[0] > max(met[1:]) + 0.2


async def test_the_words_of_a_memory_are_kept_and_gone_when_it_is_forgotten(vault: SqliteAdapter) -> None:
    async with running(vault, Wordly()) as lane:
        first, second = await store(vault, lane, "tea at the sea", "violin lessons")
        await settled(lane.lane)
        refs = [Ref(id=event.subject, version=1) for event in (first, second)]
        told = await lane.score(call("tea"), ADA, refs)
    async with running(vault, Wordly()) as lane:
        await lane.find(call("tea"), ADA, 10)
        await settled(lane.lane)
        assert await lane.score(call("tea"), ADA, refs) == told
        await forget(vault, lane, first.subject)
        (left,) = await lane.score(call("tea"), ADA, refs)
    assert left.ref == refs[1]


async def test_if_advice_is_wanted_what_is_alike_to_the_best_is_told(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        events = await store(vault, lane, "tea and rain", "rain and wind", "violin lessons")
        await settled(lane.lane)
        refs = [Ref(id=event.subject, version=1) for event in events]
        request = replace(call("tea?"), question_kind="request")
        told = await lane.score(request, ADA, refs, refs[:1])
        alike = [hit.traits.alike for hit in told if hit.traits is not None]
        assert await lane.score(call("tea?"), ADA, refs, refs[:1]) == []
        assert await lane.score(request, ADA, refs, [Ref(id="nobody")]) == []
    assert alike[0] == pytest.approx(1, abs=1e-2)
    assert alike[1] > alike[2] + 0.2


async def test_probes_are_averaged_by_their_weights(vault: SqliteAdapter) -> None:
    probes = (("tea", 1.0), ("ferry", 0.5))
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, "tea", "ferry", "violin")
        await settled(lane.lane)
        found = await lane.find(MemoryCall("q", "q", probes), ADA, 10)
    mean = vector_of("tea") + 0.5 * vector_of("ferry")
    mean /= np.linalg.norm(mean)
    expected = sorted((float(mean @ vector_of(text)) for text in ("tea", "ferry", "violin")), reverse=True)
    assert [hit.score for hit in found.hits] == pytest.approx(expected, abs=2e-3)


async def test_questions_without_probes_are_kept_apart(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await store(vault, lane, "tea", "ferry")
        await settled(lane.lane)
        tea = await lane.find(MemoryCall("tea", "tea"), ADA, 1)
        ferry = await lane.find(MemoryCall("ferry", "ferry"), ADA, 1)
    assert tea.hits[0].ref != ferry.hits[0].ref


async def test_while_the_model_is_loading_nothing_is_found_and_nothing_is_lost(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    embedder.may_load.clear()
    async with running(vault, embedder) as lane:
        (kitten,) = await store(vault, lane, "Kitten asleep")
        assert await lane.find(call("cat"), ADA, 10) == Found((), 0)
        state = lane.lane()
        assert (state.on, state.busy, state.why) == (False, True, "the model is being loaded")
        embedder.may_load.set()
        state = await settled(lane.lane)
        assert (state.on, state.pending, state.why) == (True, 0, "")
        assert await ids(lane, "cat") == [kitten.subject]
    assert embedder.embedded["Kitten asleep"] == 1


async def test_without_a_model_the_lane_says_why_and_comes_on_when_there_is_one(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    embedder.missing = Misconfigured("there is no model; run `memos model install`")
    async with running(vault, embedder) as lane:
        (kitten,) = await store(vault, lane, "Kitten asleep")
        state = await settled(lane.lane)
        assert (state.on, state.why) == (False, "there is no model; run `memos model install`")
        assert await ids(lane, "cat") == []
        embedder.missing = None
        await until(lambda: lane.lane().on and not lane.lane().busy)
        assert lane.lane().why == ""
        assert await ids(lane, "cat") == [kitten.subject]


async def test_a_lane_that_comes_on_late_is_busy_until_everything_is_embedded(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    embedder.missing = Misconfigured("there is no model; run `memos model install`")
    async with running(vault, embedder) as lane:
        await store(vault, lane, "Kitten asleep")
        await settled(lane.lane)
        embedder.may_embed.clear()
        embedder.missing = None
        await until(lambda: lane.lane().on)
        assert lane.lane().busy
        embedder.may_embed.set()
        assert (await settled(lane.lane)).pending == 0


async def test_a_missing_library_is_not_looked_for_again(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    embedder.missing = MissingExtra("embed")
    async with running(vault, embedder) as lane:
        state = await settled(lane.lane)
        await anyio.sleep(0.05)
        assert "memcube-mcp[embed]" in state.why
        assert embedder.loads == 1
        assert await ids(lane, "cat") == []


async def test_a_question_that_cannot_be_embedded_fails_and_the_next_one_does_not(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        (kitten,) = await store(vault, lane, "Kitten asleep")
        await settled(lane.lane)
        embedder.failing = Unavailable("the server does not answer")
        with pytest.raises(Unavailable, match="does not answer"):
            await lane.find(call("cat"), ADA, 10)
        embedder.failing = None
        assert await ids(lane, "cat") == [kitten.subject]


async def test_embedding_that_fails_is_tried_again_until_nothing_waits(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        await settled(lane.lane)
        embedder.failing = Unavailable("the server does not answer")
        events = await store(vault, lane, "Kitten asleep", "Automobile sold")
        await until(lambda: lane.lane().why == "the server does not answer")
        assert lane.lane().pending == 2
        embedder.failing = None
        await until(lambda: lane.lane().pending == 0 and not lane.lane().busy)
        assert lane.lane().why == ""
        assert set(await ids(lane, "cat")) == {event.subject for event in events}


class Faltering(SqliteAdapter):
    """A vault that fails a few times when memories are read."""

    failures = 0
    miscounts = 0

    async def places(self, paths: Sequence[str]) -> Sequence[str]:
        if self.miscounts:
            self.miscounts -= 1
            raise Unavailable("the disk is busy")
        return await super().places(paths)

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = "main", at: int | None = None) -> list[MemCube]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is busy")
        return await super().get(refs, branch=branch, at=at)


async def test_a_vault_that_cannot_be_read_for_a_moment_costs_no_vector(file: Path) -> None:
    vault = Faltering(file)
    async with running(vault, Meanings()) as lane:
        await settled(lane.lane)
        vault.failures = 1
        await store(vault, lane, "Kitten asleep")
        await until(lambda: not vault.failures)
        await until(lambda: lane.lane().pending == 0 and not lane.lane().busy)
        assert len(await ids(lane, "cat")) == 1
    await vault.aclose()


async def test_a_vault_that_cannot_be_read_at_the_start_costs_no_vector(file: Path) -> None:
    vault = Faltering(file)
    await remember(vault, a_cube("Kitten asleep"))
    vault.miscounts = 1
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        lane.lane()
        await until(lambda: not vault.miscounts)
        await until(lambda: lane.lane().on and not lane.lane().busy)
        assert embedder.embedded["Kitten asleep"] == 1
    await vault.aclose()


async def test_the_new_words_of_a_memory_are_embedded_and_the_old_found_no_more(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        (event, _) = await store(vault, lane, "Kitten asleep", "Violin lesson")
        await settled(lane.lane)
        await lane.apply(await vault.commit([changed(event.cube, "Automobile sold")], caller=CALLER))
        await settled(lane.lane)
        first, _ = (await lane.find(call("vehicle"), ADA, 10)).hits
        assert first.ref == Ref(id=event.subject, version=2)
        scores = {hit.ref.id: hit.score for hit in (await lane.find(call("cat asleep"), ADA, 10)).hits}
        expected = float(vector_of("cat asleep") @ vector_of("Automobile sold"))
        assert scores[event.subject] == pytest.approx(expected, abs=2e-3)


async def test_while_new_words_wait_the_memory_is_pending_and_not_found_by_the_old(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        (event,) = await store(vault, lane, "Kitten asleep")
        await settled(lane.lane)
        await ids(lane, "cat")
        embedder.may_embed.clear()
        await lane.apply(await vault.commit([changed(event.cube, "Automobile sold")], caller=CALLER))
        found = await lane.find(call("cat"), ADA, 10)
        assert (found.hits, found.pending) == ((), 1)
        assert lane.lane().busy
        embedder.may_embed.set()


async def test_what_was_said_at_the_time_is_found_however_far_its_meaning(vault: SqliteAdapter) -> None:
    then = datetime(2024, 5, 1, tzinfo=UTC)
    old = a_cube("Violin lesson", origin=Origin(said_at=then))
    async with running(vault, Meanings()) as lane:
        await lane.apply(await remember(vault, old, *(a_cube(f"Kitten asleep {n}") for n in range(5))))
        await settled(lane.lane)
        during = Interval(start=then, end=then + timedelta(days=1))
        found = await lane.find(MemoryCall("cat", "cat", (("cat", 1.0),), during=during), ADA, 2)
    assert len(found.hits) == 3
    assert found.hits[-1].ref.id == old.id


async def test_a_branch_is_refused(vault: SqliteAdapter) -> None:
    async with running(vault, Meanings()) as lane:
        await settled(lane.lane)
        with pytest.raises(InvalidInput):
            await lane.find(call("cat"), Where(("user/ada",), branch="what-if"), 5)


async def test_applying_the_same_lines_twice_changes_nothing(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        events = await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
        before = await lane.find(call("cat"), ADA, 10)
        await lane.apply(events)
        assert (await settled(lane.lane)).pending == 0
        assert await lane.find(call("cat"), ADA, 10) == before
    assert embedder.embedded["Kitten asleep"] == 1


async def test_a_rebuilt_lane_answers_as_before(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        events = await store(vault, lane, *(f"memory {n} of the cat {n * n % 7}" for n in range(50)))
        await settled(lane.lane)
        await forget(vault, lane, events[7].subject)
        before = await lane.find(call("cat 4"), ADA, 50)
        await lane.reset()
        assert (await settled(lane.lane)).pending == 0
        assert await lane.find(call("cat 4"), ADA, 50) == before
    assert embedder.embedded["memory 7 of the cat 0"] == 1
    assert embedder.embedded["memory 8 of the cat 1"] == 2


async def test_closing_while_the_model_loads_does_not_wait_for_it(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    embedder.may_load.clear()
    lane = Vectors(vault, vault.segment_store, embedder)
    await store(vault, lane, "Kitten asleep")
    await until(lambda: embedder.loads == 1)
    with anyio.fail_after(1):
        await lane.aclose()
    assert embedder.closed == 1
    assert not lane.lane().busy


async def test_closing_while_embedding_keeps_what_is_embedded(
    vault: SqliteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_BATCH", 4)
    embedder = Meanings()
    lane = Vectors(vault, vault.segment_store, embedder)
    reached = asyncio.Event()

    async def hold(texts: Sequence[str]) -> None:
        if "Kitten number 9" in texts:
            reached.set()
            await asyncio.Event().wait()

    embedder.before = hold
    await store(vault, lane, *(f"Kitten number {n}" for n in range(12)))
    with anyio.fail_after(5):
        await reached.wait()
        await lane.aclose()
    assert embedder.embedded.total() == 8
    again = Meanings()
    async with running(vault, again) as lane:
        assert (await settled(lane.lane)).pending == 0
        assert len(await ids(lane, "cat", limit=20)) == 12
    assert sorted(text for text in again.embedded if text != "cat") == sorted(
        f"Kitten number {n}" for n in range(8, 12)
    )


async def test_a_closed_lane_is_not_busy_and_finds_nothing(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    lane = Vectors(vault, vault.segment_store, embedder)
    await store(vault, lane, "Kitten asleep")
    await settled(lane.lane)
    await lane.aclose()
    asked = embedder.embedded.total()
    await store(vault, lane, "Another kitten")
    assert not lane.lane().busy
    assert (await lane.find(call("cat"), ADA, 10)).hits == ()
    assert embedder.embedded.total() == asked


async def test_a_process_that_ends_at_once_never_loads_the_model(
    vault: SqliteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_GRACE", 60.0)
    embedder = Meanings()
    async with running(vault, embedder) as lane:
        await store(vault, lane, "Kitten asleep")
        await lane.find(call("cat"), ADA, 10)
    assert embedder.loads == 0
    async with running(vault, embedder) as lane:
        monkeypatch.setattr(vectors, "_GRACE", 0.0)
        await settled(lane.lane)
    assert embedder.embedded["Kitten asleep"] == 1
