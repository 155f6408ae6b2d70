"""What a server says that cannot be: whatever is asked of it ends in an error of ours, and the next time is fine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from memos_mcp.activation import Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.activation.answers import CANNOT, STILL_PINNED
from memos_mcp.infrastructure.activation.sglang import SGLang
from tests.sglang_fake import Fake, Reply, on, serving, told

pytestmark = pytest.mark.anyio

TEA = [Source(Ref(id=f"m{at}", version=1), f"Ada had {at} cups of tea.") for at in range(5)]
Verb = Callable[[SGLang, Activation], Awaitable[object]]


def said(text: str = "tea", **meta: Any) -> Reply:
    facts = {"prompt_tokens": 1, "completion_tokens": 1, "finish_reason": {"type": "stop"}, **meta}
    return told({"text": text, "meta_info": facts})


def warming(sglang: SGLang, _block: Activation) -> Awaitable[object]:
    return sglang.warm(TEA[1:], pinned=True)


def asking(sglang: SGLang, block: Activation) -> Awaitable[object]:
    return sglang.generate(block, "How much?")


def asking_nobody(sglang: SGLang, _block: Activation) -> Awaitable[object]:
    return sglang.generate(None, "How much?")


def verifying(sglang: SGLang, block: Activation) -> Awaitable[object]:
    return sglang.verify(block)


VERBS = [warming, asking, asking_nobody, verifying]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Reply(b"\xff\x00"), "did not answer as SGLang does"),
        (told({"text": "tea", "meta_info": []}), "did not answer as SGLang does"),
        (said(cached_tokens=-1), "did not answer as SGLang does"),
        (said(prompt_tokens=10**30), "did not answer as SGLang does"),
        (said(), "did not answer as SGLang does"),  # of a prompt of one token, which nobody sent
        (said(prompt_tokens=1, finish_reason={"type": "abort"}), "gave up"),
        (Reply(b'{"text": "Ada', cut=5), "broke off"),
        (Reply(b"", 400), "refused the request"),
    ],
)
async def test_what_cannot_be_an_answer_is_none(verb: Verb, fault: Reply, why: str) -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.faults["/generate"] = [fault] * (3 if fault.cut else 1)
            with pytest.raises(Unavailable, match=why):
                await verb(sglang, block)
            await verb(sglang, block)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_slow_server_is_given_up_whatever_it_is_asked(verb: Verb) -> None:
    with serving() as fake:
        async with on(fake, timeout_s=0.3) as sglang:
            block = await sglang.warm(TEA)
            fake.faults["/generate"] = [Reply(b"{}", held=True)]
            with pytest.raises(Unavailable, match="did not answer in time"):
                await verb(sglang, block)
            await verb(sglang, block)


async def test_more_cached_than_was_asked_is_no_answer() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            await sglang.generate(block, "How much?")
            asked = len(fake.asked_for("/generate")[-1]["input_ids"])
            for cached, fine in ((asked, True), (asked + 1, False)):
                fake.faults["/generate"] = [said(prompt_tokens=asked, cached_tokens=cached)]
                if fine:
                    assert (await sglang.generate(block, "How much?")).reused == block.tokens
                else:
                    with pytest.raises(Unavailable, match="did not answer as SGLang does"):
                        await sglang.generate(block, "How much?")


async def test_an_answer_without_a_word_is_none_unless_it_was_cut_short() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            await sglang.generate(block, "How much?")
            asked = len(fake.asked_for("/generate")[-1]["input_ids"])
            fake.faults["/generate"] = [said(" \n", prompt_tokens=asked, cached_tokens=asked - 1)]
            with pytest.raises(Unavailable, match="said nothing: ask in other words"):
                await sglang.generate(block, "How much?")
            fake.faults["/generate"] = [said(" ", prompt_tokens=asked, finish_reason={"type": "length"})]
            assert (await sglang.generate(block, "How much?")).cold


async def test_a_server_that_was_stopped_is_told_of_at_once_and_everything_else_waits_for_nobody() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA, pinned=True)
    async with on(fake):
        for verb in VERBS:
            with pytest.raises(Unavailable, match="is it running"):
                await verb(sglang, block)
        with pytest.raises(Unavailable, match="is it running"):
            await sglang.room()
        assert await sglang.drop(block) == f"{CANNOT} {STILL_PINNED}"
        await sglang.aclose()


@pytest.mark.parametrize(
    "about",
    [
        {"page_size": 0},
        {"max_total_num_tokens": -1},
        {"internal_states": [{"memory_usage": {"kvcache": float("inf")}}]},
        {"internal_states": [{"memory_usage": {"kvcache": float("nan")}}]},
        {"internal_states": "many"},
        {"version": None},
    ],
)
async def test_a_server_that_says_of_itself_what_cannot_be_is_no_server(about: dict[str, Any]) -> None:
    with serving() as fake:
        fake.faults["/server_info"] = [told({"version": "0.5.21", "page_size": 1, **about})]
        async with on(fake) as sglang:
            with pytest.raises(Unavailable, match="did not answer as SGLang does"):
                await sglang.room()


async def test_a_server_that_says_nothing_of_its_cache_has_no_room_to_tell() -> None:
    with serving(Fake(capacity=0)) as fake:
        fake.faults["/server_info"] = [told({"version": "0.5.21"})]
        async with on(fake, follow_s=600) as sglang:
            with pytest.raises(Unavailable, match="does not say how many tokens it keeps"):
                await sglang.room()
