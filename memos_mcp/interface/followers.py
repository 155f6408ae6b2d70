"""What follows the logs of a vault in the background, for its owner: begun here, ended before the lanes are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from memos_mcp.activation import LastingBackend
from memos_mcp.interface.bound import Bound
from memos_mcp.operation.lanes import Lanes
from memos_mcp.parametric import AdapterBackend
from memos_mcp.ports import Route

if TYPE_CHECKING:  # who has neither model does not wait for what they need
    from memos_mcp.interface.planning import Terms


def projected(
    on: Bound,
    routes: Sequence[Route],
    closing: AsyncExitStack,
    backend: LastingBackend | None,
    parametric: AdapterBackend | None,
    terms: Terms | None,
) -> Bound:
    """The same with what is made of memories, KV blocks and adapters: both follow the log as lanes do.

    Their schedulers count uses by the access log: without one, what lost a memory is trained again, and that is all.
    """
    if backend is not None:
        from memos_mcp.interface.activating import Activations

        dialogues = on.alone and terms is not None and terms.background
        on = replace(on, activations=Activations(on.vault, backend, on.guard, on.clock, dialogues=dialogues))
    if parametric is not None:
        from memos_mcp.interface.adapting import Adapters

        author = terms.author if terms else None
        on = replace(on, adapters=Adapters(on.vault, parametric, on.guard, on.clock, author))
    beside = [each for each in (on.activations, on.adapters) if each]
    on = replace(on, lanes=Lanes(routes, beside=beside)) if beside else on
    if on.adapters is not None and terms is not None:
        on = _taught(on, closing, terms)
    return _scheduled(on, closing, terms) if on.activations is not None and on.activations.model else on


def _taught(on: Bound, closing: AsyncExitStack, terms: Terms) -> Bound:
    from memos_mcp.interface.background import Background, Pace
    from memos_mcp.interface.teaching import Teacher

    adapters, accesses = on.adapters, on.accesses
    if adapters is None:
        return on
    if not terms.training:
        trainer, teacher = Background(adapters.tend, Pace()), None
    else:
        teacher = Teacher(on.vault, adapters, on.clock, accesses, terms.quota) if accesses is not None else None
        trainer = Background(teacher.keep_up if teacher else adapters.keep_up, Pace())
    adapters.woken = trainer.wake
    closing.push_async_callback(trainer.aclose)
    return replace(on, teacher=teacher)


def _scheduled(on: Bound, closing: AsyncExitStack, terms: Terms | None) -> Bound:
    from memos_mcp.interface.planning import Terms
    from memos_mcp.interface.scheduling import Scheduler

    if on.activations is None or on.accesses is None:
        return on
    scheduler = Scheduler(on.vault, on.activations, on.guard, on.clock, on.accesses, terms or Terms())
    closing.push_async_callback(scheduler.aclose)
    return replace(on, scheduler=scheduler)
