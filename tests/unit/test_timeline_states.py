"""What a time machine may do with states: it puts away and brings back only for who decides, and ends nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Denied, Memos
from memos_mcp.cube import State

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def test_who_may_write_but_not_decide_puts_nothing_away_and_brings_nothing_back(memos: Memos) -> None:
    tea, cup = [await stored(memos, f"the {what} of the team", "shared/team") for what in ("tea", "cup")]
    ben = memos.acting_as(Caller("ben"))
    await memos.acl.change([tea, cup], writers=["ben"])
    await memos.lifecycle.move([tea], "archive")
    await memos.timeline.snapshot("one", "shared/team")
    await memos.lifecycle.move([tea], "restore")
    await memos.lifecycle.move([cup], "archive")
    done = await ben.timeline.restore_all("one", "shared/team")
    assert (done.cubes, set(done.left)) == ((), {tea, cup})
    with pytest.raises(Denied, match="decide about"):
        await ben.timeline.restore(cup, 1)
    assert [(await memos.get(id)).state for id in (tea, cup)] == [State.ACTIVATED, State.ARCHIVED]
    back = await memos.timeline.restore_all("one", "shared/team")
    assert {cube.id: cube.state for cube in back.cubes} == {tea: State.ARCHIVED, cup: State.GENERATED}


async def test_bringing_back_a_namespace_ends_nothing(memos: Memos) -> None:
    tea = await stored(memos, "green tea")
    await memos.lifecycle.move([tea], "expire")
    await memos.timeline.snapshot("over")
    await memos.lifecycle.move([tea], "restore")
    await memos.update(tea, "black tea")
    await memos.timeline.restore_all("over")
    assert ((await memos.get(tea)).text, (await memos.get(tea)).state) == ("green tea", State.ACTIVATED)
