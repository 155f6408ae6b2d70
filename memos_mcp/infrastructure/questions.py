"""Questions as vectors: the mean of their probes, and their words; those asked lately are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memos_mcp.infrastructure.wordwise import Asked, asked
from memos_mcp.models import Embedder, Read, WordEmbedder
from memos_mcp.search import MemoryCall

Probes = tuple[tuple[str, float], ...]

_KEPT = 16


@dataclass(frozen=True, slots=True)
class Query:
    """A question as a vector of unit length, and its words, if the model tells them."""

    vector: NDArray[np.float16]
    words: Asked | None


class Questions:
    """What an embedder makes of texts and questions."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: OrderedDict[Probes, Query] = OrderedDict()

    async def read(self, texts: Sequence[str]) -> Read:
        """The texts, with their words if the model tells them. Raises what it raises."""
        if isinstance(self._embedder, WordEmbedder):
            return await self._embedder.read(texts)
        return Read(await self._embedder.embed(texts))

    async def query(self, call: MemoryCall) -> Query:
        """The weighted mean of the call's probes."""
        asks = probes(call)
        known = self._known.get(asks)
        if known is None:
            read = await self.read([text for text, _ in asks])
            weights = [weight for _, weight in asks]
            mean = np.array(weights, np.float32) @ read.vectors
            vector = (mean / (np.linalg.norm(mean) or 1)).astype(np.float16)
            words = asked(list(zip(read.words, weights, strict=False)))
            known = self._known[asks] = Query(vector, words)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known


def probes(call: MemoryCall) -> Probes:
    """The texts whose mean a call is, each with its weight."""
    return call.probes or ((call.query, 1.0),)
