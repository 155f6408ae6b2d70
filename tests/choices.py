"""A memory that is text, and may be a KV block and an adapter: what `ask` has to choose from."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from memos_mcp import Memos
from memos_mcp.answers import Release
from memos_mcp.cube import Kind
from memos_mcp.interface.adapter_records import Want
from memos_mcp.interface.adapting import Adapters
from memos_mcp.models import Worded
from tests.activations import Table, remembering
from tests.learners import Learner

STEPS = "To brew the green tea, warm the pot, wait until the water has stopped boiling, and pour it slowly. " * 8
TIN = "The tea of number one is kept in a tin of its own, in the cellar, under the stairs, with its name on it. " * 3
HOW = "How do I brew the green tea?"


class Chat:
    """A chat model that keeps what it was sent."""

    model = "chat"

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def answer(self, system: str, text: str) -> Worded:
        del system
        self.sent.append(text)
        return Worded("In words.")


@asynccontextmanager
async def asking(
    home: Path, table: Table | None = None, learner: Learner | None = None
) -> AsyncGenerator[tuple[Memos, Chat]]:
    chat = Chat()
    async with remembering(home, table, answerer=chat, parametric=learner) as memos:
        yield memos, chat


def adapters(memos: Memos) -> Adapters:
    found = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def told(memos: Memos, text: str = STEPS, kind: Kind = "skill", path: str | None = None) -> str:
    return (await memos.put(path, f"{kind} {text[:9]}", text=text, kind=kind)).id


async def trained(memos: Memos, *ids: str) -> Release:
    want = Want("tea", memos.caller.user, ids, datetime.now(UTC))
    taught = await adapters(memos).train(want, [await memos.get(id) for id in ids])
    assert taught.release is not None
    return taught.release
