"""Embedders without a model, and lanes over them: what is near to what is certain, and every text is counted."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray

from memos_mcp import Caller, Memos
from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import MEMORY, Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from memos_mcp.models import Embedder, Read
from memos_mcp.ports import Change, Event, Route
from memos_mcp.search import Lane, MemoryCall, Segment, SegmentStore
from memos_mcp.testing import a_cube, remember

DIMENSION = 32
_GROUPS = (
    "cat kitten feline",
    "car automobile vehicle",
    "sea ocean coast",
    "doctor physician surgeon",
    "holiday vacation trip",
    "tea beverage brew",
    "flat apartment dwelling",
    "happy glad cheerful",
)
_MEANING = {word: group.split(maxsplit=1)[0] for group in _GROUPS for word in group.split()}
_FORM = frozenset(
    "a an the is are was were of in on at to my i me we our where what which who when how do does".split()
)
_WORD = re.compile(r"\w+")


@cache
def _direction(model: str, word: str, dimension: int) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(f"{model}\0{word}".encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(dimension)


def vector_of(text: str, model: str = "meanings", dimension: int = DIMENSION) -> NDArray[np.float32]:
    """The sum of the directions of its words, of unit length; synonyms have one direction."""
    words = [_meaning(word) for word in _WORD.findall(text.lower()) if word not in _FORM] or ["nothing"]
    total = np.sum([_direction(model, word, dimension) for word in words], axis=0)
    return (total / np.linalg.norm(total)).astype(np.float32)


def _meaning(word: str) -> str:
    return _MEANING.get(word) or _MEANING.get(word.removesuffix("s"), word)


async def _nothing_more(_texts: Sequence[str]) -> None:
    pass


class Meanings:
    """An Embedder whose vectors are those of `vector_of`.

    `may_load` and `may_embed` hold it up while they are not set; `missing` and `failing` are raised if they are errors;
    `before` is awaited with the texts before they are embedded.
    """

    def __init__(self, model: str = "meanings", *, dimension: int = DIMENSION) -> None:
        self.model = model
        self.dimension = dimension
        self.loads = 0
        self.closed = 0
        self.embedded: Counter[str] = Counter()
        self.missing: MemosError | None = None
        self.failing: MemosError | None = None
        self.before: Callable[[Sequence[str]], Awaitable[None]] = _nothing_more
        self.may_load, self.may_embed = asyncio.Event(), asyncio.Event()
        self.may_load.set()
        self.may_embed.set()

    async def load(self) -> tuple[str, int]:
        """The model that was given."""
        self.loads += 1
        await self.may_load.wait()
        if self.missing is not None:
            raise self.missing
        return self.model, self.dimension

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text."""
        await self.may_embed.wait()
        await self.before(texts)
        if self.failing is not None:
            raise self.failing
        self.embedded.update(texts)
        rows = [vector_of(text, self.model, self.dimension) for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.dimension)

    async def aclose(self) -> None:
        """Counted."""
        self.closed += 1


class Wordly(Meanings):
    """The same, telling each word of content as well."""

    async def read(self, texts: Sequence[str]) -> Read:
        """The rows, and one for each word."""
        words = [[word for word in _WORD.findall(text.lower()) if word not in _FORM] for text in texts]
        told = [np.array([vector_of(word, self.model, self.dimension) for word in each], np.float32) for each in words]
        return Read(await self.embed(texts), [rows.reshape(-1, self.dimension) for rows in told])


class Watched:
    """Segments with something that is awaited before they are read or replaced."""

    def __init__(self, inner: SegmentStore) -> None:
        self._inner = inner
        self.before_reading: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
        self.before_replacing: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint

    async def segments(self, route: str, root: str) -> list[Segment]:
        await self.before_reading()
        return await self._inner.segments(route, root)

    async def spans(self, route: str, root: str) -> list[Segment]:
        return await self._inner.spans(route, root)

    async def replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        await self.before_replacing()
        return await self._inner.replace(route, root, old, new)

    async def drop(self, route: str) -> None:
        await self._inner.drop(route)


def call(question: str) -> MemoryCall:
    """The call of a question that is its own probe."""
    return MemoryCall(question, question, ((question, 1.0),))


async def until(what: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that will be so."""
    with anyio.fail_after(seconds):
        while not what():  # noqa: ASYNC110 - whoever makes it so does not know of this test
            await anyio.sleep(0.002)


async def settled(lane: Callable[[], Lane]) -> Lane:
    """The state of a lane that has nothing to do."""
    await until(lambda: not lane().busy)
    return lane()


@asynccontextmanager
async def running(vault: SqliteAdapter, embedder: Embedder, *, memory: int = MEMORY) -> AsyncGenerator[Vectors]:
    """The vectors lane over a vault, closed at the end."""
    lane = Vectors(vault, vault.segment_store, embedder, memory=memory)
    try:
        yield lane
    finally:
        await lane.aclose()


def system(file: Path, embedder: Embedder, *, user: str = "ada", memory: int = MEMORY) -> Memos:
    """A memory system with both lanes, as `memos_mcp.open` makes it."""
    vault = SqliteAdapter(file)
    vectors = Vectors(vault, vault.segment_store, embedder, memory=memory)
    closing = AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    closing.push_async_callback(vectors.aclose)
    words = Words(vault, vault.segment_store, memory=memory)
    return Memos(vault=vault, reader=RulesReader(), routes=[words, vectors], caller=Caller(user), closing=closing)


async def store(vault: SqliteAdapter, lane: Route, *texts: str, path: str = "user/ada") -> list[Event]:
    """Store texts as a user does; the lane hears of it."""
    events = await remember(vault, *(a_cube(text, path) for text in texts))
    await lane.apply(events)
    return events


async def forget(vault: SqliteAdapter, lane: Route, subject: str) -> None:
    """Forget a memory; the lane hears of it."""
    await lane.apply(await vault.commit([Change("forget", subject)], caller=Caller("ada")))
