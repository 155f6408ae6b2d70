"""What follows the logs of a vault in the background, for its owner: begun here, ended before the lanes are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from memos_mcp.interface.bound import Bound
from memos_mcp.interface.consolidating import following
from memos_mcp.interface.planning import Terms
from memos_mcp.interface.scheduling import Scheduler
from memos_mcp.ports import Route


def followed(
    on: Bound, routes: Sequence[Route], closing: AsyncExitStack, terms: Terms, *, consolidation: bool
) -> Bound:
    """The same with its followers: consolidation, if it is wanted, and a scheduler, if there may be KV blocks.

    The scheduler counts uses by the access log: without one there is none.
    """
    on = following(on, routes, closing) if consolidation else on
    kv, accesses = on.activations, on.accesses
    if kv is None or not kv.model or accesses is None:
        return on
    scheduler = Scheduler(on.vault, kv, on.guard, on.clock, accesses, terms)
    closing.push_async_callback(scheduler.aclose)
    return replace(on, scheduler=scheduler)
