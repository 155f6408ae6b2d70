"""The graph follows the log: down, cut off, in two processes, of another log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio
import pytest

from memos_graph import Edge, EmbeddedGraph, GraphUnavailable, Node, Seen
from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure import spaces
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.lens import Lens
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from memos_mcp.testing.cubes import ADA, PATH, remember
from tests.graphs import Capitals, everything, found, said

pytestmark = pytest.mark.anyio


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[EmbeddedGraph]:
    graph = EmbeddedGraph(tmp_path / "graph.db")
    yield graph
    await graph.aclose()


async def nodes(store: EmbeddedGraph, *ids: str) -> list[str]:
    return [near.node.id for near in await store.get(Seen((PATH,)), ids)]


class Away(EmbeddedGraph):
    """A store that does not answer while it is `away`, or after so many writes."""

    away = False
    writes = 1_000_000

    def _check(self) -> None:
        if self.away or self.writes <= 0:
            raise GraphUnavailable("the graph does not answer: is it running?")

    async def position(self, space: str) -> int:
        self._check()
        return await super().position(space)

    async def upsert(self, space: str, nodes: Sequence[Node], edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        self._check()
        self.writes -= 1
        await super().upsert(space, nodes, edges, seq=seq)

    async def remove(self, space: str, ids: Sequence[str] = (), edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        self._check()
        self.writes -= 1
        await super().remove(space, ids, edges, seq=seq)


async def test_a_store_that_is_down_is_told_and_catches_up(
    vault: SqliteAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Away(tmp_path / "graph.db")
    graph = Graph(vault, store, Capitals())
    first, second = said("Eigg"), said("Eigg again")
    await graph.apply(await remember(vault, first))
    store.away = True
    await graph.apply(await remember(vault, second))
    assert (graph.lane().pending, graph.lane().why) == (1, "the graph does not answer: is it running?")
    with pytest.raises(Unavailable):
        await found(graph, "Eigg")
    store.away = False
    with pytest.raises(Unavailable):  # it rests
        await found(graph, "Eigg")
    monkeypatch.setattr(spaces, "REST", 0.0)
    graph_after = Graph(vault, store, Capitals())
    assert set(await found(graph_after, "Eigg")) == {first.id, second.id}
    assert (graph_after.lane().pending, graph_after.lane().why) == (0, "")
    await store.aclose()


async def test_it_comes_back_by_itself(vault: SqliteAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "REST", 0.0)
    store = Away(tmp_path / "graph.db")
    graph = Graph(vault, store, Capitals())
    store.away = True
    cubes = [said(f"Eigg {n}") for n in range(3)]
    for cube in cubes:
        await graph.apply(await remember(vault, cube))
    assert graph.lane().pending == 3
    store.away = False
    assert set(await found(graph, "Eigg")) == {cube.id for cube in cubes}
    assert (graph.lane().pending, graph.lane().why) == (0, "")
    await store.aclose()


async def test_nobody_waits_for_a_long_log_but_who_asks_for_all_of_it(
    vault: SqliteAdapter, store: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "_PAGE", 2)
    cubes = [said(f"Eigg {n}") for n in range(20)]
    await remember(vault, *cubes)
    graph = Graph(vault, store, Capitals())
    for reached in (8, 16):
        with pytest.raises(Unavailable, match="catching up"):
            await found(graph, "Eigg")
        assert await store.position(PATH) == 2 * reached
    assert len(await found(graph, "Eigg")) == 20
    assert graph.lane().why == ""
    again = Graph(vault, store, Capitals())
    await again.reset()
    assert len(await found(again, "Eigg")) == 20


async def test_wherever_it_is_cut_off_the_next_one_goes_on(
    vault: SqliteAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "REST", 0.0)
    one, other = said("Ben likes Eigg", tags=("a",)), said("Ben likes Perth")
    await remember(vault, one, other)
    new = one.model_copy(update={"version": 2, "payload": Plaintext(text="Zoe likes Eigg"), "tags": ("b",)})
    await vault.commit([Change("update", new.id, new)], caller=ADA)
    await vault.commit([Change("forget", other.id)], caller=ADA)
    expected: list[tuple[object, ...]] = []
    for cut in (99, 0, 1, 2, 3, 4):
        store = Away(tmp_path / f"graph{cut}.db")
        store.writes = cut
        try:
            await found(Graph(vault, store, Capitals()), "Eigg")
        except Unavailable:
            assert cut < 5
        store.writes = 99
        assert await found(Graph(vault, store, Capitals()), "Eigg") == {new.id: 1.0}
        await store.aclose()
        expected = expected or everything(tmp_path / f"graph{cut}.db")
        assert everything(tmp_path / f"graph{cut}.db") == expected


async def test_two_processes_that_follow_at_once_draw_the_same(vault: SqliteAdapter, tmp_path: Path) -> None:
    files = [EmbeddedGraph(tmp_path / "graph.db") for _ in range(2)]
    graphs = [Graph(vault, each, Capitals()) for each in files]
    cubes = [said(f"Ben likes Eigg {n}", tags=(str(n),)) for n in range(6)]
    await remember(vault, *cubes)
    for n, cube in enumerate(cubes):
        new = cube.model_copy(update={"version": 2, "payload": Plaintext(text=f"Zoe likes Perth {n}")})
        await vault.commit([Change("update", new.id, new)], caller=ADA)
    await vault.commit([Change("forget", cube.id) for cube in cubes[::2]], caller=ADA)
    async with anyio.create_task_group() as tasks:
        for graph in graphs:
            tasks.start_soon(found, graph, "Perth")
    for each in files:
        await each.aclose()
    alone = EmbeddedGraph(tmp_path / "alone.db")
    await found(Graph(vault, alone, Capitals()), "Perth")
    await alone.aclose()
    assert everything(tmp_path / "graph.db") == everything(tmp_path / "alone.db")


async def test_a_graph_of_another_extractor_or_of_another_log_is_made_anew(
    vault: SqliteAdapter, store: EmbeddedGraph, tmp_path: Path
) -> None:
    memory = said("Eigg")
    await remember(vault, memory)
    assert await found(Graph(vault, store, Capitals()), "Eigg")
    await store.upsert(PATH, [Node("entity:left", "entity")])
    assert await found(Graph(vault, store, Capitals()), "Eigg")
    assert await nodes(store, "entity:left") == ["entity:left"]
    assert await found(Graph(vault, store, Capitals("2")), "Eigg") == {memory.id: 1.0}
    assert await nodes(store, "entity:left") == []
    other = SqliteAdapter(tmp_path / "other.db")
    await remember(other, said("Perth"))
    assert await found(Graph(other, store, Capitals("2")), "Eigg") == {}
    assert await nodes(store, "entity:eigg", "entity:perth") == ["entity:perth"]
    await other.aclose()


async def test_what_is_not_shown_by_now_takes_what_was_drawn_of_it_away(
    vault: SqliteAdapter, store: EmbeddedGraph
) -> None:
    def looked(cube: MemCube) -> MemCube:
        return cube.model_copy(update={"quarantined": ("injection",)}) if "Perth" in cube.text else cube

    graph, memory = Graph(vault, store, Capitals(), lens=Lens(looked, 1)), said("Eigg")
    await graph.apply(await remember(vault, memory, said("Muck")))
    assert await found(graph, "Eigg")
    newer = memory.model_copy(update={"version": 2, "payload": Plaintext(text="Perth and Eigg")})
    await graph.apply(await vault.commit([Change("update", newer.id, newer)], caller=ADA))
    assert await found(graph, "Eigg Perth") == {}
    assert await nodes(store, f"memory:{memory.id}", "entity:eigg") == []
    assert await found(graph, "Muck")
