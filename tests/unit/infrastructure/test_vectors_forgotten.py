"""A forgotten memory leaves matrix, segments and file, whoever forgets it and whatever else is going on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.off import Off
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Caller, Change, Where
from tests.embedders import Meanings, Watched, call, forget, running, settled, store, vector_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("at_once")]
CALLER = Caller("ada")
ADA, BOB = Where(("user/ada",)), Where(("user/bob",))


async def change(vault: SqliteAdapter, lane: Vectors, cube: MemCube | None, text: str) -> None:
    assert cube is not None
    new = cube.model_copy(update={"version": cube.version + 1, "payload": Plaintext(text=text)})
    await lane.apply(await vault.commit([Change("update", cube.id, new)], caller=CALLER))


async def found(lane: Vectors | Words, question: str, where: Where = ADA) -> dict[str, float]:
    hits = (await lane.find(call(question), where, 100)).hits
    return {hit.ref.id: round(hit.score, 3) for hit in hits}


def on_disk(file: Path, text: str) -> bool:
    """Does any file of the vault hold the vector of a text, or what was there before it was deleted?"""
    sought = vector_of(text).astype(np.float16).tobytes()
    return any(sought in each.read_bytes() for each in file.parent.glob(f"{file.name}*"))


async def test_a_forgotten_vector_leaves_the_file_and_is_found_no_more(vault: SqliteAdapter, file: Path) -> None:
    async with running(vault, Meanings()) as lane:
        secret, other = await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
        assert on_disk(file, "Kitten asleep")
        await forget(vault, lane, secret.subject)
        assert not on_disk(file, "Kitten asleep")
        assert on_disk(file, "Automobile sold")
        assert set(await found(lane, "cat")) == {other.subject}


async def test_every_version_of_a_forgotten_memory_leaves_the_file(vault: SqliteAdapter, file: Path) -> None:
    async with running(vault, Meanings()) as lane:
        (event,) = await store(vault, lane, "Kitten asleep")
        await settled(lane.lane)
        await change(vault, lane, event.cube, "Automobile sold")
        await settled(lane.lane)
        assert on_disk(file, "Kitten asleep")
        assert on_disk(file, "Automobile sold")
        await forget(vault, lane, event.subject)
        assert not on_disk(file, "Kitten asleep")
        assert not on_disk(file, "Automobile sold")


async def test_a_vector_leaves_the_file_although_the_model_is_not_loaded(vault: SqliteAdapter, file: Path) -> None:
    async with running(vault, Meanings()) as lane:
        secret, other = await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
    slow = Meanings()
    slow.may_load.clear()
    async with running(vault, slow) as lane:
        await forget(vault, lane, secret.subject)
        assert not on_disk(file, "Kitten asleep")
        slow.may_load.set()
        assert (await settled(lane.lane)).pending == 0
        assert set(await found(lane, "cat")) == {other.subject}
    assert set(slow.embedded) == {"cat"}


async def test_a_vector_leaves_the_file_although_the_lane_is_off(vault: SqliteAdapter, file: Path) -> None:
    async with running(vault, Meanings()) as lane:
        secret, other = await store(vault, lane, "Kitten asleep", "Automobile sold")
        await settled(lane.lane)
    off = Off("vectors", "switched off", vault.segment_store)
    await forget(vault, off, secret.subject)
    assert not on_disk(file, "Kitten asleep")
    async with running(vault, Meanings()) as lane:
        await settled(lane.lane)
        assert set(await found(lane, "cat")) == {other.subject}


async def test_a_memory_forgotten_while_it_is_embedded_gets_no_vector(vault: SqliteAdapter, file: Path) -> None:
    embedder = Meanings()
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold(_texts: Sequence[str]) -> None:
        reached.set()
        await go.wait()

    async with running(vault, embedder) as lane:
        await settled(lane.lane)
        embedder.before = hold
        secret, other = await store(vault, lane, "Kitten asleep", "Automobile sold")
        with anyio.fail_after(5):
            await reached.wait()
        await forget(vault, lane, secret.subject)
        go.set()
        assert (await settled(lane.lane)).pending == 0
        assert set(await found(lane, "cat")) == {other.subject}
        assert not on_disk(file, "Kitten asleep")


async def test_what_another_process_forgets_while_it_is_embedded_is_not_written(
    vault: SqliteAdapter, file: Path
) -> None:
    embedder, other_vault = Meanings(), SqliteAdapter(file)
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold(_texts: Sequence[str]) -> None:
        reached.set()
        await go.wait()

    async with running(vault, embedder) as lane:
        await settled(lane.lane)
        embedder.before = hold
        secret, _ = await store(vault, lane, "Kitten asleep", "Automobile sold")
        with anyio.fail_after(5):
            await reached.wait()
        await forget(other_vault, Off("vectors", "switched off", other_vault.segment_store), secret.subject)
        go.set()
        await settled(lane.lane)
        assert on_disk(file, "Automobile sold")
        assert not on_disk(file, "Kitten asleep")
    await other_vault.aclose()


async def test_forgetting_while_another_process_writes_segments_is_tried_again(
    vault: SqliteAdapter, file: Path
) -> None:
    other_vault = SqliteAdapter(file)
    async with running(vault, Meanings()) as other:
        secret, *_ = await store(vault, other, "Kitten asleep", "Automobile sold")
        await settled(other.lane)
        watched = Watched(other_vault.segment_store)
        mine = Vectors(other_vault, watched, Meanings())
        await settled(mine.lane)
        await found(mine, "cat")
        tries: list[int] = []

        async def meanwhile() -> None:
            if not tries:
                tries.append(1)
                await store(vault, other, "Violin lesson")
                await settled(other.lane)

        watched.before_replacing = meanwhile
        await forget(other_vault, mine, secret.subject)
        assert tries
        assert not on_disk(file, "Kitten asleep")
        await mine.aclose()
    await other_vault.aclose()


async def test_forgetting_where_another_process_embedded_more_loses_no_other_vector(
    vault: SqliteAdapter, file: Path
) -> None:
    none, other_vault = Meanings(), SqliteAdapter(file)
    async with running(vault, none) as lane, running(other_vault, Meanings()) as other:
        await store(vault, lane, "Violin lesson")
        await settled(lane.lane)
        none.failing = Unavailable("the server does not answer")
        secret, kept = await store(other_vault, other, "Kitten asleep", "Automobile sold")
        await settled(other.lane)
        await vault.events()
        await forget(vault, lane, secret.subject)
        assert not on_disk(file, "Kitten asleep")
    async with running(vault, Meanings()) as again:
        await settled(again.lane)
        scores = await found(again, "vehicle")
        assert set(scores) >= {kept.subject}
        assert secret.subject not in scores
    await other_vault.aclose()


async def test_a_process_without_a_model_that_forgets_loses_no_vector_of_one_that_has_it(
    vault: SqliteAdapter, file: Path
) -> None:
    off, other_vault = Meanings(), SqliteAdapter(file)
    off.may_load.clear()
    async with running(vault, off) as lane, running(other_vault, Meanings()) as other:
        first, *_ = await store(other_vault, other, "Violin lesson", "Green tea")
        await settled(other.lane)
        await forget(vault, lane, first.subject)
        secret, kept = await store(other_vault, other, "Kitten asleep", "Automobile sold")
        await settled(other.lane)
        await forget(vault, lane, secret.subject)
        assert not on_disk(file, "Kitten asleep")
    async with running(vault, Meanings()) as again:
        await settled(again.lane)
        assert set(await found(again, "vehicle")) >= {kept.subject}
    await other_vault.aclose()
