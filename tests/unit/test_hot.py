"""Rankings of questions that come again: found again only while nothing that matters has changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from memos_mcp import Caller, Memos
from memos_mcp.operation import policy
from tests.words_only import words_only
from tests.worlds import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def memos(tmp_path: Path, clock: Clock) -> AsyncGenerator[Memos]:
    async with words_only(tmp_path, clock) as system:
        yield system


async def hits(memos: Memos) -> int:
    found = (await memos.status()).hot
    assert found is not None
    return found.hits


async def ask(memos: Memos, times: int = 1, question: str = "tea") -> list[str]:
    texts: list[str] = []
    for _ in range(times):
        texts = [cube.text for cube in (await memos.recall(question)).cubes]
    return texts


async def test_a_question_that_comes_a_third_time_is_not_ranked_again(memos: Memos) -> None:
    await memos.remember("Green tea.")
    assert await ask(memos, 3) == ["Green tea."]
    assert await hits(memos) == 1
    assert await ask(memos) == ["Green tea."]
    assert await hits(memos) == 2


async def test_a_change_at_the_paths_is_seen_at_once_and_one_elsewhere_disturbs_nothing(memos: Memos) -> None:
    await memos.remember("Green tea.")
    await ask(memos, 3)
    await memos.acting_as(Caller("ben")).remember("Ben's tea.")
    assert await ask(memos) == ["Green tea."]
    assert await hits(memos) == 2
    await memos.remember("Black tea.", path="global")
    assert set(await ask(memos)) == {"Green tea.", "Black tea."}
    assert await hits(memos) == 2


async def test_each_caller_has_rankings_of_his_own(memos: Memos) -> None:
    (id,) = (await memos.remember("A tea for two.", path="shared/team")).ids
    eve = memos.acting_as(Caller("eve"))
    assert await ask(eve, 3) == await ask(memos, 3) == ["A tea for two."]
    await memos.acl.change([id], denied=("eve",))
    assert await ask(eve) == []
    assert await ask(memos) == ["A tea for two."]


async def test_what_expires_is_not_served_any_more_and_comes_back_with_the_clock(memos: Memos, clock: Clock) -> None:
    await memos.remember("Tea of today.", expires=timedelta(hours=1))
    assert await ask(memos, 3) == ["Tea of today."]
    clock.tick(timedelta(minutes=59))
    assert await ask(memos) == ["Tea of today."]
    clock.tick(timedelta(minutes=1))
    assert await ask(memos, 3) == []
    clock.tick(-timedelta(minutes=2))
    assert await ask(memos) == ["Tea of today."]


async def test_names_that_are_merged_in_the_ledger_are_a_change(memos: Memos) -> None:
    await memos.remember("Green tea.")
    await ask(memos, 3)
    await memos._on.vault.ledger.write("same", "user/ada\nx", {"name": "a"})  # pyright: ignore[reportPrivateUsage]
    await ask(memos)
    assert await hits(memos) == 1


async def test_the_past_and_branches_are_never_kept(memos: Memos) -> None:
    await memos.remember("Green tea.")
    await memos.timeline.snapshot("then", "user/ada")
    await memos.branches.make("what if", "user/ada")
    branch = await memos.on_branch("what if", "user/ada")
    for _ in range(4):
        await memos.recall("tea", at="then")
        await branch.recall("tea")
    assert await hits(memos) == 0


async def test_a_page_that_is_pasted_as_a_question_is_never_kept(memos: Memos) -> None:
    await memos.remember("Green tea.")
    assert await ask(memos, 4, "tea " * 600) == ["Green tea."]
    assert await hits(memos) == 0


async def test_others_are_not_told_how_much_is_kept(memos: Memos) -> None:
    assert (await memos.acting_as(Caller("eve")).status()).hot is None
    assert (await memos.acting_as(Caller("ada", scopes=("read",))).status()).hot is None


@pytest.mark.claim("5.4.1-12")
async def test_a_ranking_that_nobody_asks_for_any_more_is_dropped(memos: Memos) -> None:
    await memos.remember("Green tea.")
    await ask(memos, 2)
    for number in range(150):
        await ask(memos, question=f"boat {number}")
    found = (await memos.status()).hot
    assert found is not None
    assert found.kept == 0


@pytest.mark.claim("5.4.1-13")
async def test_how_many_are_kept_follows_the_load(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "FEWEST", 4)
    async with words_only(tmp_path, clock) as memos:
        await memos.remember("Green tea.")
        for number in range(policy.WINDOW):
            await ask(memos, question=f"boat {number}")
        fewer = (await memos.status()).hot
        assert fewer is not None
        assert fewer.capacity == 32
        for _ in range(4):
            for number in range(48):  # more than are kept come again and again
                await ask(memos, question=f"tea {number}")
        more = (await memos.status()).hot
        assert more is not None
        assert more.capacity > fewer.capacity
