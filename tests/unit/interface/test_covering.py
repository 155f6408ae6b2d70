"""Which adapters answer for what was found, the best first, and what a look at one that is over does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from memos_mcp import Memos
from memos_mcp.interface.adapter_records import CURRENT, KIND, OWED, WANTED
from memos_mcp.interface.planning import Terms
from memos_mcp.ports import Caller
from tests.learners import Learner
from tests.schedules import Clock, scheduled
from tests.unit.interface.test_adapting import ASKED, HOME, TOLD, its, learning, names, notes, taught

pytestmark = pytest.mark.anyio


async def covering(memos: Memos, ids: Sequence[str], user: str = "ada", most: int = 4) -> list[tuple[str, int]]:
    """The names of the adapters that answer for these, and how many of these each was trained from."""
    on = memos._on.acting_as(Caller(user))  # pyright: ignore[reportPrivateUsage]
    cubes = [await memos.get(id) for id in ids]
    found = await its(memos).all_covering(on, cubes, HOME, most)
    assert next(iter(found), None) == await its(memos).covering(on, cubes, HOME)
    return [(each.adapter, len(each.covers)) for each in found]


async def test_what_covers_most_is_the_first_of_a_few(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        for topic, some in {"key": ids[2:], "all": ids, "people": ids[:2], "ben": ids[1:2], "ada": ids[:1]}.items():
            await taught(memos, some, topic)
        found = await covering(memos, ids)
        assert [found[0], found[1], len(found)] == [("all@1", 3), ("people@1", 2), 4]
        assert await covering(memos, ids, most=2) == found[:2]
        assert await covering(memos, ids[2:]) == [("all@1", 1), ("key@1", 1)]
        assert await covering(memos, []) == []


async def test_what_somebody_may_not_use_takes_no_place_of_what_he_may(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        await memos.acl.change(ids[:1], readers=["eve"])
        for topic, some in {"all": ids, "people": ids[:2], "ada": ids[:1]}.items():
            await taught(memos, some, topic)
        assert await covering(memos, ids, "eve", most=1) == [("ada@1", 1)]
        assert [name for name, _ in await covering(memos, ids)] == ["all@1", "people@1", "ada@1"]


async def test_only_what_answers_for_its_topic_and_for_this_model_does(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        await taught(memos, ids[:2])
        assert await covering(memos, ids) == [("house@2", 2)]
        learner.model = "another"
        assert await covering(memos, ids) == []


async def test_what_is_over_is_retired_by_who_asks_first(tmp_path: Path) -> None:
    clock, learner = Clock(), Learner()
    async with scheduled(tmp_path, None, Terms(), clock, parametric=learner) as memos:
        ids = [(await memos.remember(text)).ids[0] for text in TOLD]
        await memos.acl.change([ids[0]], expires_at=clock.now + timedelta(hours=1))
        await taught(memos, ids)
        clock.tick(minutes=59)
        assert (await memos.recall(ASKED)).adapter is not None
        assert await notes(memos) == {KIND: ["house@1"], CURRENT: ["house ada"]}
        clock.tick(minutes=1)
        assert (await memos.recall(ASKED)).adapter is None
        assert await memos.adapters.list() == ()
        assert await notes(memos) == {WANTED: ["house ada"], OWED: ["house@1"]}, "who asks waits for no server"
        assert await its(memos).tend() == ""
        assert learner.kept == {}
        assert await notes(memos) == {WANTED: ["house ada"]}
        assert await its(memos).keep_up() == ""
        assert set(learner.trained[-1]) == {*ids[1:]}
        found = (await memos.recall(ASKED)).adapter
        assert found is not None
        assert found.adapter == "house@2"


async def test_what_is_only_not_for_who_asks_stays(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await memos.acl.change(ids[1:], readers=["eve"])
        await taught(memos, ids)
        before = await notes(memos)
        assert await covering(memos, ids, "eve") == []
        assert (await notes(memos), await names(memos)) == (before, ["house@1"])
