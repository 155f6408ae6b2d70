"""Which adapters answer for what was found, the best first, and what a look at one that is over does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from memos_mcp import Memos
from memos_mcp.ports import Caller
from tests.learners import Learner
from tests.unit.interface.test_adapting import HOME, its, learning, taught

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
