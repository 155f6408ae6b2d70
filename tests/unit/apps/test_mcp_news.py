"""What listeners hear of the log, and what it costs when nobody listens."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from memos_mcp import Memos, wiring
from memos_mcp.apps.mcp_news import Ear, News, announced
from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import Unavailable
from memos_mcp.ports import Action, Caller, Event

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LIST = ResourcesListChanged()
RECENT = ResourceUpdated("memory://recent")
PROFILE = ResourceUpdated("memory://profile")
THIS = ResourceUpdated("memory://m1")


CUBE = {"id": "m1", "path": "user/ada", "payload": Plaintext(text="tea"), "created_at": NOW, "updated_at": NOW}


def line(action: Action, *, kind: str = "fact", version: int = 1, seq: int = 1) -> Event:
    cube = MemCube.model_validate({**CUBE, "kind": kind, "version": version})
    return Event(seq, NOW, action, "m1", version, "user/ada", "ada", cube=None if action == "forget" else cube)


@pytest.mark.parametrize(
    ("event", "means"),
    [
        (line("remember"), {THIS, RECENT, LIST}),
        (line("remember", kind="preference"), {THIS, RECENT, PROFILE, LIST}),
        (line("put", kind="instruction"), {THIS, RECENT, PROFILE, LIST}),
        (line("put", version=2), {THIS, RECENT, PROFILE}),
        (line("update", version=2), {THIS, RECENT, PROFILE}),
        (line("sight"), {THIS, RECENT, PROFILE}),
        (line("forget"), {THIS, RECENT, PROFILE, LIST}),
        (line("restore"), {THIS, RECENT, PROFILE, LIST}),
        (line("quarantine"), {THIS, RECENT, PROFILE, LIST}),
        (line("release"), {THIS, RECENT, PROFILE, LIST}),
    ],
)
def test_a_line_of_the_log_means_these_resources(event: Event, means: set[ServerEvent]) -> None:
    assert set(announced([event])) == means


def test_what_many_lines_mean_is_said_once() -> None:
    lines = [dataclasses.replace(line("remember"), seq=seq) for seq in range(1000)]
    assert len(announced(lines)) == 3


@pytest.fixture
async def news() -> AsyncGenerator[News]:
    async with anyio.create_task_group() as tasks:
        yield News(tasks)
        tasks.cancel_scope.cancel()


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as opened:
        yield opened


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncGenerator[Memos]:
    """The same vault, opened again: a change of it is not seen by anything but the log."""
    async with wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as opened:
        yield opened


async def heard_until(ear: Ear, last: ServerEvent) -> list[ServerEvent]:
    found: list[ServerEvent] = []
    with anyio.fail_after(5):
        async for event in ear:
            if event == last:
                break
            found.append(event)
    return found


async def heard(ear: Ear, count: int) -> list[ServerEvent]:
    found: list[ServerEvent] = []
    with anyio.fail_after(5):
        async for event in ear:
            found.append(event)
            if len(found) == count:
                break
    return found


def all_of_it(_: ServerEvent) -> bool:
    return True


async def test_who_listens_hears_what_another_process_writes_within_a_second(
    news: News, memos: Memos, elsewhere: Memos
) -> None:
    await memos.remember("Ada likes tea")
    async with news.listening(memos, all_of_it) as ear:
        (key,) = (await elsewhere.remember("Ben has a dog")).ids
        with anyio.fail_after(1.5):
            assert set(await heard(ear, 3)) == {ResourceUpdated(f"memory://{key}"), RECENT, LIST}


async def test_what_happened_before_is_no_news(news: News, memos: Memos) -> None:
    await memos.remember("Ada likes tea")
    async with news.listening(memos, all_of_it) as ear:
        (key,) = (await memos.remember("Ada likes coffee")).ids
        assert await heard_until(ear, ResourceUpdated(f"memory://{key}")) == []


async def test_a_thousand_changes_are_not_a_thousand_notifications(news: News, memos: Memos, elsewhere: Memos) -> None:
    async with news.listening(memos, all_of_it) as ear:
        await elsewhere.remember([{"content": f"turn {i}"} for i in range(1000)])
        (last,) = (await elsewhere.remember("That was all")).ids
        told = await heard_until(ear, ResourceUpdated(f"memory://{last}"))
        assert (told.count(LIST), told.count(RECENT)) == (1, 1)


async def test_nobody_hears_of_anothers_memories_not_even_that_something_changed(news: News, memos: Memos) -> None:
    ben = memos.acting_as(Caller("ben"))
    at_work = memos.acting_as(Caller("ada", within="user/ada/work"))
    async with news.listening(ben, all_of_it) as bens, news.listening(at_work, all_of_it) as works:
        (mine,) = (await memos.remember("Ada likes tea")).ids
        await memos.update(mine, "Ada likes green tea")
        await memos.forget(mine)
        (ours,) = (await memos.remember("The office has a plant", path="shared/office")).ids
        (desk,) = (await memos.remember("Ada has a desk", path="user/ada/work")).ids
        assert set(await heard(bens, 3)) == {ResourceUpdated(f"memory://{ours}"), RECENT, LIST}
        assert set(await heard(works, 3)) == {ResourceUpdated(f"memory://{desk}"), RECENT, LIST}


class Counted:
    """The memory of somebody, which counts how often its log is read."""

    def __init__(self, memos: Memos, fails: int = 0) -> None:
        self._memos = memos
        self.caller = memos.caller
        self.log = self
        self.looks = 0
        self.fails = fails

    async def news(self, after: int = -1, *, limit: int = 1000) -> object:
        self.looks += 1
        if after >= 0 and self.looks <= self.fails:
            raise Unavailable("another process kept it locked for too long")
        return await self._memos.log.news(after, limit=limit)


async def test_many_listeners_share_one_follower_and_the_last_one_ends_it(news: News, memos: Memos) -> None:
    counted = Counted(memos)
    ears = [await news.join(counted, all_of_it) for _ in range(100)]  # pyright: ignore[reportArgumentType] - its shape
    asked = counted.looks
    assert 100 <= asked < 110
    await memos.remember("Ada likes tea")
    for ear in ears:
        await heard(ear, 3)
    assert counted.looks < asked + 10
    for ear in ears:
        news.leave(ear)
    before = counted.looks
    async with news.listening(memos, all_of_it) as ear:
        await memos.remember("Ada likes coffee")
        await heard(ear, 3)
    assert counted.looks == before
    async with news.listening(counted, all_of_it) as ear:  # pyright: ignore[reportArgumentType] - its shape
        await memos.remember("Ada likes water")
        assert len(await heard(ear, 3)) == 3


async def test_a_log_that_cannot_be_read_for_a_moment_is_read_later(news: News, memos: Memos) -> None:
    counted = Counted(memos, fails=2)
    async with news.listening(counted, all_of_it) as ear:  # pyright: ignore[reportArgumentType] - its shape
        await memos.remember("Ada likes tea")
        assert len(await heard(ear, 3)) == 3


async def test_who_does_not_fetch_gets_each_thing_once_and_holds_up_nobody(news: News, memos: Memos) -> None:
    async with (
        news.listening(memos, lambda event: event in (LIST, RECENT)) as slow,
        news.listening(memos, lambda event: event == LIST) as quick,
    ):
        for i in range(3):
            await memos.remember(f"number {i}")
            assert await heard(quick, 1) == [LIST]
        assert await heard(slow, 2) == [RECENT, LIST]


async def test_when_the_server_stops_listeners_are_told_the_last_and_end(memos: Memos) -> None:
    over = anyio.Event()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, News(tasks, over.is_set).listening(memos, all_of_it) as ear:
            await memos.remember("Ada likes tea")
            assert await heard(ear, 1)
            over.set()
            async for _ in ear:
                pass
