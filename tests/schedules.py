"""A memory whose KV blocks are scheduled, over a model without weights: what is asked, and what is held then."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memos_mcp import Caller, Memos
from memos_mcp.accesses import AccessLog
from memos_mcp.answers import KvBlock
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.planning import Terms
from memos_mcp.interface.reader import RulesReader
from memos_mcp.interface.scheduling import Scheduler
from memos_mcp.operation.scheduling import Limits
from tests.activations import Table

TEA = "Ada likes green tea, above all in the morning and never with sugar in it."
FERRY = "The ferry to Rotterdam leaves at nine on Mondays, and at ten on all other days of the week."
CALM = Terms(least=20)
TERMS = replace(CALM, limits=Limits(0, settled=0))
"""What is stored or changed need not stand still first."""


class Clock:
    """The time, moved when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **span: float) -> None:
        """So much later; a minute unless it is said."""
        self.now += timedelta(**(span or {"minutes": 1}))


@asynccontextmanager
async def scheduled(
    home: Path, table: Table | None, terms: Terms = TERMS, clock: Clock | None = None, **more: Any
) -> AsyncGenerator[Memos]:
    """The memory of ada, words alone, with this model, an access log, and one clock for all of it."""
    clock = clock or Clock()
    vault = SqliteAdapter(home / "memos.db", clock=clock)
    accesses: AccessLog = SqliteAccessLog(vault.database)
    memos = Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller("ada"),
        clock=clock,
        accesses=accesses,
        backend=table,
        scheduling=terms,
        **more,
    )
    try:
        yield memos
    finally:
        await memos.aclose()
        await accesses.aclose()
        await vault.aclose()


def scheduler_of(memos: Memos) -> Scheduler:
    """What works in the background."""
    found = memos._on.scheduler  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def blocks_of(memos: Memos) -> tuple[KvBlock, ...]:
    """All there are."""
    kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
    assert kv is not None
    return await kv.blocks()


async def held(memos: Memos) -> set[str]:
    """The memories that stand in blocks."""
    return {ref.id for block in await blocks_of(memos) for ref in block.sources}


async def stored(memos: Memos, text: str, **more: Any) -> str:
    """The id of a memory that is new."""
    (id,) = (await memos.remember(text, **more)).ids
    return id


async def asked(memos: Memos, question: str, times: int = 6) -> list[str]:
    """By what a question is answered, again and again."""
    return [(await memos.ask(question, limit=1)).via for _ in range(times)]
