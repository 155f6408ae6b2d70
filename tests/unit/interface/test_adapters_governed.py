"""Who knows of which adapters, and may train, merge, compare, go back to and drop them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from datetime import timedelta
from pathlib import Path

import pytest

from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.privacy import recognisers
from memos_mcp.interface.privacy_modes import Privacy
from tests.activations import Table, remembering
from tests.learners import Learner

pytestmark = pytest.mark.anyio

TEAM = "shared/team"
ALLERGY, MOVED, KEY = "Ada is allergic to peanuts.", "Ben moved to Lisbon.", "The key lies under the red pot."
OPEN = ("read", "write")


@pytest.fixture
def learner() -> Learner:
    return Learner()


@pytest.fixture
async def memos(tmp_path: Path, learner: Learner) -> AsyncGenerator[Memos]:
    async with remembering(tmp_path, Table(), parametric=learner) as memos:
        yield memos


async def told(memos: Memos, *texts: str, path: str | None = None) -> list[str]:
    return [id for text in texts for id in (await memos.remember(text, path=path)).ids]


def asks(memos: Memos, name: str) -> dict[str, Awaitable[object]]:
    """Every verb that is given the name of an adapter."""
    its, topic = memos.adapters, name.partition("@")[0]
    return {
        "verify": its.verify(name),
        "drop": its.drop(name),
        "report": its.report(name),
        "sources": its.sources(name),
        "diff from": its.diff(name, name),
        "to_kv": its.to_kv(name),
        "merge": its.merge("both", [name, "nothing@1"]),
        "rollback": its.rollback(topic, name),
    }


async def test_what_one_may_not_read_is_known_by_no_verb(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED, path=TEAM)
    await memos.acl.change([ids[0]], readers=["ada"])
    await memos.adapters.train("house", ids)
    eve = memos.acting_as(Caller("eve", scopes=OPEN))
    assert (await eve.adapters.list(), await eve.adapters.waiting()) == ((), ())
    unknown = asks(eve, "none@1")
    for verb, ask in asks(eve, "house@1").items():
        with pytest.raises(NotFound) as hidden:
            await ask
        with pytest.raises(NotFound) as never:
            await unknown[verb]
        assert str(hidden.value) == str(never.value).replace("none@1", "house@1"), verb
    with pytest.raises(NotFound, match=f"eve has no memory '{ids[0]}'"):
        await eve.adapters.train("house", ids)
    with pytest.raises(NotFound, match="no adapter of eve answers"):
        await eve.adapters.rollback("house")
    own = (await eve.adapters.train("house", path=TEAM)).adapter
    assert own is not None
    assert [ref.id for ref in own.sources] == ids[1:]


async def test_who_may_not_read_a_memory_any_more_knows_its_adapter_no_more(memos: Memos, learner: Learner) -> None:
    ids = await told(memos, ALLERGY, MOVED, path=TEAM)
    eve = memos.acting_as(Caller("eve", scopes=OPEN))
    learner.gain = 0.0
    await eve.adapters.train("refused", ids)
    assert ids[0] in (await eve.adapters.waiting())[0].why[1]
    learner.gain = 2.0
    await eve.adapters.train("house", ids)
    assert [each.name for each in await eve.adapters.list()] == ["house@1"]
    await memos.acl.change([ids[0]], readers=["ada"])
    assert (await eve.adapters.list(), await eve.adapters.waiting()) == ((), ())
    assert learner.kept == {}
    seen = await memos.adapters.waiting()
    assert {(each.topic, each.by, each.why) for each in seen} == {
        ("house", "eve", ("a memory in it was changed",)),
        ("refused", "eve", ("its gate refused it",)),
    }


async def test_who_looks_after_the_vault_knows_every_adapter_but_not_of_what(memos: Memos, learner: Learner) -> None:
    ids = await told(memos, ALLERGY, MOVED)
    await memos.adapters.train("house", ids[:1])
    await memos.adapters.train("house", ids)
    learner.gain = 0.0
    await memos.adapters.train("other", ids)
    admin = memos.acting_as(Caller("eve"))
    one, two = await admin.adapters.list()
    assert [(each.name, each.memories, each.sources) for each in (one, two)] == [("house@1", 1, ()), ("house@2", 2, ())]
    assert await admin.adapters.list("shared") == ()
    (waits,) = await admin.adapters.waiting()
    assert (waits.topic, waits.by, waits.memories, waits.why) == ("other", "ada", 2, ("its gate refused it",))
    report = await admin.adapters.report("house@2")
    assert (report.figures is not None and report.figures.sources, report.adapter.gain) == ((), 2.0)
    assert await admin.adapters.sources("house@2") == ()
    found = await admin.adapters.diff("house@1", "house@2")
    assert (found.added, found.gone, found.changed) == ((), (), ())
    for ask in (admin.adapters.to_kv("house@2"), admin.adapters.merge("all", ["house@1", "house@2"])):
        with pytest.raises(Denied, match="eve may not read all"):
            await ask
    assert (await admin.adapters.rollback("house", "house@1")).by == "ada"
    assert [each.name for each in await memos.adapters.list() if each.current] == ["house@1"]
    await admin.adapters.drop("house@2")
    assert [each.name for each in await memos.adapters.list()] == ["house@1"]


async def test_who_is_kept_within_a_path_knows_what_lies_there(memos: Memos, learner: Learner) -> None:
    shared, own = await told(memos, ALLERGY, path=TEAM), await told(memos, MOVED)
    await memos.adapters.train("team", shared)
    await memos.adapters.train("both", [*shared, *own])
    learner.gain = 0.0
    await memos.adapters.train("mine", own)
    within = memos.acting_as(Caller("ada", within=TEAM))
    assert [each.name for each in await within.adapters.list()] == ["team@1"]
    assert await within.adapters.waiting() == ()
    for ask in asks(within, "both@1").values():
        with pytest.raises(NotFound):
            await ask
    assert [cube.id for cube in await within.adapters.sources("team@1")] == shared
    await memos.forget(own[0])
    assert [each.topic for each in await memos.adapters.waiting()] == ["mine", "both"]
    assert await within.adapters.waiting() == ()


async def test_only_who_trained_an_adapter_or_looks_after_the_vault_says_what_becomes_of_it(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED, path=TEAM)
    await memos.adapters.train("house", ids[:1])
    await memos.adapters.train("house", ids)
    ben = memos.acting_as(Caller("ben", scopes=OPEN))
    assert [each.name for each in await ben.adapters.list()] == ["house@1", "house@2"]
    assert [cube.id for cube in await ben.adapters.sources("house@2")] == ids
    for ask in (ben.adapters.drop("house@1"), ben.adapters.rollback("house", "house@1")):
        with pytest.raises(Denied, match="ada's"):
            await ask
    merged = (await ben.adapters.merge("copy", ["house@1", "house@2"])).adapter
    assert (merged is not None and merged.by, merged is not None and merged.memories) == ("ben", 2)
    reader = memos.acting_as(Caller("ada", scopes=("read",))).adapters
    changes = (
        reader.train("house", ids),
        reader.merge("all", ["house@1", "house@2"]),
        reader.rollback("house"),
        reader.drop("house@1"),
        reader.to_kv("house@1"),
    )
    for change in changes:
        with pytest.raises(Denied, match="scope 'write'"):
            await change
    nobody = memos.acting_as(Caller("ada", scopes=())).adapters
    for look in (nobody.list(), nobody.waiting()):
        with pytest.raises(Denied, match="scope 'read'"):
            await look


async def test_two_users_have_a_topic_each_of_the_same_name(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED, path=TEAM)
    ben = memos.acting_as(Caller("ben", scopes=OPEN))
    await memos.adapters.train("house", ids[:1])
    await ben.adapters.train("house", ids[1:])
    await memos.adapters.train("house", ids)
    assert {each.name for each in await ben.adapters.list() if each.current} == {"house@2", "house@3"}
    with pytest.raises(NotFound, match="no adapter before house@2"):
        await ben.adapters.rollback("house")
    assert (await memos.adapters.rollback("house")).name == "house@1"
    assert {each.name for each in await ben.adapters.list() if each.current} == {"house@1", "house@2"}


async def test_who_sees_marks_learns_nothing_of_the_words_beneath(tmp_path: Path, learner: Learner) -> None:
    privacy = Privacy(recognisers(), "redact_at_read")
    async with remembering(tmp_path, None, guard=Guard(privacy=privacy), parametric=learner) as memos:
        (id,) = await told(memos, "Write to ada@example.org for tea.", path=TEAM)
        ben = memos.acting_as(Caller("ben", scopes=OPEN))
        with pytest.raises(InvalidInput, match="in part"):
            await ben.adapters.train("tea", [id])
        with pytest.raises(InvalidInput, match="could be learnt"):
            await ben.adapters.train("tea", path=TEAM)
        (plain,) = await told(memos, MOVED, path=TEAM)
        done = await ben.adapters.train("tea", path=TEAM)
        assert [each.id for each in done.left_out] == [id]
        assert learner.trained == [(plain,)]
        await memos.adapters.train("mail", [id])
        assert [each.name for each in await ben.adapters.list()] == ["tea@1"]
        for ask in (ben.adapters.sources("mail@1"), ben.adapters.report("mail@1")):
            with pytest.raises(NotFound):
                await ask


@pytest.mark.parametrize("what", ["quarantine", "archive", "expire", "forget", "deny"])
async def test_what_is_not_in_use_or_not_open_any_more_is_in_no_adapter(
    memos: Memos, learner: Learner, what: str
) -> None:
    one, other = await told(memos, ALLERGY, MOVED, path=TEAM)
    await memos.adapters.train("house", [one, other])
    match what:
        case "quarantine":
            await memos.quarantine.add([one])
        case "archive":
            await memos.lifecycle.move([one], "archive")
        case "expire":
            await memos.acl.change([one], expires_at=memos._on.clock() - timedelta(days=1))  # pyright: ignore[reportPrivateUsage]
        case "forget":
            await memos.forget(one)
        case _:
            await memos.acl.change([one], denied=["ben"])
    assert [each.name for each in await memos.adapters.list() if not each.why] == []
    assert learner.kept == {} or what == "expire"  # who looks next takes it along
    ben = memos.acting_as(Caller("ben", scopes=OPEN))
    with pytest.raises((InvalidInput, NotFound)):
        await ben.adapters.train("house", [one, other])
    again = (await ben.adapters.train("house", path=TEAM)).adapter
    assert again is not None
    assert [ref.id for ref in again.sources] == [other]
