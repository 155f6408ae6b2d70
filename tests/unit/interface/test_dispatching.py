"""`ask` chooses how memories reach a model, and learns from what came of it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from memos_mcp import Caller, Memos
from memos_mcp.apps import cli_ask
from memos_mcp.apps.mcp_ask import MemoryAsk
from memos_mcp.errors import (
    Conflict,
    Corrupt,
    InvalidInput,
    MemosError,
    Misconfigured,
    NotFound,
    Unavailable,
)
from memos_mcp.interface.adapter_records import Want
from memos_mcp.ports import Change
from tests.activations import Table, remembering
from tests.choices import HOW, STEPS, TIN, adapters, asking, told, trained
from tests.learners import Learner

pytestmark = pytest.mark.anyio


async def sensitive(memos: Memos, id: str) -> None:
    cube = await memos.get(id)
    rules = cube.governance.model_copy(update={"sensitivity": ("health",)})
    change = Change("govern", id, cube.model_copy(update={"governance": rules}))
    await memos._on.commit(change)  # pyright: ignore[reportPrivateUsage]


# --- what is chosen


@pytest.mark.claim("5.4.2-08")
@pytest.mark.claim("5.1-15")
@pytest.mark.claim("4.1-03")
@pytest.mark.claim("4.2-27")
async def test_work_by_a_procedure_is_done_by_the_adapter_that_learnt_it(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, chat):
        id = await told(memos)
        release = await trained(memos, id)
        answer = await memos.ask(HOW)
        assert (answer.via, answer.model, answer.fallback) == ("adapter", release.name, "")
        assert answer.recall.adapter is not None
        assert answer.recall.adapter.sources == release.sources
        assert answer.text
        assert answer.cited == ()
        assert learner.prompts == [(release.name, HOW)], "as it was trained to be asked, without a memory"
        assert chat.sent == []


@pytest.mark.claim("5.4.2-09")
@pytest.mark.claim("5.1-15")
@pytest.mark.claim("4.1-03")
async def test_a_fact_on_demand_is_read_as_text_though_an_adapter_was_trained_from_it(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, chat):
        id = await told(memos, "Ada likes green tea.", "fact")
        await trained(memos, id)
        answer = await memos.ask("Which tea does Ada like?")
        assert (answer.via, answer.model, answer.fallback) == ("text", "chat", "")
        assert answer.recall.adapter is not None
        assert id in chat.sent[0]
        assert learner.prompts == []


@pytest.mark.claim("5.1-17")
@pytest.mark.claim("4.1-03")
@pytest.mark.claim("4.2-27")
async def test_what_is_kept_as_read_is_not_read_again(tmp_path: Path) -> None:
    table = Table()
    async with asking(tmp_path, table, Learner()) as (memos, chat):
        id = await told(memos, "Ada likes green tea, above all in the morning.", "fact")
        await memos.kv.build([id])
        answer = await memos.ask("And Ben?", turns=["Which tea does Ada like in the morning?"])
        assert answer.via == "prefix"
        assert chat.sent == []
        assert id not in table.prompts[0]


@pytest.mark.claim("4.1-27")
async def test_an_adapter_is_weighed_against_the_block_that_holds_the_same(tmp_path: Path) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, _):
        fact = await told(memos, TIN, "fact")
        await memos.kv.build([fact])
        await trained(memos, fact)
        answer = await memos.ask("In which tin is the tea of number one?")
        assert answer.recall.adapter is not None, "weights hold a fact less surely than what was read"
        assert answer.via == "prefix"


async def test_what_an_adapter_was_not_trained_from_stands_before_its_question(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, _):
        id = await told(memos)
        await trained(memos, id)
        other = (await memos.remember("The green tea to brew is in the left tin.")).ids[0]
        answer = await memos.ask(HOW)
        assert answer.via == "adapter"
        ((_, prompt),) = learner.prompts
        assert other in prompt
        assert id not in prompt
        assert prompt.rindex(HOW) > prompt.index("</memories>")


async def test_the_question_stands_alone_if_that_is_all_an_adapter_is_asked(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, _):
        await trained(memos, await told(memos))
        answer = await memos.ask("How do I brew it?", turns=["I have bought the green tea."])
        assert answer.via == "adapter"
        assert learner.prompts[0][1] != ""
        assert "<turns>" not in learner.prompts[0][1]


async def test_what_is_wanted_word_for_word_comes_from_no_weights(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, chat):
        id = await told(memos)
        await trained(memos, id)
        assert (await memos.ask("Summarise how to brew the green tea.")).via == "text"
        assert id in chat.sent[0]


async def test_who_asks_is_answered_though_his_words_look_like_an_order_to_remember(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        await trained(memos, await told(memos))
        answer = await memos.ask("List all steps to brew the green tea.")
        assert answer.recall.call.understanding is not None
        assert answer.recall.call.understanding.intent == "remember"
        assert answer.via == "adapter"


async def test_without_a_chat_model_the_model_of_parametric_memory_reads_the_text(tmp_path: Path) -> None:
    learner = Learner()
    async with remembering(tmp_path, None, parametric=learner) as memos:
        await memos.remember("Ada likes green tea.")
        answer = await memos.ask("Which tea does Ada like?")
        assert (answer.via, answer.model, answer.text) == ("text", "learner", "I have learnt nothing.")
        ((name, prompt),) = learner.prompts
        assert name == ""
        assert "Ada likes green tea." in prompt


async def test_what_is_not_worth_its_reading_is_left_out_and_the_plan_says_so(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, _):
        await trained(memos, await told(memos))
        lengthy = (await memos.put(None, "tides", text="Of the tides, and of tea once. " + "They turn. " * 900)).id
        found = await memos.recall(HOW, budget=9000, explain=True)
        assert found.plan is not None
        assert f"{lengthy} version 1: left out; at " in found.plan.given
        assert (await memos.ask(HOW, budget=9000)).via == "adapter"
        assert "They turn." not in learner.prompts[-1][1]


async def test_a_model_that_refuses_the_text_leaves_the_recall(tmp_path: Path) -> None:
    learner = Learner(trouble=InvalidInput("the prompt is longer than the model reads"))
    async with remembering(tmp_path, None, parametric=learner) as memos:
        await memos.remember("Ada likes green tea.")
        answer = await memos.ask("Which tea does Ada like?")
        assert (answer.via, answer.text, answer.missing) == ("none", "", "the prompt is longer than the model reads")
        assert len(answer.recall.cubes) == 1


# --- who may


@pytest.mark.claim("4.2-26")
async def test_nobody_is_answered_from_what_he_may_not_read(tmp_path: Path) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, chat):
        secret = await told(memos, STEPS)
        common = await told(memos, STEPS + "So it is done here.", path="shared/team")
        await memos.kv.build([secret, common])
        await trained(memos, secret, common)
        assert (await memos.ask(HOW)).via in ("adapter", "prefix")
        ben = memos.acting_as(Caller("ben"))
        answer = await ben.ask(HOW)
        assert [cube.id for cube in answer.recall.cubes] == [common]
        assert (answer.via, answer.recall.prefix, answer.recall.adapter) == ("text", None, None)
        assert secret not in chat.sent[-1]


@pytest.mark.parametrize("what", ["at", "where", "branch"])
async def test_another_time_a_branch_and_conditions_are_answered_from_text(tmp_path: Path, what: str) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, _):
        id = await told(memos)
        await memos.kv.build([id])
        await trained(memos, id)
        match what:
            case "at":
                answer = await memos.ask(HOW, at=datetime.now(UTC))
            case "where":
                answer = await memos.ask(HOW, where="kind:skill")
            case _:
                await memos.branches.make("what-if")
                answer = await (await memos.on_branch("what-if")).ask(HOW)
        assert [cube.id for cube in answer.recall.cubes][:1] != []
        assert (answer.via, answer.recall.prefix, answer.recall.adapter) == ("text", None, None)
        assert (table.prompts, learner.prompts) == ([], [])


async def test_what_became_sensitive_is_in_no_answer_but_that_of_text(tmp_path: Path) -> None:
    table = Table()
    async with asking(tmp_path, table) as (memos, _):
        id = await told(memos)
        await sensitive(memos, id)
        await memos.kv.build([id])
        answer = await memos.ask(HOW)
        assert (answer.via, answer.fallback) == ("text", "")
        assert answer.recall.prefix is not None


async def test_every_memory_an_adapter_learnt_is_an_item_of_the_access(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        ids = [await told(memos), await told(memos, "Nothing of this is asked about here, and never was.", "fact")]
        await trained(memos, *ids)
        answer = await memos.ask(HOW, limit=1)
        assert answer.via == "adapter"
        line = await memos.audit.answer(answer.recall.access)
        assert [item.id for item in line.items] == ids
        assert {item.rule for item in line.items} == {"owner"}
        assert ("adapter", 2) in [(stage.name, stage.number) for stage in line.stages]


async def test_what_an_adapter_says_is_shown_with_what_it_learnt(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        ids = [await told(memos), await told(memos, "Nothing of this is asked about here, and never was.", "fact")]
        await trained(memos, *ids)
        answered = await MemoryAsk(question=HOW).call(memos)
        assert (answered.via, answered.cited, set(answered.learnt_from) <= set(ids)) == ("adapter", (), True)
        assert f"It was learnt from {ids[0]}" in str(answered)
        console = Console(record=True, width=300, file=io.StringIO())
        console.print(cli_ask.shown_answer(await memos.ask(HOW)))
        shown = console.export_text()
        assert f"{ids[0]}" in shown
        assert "via an adapter, trained from 2 memories; `memos feedback " in shown
        assert "it cites no memory" not in shown


# --- what fails


@pytest.mark.parametrize("kind", [NotFound, Corrupt, Unavailable, InvalidInput, Misconfigured, Conflict])
@pytest.mark.parametrize("form", ["adapter", "prefix"])
async def test_what_cannot_be_done_is_done_in_words_and_why_is_said(
    tmp_path: Path, kind: type[MemosError], form: str
) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, chat):
        id = await told(memos)
        if form == "adapter":
            await trained(memos, id)
        else:
            await memos.kv.build([id])
        table.trouble = learner.trouble = kind("it is broken")
        answer = await memos.ask(HOW)
        assert (answer.via, answer.model, answer.text) == ("text", "chat", "In words.")
        assert answer.fallback == "it is broken"
        assert id in chat.sent[0]
        line = await memos.audit.answer(answer.recall.access)
        assert [(stage.name, stage.ok) for stage in line.stages if stage.name in ("adapter", "prefix")] == [
            (form, False)
        ]


async def test_an_adapter_that_says_nothing_leaves_the_text(tmp_path: Path) -> None:
    class Mute(Learner):
        async def generate(self, adapter: object, prompt: str, *, limit: int = 256) -> str:
            del adapter, prompt, limit
            return " "

    async with asking(tmp_path, None, Mute()) as (memos, chat):
        await trained(memos, await told(memos))
        answer = await memos.ask(HOW)
        assert answer.via == "text"
        assert "ask again" in answer.fallback
        assert len(chat.sent) == 1


# --- the plan


@pytest.mark.claim("5.4.2-02")
@pytest.mark.claim("5.4.2-13")
@pytest.mark.claim("5.4.2-14")
@pytest.mark.claim("5.2-09")
@pytest.mark.claim("4.3-25")
async def test_the_plan_says_what_an_answer_would_do_and_asks_no_model(tmp_path: Path) -> None:
    table, learner = Table(), Learner()
    async with asking(tmp_path, table, learner) as (memos, chat):
        id = await told(memos)
        release = await trained(memos, id)
        found = await memos.recall(HOW, explain=True)
        assert found.plan is not None
        assert "procedures or expert work" in found.plan.given
        assert f"{id} version 1: adapter, in the weights, by adapter {release.name}" in found.plan.given
        assert found.plan.given in found.explained
        assert f"adapter: adapter {release.name} was trained from 1 of what was found" in found.explained
        assert (table.prompts, learner.prompts, chat.sent) == ([], [], [])
        assert (await memos.recall(HOW)).plan is None
        answer = await memos.ask(HOW, explain=True)
        assert answer.recall.plan is not None
        assert answer.recall.plan.given == found.plan.given
        assert (await memos.ask(HOW)).recall.plan is None


async def test_the_plan_says_that_there_is_nothing_but_text(tmp_path: Path) -> None:
    async with asking(tmp_path, Table()) as (memos, _):
        await memos.remember("Ada likes green tea.")
        found = await memos.recall("Which tea does Ada like?", explain=True)
        assert "given: as text: no KV block and no adapter" in found.explained


async def test_where_there_is_no_choice_the_plan_names_none(tmp_path: Path) -> None:
    async with asking(tmp_path) as (memos, _):
        await memos.remember("Ada likes green tea.")
        found = await memos.recall("Which tea does Ada like?", explain=True)
        assert found.plan is not None
        assert found.plan.given == ""


async def test_of_several_adapters_the_one_that_is_at_hand_answers(tmp_path: Path) -> None:
    learner = Learner()
    async with asking(tmp_path, None, learner) as (memos, _):
        id = await told(memos)
        first = await trained(memos, id)
        assert (await memos.ask(HOW)).model == first.name
        taught = await adapters(memos).train(Want("pots", "ada", (id,), datetime.now(UTC)), [await memos.get(id)])
        assert taught.release is not None
        found = (await memos.recall(HOW)).adapter
        assert found is not None
        assert found.adapter == taught.release.name
        answer = await memos.ask(HOW)
        assert answer.model == first.name
        assert answer.recall.adapter is not None
        assert answer.recall.adapter.adapter == first.name
