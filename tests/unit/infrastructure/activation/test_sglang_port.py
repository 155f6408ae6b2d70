"""SGLang as a backend of activation memory: what its Protocol promises, and what a server is asked for that."""

from __future__ import annotations

import pytest

from memos_mcp.activation import ActivationBackend, Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.activation.answers import CANNOT
from memos_mcp.infrastructure.activation.sglang import SGLang
from tests.sglang_fake import SECRET, Fake, on, serving, text_of

pytestmark = pytest.mark.anyio

TEA = [Source(Ref(id=f"m{at}", version=1), f"Ada had {at} cups of tea.") for at in range(5)]
LONG = [Source(Ref(id=f"n{at}", version=1), "tea " * 500) for at in range(5)]


def test_it_is_a_backend() -> None:
    backend: ActivationBackend = SGLang("http://127.0.0.1:9", SECRET)
    assert not backend.model  # nobody was asked yet


async def test_a_prompt_without_memories_follows_the_preface_and_is_shared_with_no_tenant() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA, tenant="ada")
            replies = [await sglang.generate(None, "How much?", tenant=each) for each in ("ada", "ben", "ada")]
            assert sglang.model == "tiny"
    bodies = fake.asked_for("/generate")[-3:]
    assert [(reply.reused, reply.cold) for reply in replies] == [(0, False)] * 3
    assert {reply.read for reply in replies} == {len(bodies[0]["input_ids"])}
    assert text_of(bodies[0]["input_ids"]).startswith("<|im_start|>system\nWhat is remembered:<|im_end|>")
    keys = [(body["cache_salt"], body["extra_key"]) for body in bodies]
    assert keys[0] == keys[2]
    assert not set(keys[0]) & set(keys[1])
    assert block.fingerprint != f"sglang:{keys[0][1]}"
    assert fake.hits == replies[2].read - 1 + 63  # of itself alone, and the test at the start


async def test_tokens_of_another_model_are_no_prompt_either() -> None:
    with serving() as fake:
        async with on(fake, follow_s=600) as sglang:
            await sglang.generate(None, "How much?")
            fake.restart()
            fake.model = "other"
            with pytest.raises(Unavailable, match="another model meanwhile: ask again"):
                await sglang.generate(None, "How much?")
            assert (await sglang.generate(None, "How much?")).text


async def test_a_block_answers_its_own_tenant_alone() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA, tenant="ada")
            asked = len(fake.asked_for("/generate"))
            for tenant in ("ben", "", "ad"):
                with pytest.raises(NotFound, match="warm its memories again"):
                    await sglang.generate(block, "How much?", tenant=tenant)
            assert len(fake.asked_for("/generate")) == asked
            assert (await sglang.generate(block, "How much?", tenant="ada")).reused == block.tokens


async def test_there_is_room_for_four_fifths_of_the_smallest_cache() -> None:
    small = Fake(capacity=4000, memory={"kvcache": 1.0})
    with serving() as one, serving(small) as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            room = await sglang.room()
            assert room.seconds is None
            await sglang.warm([*TEA, *LONG[:1]])
            after = await sglang.room()
    assert room.per_token == round(2**30 / 4000)
    assert room.budget == int(0.8 * 4000 * room.per_token)
    assert after.seconds is not None
    assert 0 < after.seconds < 0.1


async def test_a_server_that_does_not_tell_its_bytes_is_measured_in_tokens() -> None:
    for memory in (None, {"kvcache": 0.0}):
        with serving(Fake(memory=memory)) as fake:
            async with on(fake) as sglang:
                room = await sglang.room()
        assert (room.per_token, room.budget) == (1, 4800)


async def test_memories_are_read_in_the_order_in_which_they_are_given() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            for sources in (TEA, list(reversed(TEA))):
                block = await sglang.warm(sources)
                assert block.sources == tuple(source.ref for source in sources)
                text = text_of(fake.asked_for("/generate")[-1]["input_ids"])
                assert text.endswith("".join(f"\n- {source.text}" for source in sources))


async def test_whoever_waits_for_long_memories_is_told_how_far_it_is_on_every_worker() -> None:
    said: list[tuple[int, int]] = []
    with serving() as one, serving() as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            block = await sglang.warm(LONG, pinned=True, told=lambda done, of: said.append((done, of)))
            assert not (await sglang.generate(block, "How much?")).cold
            assert sglang.counts.found == 0
    whole = 2 * block.tokens
    assert said == [
        (2048, whole),
        (4096, whole),
        (block.tokens, whole),
        (block.tokens + 2048, whole),
        (block.tokens + 4096, whole),
        (whole, whole),
    ]


async def test_a_block_is_verified_by_asking_for_it() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA, pinned=True)
            await sglang.verify(block)
            fake.restart()
            with pytest.raises(NotFound, match=f"had lost {block.tokens} tokens of this block, and has read them"):
                await sglang.verify(block)
            await sglang.verify(block)
            assert any(each.sessions for each in fake.kept)
            with pytest.raises(Corrupt, match="not of the memories that the cube names"):
                await sglang.verify(block.model_copy(update={"sources": block.sources[1:]}))
            fake.restart()
            fake.model = "other"
            with pytest.raises(InvalidInput, match="another model"):
                await sglang.verify(block)
            await sglang.drop(block)
            with pytest.raises(NotFound, match="warm its memories again"):
                await sglang.verify(block)


async def test_the_pin_of_a_block_is_ended_by_a_process_that_never_warmed_it() -> None:
    with serving() as fake:
        async with on(fake) as first, on(fake) as second:
            block = await first.warm(TEA, pinned=True)
            assert any(each.sessions for each in fake.kept)
            assert await second.drop(block) == CANNOT
            assert not any(each.sessions for each in fake.kept)


@pytest.mark.parametrize("fingerprint", ["", "sglang:", f"sglang:{'A' * 64}", "0" * 64])
async def test_a_block_of_another_backend_is_not_dropped_here_and_answers_nothing(fingerprint: str) -> None:
    block = Activation(sources=(), fingerprint=fingerprint, tokens=1)
    with serving() as fake:
        async with on(fake) as sglang:
            assert not await sglang.drop(block)
            assert not fake.asked
            with pytest.raises(NotFound):
                await sglang.generate(block, "How much?")
