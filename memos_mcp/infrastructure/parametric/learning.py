"""A lesson from its pairs to an adapter on the disk: step by step, so that answers and a cancellation come between."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import anyio
from torch import Tensor

from memos_mcp.cube import Parametric
from memos_mcp.errors import Conflict, InvalidInput
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.artefacts import Manifest, Shelf, touched
from memos_mcp.infrastructure.parametric.asking import Asking, Asks
from memos_mcp.infrastructure.parametric.attempts import Attempts, Measured, Standing, data_of, key_of
from memos_mcp.infrastructure.parametric.measuring import Exam
from memos_mcp.infrastructure.parametric.profile import AdapterConfig, Config, rank_of, rank_within
from memos_mcp.infrastructure.parametric.rehearsal import texts, written
from memos_mcp.infrastructure.parametric.rows import Row
from memos_mcp.infrastructure.parametric.training import Material, Training
from memos_mcp.parametric import GateReport, Judge, Lesson, Progress, Trained

_NAME = "memostraining"
_KEEP = 25  # steps between two checkpoints: at most so many are done again after a kill -9
_OUT_OF_TIME = "time"

T = TypeVar("T")


class Run(Protocol):
    """Does what blocks, elsewhere, and nothing else meanwhile."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """What it came to."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lesson is learnt: which model, and where what comes of it is kept."""

    adapted: Adapted
    asking: Asking
    base: Fingerprint
    shelf: Shelf
    attempts: Attempts
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a lesson is learnt into: an adapter of these weights (None: random ones), and how it is asked.

    `key` names the lesson in this form; `block` is the hash of the KV block that it began as.
    """

    key: str
    config: Config
    asks: Asks
    tensors: Mapping[str, Tensor] | None = None
    block: str = ""


def blank(at: Place, lesson: Lesson) -> Start:
    """An adapter that changes nothing yet, of the highest rank that the budget allows. Raises InvalidInput."""
    rank = rank_within(lesson.budget.rank, lesson.budget.bytes, at.adapted.per_rank())
    config = AdapterConfig(
        base_model_name_or_path=at.base.model, r=rank, lora_alpha=2 * rank, target_modules=at.adapted.targets
    )
    return Start(key_of(lesson, at.base), config, at.asking)


class Learning:
    """One lesson on its way. `run` is given what blocks, and does nothing else meanwhile."""

    def __init__(self, place: Place, lesson: Lesson, start: Start, run: Run) -> None:
        """Raises InvalidInput for a lesson that cannot be learnt, or not be examined."""
        check(lesson)
        self._at, self._lesson, self._start, self._run = place, lesson, start, run
        self._key = start.key
        self._revoked = False

    def revoke(self, ids: Collection[str]) -> None:
        """End it before its next step if it learns from one of these memories."""
        self._revoked = self._revoked or touched(self._lesson.sources, ids)

    async def learnt(self, judge: Judge, told: Progress | None) -> Trained:
        """Its adapter, or why there is none."""
        known = await self._known(judge)
        if known is not None:
            return known
        began = self._at.clock()
        training, exam, used = await self._run(self._begun)
        try:
            await self._steps(training, used, told)
            measured = Measured(
                figures=await self._run(partial(exam.figures, training.done, self._stopped(training))),
                losses=tuple(training.losses),
            )
            report = judge(measured.figures)
            self._check()
            adapter = await self._run(partial(self._kept, training, measured, report))
        finally:
            with anyio.CancelScope(shield=True):
                await self._run(training.leave)
        return Trained(adapter, report, measured.losses, self._at.clock() - began)

    async def _known(self, judge: Judge) -> Trained | None:
        """What the same lesson came to before, unless it was refused and would not be now."""
        measured = await self._run(partial(self._at.attempts.measured, self._key))
        if measured is None:
            return None
        await self._run(partial(self._at.attempts.finish, self._key, measured))
        report = judge(measured.figures)
        if not report.promoted:
            return Trained(None, report, measured.losses, known=True)
        adapter = await self._run(self._shelved)
        return Trained(adapter, report, measured.losses, known=True) if adapter is not None else None

    def _begun(self) -> tuple[Training, Exam, float]:
        at, lesson, start = self._at, self._lesson, self._start
        at.attempts.begin(self._key, lesson.sources)
        rehearsal, control = beside(at, lesson)
        exam = Exam(at.adapted, at.asking, lesson, control, _NAME, start.asks)
        exam.before()
        answers = tuple(exam.row(each.question, each.answer) for each in lesson.pairs if not each.held_out)
        material = Material(answers, rehearsal, start.tensors)
        training = Training(at.adapted, _NAME, start.config, material, lesson.recipe, lesson.budget.steps)
        standing = at.attempts.standing(self._key)
        if standing is None:
            return training, exam, 0.0
        training.restore(standing.state, standing.losses)
        return training, exam, standing.seconds

    async def _steps(self, training: Training, used: float, told: Progress | None) -> None:
        kept = training.done
        try:
            while not training.over and used < self._lesson.budget.seconds:
                self._check()
                began = self._at.clock()
                await self._run(training.step)
                used += self._at.clock() - began
                if told is not None:
                    told(training.done, training.steps)
                if training.done - kept >= _KEEP:
                    await self._run(partial(self._checkpoint, training, used))
                    kept = training.done
        finally:
            if training.done > kept and not self._revoked:
                with anyio.CancelScope(shield=True):
                    await self._run(partial(self._checkpoint, training, used))

    def _check(self) -> None:
        if self._revoked:
            raise Conflict(f"a source of {self._lesson.topic!r} was taken back while it was learnt: learn it without")

    def _checkpoint(self, training: Training, used: float) -> None:
        self._at.attempts.keep(self._key, Standing(training.state(), tuple(training.losses), used))

    def _stopped(self, training: Training) -> str:
        return "" if training.over else _OUT_OF_TIME

    def _kept(self, training: Training, measured: Measured, report: GateReport) -> Parametric | None:
        adapter = (self._shelved() or self._shelve(training, measured, report)) if report.promoted else None
        blob = adapter.blob if adapter is not None else ""
        self._at.attempts.finish(self._key, measured.model_copy(update={"blob": blob}))
        return adapter

    def _shelve(self, training: Training, measured: Measured, report: GateReport) -> Parametric:
        at, lesson = self._at, self._lesson
        config = training.config
        manifest = Manifest(
            name=at.shelf.name(lesson.topic),
            base=at.base,
            data=data_of(lesson),
            key=self._key,
            sources=lesson.sources,
            files={},
            rank=rank_of(config),
            recipe=lesson.recipe,
            budget=lesson.budget,
            log=measured.losses,
            report=report,
            rules=lesson.rules,
            block=self._start.block,
        )
        return at.shelf.keep(manifest, config, at.adapted.tensors(training.name))

    def _shelved(self) -> Parametric | None:
        return self._at.shelf.keyed(self._key)


def beside(at: Place, lesson: Lesson) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """What is rehearsed, and what it is measured by: given texts, or those that the model writes."""
    rehearsal, control = texts(at.asking, lesson.rehearsal), texts(at.asking, lesson.control)
    if rehearsal and control:
        return rehearsal, control
    own, measured = written(at.adapted, at.asking, lesson.recipe.seed)
    return rehearsal or own, control or measured


def check(lesson: Lesson) -> None:
    """Raises InvalidInput for a lesson that cannot be learnt, or not be examined."""
    asked = {" ".join(each.question.casefold().split()) for each in lesson.pairs if not each.held_out}
    held = {" ".join(each.question.casefold().split()) for each in lesson.pairs if each.held_out}
    if not asked:
        raise InvalidInput("there is nothing to learn: give pairs of questions and answers")
    if not held:
        raise InvalidInput("nothing is held out, so nobody could say whether it was learnt: hold out some phrasings")
    if asked & held:
        raise InvalidInput(f"held out and trained on: {min(asked & held)!r}; ask it in other words")
    if lesson.budget.steps < 1 or lesson.recipe.batch < 1 or lesson.recipe.rate <= 0 or lesson.recipe.kl < 0:
        raise InvalidInput("a lesson needs at least one step, one row in a batch, a rate above 0 and no negative kl")
