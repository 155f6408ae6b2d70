"""The scheduler at work: what is used gets a block, what changes or is not used loses it, every decision is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from memos_mcp.activation import Progress, Source
from memos_mcp.cube import Activation
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.interface.scheduled import KIND, SYSTEM, TURN
from memos_mcp.interface.using import Heard
from memos_mcp.operation.lifecycle import REGIMES, Policy
from memos_mcp.operation.scheduling import Limits
from tests.activations import Table
from tests.schedules import CALM, FERRY, TEA, TERMS, Clock, asked, blocks_of, held, scheduled, scheduler_of, stored

pytestmark = pytest.mark.anyio


@pytest.mark.claim("4.2-20", "4.2-28", "4.3-26")
async def test_what_is_asked_again_and_again_is_answered_after_a_block(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        id = await stored(memos, TEA)
        await stored(memos, FERRY)
        assert await asked(memos, "Who likes green tea?") == ["text"] * 6
        (made,) = await scheduler_of(memos).run()
        assert (made.move, made.id, made.policy) == ("promote", id, "paying")
        assert "uses are expected" in made.reason
        assert await held(memos) == {id}
        assert await asked(memos, "Who likes green tea?", 1) == ["prefix"]


async def test_when_nothing_happened_nothing_is_done(tmp_path: Path) -> None:
    table = Table()
    async with scheduled(tmp_path, table) as memos:
        await stored(memos, TEA)
        assert await scheduler_of(memos).run() == ()
        await asked(memos, "Who likes green tea?")
        assert len(await scheduler_of(memos).run()) == 1
        assert await scheduler_of(memos).run() == ()
        assert len(table.read) == 1


@pytest.mark.claim("5.4.2-12")
async def test_a_block_that_is_not_used_any_more_goes_and_its_memory_may_lie_cold(tmp_path: Path) -> None:
    table = Table(budget=1500)
    async with scheduled(tmp_path, table, clock=(clock := Clock())) as memos:
        tea, ferry = await stored(memos, TEA), await stored(memos, FERRY, path="shared/harbour")
        await asked(memos, "Who likes green tea?")
        await scheduler_of(memos).run()
        assert await held(memos) == {tea}
        for _ in range(300):
            await memos.get(ferry)
        made = await scheduler_of(memos).run()
        assert {(each.move, each.id) for each in made} == {("demote", tea), ("promote", ferry)}
        assert len(table.kept) == 1
        assert await asked(memos, "Who likes green tea?", 1) == ["text"]
        await memos.lifecycle.set_policy("user/ada", Policy(inactive_after=timedelta(days=30)))
        clock.tick(days=31)
        await memos.lifecycle.sweep("user/ada")
        assert REGIMES[(await memos.get(tea)).state].tier == "cold"
        assert (await memos.get(tea)).text == TEA


@pytest.mark.claim("5.4.2-01")
async def test_what_keeps_changing_gets_no_block_however_often_it_is_read(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), CALM, clock := Clock()) as memos:
        id = await stored(memos, TEA)
        for number in range(5):
            clock.tick(seconds=40)
            await memos.update(id, f"{TEA} She said so {number} times.")
            assert await asked(memos, "Who likes green tea?", 10) == ["text"] * 10
            clock.tick(seconds=40)
            assert await scheduler_of(memos).run() == ()


@pytest.mark.claim("5.4.2-01")
async def test_what_changes_as_often_as_it_is_read_gets_no_block_however_long_it_stands_still(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), clock=(clock := Clock())) as memos:
        id = await stored(memos, TEA)
        for number in range(20):
            clock.tick(days=1)
            await memos.update(id, f"{TEA} She said so {number} times.")
            clock.tick(days=1)
            await asked(memos, "Who likes green tea?", 1)
        assert await scheduler_of(memos).run() == ()
        (told,) = (await memos.scheduler.plan()).decisions
        assert told.move == "keep"


async def test_after_a_change_the_words_are_sent_until_it_has_stood_still(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), CALM, clock := Clock()) as memos:
        id = await stored(memos, TEA)
        clock.tick()
        await asked(memos, "Who likes green tea?", 20)
        await scheduler_of(memos).run()
        await memos.update(id, TEA.replace("green", "black"))
        assert await asked(memos, "Who likes black tea?", 20) == ["text"] * 20
        clock.tick(minutes=2)
        assert [each.move for each in await scheduler_of(memos).run()] == ["promote"]
        assert await asked(memos, "Who likes black tea?", 1) == ["prefix"]


@pytest.mark.claim("5.4.2-17", "5.4.3-11")
@pytest.mark.parametrize("what", ["archive", "expire", "quarantine", "forget", "end"])
async def test_what_its_state_forbids_is_neither_kept_nor_promoted(tmp_path: Path, what: str) -> None:
    clock, table = Clock(), Table()
    async with scheduled(tmp_path, table, clock=clock) as memos:
        tea, ferry = await stored(memos, TEA), await stored(memos, FERRY)
        await asked(memos, "Who likes green tea?")
        await asked(memos, "When does the ferry leave?")
        await scheduler_of(memos).run()
        assert await held(memos) == {tea, ferry}
        match what:
            case "archive" | "expire":
                await memos.lifecycle.move([tea], what)
            case "quarantine":
                await memos.quarantine.add([tea])
            case "forget":
                await memos.forget(tea)
            case _:
                await memos.acl.change([tea], expires_at=clock.now + timedelta(hours=1))
                clock.tick(hours=2)
        await scheduler_of(memos).run()
        assert await held(memos) == {ferry}
        assert all(FERRY in source.text for _, sources in table.kept.values() for source in sources)
        assert await asked(memos, "When does the ferry leave?", 1) == ["prefix"]


@pytest.mark.claim("5.4.3-11")
async def test_what_is_frozen_need_not_stand_still_first(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), CALM) as memos:
        tea, ferry = await stored(memos, TEA), await stored(memos, FERRY)
        await memos.timeline.freeze([tea])
        for _ in range(6):
            await memos.get(tea)
            await memos.get(ferry)
        await scheduler_of(memos).run()
        assert await held(memos) == {tea}


@pytest.mark.claim("5.5.2-07")
@pytest.mark.parametrize(("talk", "kept"), [("travel", FERRY), ("drinks", TEA)])
async def test_what_is_held_follows_what_was_used_and_what_is_asked_about_now(
    tmp_path: Path, talk: str, kept: str
) -> None:
    terms = replace(TERMS, policy="labelled", longest=250, limits=Limits(0, settled=0, stay=0))
    async with scheduled(tmp_path, Table(budget=2000), terms) as memos:
        ids = [await stored(memos, text, tags=[tag]) for text, tag in ((TEA, "drinks"), (FERRY, "travel"))]
        much = (await memos.put(None, "much", text=TEA * 20, tags=[talk])).id  # too long for a block
        for id in [*ids * 5, *[much] * 40]:
            await memos.get(id)
        await scheduler_of(memos).run()
        assert [(await memos.get(id)).text for id in await held(memos)] == [kept]


@pytest.mark.claim("5.4.2-10")
async def test_each_decision_is_logged_with_its_memory_and_its_reason(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        id = await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        await scheduler_of(memos).run()
        (line,) = (await memos.audit.query(caller=SYSTEM.user)).lines
        assert [(item.id, item.rule) for item in line.items] == [(id, "promote")]
        (told,) = (await memos.scheduler.decisions()).decisions
        (block,) = await blocks_of(memos)
        assert (told.id, told.version, told.block, told.policy) == (id, 1, block.name, "paying")
        notes = await memos._on.vault.ledger.list(KIND)  # pyright: ignore[reportPrivateUsage]
        assert not any("tea" in str(note.value) for note in notes)


async def test_what_a_model_read_beside_the_answer_was_not_used(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        tea, ferry = await stored(memos, TEA), await stored(memos, FERRY)
        for id in (tea, ferry) * 6:
            await memos.get(id)
        await scheduler_of(memos).run()
        (block,) = await blocks_of(memos)
        assert {ref.id for ref in block.sources} == {tea, ferry}
        assert await asked(memos, "Who likes green tea?", 3) == ["prefix"] * 3
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        assert on.accesses is not None
        heard = Heard(on.vault, on.accesses)
        await heard.listen()
        assert {id: block.past and block.past.times for id, block in heard.uses.blocks.items()} == {tea: 9, ferry: 6}


async def test_blocks_of_a_person_are_left_to_him(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        tea, ferry = await stored(memos, TEA), await stored(memos, FERRY)
        kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kv is not None
        mine = await kv.build([await memos.get(tea)], by="ada")
        for _ in range(300):
            await memos.get(ferry)
        for _ in range(9):
            await memos.get(tea)
        await scheduler_of(memos).run()
        blocks = {block.by: block for block in await blocks_of(memos)}
        assert blocks["ada"] == mine
        assert [ref.id for ref in blocks[SYSTEM.user].sources] == [ferry]


async def test_what_others_may_not_read_is_never_in_one_block_with_what_they_may(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        for path in ("user/ada", "shared/team", "user/ada/work"):
            for number in range(3):
                id = await stored(memos, f"{TEA} It is number {number} at {path}.", path=path)
                if number == 2:
                    await memos.acl.change([id], readers=["eve"])
                for _ in range(5):
                    await memos.get(id)
        await scheduler_of(memos).run()
        blocks = await blocks_of(memos)
        assert len(blocks) == 6
        assert len({block.tenant for block in blocks}) == 6


async def test_what_is_too_little_for_a_block_waits_for_more(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), replace(TERMS, least=80)) as memos:
        tea = await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        assert await scheduler_of(memos).run() == ()
        (told,) = (await memos.scheduler.plan()).decisions
        assert (told.move, told.reason.partition(":")[0]) == ("keep", "it waits until more is to be read with it")
        ferry = await stored(memos, FERRY)
        await asked(memos, "When does the ferry leave?")
        await asked(memos, "Who likes green tea?", 1)
        await scheduler_of(memos).run()
        assert await held(memos) == {tea, ferry}


async def test_a_block_that_takes_more_than_there_is_goes_at_once_and_is_not_tried_again(tmp_path: Path) -> None:
    table = Table(budget=600)  # the words are estimated at less than the table takes for them
    async with scheduled(tmp_path, table) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        made = await scheduler_of(memos).run()
        assert [each.move for each in made] == ["promote", "demote"]
        assert "more than was reckoned" in made[1].reason
        await asked(memos, "Who likes green tea?")
        assert await scheduler_of(memos).run() == ()
        assert (len(table.read), table.kept) == (1, {})


async def test_no_more_is_promoted_at_once_than_may_be(tmp_path: Path) -> None:
    terms = replace(TERMS, limits=Limits(0, promotions=2, settled=0))
    async with scheduled(tmp_path, Table(), terms, clock=(clock := Clock())) as memos:
        ids = [await stored(memos, f"{TEA} Number {number}.", path=f"user/ada/{number}") for number in range(4)]
        for id in ids * 5:
            await memos.get(id)
        assert len(await scheduler_of(memos).run()) == 2
        for id in ids:
            await memos.get(id)
        assert await scheduler_of(memos).run() == ()
        clock.tick(minutes=2)
        for id in ids:
            await memos.get(id)
        assert len(await scheduler_of(memos).run()) == 2


class Stubborn(Table):
    """A model that cannot read some memories, or is not there."""

    refuses: type[Exception] | None = None

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        if self.refuses is not None:
            raise self.refuses("it will not")
        return await super().warm(sources, tenant=tenant, pinned=pinned, told=told)


async def test_what_cannot_be_built_is_not_tried_again_until_it_changes(tmp_path: Path) -> None:
    table = Stubborn()
    table.refuses = InvalidInput
    async with scheduled(tmp_path, table) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        assert await scheduler_of(memos).run() == ()
        table.refuses = None
        await asked(memos, "Who likes green tea?")
        assert await scheduler_of(memos).run() == ()
        assert (await memos.scheduler.decisions()).decisions == ()


async def test_a_model_that_is_not_there_is_asked_again(tmp_path: Path) -> None:
    table = Stubborn()
    table.refuses = Unavailable
    async with scheduled(tmp_path, table) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        assert await scheduler_of(memos).run() == ()
        assert (await memos.scheduler.run()).why == "it will not"
        table.refuses = None
        assert [each.move for each in (await memos.scheduler.run()).decisions] == ["promote"]
        assert len((await memos.scheduler.decisions()).decisions) == 1


async def test_two_processes_build_a_block_once(tmp_path: Path) -> None:
    table = Table()
    async with scheduled(tmp_path, table) as memos, scheduled(tmp_path, table) as other:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        await other.status()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scheduler_of(memos).run)
            tasks.start_soon(scheduler_of(other).run)
        assert len(table.read) == 1
        assert len((await memos.scheduler.decisions()).decisions) == 1
        assert await scheduler_of(other).run() == await scheduler_of(memos).run() == ()


async def test_while_it_is_the_turn_of_another_process_nothing_is_done_but_by_a_person(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), clock=(clock := Clock())) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
        until = (clock.now + timedelta(minutes=3)).isoformat()
        await ledger.write(TURN, TURN, {"by": "another", "until": until})
        assert await scheduler_of(memos).run() == ()
        assert "another process" in scheduler_of(memos).why
        clock.tick(minutes=4)
        assert len(await scheduler_of(memos).run()) == 1
        await ledger.write(TURN, TURN, {"by": "another", "until": (clock.now + timedelta(minutes=3)).isoformat()})
        await asked(memos, "Who likes green tea?")
        assert (await memos.scheduler.run()).why == ""


async def test_a_process_that_begins_knows_what_was_used_before(tmp_path: Path) -> None:
    table = Table()
    async with scheduled(tmp_path, table) as memos:
        id = await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
    async with scheduled(tmp_path, table) as memos:
        await scheduler_of(memos).run()
        assert await held(memos) == {id}


async def test_lines_that_were_cut_from_the_log_stop_nothing(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table()) as memos:
        await stored(memos, FERRY, path="user/ada/far")
        await asked(memos, "When does the ferry leave?", 1)
        await scheduler_of(memos).run()
        id = await stored(memos, TEA)
        await memos.audit.rotate(timedelta(0))
        await asked(memos, "Who likes green tea?")
        await scheduler_of(memos).run()
        assert id in await held(memos)


class Told(Table):
    """Says when it has read something."""

    def __init__(self) -> None:
        super().__init__()
        self.was_read = anyio.Event()

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        activation = await super().warm(sources, tenant=tenant, pinned=pinned, told=told)
        self.was_read.set()
        return activation


async def test_questions_wake_it_in_the_background(tmp_path: Path) -> None:
    table = Told()
    async with scheduled(tmp_path, table, replace(TERMS, background=True, pace=0.01)) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
        with anyio.fail_after(10):
            await table.was_read.wait()


async def test_a_command_that_ends_at_once_does_not_begin_with_it(tmp_path: Path) -> None:
    table = Table()
    async with scheduled(tmp_path, table, replace(TERMS, background=True)) as memos:
        await stored(memos, TEA)
        await asked(memos, "Who likes green tea?")
    assert table.read == []
