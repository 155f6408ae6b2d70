"""A model of parametric memory that needs no weights: it knows by heart what it was trained on.

It stands for the far side of the port: what a real model makes of the same calls is tested in the `kv` environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from memos_mcp import Memos
from memos_mcp.answers import Learned
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, Governance, Parametric, Ref
from memos_mcp.errors import InvalidInput, MemosError, NotFound
from memos_mcp.parametric import Figures, Judge, Lesson, Pair, Progress, SourceFigures, Trained
from memos_mcp.ports import Caller

_NO_RULES, _NOBODY = Governance(), Ref(id="elsewhere", version=1)


@dataclass
class Learner:
    """Adapters by hash. What is trained gains `gain`; `trouble` is raised by the next trainings and answers.

    A training waits for `going`, if it is set, after it has `begun`.
    """

    model: str = "learner"
    about: Capacity | None = None
    gain: float = 2.0
    harm: float = 0.0
    trouble: MemosError | None = None
    kept: dict[str, tuple[Parametric, Lesson]] = field(default_factory=dict[str, tuple[Parametric, Lesson]])
    named: dict[str, int] = field(default_factory=dict[str, int])
    trained: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    retired: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    prompts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    begun: anyio.Event | None = None
    going: anyio.Event | None = None
    closed: bool = False

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        if self.trouble is not None:
            raise self.trouble
        report = judge(self._figures(lesson))
        blob = _hash(
            self.model, lesson.topic, *(f"{each.source} {each.question} {each.answer}" for each in lesson.pairs)
        )
        if blob in self.kept:
            return Trained(self.kept[blob][0], report, known=True)
        if self.begun is not None:
            self.begun.set()
        if self.going is not None:
            await self.going.wait()
        if told is not None:
            told(1, 1)
        self.trained.append(tuple(ref.id for ref in lesson.sources))
        if not report.promoted:
            return Trained(None, report, (1.0,), 3.0)
        return Trained(self._keep(blob, lesson), report, (1.0, 0.1), 3.0)

    async def merge(self, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
        if len(adapters) < 2:
            raise InvalidInput("name at least two adapters to put together")
        parts = tuple(each.name for each in adapters)
        blob = _hash("merged", lesson.topic, *parts)
        return Trained(self._keep(blob, lesson, parts), judge(self._figures(lesson)), seconds=0.5, lost=0.2)

    async def cartridge(
        self, lesson: Lesson, block: Activation | Path, judge: Judge, *, told: Progress | None = None
    ) -> Trained:
        if isinstance(block, Activation) and block.blob is None:
            raise InvalidInput("the KV block is kept by a server")
        return await self.train(lesson, judge, told=told)

    async def adopt(self, folder: Path, topic: str, *, rules: Governance = _NO_RULES) -> Parametric:
        if not await anyio.Path(folder).is_dir():
            raise NotFound(f"there is no {folder}")
        facts = (Pair("Where does Ben live?", "Lisbon", _NOBODY), Pair("Who is Ada?", "A baker", _NOBODY))
        its = self._keep(_hash("adopted", topic, str(folder)), Lesson(topic, facts))
        known = self.kept[its.blob][1]
        self.kept[its.blob] = (its.model_copy(update={"sources": ()}), known)
        return self.kept[its.blob][0]

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        known = {each.question: each.answer for each in self._lesson(adapter).pairs} if adapter else {}
        return [-0.1 if known.get(pair.question) == pair.answer else -3.0 for pair in pairs]

    async def retire(self, sources: Collection[str]) -> list[str]:
        if self.trouble is not None:
            raise self.trouble
        self.retired.append(frozenset(sources))
        gone = [blob for blob, (its, _) in self.kept.items() if any(ref.id in sources for ref in its.sources)]
        return [self.kept.pop(blob)[0].name for blob in gone]

    async def capacity(self) -> Capacity | None:
        return self.about

    async def attach(self, adapter: Parametric) -> None:
        self._lesson(adapter)

    async def detach(self, adapter: Parametric) -> None:
        del adapter

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.prompts.append((adapter.name if adapter else "", prompt))
        if adapter is None:
            return "I have learnt nothing."
        answers = [each.answer for each in self._lesson(adapter).pairs if each.question in prompt]
        return answers[0] if answers else self._lesson(adapter).pairs[0].answer

    async def verify(self, adapter: Parametric) -> None:
        self._lesson(adapter)

    async def drop(self, adapter: Parametric) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.kept.pop(adapter.blob, None)

    async def size(self, adapter: Parametric) -> int:
        return 1000 if adapter.blob in self.kept else 0

    async def tidy(self, kept: Sequence[Parametric]) -> None:
        named = {each.blob for each in kept}
        for blob in list(self.kept):
            if blob not in named:
                del self.kept[blob]

    async def aclose(self) -> None:
        self.closed = True

    def _keep(self, blob: str, lesson: Lesson, parts: tuple[str, ...] = ()) -> Parametric:
        number = self.named[lesson.topic] = self.named.get(lesson.topic, 0) + 1
        name = f"{lesson.topic}@{number}"
        its = Parametric(
            sources=lesson.sources, fingerprint=self.model, rank=lesson.budget.rank, blob=blob, name=name, merged=parts
        )
        self.kept[blob] = (its, lesson)
        return its

    def _lesson(self, adapter: Parametric) -> Lesson:
        if adapter.blob not in self.kept:
            raise NotFound(f"there is no adapter {adapter.name}: train it again from its sources")
        return self.kept[adapter.blob][1]

    def _figures(self, lesson: Lesson) -> Figures:
        its = tuple(SourceFigures(ref, -3.0, -3.0 + self.gain) for ref in lesson.sources)
        return Figures(its, -3.0, -0.1, 1.5, 1.5 + self.harm, 20)


async def usable(memos: Memos, beneath: Sequence[str], user: Caller | str = "ada") -> tuple[Learned, ...]:
    """The adapters that answer somebody there, whatever he asks about."""
    on = memos.acting_as(Caller(user) if isinstance(user, str) else user)._on  # pyright: ignore[reportPrivateUsage]
    assert on.adapters is not None
    ids = {ref.id for release in await on.adapters.records.all() for ref in release.sources}
    cubes = await on.vault.get([Ref(id=id) for id in sorted(ids)])
    return await on.adapters.all_covering(on, cubes, beneath, len(ids))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
