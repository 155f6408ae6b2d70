"""Memories go through their states by the real API as they do in a simple model; recall sees what the model sees."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Denied, Memos, NotFound
from memos_mcp.errors import IllegalMove
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.lifecycles import BY_HAND
from memos_mcp.interface.reader import RulesReader
from memos_mcp.operation.lifecycle import Move, Policy

START = datetime(2026, 3, 2, tzinfo=UTC)
ROUNDS = (
    *(("remember", n) for n in range(4)),
    *((move, n) for move in BY_HAND for n in range(3)),
    *((does, n) for does in ("forget", "erase", "hold", "unhold", "update", "quarantine", "release") for n in range(3)),
    *(("wait", n) for n in (1, 20, 40, 400)),
    ("sweep", 0),
    ("compress", 0),
    ("reopen", 0),
)
steps = st.lists(st.sampled_from(ROUNDS), min_size=5, max_size=25)
FRESH: dict[str, tuple[str, ...]] = {
    "activate": ("generated", "merged"),
    "merge": ("generated", "activated", "merged"),
    "archive": ("generated", "activated", "merged"),
    "restore": ("merged", "archived", "expired"),
    "expire": ("generated", "activated", "merged", "archived"),
}
TO = {"activate": "activated", "merge": "merged", "archive": "archived", "restore": "activated", "expire": "expired"}


@dataclass
class Model:
    """What a person would say of a memory; `used` is when it was last written or brought back."""

    id: str
    text: str
    used: datetime
    state: str = "generated"
    held: bool = False
    quarantined: bool = False
    edits: int = 0

    @property
    def recalled(self) -> bool:
        return self.state not in ("archived", "expired") and not self.quarantined

    def swept(self, now: datetime) -> None:
        unused = now - self.used
        if self.held or self.quarantined or self.state == "expired":
            return
        if self.state == "archived":
            self.state = "expired" if unused >= timedelta(days=60) else self.state
        elif unused >= timedelta(days=30):
            self.state = "archived"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.claim("5.2-10", "5.2-11")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
@example(steps=[("wait", 400), ("sweep", 0), ("restore", 0), ("merge", 0), ("wait", 20), ("sweep", 0)])
@example(steps=[("wait", 400), ("sweep", 0), ("restore", 0), ("wait", 40), ("sweep", 0), ("wait", 1), ("sweep", 0)])
def test_the_api_moves_memories_as_the_model_does(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(lived, Path(folder), steps)


def at(home: Path, clock: Clock) -> Memos:
    """A system whose vault and verbs have this clock."""
    vault, closing = SqliteAdapter(home / "memos.db", clock=clock), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    words = Words(vault, vault.segment_store)
    ada = Caller("ada")
    return Memos(vault=vault, reader=RulesReader(), routes=[words], caller=ada, clock=clock, closing=closing)


async def lived(home: Path, steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    known: list[Model] = []
    memos = at(home, clock)
    try:
        for does, number in [("policy", 0), ("remember", 9), *steps]:
            match does:
                case "policy":
                    policy = Policy(inactive_after=timedelta(days=30), forgotten_after=timedelta(days=60))
                    await memos.lifecycle.set_policy("user/ada", policy)
                case "remember":
                    await said(memos, known, f"the tea number {number}", clock.now)
                case "wait":
                    clock.now += timedelta(days=number)
                case "sweep":
                    await memos.lifecycle.sweep()
                    for each in known:
                        each.swept(clock.now)
                case "compress":
                    await memos.lifecycle.compress()
                case "reopen":
                    await memos.aclose()
                    memos = at(home, clock)
                case _ if known:
                    await done(memos, known, does, known[number % len(known)], clock.now)
                case _:
                    pass
            await agree(memos, known)
    finally:
        await memos.aclose()
    findings = await Upkeep(Database(home / "memos.db")).check()
    assert [finding for finding in findings if not finding.ok] == []


async def said(memos: Memos, known: list[Model], text: str, now: datetime) -> None:
    (id,) = (await memos.remember(text)).ids
    old = next((each for each in known if each.text == text and each.state != "expired"), None)
    if old is None:
        known.append(Model(id, text, now))
        return
    assert old.id == id
    if old.state == "archived":
        old.state, old.used = "activated", now


async def done(memos: Memos, known: list[Model], does: str, one: Model, now: datetime) -> None:
    if does in TO:
        move: Move = next(each for each in BY_HAND if each == does)
        allowed = one.state in FRESH[does] and not (one.held and does == "expire")
        if await went(lambda: memos.lifecycle.move([one.id], move)) != allowed:
            raise AssertionError(f"{does} of a {one.state} memory")
        if allowed:
            one.used = now if does == "restore" else one.used
            one.state = TO[does]
        return
    match does:
        case "hold" | "unhold":
            await (memos.lifecycle.hold if does == "hold" else memos.lifecycle.unhold)([one.id])
            one.held = does == "hold"
        case "quarantine" | "release":
            await (memos.quarantine.add if does == "quarantine" else memos.quarantine.release)([one.id])
            one.quarantined = does == "quarantine"
        case "update":
            one.edits += 1
            changeable = one.state != "expired"
            assert await went(lambda: memos.update(one.id, data={"edit": one.edits})) == changeable
            one.used = now if changeable else one.used
            one.quarantined = one.quarantined and not changeable  # it is looked at anew
        case _:
            forgotten = does == "forget"
            gone = (lambda: memos.forget(one.id)) if forgotten else lambda: memos.lifecycle.erase([one.id], reason="-")
            assert await went(gone) == (not one.held)
            if not one.held:
                known.remove(one)


async def went(what: Callable[[], Awaitable[object]]) -> bool:
    try:
        await what()
    except (IllegalMove, Denied, NotFound):
        return False
    return True


async def agree(memos: Memos, known: list[Model]) -> None:
    assert {one.id: one.state for one in known} == {
        one.id: str((await memos.lifecycle.state(one.id)).state) for one in known
    }
    here = {one.id for one in known if one.recalled}
    found = await memos.recall("tea", limit=50)
    assert {cube.id for cube in found.cubes} == here
    assert found.searched == len(here) == (await memos.status()).memories
    assert {cube.id for cube in (await memos.browse(limit=50)).cubes} == here
