"""The graph route keeps the contract of Route, but for the past, of which it is not asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from memos_graph import EmbeddedGraph
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.testing import ROUTE_CHECKS, OpenRoute, RouteCheck, name_of
from tests.graphs import EachWord

pytestmark = pytest.mark.anyio
OF_THE_PAST = ("_a_moment_is_searched_as_it_was", "_what_went_elsewhere_is_found_there")
CHECKS = [check for check in ROUTE_CHECKS if getattr(check, "__name__", "") not in OF_THE_PAST]


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def opened(vault: SqliteAdapter, tmp_path: Path) -> AsyncGenerator[OpenRoute]:
    """Opens routes over one vault and one file."""
    routes: list[Graph] = []

    def one_more() -> Graph:
        routes.append(Graph(vault, EmbeddedGraph(tmp_path / "graph.db"), EachWord()))
        return routes[-1]

    yield one_more
    for route in routes:
        await route.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
async def test_the_graph_keeps_the_contract(check: RouteCheck, vault: SqliteAdapter, opened: OpenRoute) -> None:
    await check(vault, opened)


def test_all_but_two_checks_are_kept() -> None:
    assert len(CHECKS) == len(ROUTE_CHECKS) - len(OF_THE_PAST)
