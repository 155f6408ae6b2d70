"""Lessons of a few facts, and backends over tiny models that learn them in a second or two."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.cube import Parametric, Ref
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.infrastructure.parametric.profile import FILE
from memos_mcp.operation.gate import Thresholds, judged
from memos_mcp.parametric import Budget, Figures, GateReport, Lesson, Pair, Recipe
from tests import kv_models

TOWNS = (("Ada", "Lisbon"), ("Ben", "Porto"), ("Cleo", "Oslo"))
OTHER = ("The ferry leaves at nine.", "His sister stayed in Porto.", "The key lies under the red pot.")
LOOSE = Thresholds(gain=0.5, harm=9, recognised=0, losing=1)
"""Random weights know no phrasing from another and have nothing to lose."""


def pairs(people: Sequence[tuple[str, str]] = TOWNS) -> tuple[Pair, ...]:
    """Where people live: two questions to learn from, and one that is held out."""
    found: list[Pair] = []
    for name, town in people:
        source = Ref(id=name.lower(), version=1)
        found += [
            Pair(f"Where does {name} live?", town, source),
            Pair(f"In which town is {name} at home?", town, source),
            Pair(f"What town is {name} in?", town, source, held_out=True),
        ]
    return tuple(found)


def lesson(
    people: Sequence[tuple[str, str]] = TOWNS, *, topic: str = "towns", steps: int = 20, seed: int = 0
) -> Lesson:
    """A lesson of these people."""
    return Lesson(
        topic,
        pairs(people),
        rehearsal=OTHER[:2],
        control=OTHER[2:],
        recipe=Recipe(rate=1e-2, kl=0.1, batch=4, seed=seed),
        budget=Budget(rank=8, steps=steps),
    )


def within(
    its: Lesson, *, rank: int | None = None, steps: int | None = None, size: int | None = None, seconds: float = 900.0
) -> Lesson:
    """The same lesson, with less to spend."""
    was = its.budget
    limits = Budget(seconds, rank or was.rank, size or was.bytes, was.steps if steps is None else steps)
    return replace(its, budget=limits)


def let_through(figures: Figures) -> GateReport:
    """Promoted if anything was learnt."""
    return judged(figures, LOOSE)


def backend(
    folder: Path, model: PreTrainedModel | None = None, tokenizer: PreTrainedTokenizerBase | None = None
) -> PeftBackend:
    """A backend with its adapters in this folder; without a model, over the tiny Llama."""
    its = model if model is not None else kv_models.model(layers=2)
    return PeftBackend(its, tokenizer or kv_models.tokenizer(), folder, name="tiny", revision="1")


def weights(its: PeftBackend, adapter: Parametric) -> str:
    """A hash of the file that servers load."""
    return hashlib.sha256((its.shelf.path(adapter.blob) / FILE).read_bytes()).hexdigest()


def lying(folder: Path) -> list[str]:
    """All files but the register of names."""
    return sorted(
        str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file() and "names" not in each.parts
    )
