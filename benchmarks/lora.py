"""What facts trained into an adapter gain and cost: `tools/python tools/env.py kv python -m benchmarks.lora`.

On the small language model of `benchmarks/small_lm.py`, for 1 to 64 facts about people it never heard of: log-p per
token of the answers that were trained, of held-out phrasings, and the loss on chat turns that have nothing to do with
them, before and after. Recipes: answers only (sft), held near the base on other chat turns (sft+kl), two halves as two
lessons (apart), the two summed without training (merged), and the two learnt as one lesson (joint).
"""

# pyright: reportMissingModuleSource=false

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import torch
from pydantic import JsonValue

from benchmarks import small_lm
from benchmarks.common import keep
from memos_mcp.cube import Parametric
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.infrastructure.parametric.profile import FILE
from memos_mcp.operation.gate import judged
from memos_mcp.operation.lessons import joint, lesson_of
from memos_mcp.parametric import Budget, Figures, GateReport, Lesson, Recipe, Trained

FACTS = (1, 4, 16, 64)
_STEPS = {1: 60, 4: 80, 16: 150, 64: 300}


@dataclass(frozen=True, slots=True)
class Setting:
    """On which model, and how facts are learnt."""

    shape: str
    rate: float
    kl: float
    seed: int

    def lesson(self, topic: str, facts: int, part: slice, *, kl: float | None = None, rank: int = 8) -> Lesson:
        """A lesson of some of so many facts."""
        said = small_lm.cubes(small_lm.World(self.seed).facts(facts))
        recipe = Recipe(self.rate, self.kl if kl is None else kl)
        budget = Budget(rank=rank, steps=_STEPS.get(facts, max(60, 5 * facts)))
        return lesson_of(topic, said[part], others=small_lm.control(48), recipe=recipe, budget=budget)


def let_through(figures: Figures) -> GateReport:
    """As the gate judges, but it is kept whatever it says."""
    return replace(judged(figures), promoted=True)


def row(facts: int, recipe: str, trained: Trained, seconds: float, size: int) -> dict[str, JsonValue]:
    """The figures of one adapter."""
    its = trained.report.figures
    shares = [each.recognised for each in its.sources if each.recognised is not None]
    figures: dict[str, JsonValue] = {
        "facts": facts,
        "recipe": recipe,
        "trained": [round(its.trained_before, 2), round(its.trained_after, 2)],
        "held out": [
            round(statistics.fmean(each.before for each in its.sources), 2),
            round(statistics.fmean(each.after for each in its.sources), 2),
        ],
        "control loss": [round(its.control_before, 2), round(its.control_after, 2)],
        "recognised": round(statistics.fmean(shares), 2) if shares else None,
        "gate": judged(its).promoted,
        "steps": its.steps,
        "cpu s": round(seconds, 1),
        "bytes": size,
    }
    return figures | ({"lost": round(trained.lost, 2)} if trained.lost is not None else {})


async def facts(its: PeftBackend, setting: Setting, count: int) -> list[dict[str, JsonValue]]:
    """All recipes for so many facts."""
    rows: list[dict[str, JsonValue]] = []

    async def measured(recipe: str, work: Callable[[], Awaitable[Trained]]) -> Parametric:
        began = time.process_time()
        trained = await work()
        taken = time.process_time() - began
        assert trained.adapter
        size = (its.shelf.path(trained.adapter.blob) / FILE).stat().st_size
        rows.append(row(count, recipe, trained, taken, size))
        print(rows[-1], flush=True)
        return trained.adapter

    whole = slice(None)
    await measured("sft", partial(its.train, setting.lesson("sft", count, whole, kl=0.0), let_through))
    await measured("sft+kl", partial(its.train, setting.lesson("kl", count, whole), let_through))
    if count > 1:
        halves = [
            setting.lesson("one", count, slice(0, count // 2)),
            setting.lesson("two", count, slice(count // 2, None)),
        ]
        apart = [await measured("apart", partial(its.train, each, let_through)) for each in halves]
        both = joint("both", halves)
        wide = replace(both, budget=replace(both.budget, rank=16))
        await measured("merged", partial(its.merge, wide, apart, let_through))
        await measured("joint", partial(its.train, both, let_through))
    return rows


async def measure(options: argparse.Namespace) -> dict[str, JsonValue]:
    """The whole table."""
    model, tokenizer = small_lm.opened(options.shape)
    setting = Setting(options.shape, options.rate, options.kl, options.seed)
    rows: list[JsonValue] = []
    with tempfile.TemporaryDirectory(prefix="memos-lora-") as folder:
        its = PeftBackend(model, tokenizer, Path(folder), name=f"small-lm-{options.shape}")
        for count in options.facts:
            rows += await facts(its, setting, count)
    return {
        "model": options.shape,
        "parameters": sum(each.numel() for _, each in model.named_parameters()),
        "rate": options.rate,
        "kl": options.kl,
        "seed": options.seed,
        "threads": torch.get_num_threads(),
        "rows": rows,
    }


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(small_lm.SHAPES), default="small")
    parser.add_argument("--facts", type=int, nargs="+", default=FACTS)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--kl", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep("lora", anyio.run(measure, options), options.out)


if __name__ == "__main__":
    main()
