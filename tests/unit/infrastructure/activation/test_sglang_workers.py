"""Several workers of SGLang behind one router: each is tested and warmed, and who comes or goes is noticed."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest

from memos_mcp.activation import Reply as Answer
from memos_mcp.activation import Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, Ref
from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.activation.sglang import SGLang
from tests.sglang_fake import Fake, Reply, on, serving

pytestmark = pytest.mark.anyio

TEA = [Source(Ref(id=f"m{at}", version=1), f"Ada had {at} cups of tea.") for at in range(5)]


async def cold_ones(sglang: SGLang, block: Activation) -> list[Answer]:
    answers = [await sglang.generate(block, "How much?") for _ in range(4)]
    return [answer for answer in answers if answer.cold]


async def test_a_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            block = await sglang.warm(TEA)
            fake.faults["/generate"] = [Reply(cut=-1), Reply(cut=-1)]
            assert (await sglang.generate(block, "How much?")).text
            fake.faults["/generate"] = [Reply(cut=-1)]
            assert await anext(sglang.stream(block, "How much?"))
            fake.faults["/generate"] = [Reply(cut=-1)] * 3
            with pytest.raises(Unavailable, match="broke off"):
                await sglang.generate(block, "How much?")


async def test_every_worker_behind_a_router_is_tested_and_warmed_and_a_new_one_too() -> None:
    with serving() as one, serving() as two, serving() as three, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            block = await sglang.warm(TEA, pinned=True)
            assert sglang.counts.warmed == 2
            assert not await cold_ones(sglang, block)
            router.workers = [two, three]
            await sglang.generate(block, "How much?")
            assert any(each.sessions for each in three.kept)
            assert not await cold_ones(sglang, block)
            await sglang.drop(block)
    assert not router.asked_for("/generate")  # it would lose a key
    assert [len(each.asked_for("/close_session")) for each in (one, two, three)] == [0, 1, 1]


async def test_a_worker_that_fails_is_passed_over_and_the_next_one_answers() -> None:
    with serving() as one, serving() as two, serving(Fake(workers=[one, two])) as router:
        async with on(router, follow_s=600) as sglang:
            block = await sglang.warm(TEA)
            for _ in range(2):
                one.faults["/generate"] = [Reply(b"", 500)] * 3
                assert not (await sglang.generate(block, "How much?")).cold
                one.faults["/generate"] = [Reply(b"<html>")]
                async with aclosing(sglang.stream(block, "How much?", limit=4)) as stream:
                    assert "".join([piece async for piece in stream])
            one.faults["/generate"] = [Reply(b"", 500)] * 9
            two.faults["/generate"] = [Reply(b"", 500)] * 9
            with pytest.raises(Unavailable, match="HTTP 500"):
                await sglang.generate(block, "How much?")


async def test_a_worker_that_died_before_its_router_knew_is_passed_over() -> None:
    with serving() as one, serving() as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            block = await sglang.warm(TEA)
            for path in ("/server_info", "/tokenize", "/generate"):
                one.faults[path] = [Reply(b"", 500)] * 50
            for _ in range(3):
                assert not (await sglang.generate(block, "How much?")).cold


async def test_one_worker_that_leaks_spoils_all_of_a_router() -> None:
    leak = Fake(blind=frozenset({"cache_salt"}))
    with serving() as one, serving(leak) as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            with pytest.raises(Misconfigured, match="does not keep tenants"):
                await sglang.warm(TEA)


async def test_a_router_to_several_models_is_refused() -> None:
    with serving() as one, serving(Fake(model="other")) as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            with pytest.raises(Misconfigured, match="several models"):
                await sglang.warm(TEA)


async def test_a_router_goes_on_without_a_worker_that_fails_but_not_without_any() -> None:
    with serving() as one, serving() as two, serving(Fake(workers=[one, two])) as router:
        two.faults["/server_info"] = [Reply(b"", 500)] * 3
        async with on(router) as sglang:
            await sglang.warm(TEA)
            assert sglang.counts.warmed == 1
            router.workers = []
            with pytest.raises(Unavailable, match="without a healthy worker"):
                await sglang.warm(TEA)


async def test_a_worker_that_cannot_be_warmed_does_not_stop_the_others() -> None:
    with serving() as one, serving() as two, serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            await sglang.start()
            one.faults["/generate"] = [Reply(b"", 500)] * 3
            await sglang.warm(TEA)
            assert sglang.counts.warmed == 1
            for each in (one, two):
                each.faults["/generate"] = [Reply(b"", 500)] * 3
            with pytest.raises(Unavailable, match="HTTP 500"):
                await sglang.warm(TEA[1:])


async def test_how_much_all_read_and_how_busy_they_are_together_is_told() -> None:
    one, two = Fake(load=(3, 2, 8), capacity=5000), Fake(load=(1, 0, 4))
    with serving(one), serving(two), serving(Fake(workers=[one, two])) as router:
        async with on(router) as sglang:
            assert await sglang.capacity() == Capacity(4994, 0.5)


async def test_a_server_that_says_not_how_busy_it_is_is_taken_to_be_idle() -> None:
    with serving() as fake:
        fake.faults["/v1/loads"] = [Reply(b"{}", 404), Reply(b"no JSON"), Reply(b'{"loads": []}')]
        async with on(fake) as sglang:
            for _ in range(3):
                assert await sglang.capacity() == Capacity(5994)


async def test_nobody_waits_for_a_server_that_says_nothing_of_itself() -> None:
    with serving() as fake:
        async with on(fake) as sglang:
            await sglang.start()
            fake.faults["/v1/loads"] = [Reply(held=True)]
            with anyio.fail_after(4):
                assert await sglang.capacity() == Capacity(5994)
            fake.faults["/server_info"] = [Reply(held=True)]
            with anyio.fail_after(4):
                assert await sglang.capacity() is None
