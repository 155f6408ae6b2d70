"""A model of this machine as an Embedder: opened once, in a thread, and busy with one small batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio
import numpy as np
from anyio import CapacityLimiter, to_thread
from numpy.typing import NDArray

from memos_mcp.models import Read

T = TypeVar("T")

AT_ONCE = 64  # pieces, padding included: about 8 ms of MiniLM; more at once is a fifth faster, and questions wait
_FEW = 3  # texts that are a question in several forms: computed at once, before what is many
_SLICE = 16  # texts whose pieces are counted in one go


class Model(Protocol):
    """A model in memory, for one thread at a time."""

    @property
    def id(self) -> str:
        """Equal ids: comparable vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Of its vectors."""
        ...

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many pieces it makes of each text."""
        ...

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, all computed at once."""
        ...


Its = TypeVar("Its", bound=Model)


class Paced(Generic[Its]):
    """An Embedder over a model that `opened` brings into memory; after `aclose` the next use opens it again.

    Many texts are sorted by length and cut into batches, and between two of them others have their turn: a few
    texts, as a question is, wait for one batch of one other caller and for the single texts before it.
    """

    def __init__(self, opened: Callable[[], Its]) -> None:
        self._open = opened
        self._model: Its | None = None
        self._turn = CapacityLimiter(1)
        self._many = anyio.Lock()

    async def load(self) -> tuple[str, int]:
        """Open the model unless it is. Raises what opening it raises."""
        model = await self._opened()
        return model.id, model.dimension

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, in order."""
        return (await self.read(texts, lambda model, some: Read(model.vectors(some)))).vectors

    async def read(self, texts: Sequence[str], how: Callable[[Its, Sequence[str]], Read]) -> Read:
        """What the model makes of each text, in order, asked in that way."""
        model = await self._opened()
        if 0 < len(texts) <= _FEW:
            return await self._in_turn(partial(how, model, texts))
        vectors = np.empty((len(texts), model.dimension), np.float32)
        words: dict[int, NDArray[np.float32]] = {}
        async with self._many:
            for batch in batches(await self._lengths(model, texts)):
                made = await self._in_turn(partial(how, model, [texts[place] for place in batch]))
                vectors[batch] = made.vectors
                words |= zip(batch, made.words, strict=False)
        return Read(vectors, [words[place] for place in sorted(words)])

    async def aclose(self) -> None:
        """Let go of the model."""
        self._model = None

    async def _opened(self) -> Its:
        return self._model or await self._in_turn(self._ready)

    def _ready(self) -> Its:
        self._model = self._model or self._open()
        return self._model

    async def _lengths(self, model: Its, texts: Sequence[str]) -> list[int]:
        found: list[int] = []
        for at in range(0, len(texts), _SLICE):
            found += await self._in_turn(partial(model.lengths, texts[at : at + _SLICE]))
        return found

    async def _in_turn(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._turn)


def batches(lengths: Sequence[int], at_once: int = AT_ONCE) -> list[list[int]]:
    """Places of texts that are computed together: of similar length, and `at_once` pieces at most with padding."""
    made: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if made and (len(made[-1]) + 1) * lengths[place] <= at_once:
            made[-1].append(place)
        else:
            made.append([place])
    return made
