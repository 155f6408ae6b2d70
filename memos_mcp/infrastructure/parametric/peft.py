"""Parametric memory in process: adapters of a model of transformers, trained and used. Needs the extra `lora`."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import anyio
import torch
from anyio import CapacityLimiter, to_thread
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.capacity import Capacity
from memos_mcp.cube import Governance, Parametric
from memos_mcp.errors import InvalidInput, Misconfigured, NotFound
from memos_mcp.infrastructure.activation.caches import busy, window_of
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.activation.seam import HEADER, Seam
from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.adopting import adopted
from memos_mcp.infrastructure.parametric.artefacts import Shelf, place_of
from memos_mcp.infrastructure.parametric.asking import Asking, Asks, Behind
from memos_mcp.infrastructure.parametric.attempts import Attempts
from memos_mcp.infrastructure.parametric.based import base_of
from memos_mcp.infrastructure.parametric.cartridges import started
from memos_mcp.infrastructure.parametric.learning import Learning, Place, Start, blank
from memos_mcp.infrastructure.parametric.merging import merged
from memos_mcp.infrastructure.parametric.retiring import retired
from memos_mcp.infrastructure.parametric.rows import Row, row_of, scores
from memos_mcp.parametric import Judge, Lesson, Pair, Progress, Trained

T = TypeVar("T")

_NO_RULES = Governance()


class PeftBackend:
    """A Trainer and a ParametricBackend over one causal model, which belongs to it alone.

    The base is never changed: adapters lie beside it and are switched on for the rows that ask for them. Whatever
    computes waits for what computes: for one step of a training, or for one batch of answers. The folder belongs to
    one process at a time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        *,
        name: str,
        revision: str = "",
        header: str = HEADER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`header` is what is said before the memories in KV blocks that are trained further.

        Raises Misconfigured for a model without linear layers, or a tokenizer or template that cannot be used.
        """
        self.base: Fingerprint = base_of(model, tokenizer, name, revision)
        self.asking, self.seam = Asking(tokenizer), Seam(tokenizer, header)
        self._behind = Behind(self.seam, self.asking)
        self.adapted = Adapted(model)
        if not self.adapted.targets:
            raise Misconfigured(f"{name} has no linear layers that an adapter could stand beside: use another model")
        self.shelf, self.attempts = Shelf(folder), Attempts(folder / "training")
        self._name = name
        self.place = Place(self.adapted, self.asking, self.base, self.shelf, self.attempts, clock)
        self._training, self._learning = anyio.Lock(), cast("Learning | None", None)
        self._computing = CapacityLimiter(1)

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self._name

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        """Learn a lesson, or go on with it; costs a forward and a backward pass for each step, twice that with KL.

        Raises InvalidInput, Unavailable.
        """
        async with self._training:
            return await self._learnt(lesson, blank(self.place, lesson), judge, told)

    async def cartridge(self, lesson: Lesson, block: Path, judge: Judge, *, told: Progress | None = None) -> Trained:
        """Learn a lesson into a block of activation memory: the file of one that this very model has read.

        What comes of it is attached, asked, examined and taken back as any adapter, but no server loads it and none is
        merged. Untrained it would answer as the block does. Raises as `train`, NotFound, Corrupt, InvalidInput (a block
        of another model, or with memories that are not of the lesson; a model without full attention).
        """
        start = await self._run(partial(started, self.place, self.seam, lesson, block))
        async with self._training:
            return await self._learnt(lesson, start, judge, told)

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        """Log-p per token of each answer to its question. Raises NotFound, InvalidInput (an empty one)."""
        return await self._run(partial(self._scores, adapter, pairs))

    async def merge(self, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
        """Adapters as one that only resembles them: the sum of what each adds. To train the lesson jointly is better.

        `lesson` has the pairs of all of them, by which what was lost is measured; nothing is trained. Raises as
        `attach`, and InvalidInput (less than two, ranks over the budget, or sources that are not those of the lesson).
        """
        async with self._training:
            return await self._run(partial(merged, self.place, lesson, tuple(adapters), judge))

    async def adopt(self, folder: Path, topic: str, *, rules: Governance = _NO_RULES) -> Parametric:
        """An adapter that peft saved elsewhere, for this model: copied, under a name of this topic, without sources.

        It was never examined here, and no forgotten memory takes it along: `retire` leaves it, `drop` removes it.
        Taken in again under the same topic and rules it is the same. Raises NotFound, InvalidInput (other files,
        links, not of the portable profile, not for this model), Corrupt, Unavailable.
        """
        return await self._run(partial(adopted, self.place, folder, topic, rules))

    async def releases(self, topic: str) -> list[Parametric]:
        """The adapters of a topic that are kept, by version: to go back to one, attach it."""
        return await to_thread.run_sync(self.shelf.releases, topic)

    async def retire(self, sources: Collection[str]) -> list[str]:
        """Remove whatever was trained from one of these memories, and what no longer says from which."""
        ids = frozenset(sources)
        if self._learning is not None:
            self._learning.revoke(ids)
        async with self._training:
            return await self._run(partial(self._retire, ids))

    async def capacity(self) -> Capacity:
        """What the model was made for, and what is computed or waits: one thing at a time is, steps of training too."""
        return Capacity(window_of(self.adapted.model), busy(self._computing))

    async def attach(self, adapter: Parametric) -> None:
        """Have it at hand. Raises NotFound, Corrupt, InvalidInput."""
        await self._run(partial(self._attach, adapter))

    async def detach(self, adapter: Parametric) -> None:
        """Let go of it; the model is what it was."""
        await self._run(lambda: self.adapted.remove(place_of(adapter.blob)))

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        """The likeliest answer. Raises InvalidInput, NotFound."""
        (said,) = await self.generate_all([(adapter, prompt)], limit=limit)
        return said

    async def generate_all(self, rows: Sequence[tuple[Parametric | None, str]], *, limit: int = 256) -> list[str]:
        """Answer several prompts at once, each with an adapter of its own or none. Raises as `generate`.

        Those behind cartridges come in turn, one cartridge after the other.
        """
        if limit < 1:
            raise InvalidInput(f"an answer needs at least one token, not {limit}")
        return await self._run(partial(self._answers, rows, limit))

    async def verify(self, adapter: Parametric) -> None:
        """Look at every byte of it. Raises NotFound, Corrupt, InvalidInput."""
        await to_thread.run_sync(self.shelf.read, adapter, self.base)

    async def drop(self, adapter: Parametric) -> None:
        """Detach it and remove it for good. Raises Unavailable."""
        await self._run(partial(self._drop, adapter.blob))

    async def aclose(self) -> None:
        """Take all adapters off the model."""
        await self._run(lambda: [self.adapted.remove(name) for name in self.adapted.names])

    def row(self, question: str, answer: str) -> Row:
        """A question and its answer as ids, as the base is asked. Raises InvalidInput."""
        return row_of(self.asking, question, answer)

    async def _learnt(self, lesson: Lesson, start: Start, judge: Judge, told: Progress | None) -> Trained:
        self._learning = Learning(self.place, lesson, start, self._run)
        try:
            return await self._learning.learnt(judge, told)
        finally:
            self._learning = None

    def _scores(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        name = self._at_hand(adapter)
        return scores(self.adapted, [row_of(self._asks(name), each.question, each.answer) for each in pairs], name)

    def _asks(self, name: str | None) -> Asks:
        return self._behind if self.adapted.prefixed(name) else self.asking

    def _attach(self, adapter: Parametric) -> None:
        if place_of(adapter.blob) not in self.adapted.names:
            found = self.shelf.read(adapter, self.base)
            self.adapted.add(place_of(adapter.blob), found.config, found.tensors)

    def _at_hand(self, adapter: Parametric | None) -> str | None:
        if adapter is None:
            return None
        if place_of(adapter.blob) not in self.adapted.names:
            raise NotFound(f"the adapter {adapter.name or adapter.blob} is not attached: attach it first")
        return place_of(adapter.blob)

    def _drop(self, blob: str) -> None:
        self.adapted.remove(place_of(blob))
        self.shelf.drop(blob)

    def _retire(self, ids: frozenset[str]) -> list[str]:
        gone = retired(self.shelf.folder, ids)
        for blob in gone:
            self.adapted.remove(place_of(blob))
        return list(filter(None, gone.values()))

    def _answers(self, rows: Sequence[tuple[Parametric | None, str]], limit: int) -> list[str]:
        names = [self._at_hand(adapter) for adapter, _ in rows]
        asked = [self._asks(name).question(prompt) for name, (_, prompt) in zip(names, rows, strict=True)]
        turns: dict[str, list[int]] = {}
        for at, name in enumerate(names):
            turns.setdefault(name if name is not None and self.adapted.prefixed(name) else "", []).append(at)
        said: dict[int, str] = {}
        for behind, its in turns.items():
            answers = self._turn(behind, [asked[at] for at in its], [names[at] for at in its], limit)
            said.update(zip(its, answers, strict=True))
        return [said[at] for at in range(len(rows))]

    def _turn(self, behind: str, asked: Sequence[Sequence[int]], names: Sequence[str | None], limit: int) -> list[str]:
        longest = max(map(len, asked))
        device = torch.device(str(self.adapted.model.device))
        ids = torch.tensor([[self.asking.end] * (longest - len(row)) + [*row] for row in asked], device=device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in asked], device=device)
        if behind:
            made = self.adapted.continued(ids, mask, behind, end=self.asking.end, limit=limit)
        else:
            made = self.adapted.generated(ids, mask, names, end=self.asking.end, limit=limit)
        return [self.asking.text(row[longest:]) for row in made.tolist()]

    async def _run(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._computing)
