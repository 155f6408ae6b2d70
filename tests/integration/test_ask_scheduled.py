"""A memory that lives long, on SGLang: what is asked again and again is warm by itself, and in words after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

import memos_mcp
from tests import openai_server, sglang_fake
from tests.client_kinds import plain
from tests.openai_server import said
from tests.sglang_fake import KEY, Fake

pytestmark = pytest.mark.anyio

PUMP = "The pump of the harbour is looked after on the first Monday of the month, by whoever is on duty then. " * 30
ASKED = "Who looks after the pump of the harbour?"


@pytest.mark.claim("4.2-20", "4.2-28", "4.3-26")
async def test_what_is_asked_often_becomes_warm_and_is_said_in_words_after_a_change(tmp_path: Path) -> None:
    with sglang_fake.serving(Fake(key=KEY)) as fake, openai_server.serving(*[said("In words.")] * 20) as server:
        sglang = {"kind": "sglang", "url": fake.url, "key": KEY}
        given = plain(tmp_path, activation=sglang, chat={"url": server.url, "model": "m"})
        async with memos_mcp.open(given) as memos:
            pump = await memos.put(None, "pump", text=PUMP)
            await memos.timeline.freeze([pump.id])  # what cannot change need not stand still for a minute first
            for _ in range(5):
                assert (await memos.ask(ASKED)).via == "text"
            (made,) = (await memos.scheduler.run()).decisions
            assert (made.move, made.id) == ("promote", pump.id)
            answer = await memos.ask(ASKED)
            assert answer.via == "prefix"
            assert answer.reused > 500
            await memos.timeline.thaw([pump.id])
            await memos.put(None, "pump", text=PUMP.replace("Monday", "Tuesday"))
            assert (await memos.ask(ASKED)).via == "text"
            assert (await memos.scheduler.run()).decisions == ()
            await memos.timeline.freeze([pump.id])
            for _ in range(5):
                await memos.ask(ASKED)
            (made,) = (await memos.scheduler.run()).decisions
            assert (made.move, made.version) == ("promote", 2)
            assert (await memos.ask(ASKED)).via == "prefix"
