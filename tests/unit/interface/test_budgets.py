"""What an answer may take: time, the model's window, its load, tokens a minute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from memos_mcp import Caller, Memos
from memos_mcp.activation import Reply
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.spending import Spending
from memos_mcp.operation.context import tokens
from tests.activations import Table, remembering
from tests.choices import HOW, Chat, asking, told, trained
from tests.learners import Learner

pytestmark = pytest.mark.anyio

FERRY = "The ferry to the island leaves at nine from the old pier, and the tickets are sold in the red hut. " * 8
WHEN = "When does the ferry to the island leave?"


class Clock:
    """Seconds that the test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Narrow(Table):
    """It says how much it reads when it is told more."""

    most: int = 1_500

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        if len(prompt) > self.most:
            raise InvalidInput(f"{len(prompt)} tokens are more than {self.most}")
        return await super().generate(activation, prompt, tenant=tenant, limit=limit)


@dataclass
class Silent(Table):
    """It counts who asks it how busy it is."""

    asked: int = 0

    async def capacity(self) -> Capacity | None:
        self.asked += 1
        return None


async def ferries(memos: Memos, number: int = 4) -> list[str]:
    return [(await memos.put(None, f"ferry {n}", text=f"{n}. {FERRY}", kind="fact")).id for n in range(number)]


async def plan(memos: Memos, question: str = WHEN) -> str:
    found = await memos.recall(question, explain=True)
    assert found.plan is not None
    return found.plan.given


# --- time


async def test_an_answer_that_has_to_begin_soon_reads_less(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        ids = await ferries(memos)
        await memos.ask(WHEN)
        assert all(id in table.prompts[-1] for id in ids)
        soon = await memos.ask(WHEN, within=0.8)
        assert soon.via == "text"
        assert 1 <= sum(id in table.prompts[-1] for id in ids) < len(ids)


async def test_if_nothing_can_be_read_in_time_it_is_said_and_the_recall_is_there(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        await ferries(memos)
        answer = await memos.ask(WHEN, within=0.05)
        assert (answer.text, answer.via) == ("", "none")
        assert "within 0.05 s" in answer.missing
        assert answer.recall.used == 4
        assert table.prompts == []


async def test_what_was_learnt_answers_when_there_is_no_time_to_read(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, chat):
        await trained(memos, await told(memos))
        answer = await memos.ask(HOW, within=1.0)
        assert answer.via == "adapter"
        assert chat.sent == []


@pytest.mark.parametrize("within", [0.0, -1.0, float("nan")])
async def test_a_time_that_is_over_is_refused(tmp_path: Path, within: float) -> None:
    async with remembering(tmp_path, Table()) as memos:
        with pytest.raises(InvalidInput, match="within must be more than 0 seconds"):
            await memos.ask(WHEN, within=within)


# --- the window and the load of the model


@pytest.mark.claim("5.4.2-03")
async def test_what_a_model_cannot_read_at_once_is_left_out(tmp_path: Path) -> None:
    table = Table(about=Capacity(window=800))
    async with remembering(tmp_path, table) as memos:
        ids = await ferries(memos)
        await memos.ask(WHEN)
        read = sum(id in table.prompts[-1] for id in ids)
        assert 1 <= read < len(ids), "there is room for two, and for an answer"
        assert "the window of 800 tokens is full" in await plan(memos)


async def test_where_words_are_the_only_way_no_other_model_is_asked_how_busy_it_is(tmp_path: Path) -> None:
    table = Silent()
    async with asking(tmp_path, table) as (memos, chat):
        await ferries(memos)
        assert (await memos.ask(WHEN)).via == "text"
        assert len(chat.sent) == 1
        assert table.asked == 0


async def test_the_window_of_one_model_holds_up_no_other(tmp_path: Path) -> None:
    async with asking(tmp_path, Table(about=Capacity(window=800)), None) as (memos, chat):
        ids = await ferries(memos)
        await memos.ask(WHEN)
        assert all(id in chat.sent[-1] for id in ids)


async def test_what_turns_out_to_be_too_much_is_halved_until_it_fits(tmp_path: Path) -> None:
    table = Narrow()
    async with remembering(tmp_path, table) as memos:
        ids = await ferries(memos)
        answer = await memos.ask(WHEN)
        assert (answer.via, answer.missing) == ("text", "")
        best = [cube.id for cube in answer.recall.cubes]
        assert [id for id in ids if id in table.prompts[-1]] == best[:1]
        table.most = 50
        assert "are more than" in (await memos.ask(WHEN)).missing


@pytest.mark.claim("5.4.2-03")
async def test_a_block_that_leaves_no_room_for_the_question_is_not_used(tmp_path: Path) -> None:
    table = Table(about=Capacity(window=500))
    async with remembering(tmp_path, table) as memos:
        await memos.kv.build(await ferries(memos))
        answer = await memos.ask(WHEN)
        assert answer.recall.prefix is not None
        assert (answer.via, answer.fallback) == ("text", "")


@pytest.mark.claim("5.4.2-15")
async def test_the_plan_changes_with_the_load_of_the_model(tmp_path: Path) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, _):
        await trained(memos, await told(memos))
        await ferries(memos, 2)
        question = f"{HOW} And when does the ferry leave?"
        idle = await plan(memos, question)
        table.about = Capacity(load=40.0)
        assert idle.count("left out") < (await plan(memos, question)).count("left out")


@pytest.mark.claim("5.4.2-15")
async def test_a_busy_server_of_adapters_counts_as_well(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, _):
        await trained(memos, await told(memos))
        idle = await plan(memos, HOW)
        learner.about = Capacity(load=3.0)
        assert idle != await plan(memos, HOW)


# --- tokens a minute


async def test_in_a_minute_so_many_tokens_are_read_for_a_user_and_no_more(tmp_path: Path) -> None:
    chat, clock = Chat(), Clock()
    spending = Spending(600, clock)
    async with remembering(tmp_path, None, answerer=chat, spending=spending) as memos:
        ids = await ferries(memos)
        await memos.ask(WHEN)
        first = [id for id in ids if id in chat.sent[-1]]
        assert 1 <= len(first) < len(ids), "as many as may be read"
        answer = await memos.ask(WHEN)
        assert (answer.text, answer.via) == ("", "none")
        assert "600 tokens" in answer.missing
        assert "ask again in 60 s" in answer.missing
        assert answer.recall.used == len(ids), "the recall is there all the same"
        assert len(chat.sent) == 1

        other = memos.acting_as(Caller("ben"))
        await other.remember("The ferry to the island leaves at nine.")
        assert (await other.ask(WHEN)).via == "text", "each user has his own"

        clock.now = 60.0
        assert (await memos.ask(WHEN)).via == "text"


async def test_a_memory_that_takes_more_than_a_minute_has_is_not_waited_for(tmp_path: Path) -> None:
    async with remembering(tmp_path, None, answerer=Chat(), spending=Spending(100, Clock())) as memos:
        await ferries(memos, 1)
        missing = (await memos.ask(WHEN)).missing
        assert "takes more: allow more" in missing
        assert "ask again" not in missing


async def test_what_is_kept_takes_none_of_them(tmp_path: Path) -> None:
    table, clock = Table(), Clock()
    async with remembering(tmp_path, table, spending=Spending(100, clock)) as memos:
        await memos.kv.build(await ferries(memos))
        for _ in range(3):
            answer = await memos.ask(WHEN)
            assert answer.via == "prefix"


async def test_what_a_dialogue_leaves_behind_was_read(tmp_path: Path) -> None:
    from memos_mcp.interface.planning import Terms

    spending = Spending(900, Clock())
    async with remembering(tmp_path, Table(), spending=spending, scheduling=Terms(background=True, pace=1e3)) as memos:
        await ferries(memos)
        answer = await memos.ask("And when does it leave?", turns=["I take the ferry to the island."])
        assert answer.via == "prefix"
        assert spending.left("ada") <= 900 - 4 * tokens(FERRY)


def test_a_minute_slides() -> None:
    clock = Clock()
    spending = Spending(100, clock)
    spending.spent("ada", 60)
    clock.now = 30.0
    spending.spent("ada", 60)
    assert (spending.left("ada"), spending.wait("ada")) == (0, 30.0)
    assert spending.left("ben") == 100
    clock.now = 60.0
    assert (spending.left("ada"), spending.wait("ada")) == (40, 30.0)
    clock.now = 90.0
    assert (spending.left("ada"), spending.wait("ada")) == (100, 0.0)
    spending.spent("ada", 0)
    assert spending.left("ada") == 100
