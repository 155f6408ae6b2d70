"""The graph route over a real Neo4j: the same answers as embedded, and a server that goes away and comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from memos_graph import EmbeddedGraph
from memos_mcp.cube import Governance, Link, Plaintext, State
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure import spaces
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from memos_mcp.testing.cubes import ADA, remember
from tests.graph_server import Server
from tests.graphs import Capitals, found, said

pytestmark = pytest.mark.anyio
QUESTIONS = ("Eigg", "Ben and Zoe", "boats", "x' OR 1=1 } RETURN 1 //", "Perth")


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    """One of its own: others must not see it fall."""
    server = Server(tmp_path / "neo4j")
    server.start()
    yield server
    server.stop(at_once=True)


async def test_it_answers_as_the_embedded_one(neo4j: Server, vault: SqliteAdapter, tmp_path: Path) -> None:
    served, embedded = neo4j.graph(), EmbeddedGraph(tmp_path / "graph.db")
    await served.clear()
    graphs = Graph(vault, served, Capitals()), Graph(vault, embedded, Capitals())
    one = said("Ben likes Eigg", tags=("boats", "x' OR 1=1 } RETURN 1 //"))
    two = said("Zoe on Eigg", links=(Link(kind="supports", target=one.id),))
    three = said("Ben in Perth", governance=Governance(priority=2))
    newer = two.model_copy(update={"version": 2, "payload": Plaintext(text="Zoe in Perth")})
    histories = (
        [Change("remember", cube.id, cube) for cube in (one, two, three)],
        [Change("update", newer.id, newer)],
        [Change("move", one.id, one.model_copy(update={"state": State.ARCHIVED}))],
        [Change("move", one.id, one.model_copy(update={"state": State.ACTIVATED}))],
        [Change("forget", three.id)],
    )
    for changes in histories:
        events = await vault.commit(changes, caller=ADA)
        for graph in graphs:
            await graph.apply(events)
            assert graph.lane().why == ""
        for question in QUESTIONS:
            assert await found(graphs[0], question) == await found(graphs[1], question)
    assert await found(graphs[0], "Eigg boats")
    for graph in graphs:
        await graph.aclose()


async def test_a_server_that_is_killed_costs_nothing_and_catches_up(
    server: Server, vault: SqliteAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(vault, server.graph(timeout=10, patience=1), Capitals())
    first, second = said("Eigg"), said("Eigg again")
    await graph.apply(await remember(vault, first))
    assert set(await found(graph, "Eigg")) == {first.id}
    await to_thread.run_sync(lambda: server.stop(at_once=True))
    with anyio.fail_after(3):
        await graph.apply(await remember(vault, second))
    assert graph.lane().pending == 1
    assert "is it running?" in graph.lane().why
    with pytest.raises(Unavailable, match="is it running"), anyio.fail_after(1):
        await found(graph, "Eigg")
    await to_thread.run_sync(server.start)
    monkeypatch.setattr(spaces, "_REST", 0.0)
    later = Graph(vault, server.graph(), Capitals())
    assert set(await found(later, "Eigg")) == {first.id, second.id}
    await later.aclose()
    await graph.aclose()
