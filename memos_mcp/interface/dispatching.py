"""How what was found reaches a model: MemScheduler's choice, as far as an answer can carry it out (long §5.4.2).

Memories go as text to the chat model, after a KV block, or by an adapter that is there. If more turns of a dialogue are
expected, and the model that keeps blocks is the one that answers, what it reads anyway is left behind as a block
(`dialogues.py`). Nothing of this is loaded unless there is activation or parametric memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from memos_mcp.answers import Learned, Recall, Recalled, Via
from memos_mcp.cube import Kind, MemCube, Ref
from memos_mcp.errors import Corrupt, NotFound
from memos_mcp.interface import outcomes
from memos_mcp.interface.answering import Asking
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.planning import LEAST
from memos_mcp.interface.using import SECONDS
from memos_mcp.operation.choosing import Known, choose
from memos_mcp.operation.choosing_costs import COSTS, Costs
from memos_mcp.operation.choosing_reading import fit_of, task_of
from memos_mcp.operation.choosing_rules import UNASKED, not_kept
from memos_mcp.operation.choosing_terms import RULES, Adapter, Budgets, Dispatch, Fit, Means, Prefix, Task, Way
from memos_mcp.operation.context import Packed, tokens
from memos_mcp.operation.paths import MemoryPathResolver
from memos_mcp.operation.prefixes import keepable
from memos_mcp.search import Turn

T = TypeVar("T")

PLAIN = "as text: no KV block and no adapter that may be used here holds any of it"
_MOST, _LEAST = 0.9, 0.1  # of the best and of the worst that was found: no score says how often it errs
_WINDOW = 1 << 30  # how much a model reads no port says; the budget of the recall has bounded it


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task, what fits it of the memories in use, and the way to the model; None: nothing is there but the text."""

    task: Task
    fits: tuple[Fit, ...]
    dispatch: Dispatch | None = None
    learned: tuple[Learned, ...] = ()

    def seen(self, found: Recall) -> Recall:
        """The recall with the adapter that was chosen, if one was, and with all that was chosen if it has a plan."""
        name = self.dispatch.adapter if self.dispatch else ""
        plan = replace(found.plan, given=str(self)) if found.plan else None
        adapter = next((each for each in self.learned if each.adapter == name), found.adapter)
        return replace(found, plan=plan, adapter=adapter)

    def __str__(self) -> str:
        """What an answer would do and why."""
        return str(self.dispatch) if self.dispatch else PLAIN

    def given(self, via: Via, fallback: str) -> tuple[tuple[Way, Kind, float], ...]:
        """In which way each was given in the end, and how likely it was needed."""
        if via == "none":
            return ()
        ways: dict[Ref, Way] = {}
        if self.dispatch and not fallback:
            ways = {each.ref: each.way for each in self.dispatch.choices}
        return tuple((ways.get(fit.ref, "text"), fit.kind, fit.need) for fit in self.fits)


async def chosen(asking: Asking, packed: Packed, *, opening: bool = False) -> Chosen:
    """How what is used of a recall, a line each, best reaches a model; `opening` the one that keeps blocks, if need be.

    Of what is kept already it is not asked whether keeping it pays: each part was looked at and is what it was. Cost:
    1 ms, 6 where a block and an adapter of 50 memories each are there, and what a server takes to say how busy it is.
    Raises Unavailable, Corrupt, and as what is opened.
    """
    on, found = asking.on, asking.found
    learned: tuple[Learned, ...] = ()
    if found.adapter and on.adapters:
        used = [each.cube for each in found.memories[: packed.used]]
        learned = await on.adapters.all_covering(on, used, found.paths)
    held = frozenset(ref for made in (found.prefix, *learned) if made for ref in made.sources)
    its = [_fit(asking, each.cube, need, held) for each, need in _needs(found.memories[: packed.used])]
    fits = [
        replace(fit, tokens=max(tokens(line), 1))
        for fit, line in zip(its, packed.lines, strict=True)
        if fit is not None
    ]
    task = _asked(found, asking.turns, fits)
    if not held and not on.alone and asking.within == math.inf:  # no model has to be asked how busy it is
        return Chosen(task, tuple(fits))
    means, keeping = await _means(asking, fits, learned, opening=opening)
    taken = task.tokens + means.reserve + sum(fit.tokens for fit in fits)
    if not held and not means.free and asking.within == math.inf and not (on.alone and taken > means.window):
        return Chosen(task, tuple(fits))
    learnt = (await outcomes.read(on)).learnt
    beside, prefix = await _kept(asking, fits, held, means.window - means.reserve - task.tokens)
    means = replace(means, prefixes=(prefix,) if prefix else ())
    budgets = Budgets(asking.within, asking.left, builds=1 if means.free else 0)
    known = Known(costs=await _costs(on, keeping), learnt=learnt)
    dispatch = choose(task, [*fits, *beside], means, budgets, known)
    if len(dispatch.prefix) > dispatch.kept and dispatch.window - _text(dispatch) < LEAST:  # too little for a block
        dispatch = choose(task, [*fits, *beside], means, replace(budgets, builds=0), known)
    return Chosen(task, tuple(fits), dispatch, learned)


def in_order(given: Sequence[tuple[MemCube, T]], dispatch: Dispatch | None) -> list[tuple[MemCube, T]]:
    """Those of these that are read as text, in the order of the choice; all of them if there was nothing to choose."""
    if dispatch is None:
        return list(given)
    known = {cube.ref: (cube, line) for cube, line in given}
    return [known[ref] for ref in dispatch.texts if ref in known]


def _needs(found: Sequence[Recalled]) -> list[tuple[Recalled, float]]:
    """The best is needed nine times in ten, each other as much less as its score is, and none less than once in ten."""
    best = max((each.score for each in found), default=0.0)
    return [(each, max(_LEAST, _MOST * each.score / best) if best > 0 else _MOST) for each in found]


async def _means(
    asking: Asking, fits: Sequence[Fit], learned: Sequence[Learned], *, opening: bool
) -> tuple[Means, float]:
    """What there is to choose from, and the seconds that keeping a token takes.

    The adapters, how much the models read and how busy the busier is, and what is free for a block: none is built
    beside one that is there, as what it lacks is read after it.
    """
    on, found, kv = asking.on, asking.found, asking.on.activations
    reads = await kv.capacity() if kv else None
    learns = await on.adapters.capacity() if on.adapters else None
    known = [each for each in (reads, learns) if each]
    at_hand = on.adapters.at_hand if on.adapters else ()
    means = Means(
        adapters=tuple(Adapter(each.adapter, each.sources, loaded=each.adapter in at_hand) for each in learned),
        window=min((its.window for its in known if its.window), default=_WINDOW),
        load=max((its.load for its in known), default=0.0),
    )
    if kv is None or not kv.in_dialogues or not asking.plain or found.prefix or not (opening or reads):
        return means, 0.0
    if kv.building or sum(fit.tokens for fit in fits) < LEAST:  # no answer waits for what is built beside it
        return means, 0.0
    room = await kv.room()
    free = room.budget - sum(each.bytes for each in await kv.blocks(counted=False))
    return replace(means, per_token=room.per_token, free=max(0, free)), room.keeping


def _text(dispatch: Dispatch) -> int:
    """Tokens of what is read as text."""
    return sum(each.tokens for each in dispatch.choices if each.way == "text")


def _fit(asking: Asking, cube: MemCube, need: float, held: frozenset[Ref]) -> Fit | None:
    on = asking.on
    above = on.defaults.above(cube.path)
    fit = fit_of(cube, need, on.caller, on.clock(), defaults=above, session=asking.session)
    if fit and not keepable(on.guard.seen(cube)):
        fit = replace(fit, closed=fit.closed or "it has no words that could be kept in another form")
    return replace(fit, changed=None, pace=None, ends=None) if fit and fit.ref in held else fit


def _asked(found: Recall, turns: Sequence[Turn], fits: Sequence[Fit]) -> Task:
    """The task; who asks wants an answer, whatever his words look like."""
    task = task_of(found.call, MemoryPathResolver().goal(found.call), turns, fits)
    return replace(task, intent="retrieve") if task.intent in UNASKED or task.intent == "none" else task


async def _kept(
    asking: Asking, fits: Sequence[Fit], held: frozenset[Ref], room: int
) -> tuple[list[Fit], Prefix | None]:
    """What the warm block holds beside what was found, and the block, if it has room and all may be said after it."""
    on, found = asking.on, asking.found
    if found.prefix is None or found.prefix.tokens > room:
        return [], None
    parts, known = found.prefix.sources, {fit.ref: fit for fit in fits}
    its = frozenset(parts)
    others = await on.vault.get([Ref(id=ref.id) for ref in parts if ref not in known])
    beside = [fit for cube in others if (fit := _fit(asking, on.part(cube), 0.0, held)) and fit.ref in its]
    known |= {fit.ref: fit for fit in beside}
    if any(ref not in known or known[ref].barred or not_kept(known[ref], RULES) for ref in parts):
        return [], None
    return beside, Prefix(parts)


async def _costs(on: Bound, keeping: float) -> Costs:
    """At the speed of the model of activation memory: no other says how fast it reads, so each is taken to be as fast.

    Were something else assumed of the others, one that was measured would be slow or fast beside a guess. Before it was
    measured, it is the speed that the scheduler goes by. What loads blocks for a fast model is as much faster.
    """
    try:
        pace = await on.activations.pace() if on.activations else None
    except (Corrupt, NotFound):
        pace = None
    costs = COSTS.at_speed(pace or SECONDS)
    # what is read for an answer is left behind: only the writing is waited for, by who asks
    costs = replace(costs, building=keeping / costs.token, idle=1.0)
    return replace(costs, loading=min(COSTS.loading, costs.token * COSTS.loading / COSTS.token))
