"""Vaults for the tests of the storage, closed at their end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from pathlib import Path

import pytest

from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter

Open = Callable[..., Database]


@pytest.fixture
def opened(file: Path) -> Generator[Open]:
    """Opens the vault of the test and closes it at the end."""
    made: list[Database] = []

    def one_more(*, read_only: bool = False, busy: float = 5, scripts: Sequence[str] | None = None) -> Database:
        made.append(Database(file, read_only=read_only, busy=busy, scripts=scripts))
        return made[-1]

    yield one_more
    for each in made:
        each.close()


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors lane loads its model at once and tries again soon."""
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    monkeypatch.setattr(vectors, "_AGAIN", (0.01, 0.05))
