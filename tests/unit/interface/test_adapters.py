"""Adapters as they are shown and handled: trained, refused, put together, gone back to, traced to their memories."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from memos_mcp import Caller, Conflict, InvalidInput, Memos, Misconfigured, NotFound, Unavailable
from memos_mcp.interface.adapter_records import CURRENT, KIND, REFUSED, WANTED
from memos_mcp.ports import Change
from tests.activations import Table, remembering
from tests.learners import Learner

pytestmark = pytest.mark.anyio

TEAM = "shared/team"
ALLERGY, MOVED, KEY = "Ada is allergic to peanuts.", "Ben moved to Lisbon.", "The key lies under the red pot."


@pytest.fixture
def learner() -> Learner:
    return Learner()


@pytest.fixture
async def memos(tmp_path: Path, learner: Learner) -> AsyncGenerator[Memos]:
    async with remembering(tmp_path, Table(), parametric=learner) as memos:
        yield memos


async def told(memos: Memos, *texts: str, path: str | None = None) -> list[str]:
    return [id for text in texts for id in (await memos.remember(text, path=path)).ids]


async def make_sensitive(memos: Memos, id: str) -> None:
    on, cube = memos._on, await memos.get(id)  # pyright: ignore[reportPrivateUsage]
    rules = cube.governance.model_copy(update={"sensitivity": ("health",)})
    await on.commit(Change("govern", id, cube.model_copy(update={"governance": rules})))


async def names(memos: Memos) -> list[str]:
    return [each.name for each in await memos.adapters.list()]


async def test_memories_are_trained_shown_used_and_dropped(memos: Memos, learner: Learner) -> None:
    ids = await told(memos, ALLERGY, MOVED)
    steps: list[tuple[int, int]] = []
    done = await memos.adapters.train("house", ids, told=lambda step, of: steps.append((step, of)))
    its = done.adapter
    assert its is not None
    assert (done.gain, done.harm, done.refused, done.known, done.left_out) == (2.0, 0.0, (), False, ())
    assert (its.name, its.topic, its.version, its.model, its.how) == ("house@1", "house", 1, "learner", "trained")
    assert ([ref.id for ref in its.sources], its.memories, its.by) == (ids, 2, "ada")
    assert (its.gain, its.harm, its.lost, its.bytes, its.seconds, its.rank) == (2.0, 0.0, None, 1000, 3.0, 16)
    assert (its.current, its.why, its.merged) == (True, "", ())
    assert its.tokens > 0
    assert steps == [(1, 1)]
    assert await memos.adapters.list() == (its,)
    assert await memos.adapters.verify("house@1") == its
    assert (await memos.adapters.train("house", ids)).known
    assert len(learner.trained) == 1
    assert (await memos.adapters.drop("house@1")).said == ""
    assert (await names(memos), learner.kept, await memos.adapters.waiting()) == ([], {}, ())
    assert (await memos.get(ids[0])).text == ALLERGY


async def test_memories_are_chosen_by_what_they_have_in_common_and_the_rest_is_left_out(memos: Memos) -> None:
    (one,) = (await memos.remember(ALLERGY, path=TEAM, tags=["house"])).ids
    (two,) = (await memos.remember(KEY, path=TEAM)).ids
    (short,) = (await memos.remember("Ouch!", path=TEAM)).ids
    (secret,) = (await memos.remember("Ben has the flu since Monday.", path=TEAM)).ids
    await make_sensitive(memos, secret)
    done = await memos.adapters.train("house", path=TEAM)
    assert done.adapter is not None
    assert {ref.id for ref in done.adapter.sources} == {one, two}
    assert {each.id: each.why for each in done.left_out} == {
        short: "it has no words that could be asked for",
        secret: "it is sensitive (health), and is kept in no other form",
    }
    tagged = await memos.adapters.train("house", tags=["house"])
    assert tagged.adapter is not None
    assert [ref.id for ref in tagged.adapter.sources] == [one]
    by_words = await memos.adapters.train("pots", where="text:pot")
    assert by_words.adapter is not None
    assert [ref.id for ref in by_words.adapter.sources] == [two]
    assert [each.name for each in await memos.adapters.list(TEAM)] == ["house@1", "house@2", "pots@1"]
    assert await memos.adapters.list("user/ada") == ()


async def test_a_named_memory_that_cannot_be_learnt_is_said_before_anything_is_trained(
    memos: Memos, learner: Learner
) -> None:
    good, short, secret = await told(memos, ALLERGY, "Ouch!", "Ben has the flu since Monday.")
    await make_sensitive(memos, secret)
    with pytest.raises(InvalidInput, match=f"{short} cannot be trained: it has no words that could be asked"):
        await memos.adapters.train("house", [good, short])
    with pytest.raises(InvalidInput, match=f"{secret} cannot be trained: it is sensitive"):
        await memos.adapters.train("house", [good, secret])
    with pytest.raises(NotFound):
        await memos.adapters.train("house", [good, "nobody00"])
    with pytest.raises(InvalidInput, match="could be learnt fits"):
        await memos.adapters.train("house", where="text:flu")
    for both in ({}, {"ids": [good], "path": TEAM}):
        with pytest.raises(InvalidInput, match="either the ids"):
            await memos.adapters.train("house", **both)  # pyright: ignore[reportArgumentType] - of two kinds
    assert (learner.trained, await memos.adapters.waiting()) == ([], ())


@pytest.mark.parametrize("topic", ["", "House", "my house", "../house", "house@2", "-house", "häuser", "h" * 65])
async def test_what_cannot_name_an_adapter_is_said_before_it_is_trained(
    memos: Memos, learner: Learner, topic: str
) -> None:
    ids = await told(memos, ALLERGY)
    with pytest.raises(InvalidInput, match="up to 64 small letters, digits, - and _"):
        await memos.adapters.train(topic, ids)
    assert learner.trained == []


@pytest.mark.parametrize(
    ("seconds", "rank", "steps"),
    [(0.0, 16, 1), (-1.0, 16, 1), (math.inf, 16, 1), (math.nan, 16, 1), (1.0, 0, 1), (1.0, 8, 0)],
)
async def test_a_training_takes_something(memos: Memos, seconds: float, rank: int, steps: int) -> None:
    ids = await told(memos, ALLERGY)
    with pytest.raises(InvalidInput, match="above 0"):
        await memos.adapters.train("house", ids, seconds=seconds, rank=rank, steps=steps)


async def test_what_the_gate_refuses_is_told_and_kept_in_mind(memos: Memos, learner: Learner) -> None:
    (id,) = await told(memos, ALLERGY)
    learner.gain = 0.1
    done = await memos.adapters.train("house", [id])
    assert (done.adapter, done.gain) == (None, 0.1)
    assert "gained 0.10 nats per token" in done.refused[0]
    (waits,) = await memos.adapters.waiting()
    assert (waits.topic, waits.by, waits.memories, waits.refused, waits.why) == ("house", "ada", 1, True, done.refused)
    assert await memos.adapters.list() == ()
    learner.gain = math.nan
    unmeasured = await memos.adapters.train("house", [id])
    assert (unmeasured.adapter, unmeasured.gain, unmeasured.harm) == (None, None, 0.0)
    assert "cannot be measured" in unmeasured.refused[0]
    learner.gain = 2.0
    assert (await memos.adapters.train("house", [id])).adapter is not None
    assert await memos.adapters.waiting() == ()


async def test_a_report_has_what_was_measured_of_each_memory(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED)
    await memos.adapters.train("house", ids, seconds=60, rank=8, steps=40)
    report = await memos.adapters.report("house@1")
    assert report.figures is not None
    assert [each.source.id for each in report.figures.sources] == ids
    assert {(each.before, each.after) for each in report.figures.sources} == {(-3.0, -1.0)}
    assert (report.budget.seconds, report.budget.rank, report.budget.steps) == (60, 8, 40)
    assert report.adapter == (await memos.adapters.list())[0]


async def test_adapters_are_put_together_and_say_what_that_cost(memos: Memos) -> None:
    one, two = await told(memos, ALLERGY, MOVED)
    await memos.adapters.train("ada", [one])
    await memos.adapters.train("ben", [two])
    both = (await memos.adapters.merge("house", ["ada@1", "ben@1"])).adapter
    assert both is not None
    assert (both.name, both.how, both.merged, both.lost) == ("house@1", "merged", ("ada@1", "ben@1"), 0.2)
    assert (both.rank, {ref.id for ref in both.sources}) == (32, {one, two})
    assert await names(memos) == ["ada@1", "ben@1", "house@1"]
    for few in (["ada@1"], ["ada@1", "ada@1"], []):
        with pytest.raises(InvalidInput, match="at least two"):
            await memos.adapters.merge("house", few)
    with pytest.raises(NotFound, match="no adapter 'eve@1'"):
        await memos.adapters.merge("house", ["ada@1", "eve@1"])


async def test_the_way_back_leads_through_the_versions_of_a_topic(memos: Memos) -> None:
    one, two, three = await told(memos, ALLERGY, MOVED, KEY)
    for ids in ([one], [one, two], [one, two, three]):
        await memos.adapters.train("house", ids)
    await memos.adapters.train("other", [three])
    assert (await memos.adapters.rollback("house")).name == "house@2"
    assert [each.name for each in await memos.adapters.list() if each.current] == ["house@2", "other@1"]
    assert (await memos.adapters.rollback("house")).name == "house@1"
    with pytest.raises(NotFound, match="no adapter before house@1"):
        await memos.adapters.rollback("house")
    assert (await memos.adapters.rollback("house", "house@3")).current
    with pytest.raises(InvalidInput, match="'other', and none for 'house'"):
        await memos.adapters.rollback("house", "other@1")
    with pytest.raises(NotFound, match="no adapter of ada answers for 'nothing'"):
        await memos.adapters.rollback("nothing")


async def test_what_was_learnt_of_a_memory_that_changed_is_not_gone_back_to(memos: Memos) -> None:
    one, two, three = await told(memos, ALLERGY, MOVED, KEY)
    for ids in ([one], [one, two], [one, three]):
        await memos.adapters.train("house", ids)
    await memos.update(two, "Ben moved to Porto.")
    assert await names(memos) == ["house@1", "house@3"]
    assert (await memos.adapters.rollback("house")).name == "house@1"
    await memos.update(one, "Ada is allergic to nuts.")
    assert await names(memos) == []
    (waits,) = await memos.adapters.waiting()
    assert (waits.topic, waits.memories, waits.refused, waits.why) == (
        "house",
        1,
        False,
        ("a memory in it was changed",),
    )
    with pytest.raises(NotFound, match="say which one shall"):
        await memos.adapters.rollback("house")


async def test_versions_are_compared_by_what_they_were_trained_from(memos: Memos) -> None:
    one, two, three = await told(memos, ALLERGY, MOVED, KEY)
    await memos.adapters.train("house", [one, two])
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    note = await ledger.read(KIND, "house@1")
    assert note is not None
    await memos.update(two, "Ben moved to Porto.")
    await ledger.write(KIND, "house@1", note.value)  # as a process that was slow leaves it
    await memos.adapters.train("house", [two, three])
    found = await memos.adapters.diff("house@1", "house@2")
    assert ([cube.id for cube in found.added], [cube.id for cube in found.gone]) == ([three], [one])
    (changed,) = found.changed
    assert (changed.cube.id, changed.was, changed.cube.version) == (two, 1, 2)
    assert changed.words == "Ben moved to [-Lisbon-]{+Porto+}."
    old, new = (await memos.adapters.list())[0], (await memos.adapters.list())[1]
    assert (old.why, new.why) == ("a memory in it is not what was learnt any more", "")
    assert [cube.text for cube in await memos.adapters.sources("house@1")] == [ALLERGY, MOVED]
    for ask in (memos.adapters.rollback("house", "house@1"), memos.adapters.to_kv("house@1")):
        with pytest.raises(Conflict, match="not what was learnt any more; train its topic again"):
            await ask
    with pytest.raises(Conflict):
        await memos.adapters.merge("all", ["house@1", "house@2"])


async def test_an_adapter_leads_to_a_block_of_its_memories_and_a_block_to_them(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED)
    await memos.adapters.train("house", ids)
    read: list[int] = []
    block = await memos.adapters.to_kv("house@1", pin=True, told=lambda done, of: read.append(done))
    assert ([ref.id for ref in block.sources], block.pinned) == (ids, True)
    assert read
    assert await memos.kv.list() == (block,)
    assert [cube.text for cube in await memos.kv.memories(block.name)] == [ALLERGY, MOVED]
    assert (await memos.ask("Where did Ben move?")).recall.prefix is not None


async def test_verifying_says_why_an_adapter_cannot_be_used(memos: Memos, learner: Learner) -> None:
    ids = await told(memos, ALLERGY)
    await memos.adapters.train("house", ids)
    learner.model = "another"
    (seen,) = await memos.adapters.list()
    assert seen.why == "it was trained for learner, and another answers here"
    assert (await memos.adapters.verify("house@1")).why == seen.why
    with pytest.raises(Conflict, match="another answers here"):
        await memos.adapters.rollback("house", "house@1")
    learner.model = "learner"
    learner.kept.clear()
    assert (await memos.adapters.list())[0].why == ""
    assert "train it again" in (await memos.adapters.verify("house@1")).why
    with pytest.raises(NotFound, match="no adapter 'none@1': `memos adapters list`"):
        await memos.adapters.verify("none@1")


async def test_who_gives_up_a_training_can_go_on_with_it(memos: Memos, learner: Learner) -> None:
    ids = await told(memos, ALLERGY)
    learner.begun, learner.going = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(memos.adapters.train, "house", ids)
        with anyio.fail_after(5):
            await learner.begun.wait()
        (waits,) = await memos.adapters.waiting()
        assert (waits.topic, waits.refused, waits.why) == ("house", False, ())
        tasks.cancel_scope.cancel()
    assert await memos.adapters.waiting() == ()
    learner.going.set()
    assert (await memos.adapters.train("house", ids)).adapter is not None


async def test_a_model_that_does_not_answer_fails_the_training_and_is_asked_again(
    memos: Memos, learner: Learner
) -> None:
    ids = await told(memos, ALLERGY)
    learner.trouble = Unavailable("the model is busy")
    with pytest.raises(Unavailable, match="busy"):
        await memos.adapters.train("house", ids)
    assert [each.topic for each in await memos.adapters.waiting()] == ["house"]
    learner.trouble = None
    await memos.adapters.train("house", ids)
    learner.trouble = Unavailable("the model is busy")
    assert "freed later: the model is busy" in (await memos.adapters.drop("house@1")).said
    assert await names(memos) == []


async def test_what_another_version_of_the_program_noted_is_left_out(memos: Memos) -> None:
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    for kind in (KIND, WANTED, REFUSED):
        await ledger.write(kind, "torn", {"topic": "torn"})
    await ledger.write(CURRENT, "torn ada", "torn")
    assert (await memos.adapters.list(), await memos.adapters.waiting()) == ((), ())
    for ask in (memos.adapters.verify, memos.adapters.drop, memos.adapters.rollback):
        with pytest.raises(NotFound):
            await ask("torn")


async def test_a_branch_has_no_adapters(memos: Memos) -> None:
    await told(memos, ALLERGY)
    await memos.branches.make("idea")
    with pytest.raises(InvalidInput, match="of its original"):
        await (await memos.on_branch("idea")).adapters.list()


async def test_without_a_model_it_says_which_setting(tmp_path: Path) -> None:
    async with remembering(tmp_path, None) as memos:
        its = memos.adapters
        for ask in (its.list(), its.waiting(), its.train("a", ["a"]), its.merge("a", ["b", "c"]), its.rollback("a")):
            with pytest.raises(Misconfigured, match=r"parametric\.kind"):
                await ask
        for one in (its.verify, its.drop, its.report, its.sources, its.to_kv):
            with pytest.raises(Misconfigured, match=r"parametric\.kind"):
                await one("a@1")
    async with remembering(tmp_path, None, parametric=Learner()) as memos:
        await memos.adapters.train("house", await told(memos, ALLERGY))
        with pytest.raises(Misconfigured, match=r"activation\.kind"):
            await memos.adapters.to_kv("house@1")


async def test_what_was_done_stands_in_the_access_log_with_its_memories(memos: Memos) -> None:
    ids = await told(memos, ALLERGY, MOVED)
    await memos.adapters.train("house", ids)
    await memos.adapters.sources("house@1")
    await memos.acting_as(Caller("eve", within=TEAM)).adapters.list()
    await memos.adapters.drop("house@1")
    lines = {line.verb: {item.id for item in line.items} for line in (await memos.audit.query()).lines}
    for verb in ("adapters.train", "adapters.sources", "adapters.drop"):
        assert lines[verb] == set(ids), verb
