"""Every graph store does what the contract says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from memos_graph import EmbeddedGraph, GraphStore
from memos_graph.testing import CHECKS, Check
from tests.graph_server import Server

pytestmark = pytest.mark.anyio
each = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.strip("_"))


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncGenerator[GraphStore]:
    store = EmbeddedGraph(tmp_path / "graph.db")
    yield store
    await store.aclose()


@pytest.fixture
async def served(neo4j: Server) -> AsyncGenerator[GraphStore]:
    store = neo4j.graph()
    await store.clear()
    yield store
    await store.aclose()


@each
async def test_the_embedded_graph(check: Check, embedded: GraphStore) -> None:
    await check(embedded)


@each
async def test_the_graph_on_neo4j(check: Check, served: GraphStore) -> None:
    await check(served)
