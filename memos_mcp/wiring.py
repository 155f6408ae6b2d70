"""Settings → Memos: the only place that chooses backends, and the only one that imports them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from memos_mcp import settings as configuration
from memos_mcp.memos import Memos
from memos_mcp.ports import Caller
from memos_mcp.settings import Settings

if TYPE_CHECKING:
    from memos_mcp.infrastructure.storage.upkeep import Upkeep


def open(settings: Settings | None = None, **given: Any) -> Memos:
    """A Memos for the local user, from memos.toml and MEMOS_* unless settings are given (`open(home="…")`).

    Nothing is read from disk yet: the vault opens with the first verb. Raises Misconfigured.
    """
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
    from memos_mcp.infrastructure.words import Words
    from memos_mcp.interface.reader import RulesReader

    vault = SqliteAdapter(chosen.database, read_only=chosen.vault.read_only)
    words = Words(vault, vault.segment_store, memory=chosen.words.memory_mb * 1024 * 1024)
    closing = AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[words],
        caller=Caller(chosen.user),
        path=chosen.path,
        about=str(chosen.database),
        closing=closing,
    )


def upkeep(settings: Settings | None = None, **given: Any) -> Upkeep:
    """Backup, restore and check of the vault that `open` with the same settings would use. Raises Misconfigured."""
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.storage.database import Database
    from memos_mcp.infrastructure.storage.upkeep import Upkeep

    return Upkeep(Database(chosen.database, read_only=chosen.vault.read_only))
