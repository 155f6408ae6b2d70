"""Every route keeps the contract of Route. A new one adds one line to ROUTES."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.off import Off
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Route
from memos_mcp.testing import (
    ERASING_ROUTE_CHECKS,
    QUIET_ROUTE_CHECKS,
    ROUTE_CHECKS,
    ErasingRouteCheck,
    OpenRoute,
    RouteCheck,
    name_of,
)
from tests.embedders import Meanings

pytestmark = pytest.mark.anyio

Over = Callable[[SqliteAdapter], Route]
ROUTES: dict[str, Over] = {
    "words": lambda vault: Words(vault, vault.segment_store),
    "vectors": lambda vault: Vectors(vault, vault.segment_store, Meanings()),
    "words in little memory": lambda vault: Words(vault, vault.segment_store, memory=1),
    "vectors in little memory": lambda vault: Vectors(vault, vault.segment_store, Meanings(), memory=1),
}


@pytest.fixture
async def vault(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[SqliteAdapter]:
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture(params=ROUTES)
async def opened(request: pytest.FixtureRequest, vault: SqliteAdapter) -> AsyncGenerator[OpenRoute]:
    """Opens routes over one vault and closes those that want to be closed."""
    routes: list[Route] = []

    def one_more() -> Route:
        routes.append(ROUTES[request.param](vault))
        return routes[-1]

    yield one_more
    for route in routes:
        if isinstance(route, Vectors):
            await route.aclose()


@pytest.mark.parametrize("check", ROUTE_CHECKS, ids=name_of)
async def test_a_route_keeps_the_contract(check: RouteCheck, vault: SqliteAdapter, opened: OpenRoute) -> None:
    await check(vault, opened)


@pytest.mark.parametrize("check", ERASING_ROUTE_CHECKS, ids=name_of)
async def test_a_route_keeps_nothing_of_what_is_gone(
    check: ErasingRouteCheck, vault: SqliteAdapter, opened: OpenRoute
) -> None:
    await check(vault, vault.segment_store, opened)


@pytest.mark.parametrize("check", QUIET_ROUTE_CHECKS, ids=name_of)
async def test_a_route_that_is_off_keeps_what_it_can(check: RouteCheck, vault: SqliteAdapter) -> None:
    await check(vault, lambda: Off("vectors", "switched off", vault.segment_store))
