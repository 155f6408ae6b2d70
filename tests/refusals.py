"""Every verb that takes the id of a memory, and what it says of one that its caller may not know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from memos_mcp import Edit, Memos, MemosError, NotFound


async def refuse_alike(memos: Memos, hidden: str, *, owned: bool) -> None:
    """A hidden memory is refused in the very words that one is that never was; its owner decides about it unseen."""

    async def let_in(id: str) -> object:
        return await memos.acl.change([id], readers=["eve"])

    async def hold(id: str) -> object:
        return await memos.quarantine.add([id])

    async def then(id: str) -> object:
        return await memos.timeline.get(id, datetime.now(UTC))

    async def back(id: str) -> object:
        return await memos.timeline.restore(id, 1)

    async def freeze(id: str) -> object:
        return await memos.timeline.freeze([id])

    asked: list[Callable[[str], Awaitable[object]]] = [memos.get, memos.history, *updates_of(memos), then, back]
    asked += verbs_of_provenance(memos)
    if not owned:
        asked.append(freeze)
        asked += [memos.forget, memos.acl.show, memos.acl.explain, memos.acl.report, let_in, hold]
        asked += verbs_of_lifecycle(memos)
    for ask in asked:
        assert await refusal(ask, hidden) == (await refusal(ask, "nobody00")).replace("nobody00", hidden)


def verbs_of_provenance(memos: Memos) -> list[Callable[[str], Awaitable[object]]]:
    async def attached(id: str) -> object:
        return await memos.provenance.attach(id, trigger="t")

    async def document(id: str) -> object:
        return await memos.provenance.prov([id], direction="both")

    async def delivered(id: str) -> object:
        return await memos.deliveries.deliver([id], to="dan")

    return [memos.provenance.trace, attached, document, delivered]


def updates_of(memos: Memos) -> list[Callable[[str], Awaitable[object]]]:
    async def changed(id: str) -> object:
        return await memos.update(id, "x")

    async def merged(id: str) -> object:
        return await memos.update(id, "x", how="merge", base=1)

    async def edited(id: str) -> object:
        return await memos.update(id, edits=[Edit("tea", "x")])

    return [changed, merged, edited]


def verbs_of_lifecycle(memos: Memos) -> list[Callable[[str], Awaitable[object]]]:
    life = memos.lifecycle

    async def archived(id: str) -> object:
        return await life.move([id], "archive")

    async def expired(id: str) -> object:
        return await life.move([id], "expire")

    async def kept(id: str) -> object:
        return await life.hold([id])

    async def released(id: str) -> object:
        return await life.unhold([id])

    async def erased(id: str) -> object:
        return await life.erase([id], reason="asked")

    return [life.state, archived, expired, kept, released, erased]


async def refusal(ask: Callable[[str], Awaitable[object]], id: str) -> str:
    try:
        await ask(id)
    except NotFound as error:
        return str(error)
    except MemosError as error:
        return f"{type(error).__name__}: {error}"
    return "answered"
