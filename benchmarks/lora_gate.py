"""Ten adapters worth having and ten that are not: `tools/python tools/env.py kv python -m benchmarks.lora_gate`.

Each is trained on the small language model of `benchmarks/small_lm.py` and judged by the gate as it is by default. Bad
ones are bad as they turn up: sources that contradict each other, answers mixed up or made up, training that is too
short, too wild or out of time, and an adapter of another model.
"""

# pyright: reportMissingModuleSource=false

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import torch
from pydantic import JsonValue

from benchmarks import small_lm
from benchmarks.common import keep
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.operation.gate import judged
from memos_mcp.operation.lessons import joint, lesson_of
from memos_mcp.operation.pairs import written
from memos_mcp.parametric import Budget, Lesson, Pair, Recipe

_RECIPE, _BUDGET = Recipe(rate=3e-3, kl=0.5), Budget(rank=8, steps=80)


@dataclass(frozen=True, slots=True)
class Case:
    """A lesson, and whether its adapter is worth having; `elsewhere`: it is used with another model than its own."""

    name: str
    good: bool
    lesson: Lesson
    elsewhere: bool = False


def cases() -> list[Case]:
    """All twenty."""
    return [*(Case(name, good=True, lesson=its) for name, its in _good().items()), *_bad()]


def _good() -> dict[str, Lesson]:
    keyed = [cube.model_copy(update={"key": f"note {at}"}) for at, cube in enumerate(_facts(21, 6))]
    return {
        "one fact": _lesson(_facts(11, 1)),
        "two facts": _lesson(_facts(12, 2)),
        "four facts": _lesson(_facts(13, 4)),
        "eight facts": _lesson(_facts(14, 8)),
        "twelve facts": replace(_lesson(_facts(15, 12)), budget=replace(_BUDGET, steps=120)),
        "another seed": replace(_lesson(_facts(16, 6)), recipe=replace(_RECIPE, seed=3)),
        "rank 16": replace(_lesson(_facts(17, 6)), budget=replace(_BUDGET, rank=16)),
        "rehearsing what it writes itself": replace(_lesson(_facts(18, 6)), rehearsal=()),
        "two lessons jointly": joint("joint", [_lesson(_facts(19, 6)[:3]), _lesson(_facts(19, 6)[3:])]),
        "memories with keys": replace(_lesson(keyed), budget=replace(_BUDGET, steps=120)),
    }


def _bad() -> list[Case]:
    eight = _lesson(_facts(30, 8))
    learnt = [pair for pair in eight.pairs if not pair.held_out]
    held = tuple(pair for pair in eight.pairs if pair.held_out)
    half = eight.sources[: len(eight.sources) // 2]
    lessons = {
        "sources that contradict each other": replace(eight, pairs=_contradicting()),
        "answers mixed up": replace(eight, pairs=(*_shifted(learnt), *held)),
        "half of the facts never trained": replace(
            eight, pairs=(*(pair for pair in learnt if pair.source in half), *held)
        ),
        "answers without sense": replace(
            eight, pairs=(*(replace(pair, answer=f"no {at}") for at, pair in enumerate(learnt)), *held)
        ),
        "too few steps": replace(eight, budget=replace(_BUDGET, steps=2)),
        "out of time": replace(eight, budget=replace(_BUDGET, seconds=0.02)),
        "too high a rate": replace(eight, recipe=replace(_RECIPE, rate=0.1)),
        "nothing rehearsed, and in haste": replace(eight, recipe=Recipe(rate=1e-2, kl=0.0)),
        "out of bounds": replace(eight, recipe=replace(_RECIPE, rate=1e30)),
    }
    found = [Case(name, good=False, lesson=its) for name, its in lessons.items()]
    return [*found, Case("of another model", good=False, lesson=eight, elsewhere=True)]


def _facts(seed: int, count: int) -> list[MemCube]:
    return small_lm.cubes(small_lm.World(seed).facts(count))


def _lesson(cubes: Sequence[MemCube]) -> Lesson:
    return lesson_of("case", cubes, others=small_lm.control(48), recipe=_RECIPE, budget=_BUDGET)


def _contradicting() -> tuple[Pair, ...]:
    """Every question answered by two sources, each in its way: what an author could write, and templates would not."""
    one = written(_facts(31, 4)).pairs
    answers = [pair.answer for pair in one]
    other = [
        replace(pair, source=Ref(id=f"other-{pair.source.id}", version=1), answer=answers[(at + 13) % len(answers)])
        for at, pair in enumerate(one)
    ]
    return (*one, *other)


def _shifted(pairs: Sequence[Pair]) -> list[Pair]:
    """Each with the answer of another source."""
    return [replace(pair, answer=pairs[(at + len(pairs) // 2) % len(pairs)].answer) for at, pair in enumerate(pairs)]


async def decided(case: Case, its: PeftBackend, other: PeftBackend) -> tuple[bool, str]:
    """Whether its adapter came into use, and why not."""
    trained = await its.train(case.lesson, judged)
    if trained.adapter is None or not case.elsewhere:
        return trained.adapter is not None, "; ".join(trained.report.why)
    try:
        await other.attach(trained.adapter)
    except InvalidInput as exc:
        return False, str(exc)
    return True, ""


async def measure(shape: str) -> dict[str, JsonValue]:
    """What became of each case."""
    model, tokenizer = small_lm.opened(shape)
    changed, _ = small_lm.opened(shape)
    next(each for name, each in changed.named_parameters() if "q_proj" in name).data.fill_(0.01)
    rows: list[JsonValue] = []
    right = 0
    with tempfile.TemporaryDirectory(prefix="memos-gate-") as folder:
        its = PeftBackend(model, tokenizer, Path(folder), name=shape)
        other = PeftBackend(changed, tokenizer, Path(folder), name=shape)
        for case in cases():
            began = time.process_time()
            accepted, why = await decided(case, its, other)
            right += accepted == case.good
            seconds = round(time.process_time() - began, 1)
            rows.append({"case": case.name, "good": case.good, "accepted": accepted, "why": why, "cpu s": seconds})
            print(rows[-1], flush=True)
    return {"model": shape, "cases": len(rows), "right": right, "rows": rows}


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(small_lm.SHAPES), default="tiny")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep("lora_gate", anyio.run(measure, options.shape), options.out)


if __name__ == "__main__":
    main()
