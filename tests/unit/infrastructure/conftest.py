"""Vaults for the tests of the storage, closed at their end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from memos_mcp.infrastructure.storage.database import Database

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
