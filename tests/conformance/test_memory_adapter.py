"""Every vault keeps the contract of MemoryAdapter and SegmentStore. A new backend adds one line to BACKENDS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.testing import (
    MEMORY_ADAPTER_CHECKS,
    SEGMENT_STORE_CHECKS,
    TWO_WRITERS_CHECKS,
    MemoryAdapterCheck,
    SegmentStoreCheck,
    TwoWritersCheck,
    name_of,
)

pytestmark = pytest.mark.anyio

Open = Callable[[], SqliteAdapter]
BACKENDS: dict[str, Callable[[Path], SqliteAdapter]] = {"sqlite": lambda folder: SqliteAdapter(folder / "memos.db")}


@pytest.fixture(params=BACKENDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Open]:
    """Opens adapters over one store and closes them at the end."""
    adapters: list[SqliteAdapter] = []

    def one_more() -> SqliteAdapter:
        adapters.append(BACKENDS[request.param](tmp_path))
        return adapters[-1]

    yield one_more
    for adapter in adapters:
        await adapter.aclose()


@pytest.mark.parametrize("check", MEMORY_ADAPTER_CHECKS, ids=name_of)
async def test_a_vault_keeps_the_contract(check: MemoryAdapterCheck, opened: Open) -> None:
    await check(opened())


@pytest.mark.parametrize("check", TWO_WRITERS_CHECKS, ids=name_of)
async def test_two_writers_keep_the_contract(check: TwoWritersCheck, opened: Open) -> None:
    await check(opened(), opened())


@pytest.mark.parametrize("check", SEGMENT_STORE_CHECKS, ids=name_of)
async def test_a_segment_store_keeps_the_contract(check: SegmentStoreCheck, opened: Open) -> None:
    vault = opened()
    await check(vault, vault.segment_store)
