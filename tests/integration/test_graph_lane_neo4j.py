"""The graph route over a real Neo4j: the same answers as embedded, and a server that goes away and comes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

import memos_mcp
from memos_graph import EmbeddedGraph
from memos_mcp.cube import Governance, Link, Plaintext, State
from memos_mcp.infrastructure import follower, spaces
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.walks import Walks
from memos_mcp.ports import Change, Where
from memos_mcp.testing.cubes import ADA, PATH
from tests.graph_server import Server
from tests.graphs import Capitals, found, said

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
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
        places = [await Walks(graph).places(Where((PATH,))) for graph in graphs]
        assert places[0] == places[1]
        for question in QUESTIONS:
            assert await found(graphs[0], question) == await found(graphs[1], question)
    assert await found(graphs[0], "Eigg boats")
    for graph in graphs:
        await graph.aclose()


async def test_a_system_goes_on_while_its_server_is_killed_and_the_graph_catches_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "REST", 0.1)
    monkeypatch.setattr(follower, "REST", 0.1)
    graph = {"kind": "neo4j", "url": server.url, "password": server.password, "timeout_s": 20}
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, graph=graph) as memos:

        async def asked(*lanes: str) -> tuple[set[str], list[str]]:
            recalled = await memos.recall("What of Zoe?", lanes=lanes)
            return {cube.text for cube in recalled.cubes}, [missing.route for missing in recalled.missing]

        async def on() -> None:
            while (lane := (await memos.status()).lanes[-1]).why or lane.pending or lane.busy:  # noqa: ASYNC110
                await anyio.sleep(0.05)

        with anyio.fail_after(60):
            await memos.remember("Zoe lives on Eigg")
            await on()
        assert await asked("graph") == ({"Zoe lives on Eigg"}, [])
        await to_thread.run_sync(lambda: server.stop(at_once=True))
        with anyio.fail_after(5):
            await memos.remember("Zoe keeps bees")
            found, missing = await asked()
        assert (found, missing) == ({"Zoe lives on Eigg", "Zoe keeps bees"}, ["graph"])
        with anyio.fail_after(30):
            while not (lane := (await memos.status()).lanes[-1]).why:  # noqa: ASYNC110 - a write is tried for a second
                await anyio.sleep(0.05)
        assert "is it running?" in lane.why
        await to_thread.run_sync(server.start)
        with anyio.fail_after(60):
            await on()
        assert await asked("graph") == ({"Zoe lives on Eigg", "Zoe keeps bees"}, [])
        await memos.rebuild("graph")
        assert await asked("graph") == ({"Zoe lives on Eigg", "Zoe keeps bees"}, [])
    assert not (tmp_path / "graph.db").exists()
