"""A graph whose file is damaged: the question says how it is mended, and what mends it does."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest

from memos_graph import EmbeddedGraph
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.testing.cubes import remember
from tests.graphs import Capitals, found, said

pytestmark = pytest.mark.anyio


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


def changed(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute(statement)


@pytest.mark.parametrize("damage", ["DROP TABLE edge", "PRAGMA user_version = 1"])
async def test_a_damaged_graph_says_how_it_is_made_anew_and_is(
    vault: SqliteAdapter, tmp_path: Path, damage: str
) -> None:
    memory = said("the ferry to Eigg")
    await remember(vault, memory)
    store = EmbeddedGraph(tmp_path / "graph.db")
    assert await found(Graph(vault, store, Capitals()), "Eigg") == {memory.id: 1.0}
    await store.aclose()
    changed(tmp_path / "graph.db", damage)
    store = EmbeddedGraph(tmp_path / "graph.db")
    graph = Graph(vault, store, Capitals())
    with pytest.raises(Corrupt, match="`memos rebuild graph` makes it anew"):
        await found(graph, "Eigg")
    await graph.reset()
    assert await found(graph, "Eigg") == {memory.id: 1.0}
    await store.aclose()
