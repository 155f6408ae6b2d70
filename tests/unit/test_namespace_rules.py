"""Rules of namespaces: inherited by every memory beneath them, at every door, at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound, wiring
from memos_mcp.cube import Governance
from memos_mcp.namespaces import Default

pytestmark = pytest.mark.anyio

BEN, EVE = Caller("ben"), Caller("eve")


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
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


@pytest.mark.claim("5.5.1-01", "5.5.2-04")
async def test_a_private_namespace_is_shared_with_a_reader_and_closed_again(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans/party")
    await stored(memos, "secret tea", "user/ada/diary")
    ben = memos.acting_as(BEN)
    assert await seen_by(ben) == []
    await memos.acl.set_rules("user/ada/plans", readers=["ben"], reason="for the party")
    assert await seen_by(ben) == ["the tea plan"]
    assert (await ben.recall("tea")).paths == ("user/ben", "shared", "global", "user/ada/plans")
    assert len((await ben.recall("tea", path="user/ada/plans/party")).cubes) == 1
    assert len((await ben.recall("tea", path="user/ada")).cubes) == 1
    assert (await ben.recall("tea", path="user/ada/plans/nothing")).searched == 0
    assert (await ben.get(plan)).text == "the tea plan"
    for attempt in (ben.update(plan, "x"), ben.forget(plan), ben.remember("tea", path="user/ada/plans")):
        with pytest.raises(Denied):
            await attempt
    await memos.acl.set_rules("user/ada/plans", readers=[])
    assert await seen_by(ben) == []
    with pytest.raises(NotFound, match="ben has no memory"):
        await ben.get(plan)
    with pytest.raises(Denied):
        await ben.recall("tea", path="user/ada/plans")


async def test_who_writes_in_a_namespace_of_another_stores_what_the_other_owns(memos: Memos) -> None:
    await memos.acl.set_rules("user/ada/plans", writers=["role:cook"])
    cook = memos.acting_as(Caller("cyd", roles=("cook",)))
    cake = await stored(cook, "the tea cake", "user/ada/plans")
    assert (await cook.update(cake, "the tea cakes")).version == 2
    assert await seen_by(cook) == await seen_by(memos) == ["the tea cakes"]
    with pytest.raises(Denied, match="may not decide about"):
        await cook.forget(cake)
    await memos.forget(cake)


async def test_a_shared_namespace_is_closed_to_all_but_who_it_names_and_who_stored_there(memos: Memos) -> None:
    ben, eve = memos.acting_as(BEN), memos.acting_as(EVE)
    await stored(memos, "hers: tea", "shared/team")
    await stored(ben, "his: tea", "shared/team/x")
    await stored(eve, "tea of eve", "shared/team")
    await memos.acl.set_rules("shared/team", readers=["ben"])
    assert await seen_by(ben) == ["hers: tea", "his: tea", "tea of eve"]
    assert await seen_by(eve) == ["tea of eve"]
    assert await seen_by(memos) == ["hers: tea"]
    with pytest.raises(Denied, match="may not write to 'shared/team'"):
        await stored(eve, "more tea", "shared/team")
    await memos.acl.set_rules("shared/team", writers=["*"])
    await stored(eve, "more tea", "shared/team")
    assert len(await seen_by(eve)) == 4


async def test_what_a_memory_says_counts_first_but_nobody_denied_above_gets_in(memos: Memos) -> None:
    one = await stored(memos, "one tea", "user/ada/plans")
    await stored(memos, "two teas", "user/ada/plans")
    await memos.acl.change([one], readers=["ben", "eve"])
    await memos.acl.set_rules("user/ada/plans", readers=["cyd"])
    await memos.acl.set_rules("user/ada", denied=["eve"])
    assert await seen_by(memos.acting_as(BEN)) == ["one tea"]
    assert await seen_by(memos.acting_as(Caller("cyd"))) == ["two teas"]
    assert await seen_by(memos.acting_as(EVE)) == []
    assert len(await seen_by(memos)) == 2


async def test_a_read_only_namespace_is_changed_by_nobody_until_it_is_opened(memos: Memos) -> None:
    plan = await stored(memos, "tea", "user/ada/plans")
    await memos.acl.set_rules("user/ada/plans", read_only=True)
    for attempt in (memos.update(plan, "x"), memos.remember("y", path="user/ada/plans/x")):
        with pytest.raises(Denied, match="it is read-only, as user/ada/plans says"):
            await attempt
    await memos.acl.set_rules("user/ada/plans", read_only=False)
    assert (await memos.update(plan, "more tea")).version == 2


async def test_the_past_obeys_the_rules_of_now(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan", "shared/team")
    eve = memos.acting_as(EVE)
    await memos.timeline.snapshot("before", "shared/team")
    assert len((await eve.recall("tea", at="before", path="shared/team")).cubes) == 1
    await memos.acl.set_rules("shared/team", denied=["eve"])
    moment = (await memos.get(plan)).created_at
    assert (await eve.recall("tea", at=moment)).searched == 0
    assert (await eve.timeline.browse(moment)).total == 0
    assert await eve.timeline.snapshots() == ()
    with pytest.raises(NotFound):
        await eve.recall("tea", at="before", path="shared/team")


async def test_other_processes_see_a_revocation_at_once(memos: Memos, tmp_path: Path) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans")
    await memos.acl.set_rules("user/ada/plans", readers=["ben"], writers=["ben"])
    async with memos_mcp.open(home=tmp_path, user="ben", embedder={"kind": "none"}) as ben:
        assert await seen_by(ben) == ["the tea plan"]
        await memos.acl.set_rules("user/ada/plans", readers=[], writers=[])
        assert await seen_by(ben) == []
        await memos.acl.set_rules("user/ada/plans", writers=["ben"])
        await stored(ben, "ben's tea", "user/ada/plans")
        await memos.acl.set_rules("user/ada/plans", writers=[])
        with pytest.raises(Denied):
            await stored(ben, "more tea", "user/ada/plans")
        with pytest.raises(NotFound):
            await ben.history(plan)


async def test_a_namespace_of_ones_own_is_ruled_by_oneself_and_others_take_admin(memos: Memos) -> None:
    writer = memos.acting_as(Caller("ada", scopes=("read", "write")))
    assert await writer.acl.set_rules("user/ada/x", readers=["ben"]) == Default(
        "user/ada/x", Governance(readers=("ben",))
    )
    with pytest.raises(Denied, match="take the scope 'admin'"):
        await writer.acl.set_rules("shared/team", readers=["ben"])
    for place in ("user/ada", "user/ada/x"):
        with pytest.raises(Denied, match="ben may not write to"):
            await memos.acting_as(BEN).acl.set_rules(place, readers=["*"])
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ada", scopes=("read",))).acl.set_rules("user/ada", readers=["ben"])
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ada", within="user/ada/x")).acl.set_rules("user/ada", readers=["ben"])
    assert await memos.acl.rules("shared/team") == ()


async def test_who_may_read_at_a_path_sees_its_rules_and_nobody_else(memos: Memos) -> None:
    await memos.acl.set_rules("user/ada", denied=["dan"])
    await memos.acl.set_rules("user/ada/plans", readers=["ben"])
    assert [each.path for each in await memos.acl.rules("user/ada/plans/x")] == ["user/ada", "user/ada/plans"]
    assert [each.path for each in await memos.acting_as(BEN).acl.rules("user/ada/plans/x")] == ["user/ada/plans"]
    said: list[str] = []
    for place in ("user/ada/plans", "user/ada/never"):
        with pytest.raises(Denied) as refused:
            await memos.acting_as(EVE).acl.rules(place)
        said.append(str(refused.value).replace(place, ""))
    assert said[0] == said[1]


@pytest.mark.claim("5.5.1-10")
async def test_the_report_tells_of_namespaces_too(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans")
    await memos.acl.set_rules("user/ada", readers=["ben"], reason="for the party")
    await memos.acl.change([plan], writers=["cyd"])
    await memos.acl.set_rules("user/ada", readers=[], denied=["eve"])
    await memos.acl.set_rules("shared/team", readers=["ben"])
    await memos.acl.set_rules("shared/team", readers=["ben"])
    found = await memos.acl.report(path="user/ada")
    assert [(each.id, each.path) for each in found] == [
        ("", "user/ada"),
        (plan, "user/ada/plans"),
        ("", "user/ada"),
    ]
    assert (found[0].by, found[0].reason, found[0].new.readers) == ("ada", "for the party", ("ben",))
    assert (found[2].old.readers, found[2].new, found[2].rules) == (("ben",), found[0].rules, found[2].new)
    assert await memos.acl.report(plan) == found
    assert len(await memos.acl.report()) == 4
    assert await memos.acting_as(Caller("ben", scopes=("read", "write"))).acl.report() == ()
    assert {event.subject for event in (await memos.log.news(0)).events} == {plan}


async def test_explain_names_the_namespace_that_decided(memos: Memos) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans")
    await memos.acl.set_rules("user/ada", denied=["eve"], contexts=["application:desk"])
    await memos.acl.set_rules("user/ada/plans", readers=["*"], read_only=True)

    async def why(user: str, act: str = "read", *context: str) -> str:
        assert act in ("read", "write")
        return (await memos.acl.explain(plan, act, user=user, context=context)).why

    assert await why("eve") == "the memory is denied to eve, as user/ada says"
    assert await why("ben") == "it may be used only where application is one of desk, as user/ada says"
    assert await why("ben", "read", "application:desk") == "* is a reader of it, as user/ada/plans says"
    assert await why("ada", "write", "application:desk") == "it is read-only, as user/ada/plans says"
    await memos.acl.change([plan], readers=["ben"])
    assert await why("ben", "read", "application:desk") == "ben is a reader of it"


@pytest.mark.claim("5.3.2-23")
async def test_the_model_and_the_task_that_ask_decide_too(memos: Memos) -> None:
    await stored(memos, "the tea plan", "shared/ward")
    await memos.acl.set_rules("shared/ward", contexts=["model:local", "task:triage", "task:handover"])
    for context, seen in (
        (("model:local", "task:triage"), True),
        (("model:local", "task:handover"), True),
        (("model:remote", "task:triage"), False),
        (("model:local", "task:billing"), False),
        ((), False),
    ):
        assert bool(await seen_by(memos.acting_as(Caller("ben", context=context)))) == seen


async def test_wrong_rules_are_refused_and_change_nothing(memos: Memos) -> None:
    for wrong in ({}, {"readers": [""]}, {"contexts": ["hours:25-26"]}):
        with pytest.raises(InvalidInput):
            await memos.acl.set_rules("user/ada", **wrong)  # pyright: ignore[reportArgumentType] what a caller may send
    with pytest.raises(InvalidInput):
        await memos.acl.set_rules("user//ada", readers=["ben"])
    assert await memos.acl.report() == ()


async def test_rules_that_somebody_else_changed_meanwhile_are_not_overwritten(memos: Memos) -> None:
    port = memos._on.vault.namespaces  # pyright: ignore[reportPrivateUsage] the port below the verb
    await port.rule("user/ada", Governance(readers=("ben",)), was=Governance(), caller="ada")
    with pytest.raises(Conflict, match="somebody else changed the rules of user/ada"):
        await port.rule("user/ada", Governance(readers=("eve",)), was=Governance(), caller="ada")


async def test_rules_are_kept_and_come_back_with_a_backup(memos: Memos, tmp_path: Path) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/plans")
    await memos.acl.set_rules("user/ada/plans", readers=["ben"])
    keeper = wiring.upkeep(home=tmp_path)
    await keeper.backup(tmp_path / "copy.db")
    await memos.acl.set_rules("user/ada/plans", readers=[])
    await keeper.restore(tmp_path / "copy.db", caller=Caller("ada"))
    assert (await memos.acting_as(BEN).get(plan)).text == "the tea plan"
    async with memos_mcp.open(home=tmp_path, user="ben", embedder={"kind": "none"}) as ben:
        assert await seen_by(ben) == ["the tea plan"]
