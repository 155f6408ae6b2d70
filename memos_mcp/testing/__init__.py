"""Contract suites for authors of backends. Each check gets an empty store and raises AssertionError.

    @pytest.mark.anyio
    @pytest.mark.parametrize("check", MEMORY_ADAPTER_CHECKS, ids=name_of)
    async def test_my_vault(check: MemoryAdapterCheck, vault: MyVault) -> None:
        await check(vault)

Those of TWO_WRITERS_CHECKS and TWO_ACCESS_LOGS_CHECKS get two over the same store, as two processes would have them;
those of ROUTE_CHECKS a vault and a function that opens the route over it once more.
Those of TWO_WRITERS_CHECKS get two adapters over the same store, as two processes would have them; those of
ROUTE_CHECKS a vault and a function that opens the route over it once more, those of ERASING_ROUTE_CHECKS the store of
segments between the two.
"""

from __future__ import annotations

from collections.abc import Callable

from memos_mcp.testing.access_log import (
    ACCESS_LOG_CHECKS,
    TWO_ACCESS_LOGS_CHECKS,
    AccessLogCheck,
    TwoAccessLogsCheck,
)
from memos_mcp.testing.cubes import a_cube, a_full_cube, remember
from memos_mcp.testing.memory_adapter import (
    MEMORY_ADAPTER_CHECKS,
    TWO_WRITERS_CHECKS,
    MemoryAdapterCheck,
    TwoWritersCheck,
)
from memos_mcp.testing.route import (
    ERASING_ROUTE_CHECKS,
    QUIET_ROUTE_CHECKS,
    ROUTE_CHECKS,
    ErasingRouteCheck,
    OpenRoute,
    RouteCheck,
)
from memos_mcp.testing.segment_store import SEGMENT_STORE_CHECKS, SegmentStoreCheck

__all__ = [
    "ACCESS_LOG_CHECKS",
    "ERASING_ROUTE_CHECKS",
    "MEMORY_ADAPTER_CHECKS",
    "QUIET_ROUTE_CHECKS",
    "ROUTE_CHECKS",
    "SEGMENT_STORE_CHECKS",
    "TWO_ACCESS_LOGS_CHECKS",
    "TWO_WRITERS_CHECKS",
    "AccessLogCheck",
    "ErasingRouteCheck",
    "MemoryAdapterCheck",
    "OpenRoute",
    "RouteCheck",
    "SegmentStoreCheck",
    "TwoAccessLogsCheck",
    "TwoWritersCheck",
    "a_cube",
    "a_full_cube",
    "name_of",
    "remember",
]


def name_of(check: Callable[..., object]) -> str:
    """The name of a check, for the report of a test run."""
    return getattr(check, "__name__", "check").strip("_")
