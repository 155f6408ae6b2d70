"""How what was found reaches a model: MemScheduler's choice, as far as an answer can carry it out (long §5.4.2).

Memories go as text to the chat model, after a KV block that is there, or by an adapter that is; an answer builds
neither. Nothing of this is loaded unless there is activation or parametric memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from memos_mcp.answers import Recall, Recalled, Via
from memos_mcp.cube import Kind, MemCube, Ref
from memos_mcp.errors import Corrupt, NotFound
from memos_mcp.interface import outcomes
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.using import SECONDS
from memos_mcp.operation.choosing import Known, choose
from memos_mcp.operation.choosing_costs import COSTS, Costs
from memos_mcp.operation.choosing_reading import fit_of, task_of
from memos_mcp.operation.choosing_rules import UNASKED, not_kept
from memos_mcp.operation.choosing_terms import RULES, Adapter, Budgets, Dispatch, Fit, Means, Prefix, Task, Way
from memos_mcp.operation.context import Packed, tokens
from memos_mcp.operation.paths import MemoryPathResolver
from memos_mcp.search import Turn

T = TypeVar("T")

PLAIN = "as text: no KV block and no adapter that may be used here holds any of it"
_MOST, _LEAST = 0.9, 0.1  # of the best and of the worst that was found: no score says how often it errs
_WINDOW = 1 << 30  # how much a model reads no port says; the budget of the recall has bounded it
_NO_BUILDS = Budgets(builds=0)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A task, what fits it of the memories in use, and the way to the model; None: nothing is there but the text."""

    task: Task
    fits: tuple[Fit, ...]
    dispatch: Dispatch | None = None

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


async def chosen(on: Bound, found: Recall, packed: Packed, turns: Sequence[Turn]) -> Chosen:
    """How what is used of a recall, a line each, best reaches a model. Cost: 1 ms. Raises Unavailable, Corrupt.

    Of what is kept already it is not asked whether keeping it pays: each part was looked at and is what it was.
    """
    held = frozenset(ref for made in (found.prefix, found.adapter) if made for ref in made.sources)
    its = [_fit(on, each.cube, need, held) for each, need in _needs(found.memories[: packed.used])]
    fits = [
        replace(fit, tokens=max(tokens(line), 1))
        for fit, line in zip(its, packed.lines, strict=True)
        if fit is not None
    ]
    task = _asked(found, turns, fits)
    if not held:
        return Chosen(task, tuple(fits))
    learnt = (await outcomes.read(on)).learnt
    beside, prefix = await _kept(on, found, fits, held)
    means = Means((prefix,) if prefix else (), _adapters(on, found), window=_WINDOW)
    dispatch = choose(task, [*fits, *beside], means, _NO_BUILDS, Known(costs=await _costs(on), learnt=learnt))
    return Chosen(task, tuple(fits), dispatch)


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


def _fit(on: Bound, cube: MemCube, need: float, held: frozenset[Ref]) -> Fit | None:
    fit = fit_of(cube, need, on.caller, on.clock(), defaults=on.defaults.above(cube.path))
    return replace(fit, changed=None, pace=None, ends=None) if fit and fit.ref in held else fit


def _asked(found: Recall, turns: Sequence[Turn], fits: Sequence[Fit]) -> Task:
    """The task; who asks wants an answer, whatever his words look like."""
    task = task_of(found.call, MemoryPathResolver().goal(found.call), turns, fits)
    return replace(task, intent="retrieve") if task.intent in UNASKED or task.intent == "none" else task


async def _kept(on: Bound, found: Recall, fits: Sequence[Fit], held: frozenset[Ref]) -> tuple[list[Fit], Prefix | None]:
    """What the warm block holds beside what was found, and the block, if all of it may be said after it."""
    if found.prefix is None:
        return [], None
    parts, known = found.prefix.sources, {fit.ref: fit for fit in fits}
    others = await on.vault.get([Ref(id=ref.id) for ref in parts if ref not in known])
    beside = [fit for cube in others if (fit := _fit(on, on.part(cube), 0.0, held)) and fit.ref in parts]
    known |= {fit.ref: fit for fit in beside}
    if any(ref not in known or known[ref].barred or not_kept(known[ref], RULES) for ref in parts):
        return [], None
    return beside, Prefix(parts)


def _adapters(on: Bound, found: Recall) -> tuple[Adapter, ...]:
    its = found.adapter
    if its is None or on.adapters is None:
        return ()
    return (Adapter(its.adapter, its.sources, loaded=its.adapter in on.adapters.at_hand),)


async def _costs(on: Bound) -> Costs:
    """At the speed of the model of activation memory: no other says how fast it reads, so each is taken to be as fast.

    Were something else assumed of the others, one that was measured would be slow or fast beside a guess. Before it was
    measured, it is the speed that the scheduler goes by. What loads blocks for a fast model is as much faster.
    """
    try:
        pace = await on.activations.pace() if on.activations else None
    except (Corrupt, NotFound):
        pace = None
    costs = COSTS.at_speed(pace or SECONDS)
    return replace(costs, loading=min(COSTS.loading, costs.token * COSTS.loading / COSTS.token))
