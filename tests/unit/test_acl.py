"""Rules of memories, from the verb that sets them to everything that must keep them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.interface.bound import now_in_utc

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEN, EVE = Caller("ben"), Caller("eve")


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada") as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def seen_by(memos: Memos, question: str = "tea") -> list[str]:
    """What a caller sees in every way there is; they must agree."""
    found = await memos.recall(question, limit=50)
    page = await memos.browse(limit=100)
    assert sorted(cube.id for cube in found.cubes) == sorted(cube.id for cube in page.cubes)
    assert found.searched == page.total == len(page.cubes)
    assert sum(each.memories for each in await memos.namespaces()) == page.total == (await memos.status()).memories
    return sorted(cube.text for cube in page.cubes)


@pytest.mark.claim("5.5.1-01")
async def test_a_private_memory_is_shared_with_one_reader(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans")
    await stored(memos, "secret tea", "user/ada/plans")
    ben = memos.acting_as(BEN)
    assert await seen_by(ben) == []
    (cube,) = await memos.acl.change([plan], readers=["ben"], reason="for the party")
    assert cube.governance.readers == ("ben",)
    assert cube.version == 1
    assert await seen_by(ben) == ["the tea plan"]
    assert (await ben.recall("tea")).paths == ("user/ben", "shared", "global", "user/ada/plans")
    assert [c.id for c in (await ben.recall("tea", path="user/ada")).cubes] == [plan]
    assert (await ben.get(plan)).text == "the tea plan"
    assert [event.action for event in await ben.history(plan)] == ["remember", "govern"]
    for attempt in (ben.update(plan, "x"), ben.forget(plan), ben.acl.change([plan], readers=["eve"])):
        with pytest.raises(Denied):
            await attempt
    await memos.acl.change([plan], readers=[])
    assert await seen_by(ben) == []
    for hidden in (ben.get(plan), ben.history(plan), ben.forget(plan), ben.acl.show(plan)):
        with pytest.raises(NotFound, match="ben has no memory"):
            await hidden
    with pytest.raises(Denied):
        await ben.recall("tea", path="user/ada")


async def test_a_writer_may_change_it_and_no_more(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan")
    await memos.acl.change([plan], writers=["role:cook"])
    cook = memos.acting_as(Caller("cyd", roles=("cook",)))
    assert (await cook.update(plan, "the green tea plan")).version == 2
    with pytest.raises(Denied, match="cyd may not decide about"):
        await cook.forget(plan)
    await memos.acl.change([plan], read_only=True)
    with pytest.raises(Denied, match="read-only"):
        await cook.update(plan, "no plan")
    with pytest.raises(Denied, match="read-only"):
        await memos.update(plan, "no plan")
    assert (await memos.get(plan)).text == "the green tea plan"


async def test_a_shared_memory_is_closed_to_some(memos: Memos) -> None:
    open_, closed = await stored(memos, "open tea", "shared/team"), await stored(memos, "closed tea", "shared/team")
    await memos.acl.change([closed], denied=["ben"])
    ben, eve = memos.acting_as(BEN), memos.acting_as(Caller("eve"))
    assert await seen_by(ben) == ["open tea"]
    assert await seen_by(eve) == await seen_by(memos) == ["closed tea", "open tea"]
    await memos.acl.change([open_, closed], denied=[], readers=["eve"])
    assert await seen_by(ben) == []
    assert len(await seen_by(eve)) == 2


@pytest.mark.claim("5.2-20")
async def test_a_memory_is_used_only_in_its_context(memos: Memos) -> None:
    chart = await stored(memos, "tea at night", "shared/ward")
    await memos.acl.change([chart], contexts=["application:clinic"])
    at_desk = memos.acting_as(Caller("ben", context=("application:billing",)))
    at_bed = memos.acting_as(Caller("ben", context=("application:clinic",)))
    assert await seen_by(at_desk) == []
    assert await seen_by(at_bed) == ["tea at night"]
    assert (await at_bed.acl.explain(chart)).rule == "shared"
    assert (await memos.acl.explain(chart)).rule == "context"
    there = await memos.acl.explain(chart, user="ben", context=["application:clinic"])
    assert (there.allowed, there.rule) == (True, "shared")


@pytest.mark.claim("5.2-19", "5.3.2-23")
async def test_a_role_a_model_and_a_task_let_in_or_keep_out(memos: Memos) -> None:
    chart = await stored(memos, "tea at night", "user/ada/ward")
    await memos.acl.change([chart], readers=["role:nurse"], contexts=["model:local", "task:triage", "task:rounds"])
    for roles, context, sees in (
        (("nurse",), ("model:local", "task:rounds"), True),
        (("guest",), ("model:local", "task:rounds"), False),
        (("nurse",), ("model:hosted", "task:rounds"), False),
        (("nurse",), ("model:local", "task:billing"), False),
        (("nurse",), (), False),
    ):
        caller = memos.acting_as(Caller("ben", roles, context))
        assert await seen_by(caller) == (["tea at night"] if sees else [])


async def test_an_expired_memory_is_gone_for_all_but_its_owners_decisions(tmp_path: Path) -> None:
    moment = NOON
    async with memos_mcp.open(home=tmp_path, user="ada") as system:
        memos = Memos(
            vault=system._on.vault,  # pyright: ignore[reportPrivateUsage] the same system by another clock
            reader=system._reader,  # pyright: ignore[reportPrivateUsage]
            routes=system._routes,  # pyright: ignore[reportPrivateUsage]
            caller=Caller("ada"),
            clock=lambda: moment,
        )
        brief, long = await stored(memos, "tea today"), await stored(memos, "tea for ever")
        await memos.acl.change([brief], expires_at=NOON + timedelta(hours=1))
        assert await seen_by(memos) == ["tea for ever", "tea today"]
        moment = NOON + timedelta(hours=1)
        assert await seen_by(memos) == ["tea for ever"]
        said = await memos.remember("tea today")
        assert (said.new, said.ids == (brief,)) == (1, False), "what is said again is there again"
        await memos.forget(said.ids[0])
        with pytest.raises(NotFound):
            await memos.get(brief)
        with pytest.raises(NotFound):
            await memos.acting_as(BEN).acl.show(brief)
        await memos.acl.change([brief], expires_at="never")
        assert await seen_by(memos) == ["tea for ever", "tea today"]
        await memos.acl.change([long], expires_at=NOON)
        await memos.forget(long)
        assert await seen_by(memos) == ["tea today"]


async def test_who_repeats_the_words_of_a_hidden_memory_learns_nothing_and_has_his_own(memos: Memos) -> None:
    hidden = await stored(memos, "the tea is poisoned", "shared/team")
    await memos.acl.change([hidden], denied=["ben"])
    ben = memos.acting_as(BEN)
    for new in (1, 0):
        said = await ben.remember("The tea is poisoned!", path="shared/team")
        assert (said.new, hidden in said.ids) == (new, False)
    assert [cube.id for cube in (await ben.recall("tea")).cubes] == list(said.ids)
    again = await memos.remember("the tea is poisoned", path="shared/team")
    assert (again.ids, again.new) == ((hidden,), 0), "its owner repeats himself"


async def test_a_key_of_a_closed_memory_is_not_written_by_others(memos: Memos) -> None:
    cube = await memos.put("shared/team", "plan", text="tea at noon")
    await memos.acl.change([cube.id], readers=["eve"])
    for caller, said in (("ben", "may not use the key 'plan'"), ("eve", "may not change memory")):
        with pytest.raises(Denied, match=said):
            await memos.acting_as(Caller(caller)).put("shared/team", "plan", text="no tea")
    with pytest.raises(Denied):
        await memos.acting_as(Caller("eve")).rename({"plan": "other"}, path="shared/team")
    assert (await memos.put("shared/team", "plan", text="tea at one")).version == 2


async def test_nobody_undoes_a_source_of_others_in_a_closed_memory(memos: Memos) -> None:
    (id,) = (await memos.remember("tea", path="shared/team", source="page")).ids
    await memos.acl.change([id], readers=["eve"])
    with pytest.raises(Denied, match="decide about"):
        await memos.acting_as(Caller("eve")).quarantine.undo("page", path="shared/team")
    assert await memos.acting_as(BEN).quarantine.undo("page", path="shared/team") == ()
    assert len(await memos.quarantine.undo("page", path="shared/team")) == 1


async def test_what_one_may_not_read_moves_no_score(memos: Memos) -> None:
    texts = ["the zither has a spruce soundboard", "a spruce grew behind the house", "rain on the roof", "tea for two"]
    for text in texts:
        await stored(memos, text, "shared/team")
    ben = memos.acting_as(BEN)
    await memos.acl.change([await stored(memos, "hers", "shared/team")], denied=["ben"])

    async def scores() -> dict[str, float]:
        found = await ben.recall("What do we know of the zither and the roof?", limit=50)
        return {each.cube.text: round(each.score, 9) for each in found.memories}

    before = await scores()
    hidden = (await memos.remember([f"spruce number {n} with a zither" for n in range(80)], path="shared/team")).ids
    await memos.acl.change(hidden, denied=["ben"])
    assert await scores() == before


async def test_rules_hold_for_a_process_that_comes_later(memos: Memos, tmp_path: Path) -> None:
    ids = [await stored(memos, f"tea {n}", "shared/team") for n in range(4)]
    await seen_by(memos)
    await memos.acl.change(ids[:2], denied=["ben"])
    async with memos_mcp.open(home=tmp_path, user="ben") as ben:
        assert await seen_by(ben) == ["tea 2", "tea 3"]
        await memos.acl.change(ids[2:], denied=["ben"])
        await memos.acl.change(ids[:1], denied=[])
        assert await seen_by(ben) == ["tea 0"]


async def test_who_explains_for_others_decides_about_the_memory(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan")
    await memos.acl.change([plan], readers=["ben", "role:nurse"])
    yes = await memos.acl.explain(plan, user="ben")
    assert (yes.allowed, yes.rule, yes.why) == (True, "reader", "ben is a reader of it")
    assert (await memos.acl.explain(plan, "write", user="ben")).rule == "private"
    assert (await memos.acl.explain(plan, user="dan", roles=["nurse"])).why == "role:nurse is a reader of it"
    ben = memos.acting_as(BEN)
    assert (await ben.acl.explain(plan)).allowed
    with pytest.raises(Denied):
        await ben.acl.explain(plan, user="eve")
    with pytest.raises(InvalidInput):
        await memos.acl.explain(plan, "delete")  # pyright: ignore[reportArgumentType] what a caller may send


async def test_the_report_says_who_changed_what_and_when(memos: Memos) -> None:
    plan, other = await stored(memos, "the tea plan"), await stored(memos, "tea", "shared/x")
    before = now_in_utc()
    await memos.acl.change([plan], readers=["ben"], reason="for the party")
    await memos.acl.change([plan], readers=[], expires_at=NOON)
    await memos.acting_as(Caller("eve")).acl.change([other], denied=["dan"])
    first, second = await memos.acl.report(plan)
    assert (first.old.readers, first.new.readers, first.by, first.reason) == ((), ("ben",), "ada", "for the party")
    assert before <= first.at <= second.at
    assert (second.new.readers, second.new.expires_at) == ((), NOON)
    assert [each.id for each in await memos.acl.report()] == [plan, plan, other]
    assert [each.by for each in await memos.acl.report(path="shared")] == ["eve"]
    with pytest.raises(NotFound):
        await memos.acting_as(BEN).acl.report(plan)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"readers": [""]},
        {"readers": ["a\nb"]},
        {"writers": ["x" * 200]},
        {"denied": ["role:"]},
        {"contexts": ["hours:25-26"]},
        {"contexts": ["days:someday"]},
        {"contexts": ["application:"]},
        {"expires_at": "tomorrow"},
    ],
)
async def test_wrong_rules_are_refused_and_change_nothing(memos: Memos, wrong: dict[str, object]) -> None:
    plan = await stored(memos, "the tea plan")
    with pytest.raises(InvalidInput):
        await memos.acl.change([plan], **wrong)  # pyright: ignore[reportArgumentType] what a caller may send
    assert await memos.acl.report(plan) == ()


async def test_all_or_none_are_changed(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan")
    with pytest.raises(NotFound):
        await memos.acl.change([plan, "nobody"], readers=["ben"])
    assert (await memos.acl.show(plan)).readers == ()


async def test_a_place_of_others_is_named_only_to_who_may_read_something_there(memos: Memos) -> None:
    secret, plan = await stored(memos, "the tea secret", "user/ada/secret"), await stored(memos, "tea", "user/ada/plan")
    eve = memos.acting_as(EVE)
    await memos.acl.change([secret], readers=["eve"], contexts=["purpose:care"])
    await memos.acl.change([plan], readers=["eve"])
    assert (await eve.status()).paths == ("user/eve", "shared", "global", "user/ada/plan")
    await memos.acl.change([plan], expires_at=now_in_utc())
    assert (await eve.recall("tea")).paths == ("user/eve", "shared", "global")
    for path in ("user/ada/secret", "user/ada/plan", "user/ada/none"):
        with pytest.raises(Denied, match="may not read"):
            await eve.browse(path)
    care = memos.acting_as(Caller("eve", context=("purpose:care",)))
    assert (await care.browse("user/ada")).paths == ("user/ada/secret",)


async def test_rules_of_others_take_no_room_in_a_report(memos: Memos) -> None:
    eve = memos.acting_as(EVE)
    for number in range(3):
        hers = await stored(memos, f"tea {number}", "shared/ward")
        await memos.acl.change([hers], readers=["ada"])
    own = await stored(eve, "violin", "shared/ward")
    await eve.acl.change([own], readers=["ben"])
    assert [line.id for line in await eve.acl.report(limit=1)] == [own]


async def test_what_has_ended_in_a_shared_place_is_its_owners_to_sweep_and_erase(memos: Memos) -> None:
    hers = await stored(memos, "tea", "shared/ward")
    await memos.acl.change([hers], expires_at=now_in_utc())
    eve = memos.acting_as(EVE)
    assert (await eve.lifecycle.sweep("shared/ward")).looked == 0
    assert await eve.acl.report(path="shared/ward") == ()
    assert (await eve.lifecycle.erase(path="shared/ward", reason="asked")).events == ()
    assert (await memos.lifecycle.sweep("shared/ward")).looked == 1


async def test_how_much_lanes_hold_is_told_to_whose_system_it_is(memos: Memos) -> None:
    await stored(memos, "tea")
    assert len((await memos.recall("tea")).cubes) == 1
    assert any(lane.held for lane in (await memos.status()).lanes)
    assert not any(lane.held for lane in (await memos.acting_as(EVE).status()).lanes)


async def test_what_has_ended_is_not_counted_in_quarantine_either(memos: Memos) -> None:
    hers = await stored(memos, "tea", "shared/ward")
    await memos.quarantine.add([hers])
    await memos.acl.change([hers], expires_at=now_in_utc())
    eve = memos.acting_as(EVE)
    assert ((await eve.quarantine.list()).total, (await eve.status()).quarantined) == (0, 0)
