"""A model of activation memory that needs no weights: a table of what it was told, and answers as they are wanted.

It stands for the far side of the port: what a real model makes of the same calls is tested in the `kv` environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memos_mcp import Memos
from memos_mcp.accesses import AccessLog
from memos_mcp.activation import Progress, Reply, Room, Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Caller

Says = Callable[[Sequence[Source], str], str]


def first(sources: Sequence[Source], prompt: str) -> str:
    """The first memory, cited; without any, that there is none."""
    return f"It says so [{sources[0].ref.id}]." if sources else "I was shown no memory before the question."


@dataclass
class Table:
    """Blocks by tenant and words. `trouble` is raised by the next answers, `lost` blocks have to be read again."""

    model: str = "table"
    says: Says = first
    trouble: MemosError | None = None
    promise: str = ""
    budget: int = 1_000_000
    about: Capacity | None = None
    keeping: float = 0.0
    kept: dict[str, tuple[str, tuple[Source, ...]]] = field(default_factory=dict[str, tuple[str, tuple[Source, ...]]])
    read: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    prompts: list[str] = field(default_factory=list[str])
    dropped: list[str] = field(default_factory=list[str])
    closed: bool = False

    async def room(self) -> Room:
        return Room(per_token=10, budget=self.budget, seconds=0.001, keeping=self.keeping)

    async def capacity(self) -> Capacity | None:
        return self.about

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        if not sources:
            raise InvalidInput("there is nothing to read: name at least one memory")
        words = "\n".join((self.model, tenant, *(source.text for source in sources)))
        blob = hashlib.sha256(words.encode()).hexdigest()
        total = sum(len(source.text) for source in sources)
        if blob not in self.kept:
            self.kept[blob] = (tenant, tuple(sources))
            self.read.append(tuple(source.ref.id for source in sources))
        if told is not None:
            told(total, total)
        refs = tuple(source.ref for source in sources)
        return Activation(sources=refs, fingerprint=self.model, tokens=total, blob=blob)

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        if self.trouble is not None:
            raise self.trouble
        self.prompts.append(prompt)
        if activation is None:
            return Reply(self.says((), prompt), 0, len(prompt), 5)
        await self.verify(activation)
        kept_for, sources = self.kept[activation.blob or ""]
        assert kept_for == tenant
        return Reply(self.says(sources, prompt), activation.tokens, len(prompt), 5)

    async def verify(self, activation: Activation) -> None:
        if activation.blob not in self.kept:
            raise NotFound("the block is not kept any more: warm it again")

    async def drop(self, activation: Activation) -> str:
        self.kept.pop(activation.blob or "", None)
        self.dropped.append(activation.blob or "")
        return self.promise

    async def tidy(self, kept: Sequence[Activation]) -> None:
        named = {each.blob for each in kept}
        for blob in list(self.kept):
            if blob not in named:
                del self.kept[blob]

    async def aclose(self) -> None:
        self.closed = True


@asynccontextmanager
async def remembering(home: Path, table: Table | None, user: str = "ada", **more: Any) -> AsyncGenerator[Memos]:
    """The memory of a user in a vault of its own, words alone, with this model and an access log."""
    vault = SqliteAdapter(home / "memos.db")
    accesses: AccessLog = SqliteAccessLog(vault.database, strict=True)
    routes = [Words(vault, vault.segment_store)]
    memos = Memos(
        vault=vault,
        reader=RulesReader(),
        routes=routes,
        caller=Caller(user),
        accesses=accesses,
        backend=table,
        **more,
    )
    try:
        yield memos
    finally:
        await memos.aclose()
        await accesses.aclose()
        await vault.aclose()
