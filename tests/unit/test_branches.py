"""What if: a namespace changed and asked without touching it, then merged or dropped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, Awaitable
from contextlib import closing
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound, sync, wiring
from memos_mcp.cube import State
from tests.embedders import Meanings, system

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def texts(memos: Memos, question: str) -> list[str]:
    return sorted(cube.text for cube in (await memos.recall(question, limit=50)).cubes)


async def refusal(ask: Awaitable[object]) -> str:
    with pytest.raises(memos_mcp.MemosError) as raised:
        await ask
    return str(raised.value)


def raw(home: Path) -> bytes:
    """Everything that the vault has on the disk."""
    return b"".join(file.read_bytes() for file in sorted(home.glob("memos.db*")))


async def everything(memos: Memos) -> object:
    """What a caller sees of the original."""
    page = await memos.browse(limit=100)
    histories = [await memos.history(cube.id) for cube in page.cubes]
    return page, await memos.namespaces(), await texts(memos, "tea violin"), histories, (await memos.log.news(0)).events


@pytest.mark.claim("5.4.3-09")
async def test_a_branch_is_changed_freely_and_the_original_stays_as_it_was(memos: Memos) -> None:
    tea, violin = await stored(memos, "Ada drinks green tea"), await stored(memos, "Ada plays the violin")
    old = await stored(memos, "Tea with milk")
    await memos.put(None, "plan", text="tea first")
    before = await everything(memos)
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    assert await texts(idea, "tea violin") == await texts(memos, "tea violin")
    await idea.update(tea, "Ada drinks black tea")
    await idea.forget(old)
    await idea.put(None, "plan", text="violin first")
    born = await stored(idea, "Ada keeps bees for tea")
    await idea.lifecycle.move([violin], "archive")
    assert await texts(idea, "tea violin") == ["Ada drinks black tea", "Ada keeps bees for tea", "violin first"]
    assert (await idea.get(born)).path == "user/ada"
    assert [line.action for line in await idea.history(tea)] == ["remember", "update"]
    assert {cube.text for cube in (await idea.browse()).cubes} == set(await texts(idea, "tea violin"))
    assert (await idea.browse()).total == (await idea.status()).memories == 3
    assert (await idea.get(tea, version=1)).text == "Ada drinks green tea"
    assert await everything(memos) == before
    different = await memos.branches.diff("idea")
    assert {cube.id for cube in different.added} == {born}
    assert {change.words for change in different.changed} == {
        "Ada drinks [-green-]{+black+} tea",
        "[-tea-]{+violin+} first",
        "[-generated-]{+archived+}",
    }
    assert different.forgotten == (old,)


async def test_a_branch_shows_the_original_as_it_was_when_it_was_made(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks green tea")
    await memos.branches.make("idea")
    await memos.update(tea, "Ada drinks black tea")
    await stored(memos, "Ben drinks tea")
    idea = await memos.on_branch("idea")
    assert await texts(idea, "tea") == ["Ada drinks green tea"]
    assert (await idea.get(tea)).version == 1
    assert (await idea.recall("tea")).searched == 1
    with pytest.raises(NotFound):
        await idea.get(tea, version=2)
    await idea.update(tea, "Ada drinks white tea")
    assert (await memos.get(tea)).text == "Ada drinks black tea"
    assert await texts(memos, "white") == []


async def test_what_both_changed_is_joined_and_the_branch_ends(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks green tea\n\nBen drinks milk")
    gone, kept = await stored(memos, "An old note"), await stored(memos, "A violin")
    await memos.timeline.snapshot("before")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    await idea.update(tea, "Ada drinks black tea\n\nBen drinks milk", tags=["drinks"])
    await idea.forget(gone)
    await idea.lifecycle.move([kept], "archive")
    born = await stored(idea, "Ada keeps bees")
    await memos.update(tea, "Ada drinks green tea\n\nBen drinks water")
    done = await memos.branches.merge("idea", reason="we do it")
    assert {event.action for event in done.events} == {"update", "forget", "move", "remember"}
    cube = await memos.get(tea)
    assert (cube.text, cube.tags, cube.version) == ("Ada drinks black tea\n\nBen drinks water", ("drinks",), 3)
    assert (await memos.get(born)).text == "Ada keeps bees"
    assert (await memos.get(kept)).state is State.ARCHIVED
    with pytest.raises(NotFound):
        await memos.get(gone)
    assert (await memos.history(tea))[-1].reason == "merged from the branch idea: we do it"
    assert await memos.branches.list() == ()
    assert "not there any more" in await refusal(idea.update(tea, "late"))
    assert "not there any more" in await refusal(idea.remember("later"))
    await memos.timeline.restore_all("before")
    assert (await memos.get(tea)).text == "Ada drinks green tea\n\nBen drinks milk"


async def test_clashes_are_shown_and_nothing_is_merged_until_they_are_decided(memos: Memos) -> None:
    tea, other = await stored(memos, "Ada drinks green tea"), await stored(memos, "A violin")
    lost = await stored(memos, "An old note")
    data = (await memos.put(None, "plan", data={"colour": "red", "size": 1})).id
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    for on, colour in ((memos, "blue"), (idea, "white")):
        await on.update(tea, f"Ada drinks {colour} tea", tags=[colour])
        await on.update(data, data={"colour": colour}, how="merge")
    await idea.update(other, "Two violins")
    await idea.forget(lost)
    await memos.update(lost, "A new note")
    before = await everything(memos)
    shown = await memos.branches.merge("idea")
    assert shown.events == ()
    clashes = {(clash.id, clash.what): (clash.base, clash.original, clash.branch) for clash in shown.clashes}
    assert clashes == {
        (tea, "text, line 1"): ("Ada drinks green tea", "Ada drinks blue tea", "Ada drinks white tea"),
        (tea, "tags"): ("[]", '["blue"]', '["white"]'),
        (data, "data/colour"): ("red", "blue", "white"),
        (lost, "forgotten"): ("", "A new note", ""),
    }
    assert await everything(memos) == before
    done = await memos.branches.merge("idea", prefer="branch")
    assert done.clashes == ()
    assert ((await memos.get(tea)).tags, (await memos.get(other)).text) == (("white",), "Two violins")
    assert json.dumps((await memos.get(path=None, key="plan")).payload.model_dump()["data"], sort_keys=True) == (
        '{"colour": "white", "size": 1}'
    )


async def test_the_original_can_be_preferred(memos: Memos) -> None:
    tea, other = await stored(memos, "Ada drinks green tea"), await stored(memos, "A violin")
    frozen = await stored(memos, "It stays")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    for on, colour in ((memos, "blue"), (idea, "white")):
        await on.update(tea, f"Ada drinks {colour} tea")
    await idea.update(other, "Two violins")
    await idea.update(frozen, "It goes")
    await memos.timeline.freeze([frozen])
    assert {clash.what for clash in (await memos.branches.merge("idea")).clashes} == {"text, line 1", "state"}
    assert (await memos.branches.merge("idea", prefer="branch")).clashes[0].why.startswith("it is frozen")
    await memos.branches.merge("idea", prefer="original")
    assert await texts(memos, "tea violin stays") == ["Ada drinks blue tea", "It stays", "Two violins"]


async def test_what_is_dropped_leaves_no_word(memos: Memos, tmp_path: Path) -> None:
    tea = await stored(memos, "Ada drinks green tea")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    await stored(idea, "Zanzibar whisperings")
    await idea.update(tea, "Ada drinks quokkamilk")
    assert await texts(idea, "zanzibar quokkamilk") == ["Ada drinks quokkamilk", "Zanzibar whisperings"]
    assert b"quokkamilk" in raw(tmp_path)
    await memos.branches.drop("idea")
    assert await texts(memos, "zanzibar quokkamilk tea") == ["Ada drinks green tea"]
    await memos.aclose()
    assert not any(word in raw(tmp_path) for word in (b"quokkamilk", b"Zanzibar", b"zanzibar", b"whisper"))


async def test_a_branch_is_of_one_namespace_and_of_those_it_is_open_to(memos: Memos) -> None:
    await stored(memos, "Tea at work", "user/ada/job")
    await stored(memos, "Tea at home")
    await memos.branches.make("idea", "user/ada/job")
    idea = await memos.on_branch("idea", "user/ada/job/deep")
    assert await texts(idea, "tea") == ["Tea at work"]
    with pytest.raises(Denied):
        await idea.remember("x", path="user/ada")
    eve = memos.acting_as(Caller("eve"))
    with pytest.raises(Denied):
        await eve.on_branch("idea", "user/ada/job")
    assert await eve.branches.list() == ()
    assert [each.label for each in await memos.branches.list()] == ["idea"]
    with pytest.raises(Denied):
        await memos.remember("x", path="branch/x/user/ada")
    assert "no branch" in await refusal(memos.on_branch("nothing"))
    with pytest.raises(Conflict):
        await memos.branches.make("idea", "user/ada/job")
    with pytest.raises(InvalidInput):
        await idea.branches.make("deeper")
    assert "may not read" in await refusal(idea.acting_as(Caller("eve")).recall("tea"))


async def test_what_the_original_states_is_only_counted_in_a_branch(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks green tea")
    await memos.update(tea, "Ada drinks black tea")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    said = await idea.remember("Ada drinks black tea.")
    assert (said.ids, said.repeated) == ((tea,), 1)
    assert (await idea.get(tea)).usage.sightings == 2
    assert (await memos.get(tea)).usage.sightings == 1
    assert (await idea.recall("tea")).searched == 1


async def test_keys_of_a_branch_are_those_of_the_original(memos: Memos) -> None:
    plan = (await memos.put(None, "plan", text="tea")).id
    await memos.put(None, "other", text="milk")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    with pytest.raises(Conflict):
        await idea.put(None, "plan", text="x", expect=0)
    with pytest.raises(Conflict):
        await idea.rename({"other": "plan"})
    await idea.rename({"plan": "scheme"})
    assert (await idea.get(key="scheme")).id == plan
    with pytest.raises(NotFound):
        await idea.get(key="plan")
    assert (await memos.get(key="plan")).id == plan
    await memos.branches.merge("idea")
    assert (await memos.get(key="scheme")).id == plan


async def test_a_branch_answers_as_it_was_at_a_moment(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks green tea")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    await idea.update(tea, "Ada drinks black tea")
    first = (await idea.history(tea))[-1].at
    await stored(idea, "Ada drinks tea with milk")
    then = (await idea.recall("tea", at=first)).cubes
    assert [cube.text for cube in then] == ["Ada drinks black tea"]
    assert (await idea.timeline.browse(first)).total == 1
    assert (await idea.timeline.restore(tea, 1)).text == "Ada drinks green tea"


async def test_another_process_follows_a_branch_and_the_vault_stays_sound(memos: Memos, tmp_path: Path) -> None:
    ids = [await stored(memos, f"note {number} about tea") for number in range(30)]
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as other:
        there = await other.on_branch("idea")
        assert len(await texts(there, "tea")) == 30
        await idea.update(ids[0], "note about violins")
        await idea.forget(ids[1])
        assert len(await texts(there, "tea")) == 28
        await there.update(ids[2], "note about violins, too")
        assert len(await texts(idea, "violins")) == 2
        assert len(await texts(memos, "tea")) == len(await texts(other, "tea")) == 30
        await memos.branches.drop("idea")
        assert await other.branches.list() == ()
    found = await wiring.upkeep(home=tmp_path, user="ada").check()
    assert all(each.ok for each in found), found
    with closing(sqlite3.connect(tmp_path / "memos.db")) as db:
        assert db.execute("SELECT count(*) FROM segment WHERE root LIKE 'branch/%'").fetchone() == (0,)


async def test_what_a_branch_says_is_found_by_its_meaning(tmp_path: Path) -> None:
    async with system(tmp_path / "memos.db", Meanings()) as memos:
        cat, car = await stored(memos, "The kitten sleeps"), await stored(memos, "An automobile")
        await memos.branches.make("idea")
        idea = await memos.on_branch("idea")
        await idea.update(cat, "The physician sleeps")
        await idea.remember("A vacation")
        await idea.settle()
        for question, best in (("doctor", "The physician sleeps"), ("holiday", "A vacation"), ("car", "An automobile")):
            found = await idea.recall(question, lanes=["vectors"])
            assert (found.cubes[0].text, found.searched) == (best, 3)
            assert found.missing == ()
        assert "The kitten sleeps" not in {cube.text for cube in (await idea.recall("cat", lanes=["vectors"])).cubes}
        assert (await memos.recall("cat", lanes=["vectors"])).cubes[0].id == cat
        assert (await memos.recall("doctor", lanes=["vectors"])).searched == 2
        scores = {m.cube.id: m.score for m in (await memos.recall("automobile", lanes=["vectors"])).memories}
        there = {m.cube.id: m.score for m in (await idea.recall("automobile", lanes=["vectors"])).memories}
        assert there[car] == pytest.approx(scores[car])


def test_scripts_have_branches(tmp_path: Path) -> None:
    with sync.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        (tea,) = memos.remember("Ada drinks green tea").ids
        memos.branches.make("idea")
        idea = memos.on_branch("idea")
        idea.update(tea, "Ada drinks black tea")
        assert memos.get(tea).text == "Ada drinks green tea"
        assert memos.branches.merge("idea").clashes == ()
        assert memos.get(tea).text == "Ada drinks black tea"
