"""Adapters follow the log: who is answered through one, what ends it, and that it is trained again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest

from memos_mcp import Memos, NotFound
from memos_mcp.cube import Ref
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, Misconfigured, MissingExtra, Unavailable
from memos_mcp.interface.adapter_records import CURRENT, KIND, OWED, REFUSED, UNLEARNT, WANTED, Taught, Want
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.planning import Terms
from memos_mcp.operation.pairs import Author
from memos_mcp.parametric import Budget
from memos_mcp.ports import Caller
from tests.activations import remembering
from tests.embedders import until as gone
from tests.learners import Learner, usable

pytestmark = pytest.mark.anyio

TOLD = ["Ada is allergic to peanuts.", "Ben moved to Lisbon.", "The key lies under the red pot."]
ASKED = "Where does Ben live?"
HOME = ("user/ada",)


@asynccontextmanager
async def learning(
    home: Path, learner: Learner, *, training: bool = False, author: Author | None = None
) -> AsyncGenerator[tuple[Memos, list[str]]]:
    """Ada's memory of three things."""
    terms = Terms(training=training, author=author)
    async with remembering(home, None, parametric=learner, scheduling=terms) as memos:
        yield memos, [(await memos.remember(text)).ids[0] for text in TOLD]


def its(memos: Memos) -> Adapters:
    found = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


def wanted(ids: Sequence[str], topic: str = "house", by: str = "ada") -> Want:
    return Want(topic, by, tuple(ids), datetime.now(UTC), budget=Budget(steps=40))


async def taught(memos: Memos, ids: Sequence[str], topic: str = "house") -> Taught:
    cubes = await memos._on.vault.get([Ref(id=id) for id in ids])  # pyright: ignore[reportPrivateUsage]
    return await its(memos).train(wanted(ids, topic), cubes)


async def names(memos: Memos, user: str = "ada") -> list[str]:
    return sorted(each.adapter for each in await usable(memos, ("user/ada", "shared"), user))


async def notes(memos: Memos) -> dict[str, list[str]]:
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    kinds = (KIND, CURRENT, WANTED, REFUSED, OWED, UNLEARNT)
    return {kind: [note.key for note in await ledger.list(kind)] for kind in kinds if await ledger.list(kind)}


async def until(memos: Memos, name: str) -> None:
    """The background has trained this one."""
    for _ in range(400):
        if await names(memos) == [name]:
            return
        await anyio.sleep(0.05)
    pytest.fail(f"{name} was not trained")


@pytest.mark.claim("4.1-30")
async def test_what_was_learnt_answers(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        done = await taught(memos, ids)
        assert done.release is not None
        assert done.release.name == "house@1"
        assert (done.release.gain, done.release.bytes, done.release.by) == (2.0, 1000, "ada")
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        found = await its(memos).covering(on, [await memos.get(ids[1])], HOME)
        assert found is not None
        assert (found.adapter, found.covers) == ("house@1", (ids[1],))
        assert {ref.id for ref in found.sources} == set(ids)
        assert await its(memos).answer(on, "house@1", ASKED, beneath=HOME, limit=8) == "Lisbon"
        assert await notes(memos) == {KIND: ["house@1"], CURRENT: ["house ada"]}


async def test_the_same_is_trained_once(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        first, second = await taught(memos, ids), await taught(memos, ids[::-1])
        assert (first.known, second.known) == (False, True)
        assert first.release == second.release
        assert len(learner.trained) == 1


async def test_two_people_may_have_the_same_of_the_same_memories(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await memos.acl.change(ids, readers=["eve"])
        await taught(memos, ids)
        cubes = await memos._on.vault.get([Ref(id=id) for id in ids])  # pyright: ignore[reportPrivateUsage]
        again = await its(memos).train(wanted(ids, by="eve"), cubes)
        assert again.release is not None
        assert (again.known, again.release.by, learner.named) == (True, "ada", {"house": 1})
        assert await notes(memos) == {KIND: ["house@1"], CURRENT: ["house ada", "house eve"]}
        await memos.update(ids[0], "Ada is allergic to prawns.")
        assert await notes(memos) == {WANTED: ["house ada"]}


async def test_what_is_refused_leaves_no_adapter(tmp_path: Path) -> None:
    learner = Learner(gain=0.1)
    async with learning(tmp_path, learner) as (memos, ids):
        done = await taught(memos, ids)
        assert done.release is None
        assert "gained 0.10 nats" in done.report.why[0]
        assert await names(memos) == []
        assert await notes(memos) == {REFUSED: ["house ada"]}
        (refusal,) = await its(memos).records.refusals()
        assert {ref.id for ref in refusal.sources} == set(ids)


@pytest.mark.parametrize("what", ["update", "forget", "quarantine", "acl", "archive", "move"])
async def test_an_adapter_is_out_of_reach_with_the_first_of_its_memories_that_changes(
    tmp_path: Path, what: str
) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        match what:
            case "update":
                await memos.update(ids[0], "Ada is allergic to prawns.")
            case "forget":
                await memos.forget(ids[0])
            case "quarantine":
                await memos.quarantine.add([ids[0]])
            case "acl":
                await memos.acl.change([ids[0]], denied=["eve"])
            case "move":
                await memos.lifecycle.migrate("user/ada", "shared/old")
            case _:
                await memos.lifecycle.move([ids[0]], "archive")
        assert await names(memos) == []
        assert learner.kept == {}
        assert await notes(memos) == {WANTED: ["house ada"]}
        with pytest.raises(NotFound, match="memos adapters list"):
            await its(memos).release("house@1")
        assert (learner.retired == [frozenset({ids[0]})]) == (what == "forget")


async def test_it_is_trained_again_without_what_is_gone(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner, training=True) as (memos, ids):
        await taught(memos, ids)
        await memos.update(ids[0], "Ada is allergic to prawns.")
        await until(memos, "house@2")
        await memos.forget(ids[1])
        await until(memos, "house@3")
        assert set(learner.trained[-1]) == {ids[0], ids[2]}
        await memos.lifecycle.move([ids[2]], "archive")
        await until(memos, "house@4")
        assert learner.trained[-1] == (ids[0],)
        await memos.forget(ids[0])
        for _ in range(400):
            if not await notes(memos):
                break
            await anyio.sleep(0.05)
        assert (await notes(memos), learner.kept) == ({}, {})


async def test_what_a_killed_process_wanted_is_trained_by_the_next(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        await its(memos).records.want(wanted(ids))
    learner = Learner()
    async with remembering(tmp_path, None, parametric=learner, scheduling=Terms(training=True)) as memos:
        assert await names(memos) == []  # whoever asks wakes it
        await until(memos, "house@1")


async def test_who_cancels_a_training_does_not_want_it(tmp_path: Path) -> None:
    learner = Learner(begun=anyio.Event(), going=anyio.Event())
    async with learning(tmp_path, learner) as (memos, ids):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(taught, memos, ids)
            assert learner.begun is not None
            await learner.begun.wait()
            assert await notes(memos) == {WANTED: ["house ada"]}
            tasks.cancel_scope.cancel()
        assert await notes(memos) == {}
        learner.going = None
        assert (await taught(memos, ids)).release is not None  # nobody holds the turn


async def meanwhile(learner: Learner, change: Callable[[], Awaitable[object]]) -> None:
    """It happens while this one learns."""
    assert learner.begun is not None
    assert learner.going is not None
    await learner.begun.wait()
    await change()
    learner.going.set()


async def test_what_changes_while_it_is_learnt_is_not_kept(tmp_path: Path) -> None:
    learner = Learner(begun=anyio.Event(), going=anyio.Event())
    async with learning(tmp_path, learner) as (memos, ids), anyio.create_task_group() as tasks:
        tasks.start_soon(meanwhile, learner, partial(memos.update, ids[0], "Ada is allergic to prawns."))
        with pytest.raises(Conflict, match="changed while it was learnt"):
            await taught(memos, ids)
        assert await names(memos) == []
        assert (learner.kept, learner.retired) == ({}, [])
        assert await notes(memos) == {WANTED: ["house ada"]}


@pytest.mark.parametrize("gain", [2.0, 0.1], ids=["learnt", "refused"])
async def test_of_what_is_forgotten_while_it_is_learnt_nothing_half_trained_stays(tmp_path: Path, gain: float) -> None:
    learner = Learner(gain=gain, begun=anyio.Event(), going=anyio.Event())
    async with learning(tmp_path, learner) as (memos, ids), anyio.create_task_group() as tasks:
        tasks.start_soon(meanwhile, learner, partial(memos.forget, ids[0]))
        with contextlib.suppress(Conflict):
            assert (await taught(memos, ids)).release is None
        assert learner.retired == [frozenset({ids[0]})] * 2  # what was kept of it since the first time goes as well
        assert learner.kept == {}


async def test_one_process_trains_at_a_time(tmp_path: Path) -> None:
    learner = Learner(begun=anyio.Event(), going=anyio.Event())
    async with learning(tmp_path, learner) as (memos, ids), remembering(tmp_path, None, parametric=Learner()) as other:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(taught, memos, ids)
            assert learner.begun is not None
            assert learner.going is not None
            await learner.begun.wait()
            with pytest.raises(Conflict, match="another process is training"):
                await taught(other, ids)
            learner.going.set()
        assert (await taught(other, ids, "again")).release is not None


async def test_only_who_reads_all_of_it_may_use_it(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        await memos.acl.change(ids[:2], readers=["eve"])
        await taught(memos, ids)
        assert await names(memos) == ["house@1"]
        assert await names(memos, "eve") == []
        on = memos._on.acting_as(Caller("eve"))  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(NotFound):
            await its(memos).answer(on, "house@1", ASKED, beneath=HOME, limit=8)
        await taught(memos, ids[:2], "open")
        assert await names(memos, "eve") == ["open@1"]


async def test_what_may_not_be_learnt_is_named(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        await memos.quarantine.add([ids[1]])
        with pytest.raises(
            InvalidInput, match=f"memory {ids[1]} cannot be trained: it has no words, is archived, over"
        ):
            await taught(memos, ids)
        assert await notes(memos) == {}


@pytest.mark.parametrize(
    "trouble",
    [
        Unavailable("SGLang is not there: start it"),
        Misconfigured("parametric memory is switched off: set parametric.kind"),
        MissingExtra("lora"),
        Corrupt("the disk is full of holes"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_the_backend_cannot_remove_now_it_removes_later(tmp_path: Path, trouble: MemosError) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        learner.trouble = trouble
        await memos.forget(ids[0])
        assert await names(memos) == []
        assert await notes(memos) == {WANTED: ["house ada"], OWED: ["house@1"], UNLEARNT: [ids[0]]}
        learner.trouble = None
        await its(memos).follow()
        assert await notes(memos) == {WANTED: ["house ada"]}
        assert learner.kept == {}


async def test_what_is_lost_is_trained_again(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        learner.kept.clear()
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(NotFound):
            await its(memos).answer(on, "house@1", ASKED, beneath=HOME, limit=8)
        assert await notes(memos) == {WANTED: ["house ada"]}
        assert await its(memos).keep_up() == ""
        assert await names(memos) == ["house@2"]


async def test_what_is_over_is_retired_by_the_next_look(tmp_path: Path) -> None:
    async with learning(tmp_path, Learner()) as (memos, ids):
        await memos.acl.change([ids[0]], expires_at=datetime.now(UTC) + timedelta(seconds=0.6))
        await taught(memos, ids)
        assert await names(memos) == ["house@1"]
        await anyio.sleep(0.7)
        await its(memos).follow()
        assert await notes(memos) == {WANTED: ["house ada"]}


async def test_though_nothing_is_trained_by_itself_what_is_owed_is_paid(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        learner.trouble = Unavailable("it is down")
        await memos.forget(ids[0])
        assert learner.kept
        learner.trouble = None
        await memos.recall("Where does Ben live?")  # the first who asks wakes what looks after adapters
        await gone(lambda: not learner.kept, 20)
        assert learner.trained == [tuple(ids)]


async def test_an_older_version_answers_again_and_an_end_is_no_training(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids[:2])
        await taught(memos, ids)
        assert await names(memos) == ["house@2"]
        await its(memos).turn("house@1")
        assert await names(memos) == ["house@1"]
        assert await its(memos).drop("house@1") == ""
        assert await names(memos) == []
        assert await notes(memos) == {KIND: ["house@2"]}
        await its(memos).turn("house@2")
        await memos.forget(ids[1])
        with pytest.raises(NotFound):
            await its(memos).turn("house@2")


async def test_adapters_are_put_together(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        for topic, some in (("people", ids[:2]), ("things", ids[2:])):
            await taught(memos, some, topic)
        done = await its(memos).merge(wanted(ids, "both"), ["people@1", "things@1"])
        assert done.release is not None
        assert (done.release.how, done.release.lost, done.release.payload.merged) == (
            "merged",
            0.2,
            ("people@1", "things@1"),
        )
        await memos.forget(ids[2])
        assert await names(memos) == ["people@1"]
        assert [want.topic for want in await its(memos).records.wants()] == ["things"]  # what is merged is not trained


async def test_a_look_says_what_is_wrong(tmp_path: Path) -> None:
    learner = Learner()
    async with learning(tmp_path, learner) as (memos, ids):
        await taught(memos, ids)
        assert await its(memos).verify("house@1") == ""
        learner.kept.clear()
        assert "train it again" in await its(memos).verify("house@1")
        with pytest.raises(NotFound):
            await its(memos).verify("house@9")


async def test_trouble_waits_and_is_said(tmp_path: Path) -> None:
    learner = Learner(trouble=Corrupt("the disk is full of holes"))
    async with learning(tmp_path, learner) as (memos, ids):
        with pytest.raises(Corrupt):
            await taught(memos, ids)
        assert await notes(memos) == {WANTED: ["house ada"]}
        assert await its(memos).keep_up() == "the disk is full of holes"
        learner.trouble = None
        assert await its(memos).keep_up() == ""
        assert await names(memos) == ["house@1"]


async def test_secrets_are_not_learnt(tmp_path: Path) -> None:
    key, learner = "sk-ant-api03-" + "a1B2c3D4" * 11 + "-abcdefgAA", Learner()
    async with remembering(tmp_path, None, parametric=learner, guard=Guard(mask=False)) as memos:
        (id,) = (await memos.remember(f"The word of the cellar is {key}.")).ids
        assert key in (await memos.get(id)).text
        assert (await taught(memos, [id])).release is not None
        ((_, lesson),) = learner.kept.values()
        assert not any(key in pair.question + pair.answer for pair in lesson.pairs)
