"""Adapters put together without training: the sum of what each adds, with what it cost."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from memos_mcp.cube import Parametric
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.fingerprint import hashed
from memos_mcp.infrastructure.parametric.artefacts import Artefact, Manifest, place_of
from memos_mcp.infrastructure.parametric.attempts import data_of, key_of
from memos_mcp.infrastructure.parametric.learning import Place, beside, check
from memos_mcp.infrastructure.parametric.measuring import Exam
from memos_mcp.infrastructure.parametric.profile import AdapterConfig
from memos_mcp.infrastructure.parametric.rows import scores
from memos_mcp.parametric import Figures, GateReport, Judge, Lesson, Trained

_NAME = "memosmerged"


@dataclass(frozen=True, slots=True)
class _Measured:
    figures: Figures
    lost: float


def merged(at: Place, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
    """The sum of adapters, examined and kept if the judge promotes it. Each has the names of its parts.

    Published and own figures: separately trained adapters lose most of their gain when they are summed.
    """
    rank = _fitting(lesson, adapters)
    parts = {place_of(each.blob): at.shelf.read(each, at.base) for each in adapters}
    if odd := [each.manifest.name for each in parts.values() if not isinstance(each.config, AdapterConfig)]:
        raise InvalidInput(f"{', '.join(odd)} is a cartridge, which cannot be summed: learn the lesson jointly")
    new = [name for name in parts if name not in at.adapted.names]
    try:
        for name in new:
            at.adapted.add(name, parts[name].config, parts[name].tensors)
        at.adapted.sum_of(list(parts), _NAME)
        measured = _measured(at, lesson, parts)
        report = judge(measured.figures)
        adapter = _kept(at, lesson, list(parts.values()), rank, measured, report) if report.promoted else None
    finally:
        for name in (*new, _NAME):
            at.adapted.remove(name)
    return Trained(adapter, report, lost=measured.lost)


def _fitting(lesson: Lesson, adapters: Sequence[Parametric]) -> int:
    check(lesson)
    if len({each.blob for each in adapters}) < 2:
        raise InvalidInput("to merge takes two adapters at least: attach one by itself")
    if adopted := [each.name for each in adapters if not each.sources]:
        raise InvalidInput(
            f"{', '.join(adopted)} was adopted and has no sources: a sum could not be taken back by them"
        )
    rank = sum(each.rank for each in adapters)
    if rank > lesson.budget.rank:
        raise InvalidInput(f"merged they have rank {rank} of {lesson.budget.rank}: allow more, or train them jointly")
    trained = {(ref.id, ref.version) for each in adapters for ref in each.sources}
    learnt = {(ref.id, ref.version) for ref in lesson.sources}
    if learnt != trained:
        odd = sorted({id_ for id_, _ in trained ^ learnt})
        raise InvalidInput(f"the lesson is not of the sources that these adapters have: {', '.join(odd[:5])} differ")
    return rank


def _measured(at: Place, lesson: Lesson, parts: dict[str, Artefact]) -> _Measured:
    _, control = beside(at, lesson)
    exam = Exam(at.adapted, at.asking, lesson, control, _NAME)
    exam.before()
    own: list[float] = []
    now: list[float] = []
    for name, artefact in parts.items():
        rows = [
            exam.row(each.question, each.answer) for each in lesson.pairs if each.source in artefact.manifest.sources
        ]
        own += scores(at.adapted, rows, name)
        now += scores(at.adapted, rows, _NAME)
    lost = statistics.fmean(own) - statistics.fmean(now)
    return _Measured(exam.figures(0, ""), round(lost, 5))


def _kept(
    at: Place, lesson: Lesson, parts: Sequence[Artefact], rank: int, measured: _Measured, report: GateReport
) -> Parametric:
    config = AdapterConfig(
        base_model_name_or_path=at.base.model, r=rank, lora_alpha=rank, target_modules=at.adapted.targets
    )
    names = tuple(each.manifest.name for each in parts)
    manifest = Manifest(
        name=at.shelf.name(lesson.topic),
        base=at.base,
        data=data_of(lesson),
        key=hashed([key_of(lesson, at.base), names]),
        sources=lesson.sources,
        files={},
        rank=rank,
        recipe=lesson.recipe,
        budget=lesson.budget,
        report=report,
        rules=lesson.rules,
        parts=names,
        lost=measured.lost,
    )
    return at.shelf.keep(manifest, config, at.adapted.tensors(_NAME))
