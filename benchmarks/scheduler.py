"""What policies of the scheduler save, against who knows the future: `python -m benchmarks.scheduler`.

`--vault HOME` measures them on the reads of a vault of your own, as its access log has them. `--record FILE` writes
these as a trace, and `--trace FILE` measures one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from pydantic import JsonValue

from benchmarks import scheduler_traces as traces
from benchmarks.common import keep
from benchmarks.scheduler_recording import record
from benchmarks.scheduler_simulation import Run, bound, gaps, total_bytes
from benchmarks.scheduler_traces import FAMILIES, Trace
from memos_mcp import sync
from memos_mcp.operation.expecting import FORECASTS, Forecasts
from memos_mcp.operation.scheduling import Limits, Policy
from memos_mcp.operation.scheduling_policies import Frequent, Labelled, Paying, Recent, Similar
from memos_mcp.operation.uses import Uses

SEEDS = (1, 2, 3)
HELD_OUT = (101, 102, 103)
BUDGET = 0.2
"""Of the bytes of all blocks."""
WAYS = {"built apart": 1.0, "kept from the answer": 0.0}
"""Prefills that a promotion costs: one of its own, or none, since the answer that missed has computed the block."""
_FREE = 10**12


@dataclass(frozen=True, slots=True)
class Entrant:
    """A policy as it takes part."""

    name: str
    policy: Policy
    limits: Limits
    forecasts: Forecasts = FORECASTS


LRU = Entrant("LRU, as in textbooks", Recent(span=_FREE), Limits(0, promotions=_FREE, margin=0.0, stay=0))
"""Every memory that was used is promoted at once, at the cost of the one whose use is longest ago."""
PAYING = Entrant("paying", Paying(), Limits(0))
OTHERS: tuple[Policy, ...] = (Recent(), Frequent(), Similar(), Labelled())
ENTRANTS = (LRU, *(Entrant(policy.name, policy, Limits(0)) for policy in OTHERS), PAYING)

HARDER: dict[str, Callable[[int, int], Trace]] = {
    "zipf 0.7": partial(traces.zipf, exponent=0.7),
    "zipf 0.85": partial(traces.zipf, exponent=0.85),
    "zipf 1.2": partial(traces.zipf, exponent=1.2),
    "zipf of 100 memories": partial(traces.zipf, memories=100),
    "zipf of 1,000 memories": partial(traces.zipf, memories=1000),
    "bursts of 4": partial(traces.bursts, length=4.0),
    "bursts of 40": partial(traces.bursts, length=40.0),
    "bursts, 0.7 beside": partial(traces.bursts, background=0.7),
    "drift every 5": partial(traces.drift, every=5),
    "drift every 100": partial(traces.drift, every=100),
    "drift, topics of 60": partial(traces.drift, topic=60),
    "changes of half": partial(traces.changes, changing=0.5),
}
"""Other parameters of the same families, that no constant was chosen on."""

TALKS: dict[str, Callable[[int, int], Trace]] = {
    "sessions of 24 uses": traces.talks,
    "of 8": partial(traces.talks, length=8.0),
    "of 60": partial(traces.talks, length=60.0),
    "seven of ten uses are of its own": partial(traces.talks, own=0.7),
    "three of ten": partial(traces.talks, own=0.3),
}
"""Uses in sessions, each of which has memories of its own beside those that all want."""

VARIANTS: dict[str, Entrant] = {
    **{f"horizon {n}": replace(PAYING, policy=Paying(horizon=n)) for n in (256, 512, 2048, 4096)},
    **{f"rent {n:g}": replace(PAYING, policy=Paying(rent=n)) for n in (0.0, 10.0)},
    **{f"margin {n:g}": replace(PAYING, limits=Limits(0, margin=n)) for n in (0.0, 0.3, 1.0)},
    **{f"stay {n}": replace(PAYING, limits=Limits(0, stay=n)) for n in (0, 64)},
    **{f"prior {n:g}": replace(PAYING, forecasts=replace(FORECASTS, prior=n)) for n in (0.1, 10.0)},
    **{f"share 1/{n}": replace(PAYING, forecasts=replace(FORECASTS, share=1 / n)) for n in (256, 4096)},
    "half-lives 16, 256, 4096": replace(PAYING, forecasts=replace(FORECASTS, halves=(16, 256, 4096))),
    "half-lives 4 to 16384": replace(PAYING, forecasts=replace(FORECASTS, halves=(4, 16, 64, 256, 1024, 4096, 16384))),
    "half-life 256 alone": replace(PAYING, forecasts=replace(FORECASTS, halves=(256,))),
}
"""The cost model with one constant changed."""


@dataclass(frozen=True, slots=True)
class Course:
    """A trace with a budget and a way to build, and what can be saved there at most and by who knows the future."""

    trace: Trace
    budget: int
    building: float
    most: float
    reached: float


def course(trace: Trace, share: float, building: float, rounds: int = 120) -> Course:
    """With that share of all bytes as the budget."""
    budget = int(share * total_bytes(trace))
    most, reached = bound(gaps(trace, budget, building), budget, rounds)
    return Course(trace, budget, building, most, reached)


def measured(entrant: Entrant, on: Course) -> dict[str, float]:
    """What it came to, seconds as shares of what can be saved at most."""
    limits = replace(entrant.limits, budget=on.budget)
    figures = Run(entrant.policy, limits, on.building, Uses(entrant.forecasts)).follow(on.trace)
    return {
        "saved": figures.net / max(on.most, 1e-9),
        "hit rate": figures.hits / max(figures.uses, 1),
        "of all prefill": figures.net / max(figures.asked, 1e-9),
        "promotions": figures.promotions,
        "demotions": figures.demotions,
        "GB moved": figures.moved / 1e9,
    }


def averaged(entrant: Entrant, courses: Sequence[Course]) -> dict[str, JsonValue]:
    """The mean over the courses, and the least and the most that was saved."""
    each = [measured(entrant, on) for on in courses]
    result: dict[str, JsonValue] = {name: round(fmean(one[name] for one in each), 3) for name in each[0]}
    saved = [round(one["saved"], 3) for one in each]
    return result | {"least": min(saved), "most": max(saved)}


def compared(entrants: Sequence[Entrant], courses: Sequence[Course]) -> dict[str, JsonValue]:
    """Each entrant, and who knows the future."""
    table: dict[str, JsonValue] = {entrant.name: averaged(entrant, courses) for entrant in entrants}
    table["knows the future"] = {"saved": round(fmean(on.reached / on.most for on in courses), 3)}
    return table


def standard(uses: int) -> dict[str, JsonValue]:
    """Every policy on every family."""
    result: dict[str, JsonValue] = {}
    for way, building in WAYS.items():
        families: dict[str, JsonValue] = {}
        for name, family in FAMILIES.items():
            courses = [course(family(seed, uses), BUDGET, building) for seed in SEEDS]
            families[name] = compared(ENTRANTS, courses)
            _tell(f"{name}, {way}", families[name])
        result[way] = families
    return result


def held_out(uses: int) -> dict[str, JsonValue]:
    """The cost model beside LRU on other seeds, parameters and budgets."""
    made: dict[str, list[tuple[Trace, float]]] = {
        f"{name}, other seeds": [(FAMILIES[name](seed, uses), BUDGET) for seed in HELD_OUT]
        for name in ("zipf", "bursts", "drift")
    }
    made["zipf, other seeds, twice as long"] = [(traces.zipf(seed, 2 * uses), BUDGET) for seed in HELD_OUT]
    made |= {name: [(family(HELD_OUT[0], uses), BUDGET)] for name, family in HARDER.items()}
    made |= {f"zipf, budget {share:.0%}": [(traces.zipf(HELD_OUT[0], uses), share)] for share in (0.05, 0.1, 0.4)}
    result: dict[str, JsonValue] = {}
    for name, given in made.items():
        ways: dict[str, JsonValue] = {}
        for way, building in WAYS.items():
            ways[way] = compared((LRU, PAYING), [course(trace, share, building, rounds=60) for trace, share in given])
            _tell(f"{name}, {way}", ways[way])
        result[name] = ways
    return result


def plateau(uses: int) -> dict[str, JsonValue]:
    """What the cost model saves with another constant, built apart, on a seed that is not among the others."""
    courses = {name: course(FAMILIES[name](7, uses), BUDGET, 1.0) for name in ("zipf", "bursts", "drift")}
    result: dict[str, JsonValue] = {}
    for name, entrant in {"as it is": PAYING, **VARIANTS}.items():
        result[name] = {family: round(measured(entrant, on)["saved"], 3) for family, on in courses.items()}
        _tell(name, result[name])
    return result


def in_sessions(uses: int) -> dict[str, JsonValue]:
    """What it saves to know in how many sessions a memory was used."""
    result: dict[str, JsonValue] = {}
    for name, family in TALKS.items():
        made = [family(seed, uses) for seed in (*SEEDS, *HELD_OUT)]
        ways: dict[str, JsonValue] = {}
        for way, building in WAYS.items():
            told = [course(trace, BUDGET, building, rounds=60) for trace in made]
            untold = [replace(on, trace=_without_sessions(on.trace)) for on in told]
            ways[way] = {**compared((LRU, PAYING), told), "not told": averaged(PAYING, untold)}
            _tell(f"{name}, {way}", ways[way])
        result[name] = ways
    return result


def _without_sessions(trace: Trace) -> Trace:
    return tuple(line.model_copy(update={"first": None}) for line in trace)


def recorded(trace: Trace, share: float) -> None:
    """Every policy on what was really read, and what who knows the future would save."""
    if not any(line.what == "use" for line in trace):
        sys.stdout.write("nothing was read yet\n")
        return
    for way, building in WAYS.items():
        on = course(trace, share, building)
        for entrant in ENTRANTS:
            _tell(f"{way}, {entrant.name}", {name: round(value, 3) for name, value in measured(entrant, on).items()})
        _tell(f"{way}, who knows the future", {"saved": round(on.reached / max(on.most, 1e-9), 3)})


def _tell(name: str, figures: JsonValue) -> None:
    sys.stdout.write(f"{name}: {figures}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what is made by seed, or a recorded trace; or record one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uses", type=int, default=6000)
    parser.add_argument("--short", action="store_true", help="only the table of all policies")
    parser.add_argument("--trace", type=Path, help="measure this recorded trace instead")
    parser.add_argument("--vault", type=Path, metavar="HOME", help="measure the reads of the vault in this data folder")
    parser.add_argument("--budget", type=float, default=BUDGET, help="for what was recorded: share of all bytes")
    parser.add_argument("--record", type=Path, help="write the reads of your vault here, and stop")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.record:
        options.record.write_text("".join(traces.written(record())), "utf-8")
        return
    if options.vault:
        with sync.open(home=options.vault) as memos:
            recorded(record(memos), options.budget)
        return
    if options.trace:
        with options.trace.open(encoding="utf-8") as lines:
            recorded(traces.read(lines), options.budget)
        return
    result: dict[str, JsonValue] = {"uses": options.uses, "budget": BUDGET, "policies": standard(options.uses)}
    if not options.short:
        result |= {"held out": held_out(options.uses), "plateau": plateau(options.uses)}
        result["in sessions"] = in_sessions(options.uses)
    keep("scheduler", result, options.out)


if __name__ == "__main__":
    main()
