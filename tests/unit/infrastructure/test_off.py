"""A lane that is off finds nothing, says why, and lets nothing it once kept outlive a memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp.cube import Ref
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.off import Off
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.search import Found, Lane, Segment
from memos_mcp.testing import a_cube, remember
from tests.embedders import call

pytestmark = pytest.mark.anyio
ADA = Where(("user/ada",))


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


async def test_it_finds_nothing_and_says_why(vault: SqliteAdapter) -> None:
    off = Off("vectors", "switched off", vault.segment_store)
    await off.apply(await remember(vault, a_cube()))
    assert await off.find(call("tea"), ADA, 10) == Found((), 0)
    assert await off.score(call("tea"), ADA, [Ref(id="a")]) == []
    assert await off.people(ADA) == frozenset()
    assert off.lane() == Lane("vectors", on=False, why="switched off")
    with pytest.raises(Misconfigured, match="vectors lane is off: switched off"):
        await off.reset()


async def test_only_the_roots_where_something_is_forgotten_lose_what_was_kept(vault: SqliteAdapter) -> None:
    paths = ("user/ada", "user/bob", "shared/team")
    events = await remember(vault, *(a_cube(path, path) for path in paths))
    for route in ("vectors", "words"):
        for path in paths:
            await vault.segment_store.replace(route, path, (), [Segment(0, 3, 1, b"x")])
    off = Off("vectors", "switched off", vault.segment_store)
    await off.apply(events)
    gone = await vault.commit([Change("forget", events[0].subject)], caller=Caller("ada"))
    await off.apply(gone)
    await off.apply(gone)
    kept = {
        (route, path): len(await vault.segment_store.spans(route, path))
        for route in ("vectors", "words")
        for path in paths
    }
    assert kept == {(route, path): int((route, path) != ("vectors", "user/ada")) for route, path in kept}


async def test_a_system_with_the_lane_switched_off_works_by_words(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        (key,) = (await memos.remember("Ada likes green tea")).ids
        found = await memos.recall("Which tea does Ada like?")
        assert found.cubes[0].id == key
        assert (found.missing, found.pending) == ((), 0)
        words, vectors, graph = (await memos.settle(5)).lanes
        assert (words.on, vectors.on, vectors.busy, graph.on) == (True, False, False, True)
        assert "embedder.kind" in vectors.why
        assert (await memos.recall("tea", lanes=["vectors"])).memories == ()
        await memos.forget(key)
        with pytest.raises(Misconfigured):
            await memos.rebuild("vectors")
