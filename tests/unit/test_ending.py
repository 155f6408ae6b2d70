"""Memories that are stored with an end, by remember and by put."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.cube import State
from memos_mcp.interface.reader import RulesReader

pytestmark = pytest.mark.anyio

BEN = Caller("ben")
HOUR = timedelta(hours=1)


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


def later(memos: Memos, by: timedelta) -> Memos:
    """The same system when time has passed."""
    on, routes = memos._on, memos._routes  # pyright: ignore[reportPrivateUsage] the clock is no argument of a verb

    def clock() -> datetime:
        return datetime.now(UTC) + by

    return Memos(vault=on.vault, reader=RulesReader(), routes=routes, caller=memos.caller, clock=clock)


@pytest.mark.claim("4.2-10")
async def test_what_is_remembered_for_a_time_is_over_after_it(memos: Memos) -> None:
    (id,) = (await memos.remember("the tea of today", expires=HOUR)).ids
    assert (await memos.recall("tea")).searched == 1
    when = later(memos, 2 * HOUR)
    assert (await when.recall("tea")).searched == (await when.browse()).total == 0
    with pytest.raises(NotFound):
        await when.get(id)
    (event,) = (await when.lifecycle.sweep()).moves
    assert (event.subject, event.state) == (id, State.EXPIRED)


async def test_what_is_put_for_a_time_may_be_put_again_once_it_is_over(memos: Memos) -> None:
    cube = await memos.put(None, "ticket", text="tea at nine", expires=HOUR)
    assert cube.governance.expires_at
    for swept in (False, True):
        when = later(memos, 2 * HOUR)
        if swept:
            await when.lifecycle.sweep()
        again = await when.put(None, "ticket", text=f"tea at ten {swept}", expires=HOUR)
        assert (again.id, again.state) == (cube.id, State.ACTIVATED if swept else State.GENERATED)
        assert (await when.recall("tea")).cubes[0].text == f"tea at ten {swept}"
        await memos.put(None, "ticket", text="tea at nine", expires=HOUR)
    kept = await later(memos, 2 * HOUR).put(None, "ticket", text="tea for ever")
    assert kept.governance.expires_at is None


async def test_an_end_that_is_set_stays_and_can_be_moved(memos: Memos) -> None:
    first = await memos.put(None, "ticket", text="tea at nine", expires=HOUR)
    same = await memos.put(None, "ticket", text="tea at ten")
    assert same.governance.expires_at == first.governance.expires_at
    end = datetime(2099, 1, 1, tzinfo=UTC)
    moved = await memos.put(None, "ticket", text="tea at ten", expires=end)
    assert (moved.governance.expires_at, (await memos.get(moved.id)).governance.expires_at) == (end, end)


async def test_an_end_is_taken_away_in_the_same_commit(memos: Memos) -> None:
    first = await memos.put(None, "ticket", text="tea at nine", expires=HOUR)
    kept = await memos.put(None, "ticket", text="tea for ever", expires="never")
    assert (kept.id, (await memos.get(kept.id)).governance.expires_at) == (first.id, None)
    assert (await later(memos, 2 * HOUR).get(path=kept.path, key="ticket")).text == "tea for ever"
    lines = [event.action for event in await memos.history(kept.id)]
    await memos.put(None, "ticket", text="tea for ever and ever", expires="never")
    assert [event.action for event in await memos.history(kept.id)] == [*lines, "put"]
    new = await memos.put(None, "other", text="tea", expires="never")
    assert new.governance.expires_at is None


async def test_an_end_is_set_by_who_decides_about_the_memory(memos: Memos) -> None:
    id = (await memos.put("shared/team", "plan", text="the tea plan", expires=HOUR)).id
    await memos.acl.change([id], writers=["ben"])
    ben = memos.acting_as(BEN)
    assert (await ben.put("shared/team", "plan", text="the new tea plan")).version == 2
    with pytest.raises(Denied, match="decide about"):
        await ben.put("shared/team", "plan", text="the last tea plan", expires=HOUR)
    over = later(memos, 2 * HOUR).acting_as(BEN)
    for expires in (None, HOUR):
        with pytest.raises(Denied, match="may not use the key 'plan'"):
            await over.put("shared/team", "plan", text="the last tea plan", expires=expires)


async def test_a_repeat_leaves_the_end_of_what_is_there(memos: Memos) -> None:
    (id,) = (await memos.remember("Ada likes tea.")).ids
    assert (await memos.remember("Ada likes tea.", expires=HOUR)).ids == (id,)
    assert (await memos.get(id)).governance.expires_at is None


async def test_an_end_is_a_time_to_come(memos: Memos) -> None:
    for expires in (timedelta(0), datetime(2020, 1, 1, tzinfo=UTC), timedelta.max):
        with pytest.raises(InvalidInput, match="expires is"):
            await memos.remember("tea", expires=expires)
        with pytest.raises(InvalidInput, match="expires is"):
            await memos.put(None, "tea", text="tea", expires=expires)
    assert (await memos.browse()).total == 0
