"""What the scheduler has trained by itself: rules and skills of a user that apply again and again, within his quota."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from memos_mcp import Caller, Memos
from memos_mcp.accesses import Lines
from memos_mcp.interface.adapter_records import SYSTEM
from memos_mcp.interface.planning import Terms
from memos_mcp.interface.teaching import VERB, Teacher
from memos_mcp.operation.quotas import Quota
from memos_mcp.operation.training import Training
from tests.learners import Learner, usable
from tests.schedules import Clock, scheduled, stored

pytestmark = pytest.mark.anyio

TERMS = Terms(training=True)
DEPLOY = "To deploy the shop is done by running the release script on the green server. " * 6
BREW = "To brew the tea is done by waiting four minutes with the lid on the pot. " * 6


@asynccontextmanager
async def working(home: Path, learner: Learner, terms: Terms = TERMS) -> AsyncGenerator[tuple[Memos, Clock]]:
    """Ada's memory, in which she has not done anything yet; what the background would do is done when it is asked."""
    clock = Clock()
    async with scheduled(home, None, terms, clock, parametric=learner) as memos:
        adapters = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
        assert adapters is not None
        adapters.woken = lambda: None
        yield memos, clock


async def skill(memos: Memos, text: str, path: str = "user/ada/work") -> str:
    return await stored(memos, text, path=path, kind="skill")


async def used(memos: Memos, clock: Clock, question: str, times: int = 60, hours: int = 5) -> None:
    """It is asked about again and again, in several sessions."""
    for _ in range(times):
        clock.tick(hours=hours)
        await memos.recall(question, limit=1)


def teacher(memos: Memos) -> Teacher:
    found = memos._on.teacher  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def plan(memos: Memos) -> list[Training]:
    return [each for lessons in await teacher(memos).plan() for each in lessons.trainings]


async def names(memos: Memos, user: str = "ada") -> list[str]:
    return sorted(each.adapter for each in await usable(memos, ("user", "shared"), user))


@pytest.mark.claim("4.2-22")
@pytest.mark.claim("5.4.2-05")
async def test_a_skill_that_is_used_again_and_again_is_trained(tmp_path: Path) -> None:
    learner = Learner()
    async with working(tmp_path, learner) as (memos, clock):
        id = await skill(memos, DEPLOY)
        await used(memos, clock, "How do I deploy the shop?")
        (planned,) = await plan(memos)
        assert (planned.topic, planned.now, [ref.id for ref in planned.sources]) == ("work-skills", True, [id])
        assert learner.trained == []  # a plan is no training
        assert await teacher(memos).keep_up() == ""
        assert await names(memos) == ["work-skills@1"]
        assert await names(memos, "eve") == []
        accesses = memos._on.accesses  # pyright: ignore[reportPrivateUsage]
        assert accesses is not None
        (line,) = await accesses.lines(Lines("", ("user",), verb=VERB))
        assert (line.user, [item.id for item in line.items]) == (SYSTEM.user, [id])


async def test_it_is_trained_once(tmp_path: Path) -> None:
    learner = Learner()
    async with working(tmp_path, learner) as (memos, clock):
        await skill(memos, DEPLOY)
        for _ in range(3):
            await used(memos, clock, "How do I deploy the shop?")
            assert await teacher(memos).keep_up() == ""
        assert len(learner.trained) == 1
        (planned,) = await plan(memos)
        assert (planned.now, planned.reason) == (False, "its adapter has them already")


async def test_what_was_refused_is_not_tried_before_it_changes(tmp_path: Path) -> None:
    learner = Learner(gain=0.1)
    async with working(tmp_path, learner) as (memos, clock):
        id = await skill(memos, DEPLOY)
        await used(memos, clock, "How do I deploy the shop?")
        for _ in range(3):
            assert await teacher(memos).keep_up() == ""
        assert len(learner.trained) == 1
        (planned,) = await plan(memos)
        assert planned.reason.startswith("the gate refused it, and no source has changed since: answers to held-out")
        learner.gain = 2.0
        await memos.update(id, DEPLOY + "Then call Ben.")
        clock.tick(days=200)
        await used(memos, clock, "How do I deploy the shop?")
        assert await teacher(memos).keep_up() == ""
        assert await names(memos) == ["work-skills@1"]


@pytest.mark.parametrize(
    ("kind", "path", "times", "hours"),
    [
        ("fact", "user/ada/work", 60, 5),
        ("skill", "shared/team", 60, 5),
        ("skill", "user/ada/work", 2, 5),
        ("skill", "user/ada/work", 60, 0),
    ],
    ids=["no skill", "shared", "seldom", "one session"],
)
async def test_nothing_else_is_trained(tmp_path: Path, kind: str, path: str, times: int, hours: int) -> None:
    async with working(tmp_path, Learner()) as (memos, clock):
        await stored(memos, DEPLOY, path=path, kind=kind)
        await used(memos, clock, "How do I deploy the shop?", times, hours)
        assert [each for each in await plan(memos) if each.now] == []


async def test_no_more_than_a_user_may_have(tmp_path: Path) -> None:
    learner = Learner()
    async with working(tmp_path, learner, Terms(training=True, quota=Quota(2**30, adapters=1))) as (memos, clock):
        await skill(memos, DEPLOY)
        await skill(memos, BREW, "user/ada/kitchen")
        await used(memos, clock, "How do I deploy the shop?")
        await used(memos, clock, "How do I brew the tea?")
        for _ in range(3):
            assert await teacher(memos).keep_up() == ""
        assert len(await names(memos)) == 1
        waits = [each for each in await plan(memos) if not each.now]
        assert any("1 adapters at a time are the quota" in each.reason for each in waits)


async def test_topics_are_those_of_the_user_whose_skills_they_are(tmp_path: Path) -> None:
    learner = Learner()
    async with working(tmp_path, learner) as (memos, clock):
        eve = memos.acting_as(Caller("eve"))
        await skill(memos, DEPLOY)
        await stored(eve, BREW, path="user/eve/work", kind="skill")
        await used(memos, clock, "How do I deploy the shop?")
        await used(eve, clock, "How do I brew the tea?")
        assert [lessons.user for lessons in await teacher(memos).plan()] == ["ada", "eve"]
        assert await teacher(memos).keep_up() == ""
        assert (await names(memos), await names(memos, "eve")) == (["work-skills@1"], ["work-skills@2"])


@pytest.mark.claim("5.4.2-01")
async def test_what_keeps_changing_is_not_trained_however_often_it_is_used(tmp_path: Path) -> None:
    async with working(tmp_path, Learner()) as (memos, clock):
        id = await skill(memos, DEPLOY)
        for number in range(6):
            await used(memos, clock, "How do I deploy the shop?", 20)
            await memos.update(id, f"{DEPLOY} It is release {number}.")
        await used(memos, clock, "How do I deploy the shop?", 20)
        assert [each for each in await plan(memos) if each.now] == []
