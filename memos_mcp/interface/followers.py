"""What follows the logs of a vault in the background, for its owner: begun here, ended before the lanes are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from memos_mcp.activation import LastingBackend
from memos_mcp.interface.activating import Activations
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.background import Background, Pace
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.consolidating import following
from memos_mcp.interface.planning import Terms
from memos_mcp.interface.scheduling import Scheduler
from memos_mcp.interface.teaching import Teacher
from memos_mcp.operation.lanes import Lanes
from memos_mcp.operation.pairs import Author
from memos_mcp.parametric import AdapterBackend
from memos_mcp.ports import Route


def projected(
    on: Bound,
    routes: Sequence[Route],
    backend: LastingBackend | None,
    parametric: AdapterBackend | None,
    author: Author | None,
) -> Bound:
    """The same with what was made of memories, KV blocks and adapters: both follow the log as lanes do."""
    kv = Activations(on.vault, backend, on.guard, on.clock) if backend else None
    adapters = Adapters(on.vault, parametric, on.guard, on.clock, author) if parametric else None
    lanes = Lanes(routes, beside=[each for each in (kv, adapters) if each])
    return replace(on, lanes=lanes, activations=kv, adapters=adapters)


def followed(
    on: Bound, routes: Sequence[Route], closing: AsyncExitStack, terms: Terms, *, consolidation: bool
) -> Bound:
    """The same with its followers: consolidation, if it is wanted, and schedulers, if there may be blocks or adapters.

    That of blocks counts uses by the access log: without one there is none.
    """
    on = following(on, routes, closing) if consolidation else on
    adapters = on.adapters
    if adapters is not None and terms.training:
        accesses = on.accesses
        teacher = Teacher(on.vault, adapters, on.clock, accesses, terms.quota) if accesses is not None else None
        on = replace(on, teacher=teacher)
        trainer = Background(teacher.keep_up if teacher else adapters.keep_up, Pace())
        adapters.woken = trainer.wake
        closing.push_async_callback(trainer.aclose)
    kv, accesses = on.activations, on.accesses
    if kv is None or not kv.model or accesses is None:
        return on
    scheduler = Scheduler(on.vault, kv, on.guard, on.clock, accesses, terms)
    closing.push_async_callback(scheduler.aclose)
    return replace(on, scheduler=scheduler)
