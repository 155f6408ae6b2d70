"""Every access log keeps the contract. A new backend adds one line to BACKENDS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.testing import (
    ACCESS_LOG_CHECKS,
    TWO_ACCESS_LOGS_CHECKS,
    AccessLogCheck,
    TwoAccessLogsCheck,
    name_of,
)

pytestmark = pytest.mark.anyio

Open = Callable[[], SqliteAccessLog]
BACKENDS: dict[str, Callable[[Database], SqliteAccessLog]] = {
    "grouped": lambda database: SqliteAccessLog(database, texts=str),
    "strict": lambda database: SqliteAccessLog(database, strict=True, texts=str),
}


@pytest.fixture(params=BACKENDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Open]:
    """Opens logs over one store and closes them at the end."""
    logs: list[tuple[Database, SqliteAccessLog]] = []

    def one_more() -> SqliteAccessLog:
        database = Database(tmp_path / "memos.db")
        logs.append((database, BACKENDS[request.param](database)))
        return logs[-1][1]

    yield one_more
    for database, log in logs:
        await log.aclose()
        database.close()


@pytest.mark.parametrize("check", ACCESS_LOG_CHECKS, ids=name_of)
async def test_an_access_log_keeps_the_contract(check: AccessLogCheck, opened: Open) -> None:
    await check(opened())


@pytest.mark.parametrize("check", TWO_ACCESS_LOGS_CHECKS, ids=name_of)
async def test_two_processes_keep_the_contract(check: TwoAccessLogsCheck, opened: Open) -> None:
    await check(opened(), opened())
