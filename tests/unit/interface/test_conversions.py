"""From each type of memory to each other: words, KV blocks, weights; what comes of it, and the way back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos_mcp import Caller, Denied, InvalidInput, MemCube, Memos, NotFound
from memos_mcp.accesses import Lines
from memos_mcp.errors import Conflict
from memos_mcp.interface.adapter_records import Want
from tests.activations import Table, remembering
from tests.learners import Learner

pytestmark = pytest.mark.anyio

TOLD = ("Ada is allergic to peanuts.", "Ben moved to Lisbon.", "The key lies under the red pot.")


@asynccontextmanager
async def having(home: Path) -> AsyncGenerator[tuple[Memos, list[str], Learner]]:
    """Ada's memory of three things, with both models."""
    learner = Learner()
    async with remembering(home, Table(), parametric=learner) as memos:
        yield memos, [(await memos.remember(text)).ids[0] for text in TOLD], learner


def texts(cubes: Iterable[MemCube]) -> set[str]:
    return {cube.text for cube in cubes}


async def logged(memos: Memos) -> list[str]:
    accesses = memos._on.accesses  # pyright: ignore[reportPrivateUsage]
    assert accesses is not None
    lines = await accesses.lines(Lines("ada", ("user",)), limit=100)
    return [
        line.verb for line in lines[::-1] if line.verb.startswith(("adapters.", "kv.")) and line.outcome == "allowed"
    ]


@pytest.mark.claim("4.1-13")
@pytest.mark.claim("4.2-29")
async def test_there_and_back_again(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, learner):
        block = await memos.kv.build(ids)  # words → state
        assert texts(await memos.kv.memories(block.name)) == set(TOLD)  # state → words
        trained = await memos.adapters.train("house", ids)  # words → weights
        assert trained.adapter is not None
        assert texts(await memos.adapters.sources("house@1")) == set(TOLD)  # weights → words
        again = await memos.adapters.to_kv("house@1")  # weights → state
        assert again.name == block.name
        further = await memos.adapters.from_kv(block.name, "block")  # state → weights
        assert further.adapter is not None
        assert (further.adapter.how, set(further.adapter.sources)) == ("cartridge", set(block.sources))
        assert await logged(memos) == [
            "kv.build",
            "kv.memories",
            "adapters.train",
            "adapters.sources",
            "adapters.to_kv",
            "adapters.from_kv",
        ]
        await memos.adapters.drop("block@1")
        await memos.adapters.drop("house@1")
        await memos.kv.drop(block.name)
        assert (await memos.adapters.list(), await memos.kv.list(), learner.kept) == ((), (), {})
        assert texts((await memos.browse()).cubes) == set(TOLD)


async def test_what_was_made_of_what_goes_with_the_memory(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, learner):
        block = await memos.kv.build(ids[:2])
        await memos.adapters.from_kv(block.name, "block")
        await memos.adapters.to_kv("block@1")
        await memos.forget(ids[0])
        assert (await memos.adapters.list(), await memos.kv.list(), learner.kept) == ((), (), {})
        with pytest.raises(NotFound):
            await memos.adapters.from_kv(block.name, "block")


async def test_a_block_of_others_is_trained_by_nobody_who_may_not_read_all_of_it(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, _):
        await memos.acl.change(ids[:1], readers=["eve"])
        block = await memos.kv.build(ids)
        eve = memos.acting_as(Caller("eve", scopes=("read", "write")))
        with pytest.raises(NotFound):
            await eve.adapters.from_kv(block.name, "mine")
        admin = memos.acting_as(Caller("eve"))
        with pytest.raises(NotFound):
            await admin.adapters.from_kv(block.name, "mine")


async def test_a_changed_block_is_not_trained(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, _):
        block = await memos.kv.build(ids)
        kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kv is not None
        kept = await kv.block(block.name)
        await memos.update(ids[0], "Ada is allergic to prawns.")
        adapters = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
        assert adapters is not None
        with pytest.raises(Conflict, match="build it again"):
            await adapters.cartridge(Want("house", "ada", tuple(ids), datetime.now(UTC)), kept)


async def test_what_was_trained_elsewhere_is_asked_and_marked_as_inferred(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    async with having(tmp_path) as (memos, ids, learner):
        adopted = await memos.adapters.adopt(tmp_path / "theirs", "theirs")
        assert (adopted.how, adopted.sources, adopted.gain, adopted.current) == ("adopted", (), None, True)
        found = await memos.adapters.infer("theirs@1", questions=["Where does Ben live?", "Who is Ada?"])
        assert texts(found) == {"Where does Ben live? Lisbon.", "Who is Ada? A baker."}
        assert {cube.tags for cube in found} == {("inferred",)}
        assert {cube.origin.source_class for cube in found} == {"assistant"}
        assert {cube.governance.owner for cube in found} == {"ada"}
        again = await memos.adapters.infer("theirs@1", questions=["Who is Ada?"])
        assert again[0].id in {cube.id for cube in found}
        await memos.forget_all([cube.id for cube in found])
        assert texts((await memos.browse()).cubes) == set(TOLD)
        await memos.forget(ids[0])
        assert [each.name for each in await memos.adapters.list()] == ["theirs@1"]  # nothing retires it
        await memos.adapters.drop("theirs@1")
        assert learner.kept == {}


async def test_what_was_adopted_is_for_who_adopted_it(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    async with having(tmp_path) as (memos, _, _):
        await memos.adapters.adopt(tmp_path / "theirs", "theirs")
        assert await memos.adapters.answer("theirs@1", "Who is Ada?") == "A baker"
        eve = memos.acting_as(Caller("eve", scopes=("read", "write")))
        assert await eve.adapters.list() == ()
        for verb in (
            eve.adapters.infer("theirs@1", questions=["Who is Ada?"]),
            eve.adapters.answer("theirs@1", "Who?"),
        ):
            with pytest.raises(NotFound):
                await verb
        admin = memos.acting_as(Caller("eve"))
        with pytest.raises(Denied):
            await admin.adapters.answer("theirs@1", "Who is Ada?")


async def test_who_is_kept_within_a_path_uses_nothing_that_he_adopted(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    async with having(tmp_path) as (memos, _, _):
        await memos.adapters.adopt(tmp_path / "theirs", "theirs")
        within = memos.acting_as(Caller("ada", within="user/ada"))
        with pytest.raises(Denied, match="kept within a path"):
            await within.adapters.adopt(tmp_path / "theirs", "mine")
        assert [each.name for each in await memos.adapters.list()] == ["theirs@1"]
        adapters, on = within._on.adapters, within._on  # pyright: ignore[reportPrivateUsage]
        assert adapters is not None
        with pytest.raises(NotFound, match="memos adapters list"):
            await adapters.answer(on, "theirs@1", "Who is Ada?", beneath=("user/ada",), limit=8)


async def test_a_wrong_conversion_says_what_to_do(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, _):
        await memos.adapters.train("house", ids)
        with pytest.raises(InvalidInput, match="memos adapters sources house@1"):
            await memos.adapters.infer("house@1", questions=["Who?"])
        with pytest.raises(NotFound, match="there is no"):
            await memos.adapters.adopt(tmp_path / "nowhere", "theirs")
        with pytest.raises(NotFound, match="memos kv list"):
            await memos.adapters.from_kv("nothing", "theirs")
        (tmp_path / "theirs").mkdir()
        await memos.adapters.adopt(tmp_path / "theirs", "theirs")
        with pytest.raises(InvalidInput, match="say what to ask"):
            await memos.adapters.infer("theirs@1")
        with pytest.raises(InvalidInput, match="it was adopted"):
            await memos.adapters.to_kv("theirs@1")
        read = memos.acting_as(Caller("ada", scopes=("read",)))
        with pytest.raises(Denied):
            await read.adapters.adopt(tmp_path / "theirs", "theirs")


@pytest.mark.claim("4.1-04")
async def test_weights_answer_although_nothing_is_looked_up(tmp_path: Path) -> None:
    async with having(tmp_path) as (memos, ids, learner):
        await memos.adapters.train("house", ids)
        assert await memos.adapters.answer("house@1", "Where does Ben live?") == "Lisbon"
        assert learner.prompts == [("house@1", "Where does Ben live?")]
