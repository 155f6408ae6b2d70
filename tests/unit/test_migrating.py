"""A whole namespace to another path: everything follows, and nobody learns more or less than he may there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound
from memos_mcp.cube import State
from memos_mcp.wiring import upkeep

pytestmark = pytest.mark.anyio

BEN = Caller("ben")


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def found(memos: Memos, path: str) -> list[str]:
    """What is found at a path; all ways must agree."""
    recalled = await memos.recall("tea", path=path, limit=50)
    page = await memos.browse(path, limit=50)
    assert sorted(cube.id for cube in recalled.cubes) == sorted(cube.id for cube in page.cubes)
    assert recalled.searched == page.total == len(page.cubes)
    assert sum(each.memories for each in await memos.namespaces(path)) == page.total
    return sorted(cube.text for cube in page.cubes)


@pytest.mark.claim("5.4.3-14")
async def test_a_namespace_goes_with_all_beneath_it_and_keeps_what_it_was(memos: Memos, tmp_path: Path) -> None:
    plan = await stored(memos, "the tea plan", "user/ada/old")
    await memos.update(plan, "the new tea plan")
    note = (await memos.put("user/ada/old/notes", "note", text="a note of tea")).id
    away = await stored(memos, "tea out of use", "user/ada/old")
    await memos.lifecycle.move([away], "archive")
    await stored(memos, "other tea", "user/ada/other")
    origin = (await memos.get(plan)).origin
    done = await memos.lifecycle.migrate("user/ada/old", "shared/team/tea", reason="for all of us")
    assert (set(done.ids), done.left) == ({plan, note, away}, ())
    assert await found(memos, "user/ada") == ["other tea"]
    assert await found(memos, "shared/team") == ["a note of tea", "the new tea plan"]
    assert (await memos.get(key="note", path="shared/team/tea/notes")).id == note
    cube = await memos.get(plan)
    assert (cube.path, cube.version, cube.origin) == ("shared/team/tea", 2, origin)
    assert (await memos.get(plan, version=1)).text == "the tea plan"
    assert [(e.action, e.reason) for e in await memos.history(plan)][-2:] == [
        ("depart", "for all of us"),
        ("arrive", "for all of us"),
    ]
    assert [each.id for each in (await memos.lifecycle.list([State.ARCHIVED], path="shared/team")).cubes] == [away]
    assert [finding for finding in await upkeep(home=tmp_path).check() if not finding.ok] == []
    await memos.rebuild("words")
    assert await found(memos, "shared/team") == ["a note of tea", "the new tea plan"]
    assert await found(memos, "user/ada") == ["other tea"]


async def test_who_may_use_it_is_decided_anew(memos: Memos) -> None:
    ben = memos.acting_as(BEN)
    id = await stored(memos, "the tea plan", "shared/team")
    assert len((await ben.recall("tea")).cubes) == 1
    last = (await memos.log.news()).upto
    await memos.lifecycle.migrate("shared/team", "user/ada/team")
    assert (await ben.recall("tea")).searched == 0
    for hidden in (ben.get(id), ben.history(id), ben.timeline.get(id, datetime.now(UTC)), ben.lifecycle.state(id)):
        with pytest.raises(NotFound):
            await hidden
    assert (await ben.log.news(0)).events == ()
    assert (await ben.timeline.diff(datetime(2020, 1, 1, tzinfo=UTC), path="shared/team")).added == ()
    assert {event.path for event in (await memos.log.news(last)).events} == {"user/ada/team"}
    assert (await memos.acl.report()).__len__() == 0
    await memos.lifecycle.migrate("user/ada/team", "shared/team")
    assert len((await ben.recall("tea")).cubes) == 1
    assert {event.path for event in await ben.history(id)} == {"shared/team"}
    assert {event.path for event in (await ben.log.news(0)).events} == {"shared/team"}


async def test_a_memory_that_went_is_in_no_index_of_where_it_was(memos: Memos, tmp_path: Path) -> None:
    for number in range(3):
        await stored(memos, f"zanzibar tea {number}", "shared/team")
    await memos.rebuild("words")
    async with memos_mcp.open(home=tmp_path, user="ben", embedder={"kind": "none"}) as other:
        assert (await other.recall("zanzibar")).searched == 3
        await memos.lifecycle.migrate("shared/team", "user/ada")
        assert (await other.recall("zanzibar")).searched == 0
    async with memos_mcp.open(home=tmp_path, user="ben", embedder={"kind": "none"}) as other:
        assert (await other.recall("zanzibar")).searched == 0
        assert (await other.recall("zanzibar", at=datetime.now(UTC))).searched == 0
    assert (await memos.recall("zanzibar")).searched == 3


async def test_what_is_frozen_held_or_of_others_stays(memos: Memos) -> None:
    frozen, held, hers = [await stored(memos, f"tea {n}", "shared/team") for n in ("ice", "court", "ada")]
    await memos.timeline.freeze([frozen])
    await memos.lifecycle.hold([held])
    secret = await stored(memos, "the secret tea", "shared/team")
    await memos.acl.change([secret], readers=["ada"])
    await memos.acl.change([hers], read_only=True)
    ben = memos.acting_as(BEN)
    mine = await stored(ben, "tea of ben", "shared/team")
    done = await ben.lifecycle.migrate("shared/team", "shared/other")
    assert done.ids == (mine,)
    assert set(done.left) == {frozen, held, hers}
    assert (await memos.get(secret)).path == "shared/team"
    with pytest.raises(Denied):
        await ben.lifecycle.migrate("shared/team", "user/ada")
    with pytest.raises(Denied):
        await ben.lifecycle.migrate("user/ada", "shared/team")


async def test_a_namespace_goes_whole_or_not_at_all(memos: Memos) -> None:
    await memos.put("user/ada/a", "plan", text="tea plan")
    one = await stored(memos, "tea", "user/ada/a")
    await memos.put("user/ada/b", "plan", text="another tea plan")
    with pytest.raises(Conflict, match="holds the key 'plan' already"):
        await memos.lifecycle.migrate("user/ada/a", "user/ada/b")
    assert (await memos.get(one)).path == "user/ada/a"
    for to in ("user/ada/a", "user/ada/a/x", "user/ada"):
        with pytest.raises(InvalidInput, match="lie in each other"):
            await memos.lifecycle.migrate("user/ada/a", to)
    assert (await memos.lifecycle.migrate("user/ada/nothing", "user/ada/b")).ids == ()


async def test_what_is_stated_there_already_stays_another_memory(memos: Memos) -> None:
    here, there = await stored(memos, "Ada likes tea.", "user/ada/a"), await stored(memos, "Ada likes tea.")
    await memos.lifecycle.migrate("user/ada/a", "user/ada/b")
    assert await stored(memos, "Ada likes tea.", "user/ada/b") == here
    await memos.lifecycle.migrate("user/ada/b", "user/ada/c")
    again = await stored(memos, "Ada likes tea.", "user/ada/b")
    assert again not in (here, there)
    await memos.lifecycle.migrate("user/ada/b", "user/ada/c")
    assert await found(memos, "user/ada") == ["Ada likes tea."] * 3


async def test_reads_follow_a_memory_to_where_it_is(memos: Memos) -> None:
    id = await stored(memos, "the tea plan", "user/ada/a")
    await memos.get(id)
    await memos.lifecycle.migrate("user/ada/a", "user/ada/b")
    await memos.get(id)
    assert [(hot.path, hot.reads) for hot in (await memos.audit.hotspots()).namespaces] == [("user/ada/b", 2)]
