"""Faults of a server of SGLang: each is an error of ours or is made good, and nothing waits for ever."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from memos_mcp.activation import Source
from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, MemosError, Misconfigured, Unavailable
from memos_mcp.infrastructure.activation.answers import CANNOT, STILL_PINNED
from memos_mcp.infrastructure.activation.sglang import SGLang
from tests.sglang_fake import KEY, SECRET, Fake, Reply, on, serving, told

pytestmark = pytest.mark.anyio

TEA = [Source(Ref(id=f"m{at}", version=1), f"Ada had {at} cups of tea.") for at in range(5)]
NONSENSE = Reply(b"<html>It works!</html>")
BUSY = Reply(b"", 503)


async def all_of(stream: AsyncGenerator[str], into: list[str] | None = None) -> list[str]:
    found = [] if into is None else into
    async for piece in stream:
        found.append(piece)
    return found


# --- what a server must be


@pytest.mark.parametrize("version", ["0.5.20", "0.5.17", "0.4.99", "unknown", "0.5"])
async def test_a_version_that_mixes_tenants_is_refused(version: str) -> None:
    with serving(Fake(version=version)) as fake:
        async with on(fake) as sglang:
            with pytest.raises(Misconfigured, match=r"use SGLang 0\.5\.21 or newer"):
                await sglang.warm(TEA)
    assert not fake.asked_for("/generate")


@pytest.mark.parametrize("version", ["0.5.21", "0.5.21.post1", "0.5.23+cu130", "0.6.0rc1", "1.0.0"])
async def test_a_version_that_keeps_them_apart_is_taken(version: str) -> None:
    with serving(Fake(version=version)) as fake:
        async with on(fake) as sglang:
            assert (await sglang.start()).state == "on"


@pytest.mark.parametrize("blind", [["cache_salt"], ["extra_key"], ["cache_salt", "extra_key"]])
async def test_a_server_that_does_not_heed_a_key_gets_no_memory(
    blind: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Fake(blind=frozenset(blind))) as fake:
        async with on(fake) as sglang:
            with pytest.raises(Misconfigured, match="does not keep tenants and versions apart"):
                await sglang.warm(TEA)
            assert sglang.sharing.state == "broken"
    assert len(fake.asked_for("/generate")) == 4  # the test, with words that mean nothing
    assert "no prefix is shared on SGLang" in caplog.text


async def test_a_server_that_stops_keeping_tenants_apart_gets_no_more_questions() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.restart()
            fake.blind = frozenset({"cache_salt"})
            with pytest.raises(Misconfigured, match="gets no memories"):
                await sglang.generate(block, "How much?")


async def test_a_server_without_a_cache_is_told_from_one_that_leaks() -> None:
    with serving(Fake(caches=False)) as fake:
        async with on(fake) as sglang:
            assert (await sglang.start()).state == "off"
            with pytest.raises(Misconfigured, match="keeps no prefixes"):
                await sglang.warm(TEA)


@pytest.mark.parametrize("nothing", [None, 0])
async def test_nothing_cached_may_be_said_as_null(nothing: int | None) -> None:
    with serving(Fake(nothing=nothing)) as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.kept.clear()
            answer = await sglang.generate(block, "How much?", limit=2)
    assert (answer.reused, answer.cold) == (0, True)


async def test_larger_pages_are_not_taken_for_a_loss() -> None:
    with serving(Fake(page=64)) as fake:
        async with on(fake) as sglang:
            block = await sglang.warm([*TEA, *(Source(Ref(id=f"n{at}", version=1), "tea " * 9) for at in range(9))])
            answer = await sglang.generate(block, "How much?")
    assert block.tokens % 64
    assert (answer.reused, answer.cold) == (block.tokens // 64 * 64, False)


async def test_a_server_without_pins_is_warmed_without_them(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Fake(pins=False)) as fake:
        async with on(fake) as sglang:
            assert STILL_PINNED not in await sglang.drop(await sglang.warm(TEA, pinned=True))
    assert not any("session_id" in body for body in fake.asked_for("/generate"))
    assert not fake.asked_for("/close_session")
    assert "--enable-session-radix-cache" in caplog.text


# --- faults


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (NONSENSE, "did not answer as SGLang does"),
        (told({"text": "tea"}), "did not answer as SGLang does"),
        (Reply(b'{"error":{"message":"Ada had tea"}}', 400), r"refused the request \(HTTP 400\)"),
        (told({"text": "", "meta_info": {"prompt_tokens": 1, "finish_reason": {"type": "abort"}}}), "gave up"),
        (Reply(b"{" * 8_000_001), "more than 8,000,000 bytes"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_bad_answer_is_unavailable_and_the_next_one_is_fine(fault: Reply, why: str, streamed: bool) -> None:
    with serving(Fake(key=KEY)) as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            sent = fault
            if streamed and fault.status == 200:
                sent = Reply(b"data: " + fault.body + b"\n\ndata: [DONE]\n\n")
                why = why.replace("more than 8,000,000 bytes", "broke off")
            fake.faults["/generate"] = [sent]
            with pytest.raises(Unavailable, match=why) as error:
                await (all_of(sglang.stream(block, "How much?")) if streamed else sglang.generate(block, "How much?"))
            assert not (await sglang.generate(block, "How much?")).cold
    assert "Ada" not in str(error.value)
    assert KEY not in str(error.value)


async def test_a_busy_server_is_asked_again_and_then_no_more() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.faults["/generate"] = [BUSY, BUSY]
            assert (await sglang.generate(block, "How much?")).text
            fake.faults["/generate"] = [Reply(b"", 500)] * 3
            with pytest.raises(Unavailable, match=r"HTTP 500.; asked 3 times, try again later"):
                await sglang.generate(block, "How much?")
            fake.faults["/generate"] = [BUSY]
            with pytest.raises(Unavailable, match="is busy or broken"):
                await anext(sglang.stream(block, "How much?"))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_slow_server_is_given_up(streamed: bool) -> None:
    with serving() as fake:
        async with on(fake, timeout_s=0.3) as sglang:
            block = await sglang.warm(TEA)
            fake.faults["/generate"] = [Reply(b"{}", held=True)]
            with pytest.raises(Unavailable, match="did not answer in time"):
                await (anext(sglang.stream(block, "How much?")) if streamed else sglang.generate(block, "How much?"))


async def test_a_stream_that_breaks_off_says_so_after_what_it_gave() -> None:
    whole = b"".join(
        b'data: {"text": "%s", "meta_info": {"prompt_tokens": 9, "cached_tokens": 8}}\n\n' % (b" tea" * at)
        for at in range(1, 20)
    )
    for fault in (Reply(whole, cut=300), Reply(whole)):
        with serving() as fake:
            async with on(fake) as sglang:
                block = await sglang.warm(TEA)
                fake.faults["/generate"] = [fault]
                got: list[str] = []
                with pytest.raises(Unavailable, match="broke off in the middle of its answer"):
                    await all_of(sglang.stream(block, "How much?"), got)
        assert len(got) >= 2
        assert set(got) == {" tea"}


@pytest.mark.parametrize("apart", [False, True])
async def test_a_stream_gives_each_word_once_in_both_ways_of_the_server(apart: bool) -> None:
    with serving(Fake(apart=apart)) as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            pieces = await all_of(sglang.stream(block, "How much?", limit=6))
            whole = await sglang.generate(block, "How much?", limit=6)
    assert "".join(pieces) == whole.text
    assert len(pieces) == whole.made == 6


async def test_whoever_leaves_a_stream_early_leaves_nothing_behind() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            async with aclosing(sglang.stream(block, "How much?", limit=6)) as stream:
                await anext(stream)
            assert not (await sglang.generate(block, "How much?")).cold


async def test_a_server_that_is_not_there_is_unavailable_and_a_drop_holds_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(Fake(key=KEY)) as fake:
        async with on(fake) as sglang:
            block, other = [await sglang.warm(some, pinned=True) for some in (TEA, TEA[1:])]
            port = int(fake.url.rpartition(":")[2])
    async with on(fake) as absent:
        with pytest.raises(Unavailable, match="is it running"):
            await absent.warm(TEA)
    async with on(fake):
        assert STILL_PINNED in await sglang.drop(block)
        with pytest.raises(Unavailable, match="is it running"):
            await sglang.generate(other, "How much?")
        with pytest.raises(MemosError, match="warm its memories again"):
            await sglang.generate(block, "How much?")
        pinned = [session for each in fake.kept for session in each.sessions]
        with serving(fake, port):
            assert await sglang.drop(other) == CANNOT
        assert len(pinned) == 2
        assert not [session for each in fake.kept for session in each.sessions]  # what was owed is made good
        await sglang.aclose()
    assert KEY not in caplog.text


async def test_a_block_is_warmed_and_pinned_again_where_it_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving() as fake:
        async with on(fake, follow_s=600) as sglang:
            block = await sglang.warm(TEA, pinned=True)
            fake.restart()
            first, second = [await sglang.generate(block, "How much?") for _ in range(2)]
    assert (first.cold, second.cold) == (True, False)
    assert (sglang.counts.answers, sglang.counts.cold, sglang.counts.warmed) == (2, 1, 2)
    assert any(each.sessions for each in fake.kept)
    assert "a block was cold" in caplog.text


@pytest.mark.parametrize("follow_s", [0, 600])
async def test_tokens_of_one_model_are_not_given_out_as_an_answer_of_another(follow_s: float) -> None:
    with serving() as fake:
        async with on(fake, follow_s=follow_s) as sglang:
            block = await sglang.warm(TEA)
            fake.restart()
            fake.model = "other"
            for _ in range(2):
                with pytest.raises(InvalidInput, match="another model than this block was made for"):
                    await sglang.generate(block, "How much?")
            again = await sglang.warm(TEA)
            assert not (await sglang.generate(again, "How much?")).cold
    assert again.fingerprint != block.fingerprint


async def test_a_server_that_keeps_nothing_any_more_answers_and_is_not_warmed_in_vain() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.restart()
            fake.caches = False
            for _ in range(2):
                assert (await sglang.generate(block, "How much?")).cold
            assert sglang.sharing.state == "off"
            assert sglang.counts.warmed == 1


async def test_what_was_warmed_can_be_pinned_later_and_stays_so() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            assert not any(each.sessions for each in fake.kept)
            for pinned in (True, False):
                assert await sglang.warm(TEA, pinned=pinned) == block
                assert any(each.sessions for each in fake.kept)


async def test_an_answer_is_given_though_warming_again_fails(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as fake:
        async with on(fake, follow_s=600) as sglang:
            block = await sglang.warm(TEA)
            fake.restart()
            fake.faults["/server_info"] = [NONSENSE]
            assert (await sglang.generate(block, "How much?")).cold
    assert "a worker of SGLang does not answer" in caplog.text


async def test_a_flush_waits_until_the_server_is_idle() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            await sglang.warm(TEA)
            fake.faults["/flush_cache"] = [Reply(b"busy", 400)]
            await sglang.flush()
            assert not fake.kept
            fake.faults["/flush_cache"] = [Reply(b"busy", 400)] * 50
            with pytest.raises(Unavailable, match="try again when it is idle"):
                await sglang.flush(within_s=0.3)


async def test_a_server_without_metrics_is_not_taken_for_one_that_saved_nothing() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            fake.faults["/metrics"] = [Reply(b"", 404)]
            with pytest.raises(Misconfigured, match="HTTP 404"):
                await sglang.measures()


@pytest.mark.parametrize("status", [307, 401, 403])
async def test_a_door_that_is_closed_is_told_with_what_to_do(status: int) -> None:
    with serving(Fake(key=KEY)) as fake:
        fake.faults["/workers"] = [Reply(b"", status)]
        async with on(fake) as sglang:
            with pytest.raises(Misconfigured, match=r"check the key|give that address"):
                await sglang.start()


@pytest.mark.parametrize(
    ("url", "secret", "key"),
    [
        ("ftp://x", SECRET, None),
        ("http://u:p@x", SECRET, None),
        ("http://x:port", SECRET, None),
        ("http://x", "short", None),
        ("http://x", SECRET, "a\nb"),
    ],
)
def test_what_cannot_work_is_refused_at_once(url: str, secret: str, key: str | None) -> None:
    with pytest.raises(Misconfigured):
        SGLang(url, secret, key)
