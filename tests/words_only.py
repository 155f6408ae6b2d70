"""A memory system that finds by words alone, with a clock of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from memos_mcp import Caller, Memos
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from tests.worlds import Clock


def words_only(home: Path, clock: Clock, *, user: str = "ada", hot: int = 64) -> Memos:
    """It closes its vault; two at the same home see the same memories."""
    vault, closing = SqliteAdapter(home / "memos.db", clock=clock), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    accesses = SqliteAccessLog(vault.database, texts=str)
    closing.push_async_callback(accesses.aclose)
    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller(user),
        clock=clock,
        accesses=accesses,
        hot=hot,
        closing=closing,
    )
