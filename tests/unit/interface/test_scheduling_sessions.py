"""The scheduler at work: what several sessions used is promoted sooner than what one session used as often."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activations import Table
from tests.schedules import FERRY, TEA, Clock, held, scheduled, scheduler_of, stored

pytestmark = pytest.mark.anyio


@pytest.mark.claim("5.4.2-11")
async def test_what_several_sessions_recall_is_promoted_sooner_than_what_one_recalls_as_often(tmp_path: Path) -> None:
    async with scheduled(tmp_path, Table(), clock=(clock := Clock())) as memos:
        once = await stored(memos, TEA)
        often = await stored(memos, TEA.replace("green", "black"), path="user/ada/black")
        ferry = await stored(memos, FERRY, path="user/ada/far")
        await memos.get(often)
        clock.tick(minutes=4)
        await memos.get(once)
        for _ in range(300):
            await memos.get(ferry)
        clock.tick(minutes=28)
        await memos.get(once)  # the session of this one goes on, the other memory is used in another
        await memos.get(often)
        for _ in range(300):
            await memos.get(ferry)
        await scheduler_of(memos).run()
        assert await held(memos) == {often, ferry}
        told = {each.id: each.reason for each in (await memos.scheduler.plan()).decisions}
        assert "as it was used in one session, " in told[once]
        assert "as it was used in 2 sessions, " in told[often]
        await memos.get(once)
        await scheduler_of(memos).run()
        assert await held(memos) == {once, often, ferry}
        assert await scheduler_of(memos).run() == ()
