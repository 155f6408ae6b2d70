"""What every test gets: asyncio, and an environment without the developer's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test's vault is."""
    return tmp_path / "memos.db"
