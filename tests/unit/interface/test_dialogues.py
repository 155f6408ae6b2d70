"""What a turn of a dialogue reads is kept as a KV block for the turns to come, and goes when these are over."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memos_mcp import Caller, Memos
from memos_mcp.answers import Answer, KvBlock
from memos_mcp.errors import NotFound
from memos_mcp.interface.planning import Terms
from tests.activations import Table, remembering
from tests.choices import Chat
from tests.learners import Learner

pytestmark = pytest.mark.anyio

BACKGROUND = Terms(background=True, pace=1000.0)
ABOUT = "The ferry to the island leaves at nine from the old pier, and the tickets are sold in the red hut. " * 8
OTHERS = {
    "Oskar": "Oskar mends violins in the attic of the old mill, above the wheel that has not turned for years. " * 8,
    "Paula": "Paula paints maps of rivers for schools, on paper that comes by post from a village in Norway. " * 8,
    "Quentin": "Quentin counts birds at the lake before breakfast, and writes their numbers on the kitchen wall. " * 8,
}
TURN = ("When does the ferry to the island leave?",)
NEXT = "And where are the tickets of the ferry to the island sold?"


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def talking(home: Path, table: Table, **more: Any) -> AsyncGenerator[tuple[Memos, list[str]]]:
    """Four memories about a ferry, together long enough for a block."""
    given: dict[str, Any] = {"scheduling": BACKGROUND, **more}
    async with remembering(home, table, **given) as memos:
        yield memos, [(await memos.put(None, f"ferry {n}", text=f"{n}. {ABOUT}", kind="fact")).id for n in range(4)]


async def left(memos: Memos) -> list[KvBlock]:
    kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
    assert kv is not None
    return [each for each in await kv.blocks() if each.user]


async def turned(memos: Memos, **more: Any) -> Answer:
    return await memos.ask(NEXT, turns=TURN, **more)


@pytest.mark.claim("4.1-10")
@pytest.mark.claim("5.4.2-07")
async def test_what_a_turn_reads_is_not_read_again_by_the_next(tmp_path: Path) -> None:
    table = Table()
    async with talking(tmp_path, table) as (memos, ids):
        second = await turned(memos)
        assert (second.via, second.fallback) == ("prefix", "")
        assert second.reused == 0, "it was read for this answer"
        assert second.recall.prefix is not None
        assert second.read is not None
        assert second.read > second.recall.prefix.tokens
        assert len(table.read) == 1
        third = await memos.ask("And who sells them?", turns=[*TURN, NEXT])
        assert third.via == "prefix"
        assert third.recall.prefix == second.recall.prefix
        assert third.reused == second.recall.prefix.tokens
        assert len(table.read) == 1, "nothing was read anew"
        assert not any(id in table.prompts[-1] for id in ids)


async def test_a_question_on_its_own_leaves_nothing_behind(tmp_path: Path) -> None:
    table = Table()
    async with talking(tmp_path, table) as (memos, ids):
        answer = await memos.ask(TURN[0])
        assert answer.via == "text"
        assert ids[0] in table.prompts[-1]
        assert await left(memos) == []


async def test_what_is_too_little_for_a_block_is_read_as_text(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table(), scheduling=BACKGROUND) as memos:
        await memos.remember("The ferry to the island leaves at nine.")
        assert (await turned(memos)).via == "text"
        assert await left(memos) == []


@pytest.mark.parametrize(
    "more", [{"answerer": Chat()}, {"scheduling": Terms()}, {"scheduling": None}], ids=["another", "never", "nothing"]
)
async def test_nothing_is_kept_where_another_model_answers_or_the_settings_say_never(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    async with talking(tmp_path, Table(), **more) as (memos, _):
        assert (await turned(memos)).via == "text"
        assert await left(memos) == []


@pytest.mark.claim("5.4.2-04")
async def test_nothing_is_kept_for_which_there_is_no_room(tmp_path: Path) -> None:
    table = Table(budget=5_000)  # bytes, of which a token takes ten
    async with talking(tmp_path, table) as (memos, _):
        answer = await turned(memos, explain=True)
        assert answer.via == "text"
        assert await left(memos) == []
        assert answer.recall.plan is not None
        assert "keeping it would pay, but" in answer.recall.plan.given


async def test_nothing_is_kept_that_takes_longer_to_write_than_it_saves(tmp_path: Path) -> None:
    async with talking(tmp_path, Table(keeping=0.005)) as (memos, _):  # to read a token takes a millisecond
        answer = await turned(memos, explain=True)
        assert answer.via == "text"
        assert answer.recall.plan is not None
        assert "keeping it pays from" in answer.recall.plan.given


@pytest.mark.parametrize("asked", [{"where": "kind:fact"}, {"at": datetime(2036, 1, 1, tzinfo=UTC)}], ids=str)
async def test_what_is_not_of_all_there_is_now_leaves_nothing_behind(tmp_path: Path, asked: dict[str, Any]) -> None:
    async with talking(tmp_path, Table()) as (memos, _):
        assert (await turned(memos, **asked)).via == "text"
        assert await left(memos) == []


async def test_a_block_goes_half_an_hour_after_the_last_turn(tmp_path: Path) -> None:
    table, clock = Table(), Clock()
    async with talking(tmp_path, table, clock=clock) as (memos, _):
        kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kv is not None
        await turned(memos)
        clock.now += timedelta(minutes=20)
        await memos.ask("And who sells them?", turns=[*TURN, NEXT])
        clock.now += timedelta(minutes=20)
        await kv.follow()
        assert len(await left(memos)) == 1
        clock.now += timedelta(minutes=20)
        await kv.follow()
        assert await left(memos) == []
        assert table.kept == {}


async def test_what_somebody_pins_stays(tmp_path: Path) -> None:
    clock = Clock()
    async with talking(tmp_path, Table(), clock=clock) as (memos, _):
        kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kv is not None
        await turned(memos)
        await memos.kv.pin((await left(memos))[0].name)
        clock.now += timedelta(days=1)
        await kv.follow()
        assert len(await left(memos)) == 1


async def test_each_user_has_two_at_most_and_keeps_those_of_others(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table(), scheduling=BACKGROUND) as ada:
        ben = ada.acting_as(Caller("ben"))
        for memos in (ada, ben):
            for name, text in OTHERS.items():
                for n in range(4):
                    await memos.put(None, f"{name} {n}", text=f"{n}. {text}", kind="fact")
        for memos, name in ((ben, "Oskar"), (ada, "Oskar"), (ada, "Paula"), (ada, "Quentin")):
            answer = await memos.ask(f"And what does {name} do there?", turns=[f"Where is {name}?"], limit=4)
            assert (answer.via, answer.reused) == ("prefix", 0)
        assert sorted(each.user for each in await left(ada)) == ["ada", "ada", "ben"]


async def test_it_goes_with_the_first_of_its_memories(tmp_path: Path) -> None:
    table = Table()
    async with talking(tmp_path, table) as (memos, ids):
        await turned(memos)
        (block,) = await left(memos)
        forgotten = block.sources[0].id
        await memos.forget(forgotten)
        await memos.settle()
        assert await left(memos) == []
        assert table.kept == {}
        answer = await turned(memos)
        assert forgotten in ids
        assert forgotten not in {ref.id for each in await left(memos) for ref in each.sources}
        assert forgotten not in answer.recall.context


async def test_who_may_not_read_a_part_of_it_never_answers_after_it(tmp_path: Path) -> None:
    table = Table()
    async with talking(tmp_path, table) as (memos, _):
        await turned(memos)
        other = await memos.acting_as(Caller("ben")).ask(NEXT, turns=TURN)
        assert other.via == "none"
        assert other.recall.prefix is None


async def test_nobody_learns_from_a_block_that_somebody_else_had_a_dialogue(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table, scheduling=BACKGROUND, parametric=Learner()) as ada:
        for n in range(4):
            await ada.put("shared/team", f"ferry {n}", text=f"{n}. {ABOUT}", kind="fact")
        await turned(ada)
        (hers,) = await left(ada)
        ben = ada.acting_as(Caller("ben", scopes=("read", "write")))
        assert await ben.kv.list() == ()
        for asked in (ben.kv.verify(hers.name), ben.kv.memories(hers.name), ben.kv.drop(hers.name)):
            with pytest.raises(NotFound, match="there is no KV block"):
                await asked
        with pytest.raises(NotFound, match="there is no KV block"):
            await ben.adapters.from_kv("ferries", hers.name)
        assert (await ben.recall(NEXT)).prefix is None
        his = await turned(ben)
        assert (his.via, his.reused) == ("prefix", 0)
        assert len(table.kept) == 2, "they are kept apart in the model as well"
        (mine,) = await ada.acting_as(Caller("ada", scopes=("read", "write"))).kv.list()
        assert (mine.name, mine.dialogue, mine.hits) == (hers.name, True, 1)
        assert len(await ada.kv.list()) == 2, "who looks after all of it sees both"
        await ada.acting_as(Caller("ada", scopes=("read", "write"))).kv.drop(mine.name)
        assert [each.user for each in await left(ada)] == ["ben"]


async def test_no_turn_waits_for_a_block_that_is_being_built(tmp_path: Path) -> None:
    async with talking(tmp_path, Table()) as (memos, _):
        kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kv is not None
        async with kv._building:  # pyright: ignore[reportPrivateUsage]
            assert (await turned(memos)).via == "text"
        assert (await turned(memos)).via == "prefix"


@pytest.mark.claim("5.4.2-06")
async def test_what_was_said_in_the_session_of_the_question_stays_text(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table, scheduling=BACKGROUND) as memos:
        for n in range(4):
            await memos.remember(f"{n}. {ABOUT}", session="today")
        answer = await turned(memos, session="today", explain=True)
        assert answer.via == "text"
        assert answer.recall.plan is not None
        assert "it was said in this session" in answer.recall.plan.given
        assert await left(memos) == []
        assert (await turned(memos, session="tomorrow")).via == "prefix"
