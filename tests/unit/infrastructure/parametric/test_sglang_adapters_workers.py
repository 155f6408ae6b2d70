"""Adapters on several servers, restarted and killed: all of them have one or none has, and a refused one stays so."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from memos_mcp.errors import InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.parametric.folders import place_of
from memos_mcp.infrastructure.parametric.sglang import SGLangAdapters
from memos_mcp.infrastructure.parametric.sglang_register import Record
from tests.lora_adapters import made
from tests.sglang_fake import Fake, Reply
from tests.sglang_fake import serving as routing
from tests.sglang_lora_fake import Stuck, by_name, copies, on, serving

pytestmark = pytest.mark.anyio

BROKEN = [Reply(b"", 500)] * 3
ASKED = "How much tea?"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return tmp_path / "trained"


async def test_all_workers_load_it_and_one_that_joins_later_too(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with (
        serving() as one,
        serving() as two,
        serving() as three,
        routing(Fake(workers=[one, two])) as router,
    ):
        async with on(router, tmp_path) as adapters:
            await adapters.attach(tea)
            assert set(one.loaded) == set(two.loaded) != set()
            router.workers = [two, three]
            assert len({await adapters.generate(tea, ASKED) for _ in range(4)}) == 1
            assert set(three.loaded) == set(two.loaded)
            await adapters.detach(tea)
    assert not two.loaded
    assert not three.loaded


@pytest.mark.parametrize("fault", [BROKEN, [Reply(b'{"success":false}', 400)], [Reply(cut=-1)] * 3])
async def test_what_one_worker_does_not_load_none_has(tmp_path: Path, trained: Path, fault: list[Reply]) -> None:
    tea = made(trained)
    with serving() as one, serving() as two, routing(Fake(workers=[one, two])) as router:
        async with on(router, tmp_path) as adapters:
            two.faults["/load_lora_adapter"] = list(fault)
            with pytest.raises((Unavailable, InvalidInput)):
                await adapters.attach(tea)
            assert one.asked_for("/load_lora_adapter")
            assert not one.loaded
            assert not copies(tmp_path)
            with pytest.raises(NotFound):
                await adapters.generate(tea, ASKED)
            await adapters.attach(tea)
            assert await adapters.generate(tea, ASKED)


async def test_a_worker_that_was_away_while_it_was_detached_lets_go_when_it_is_back(
    tmp_path: Path, trained: Path
) -> None:
    tea, sea = made(trained), made(trained, "sea@1", seed=2)
    with serving() as one, serving() as two, routing(Fake(workers=[one, two])) as router:
        async with on(router, tmp_path) as adapters:
            await adapters.attach(tea)
            await adapters.attach(sea)
            router.workers = [one]
            await adapters.detach(tea)
            assert len(two.loaded) == 2
            router.workers = [one, two]
            for _ in range(2):
                await adapters.generate(sea, ASKED)
    assert set(two.loaded) == set(one.loaded)
    assert len(two.loaded) == 1


async def test_a_worker_that_does_not_unload_is_named_and_told_again(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            (name,) = fake.loaded
            fake.faults["/unload_lora_adapter"] = list(BROKEN)
            with pytest.raises(Unavailable, match="nothing uses the adapter any more"):
                await adapters.detach(tea)
            assert not copies(tmp_path)
            with pytest.raises(NotFound):
                await adapters.generate(tea, ASKED)
            await adapters.detach(tea)
            assert not fake.loaded
        assert by_name(fake, name) == 400


# --- restarts and kills


async def test_a_server_that_was_restarted_has_its_adapters_again(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            before = await adapters.generate(tea, ASKED)
            fake.restart()
            assert await adapters.generate(tea, ASKED) == before
            fake.restart()
            await adapters.attach(tea)
            assert fake.loaded
        fake.restart()
        async with on(fake, tmp_path) as another:
            await another.start()
            assert fake.loaded


async def test_a_restart_that_nobody_noticed_yet_costs_an_answer_nothing(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path, follow_s=600) as adapters:
            await adapters.attach(tea)
            before = await adapters.generate(tea, ASKED)
            fake.restart()
            assert await adapters.generate(tea, ASKED) == before


async def test_two_processes_that_attach_at_once_leave_one_name(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as one, on(fake, tmp_path) as two:
            lost: list[str] = []

            async def attach(adapters: SGLangAdapters) -> None:
                try:
                    await adapters.attach(tea)
                except Unavailable as exc:
                    lost.append(str(exc))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(attach, one)
                tasks.start_soon(attach, two)
            assert all("another process attaches or detaches tea@1" in each for each in lost)
            for adapters in (one, two):
                await adapters.attach(tea)
            assert await one.generate(tea, ASKED) == await two.generate(tea, ASKED)
    assert len(fake.loaded) == len(copies(tmp_path)) == 1


async def test_a_server_that_came_back_with_another_model_gets_none_of_them(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            fake.restart()
            fake.model = "larger"
            with pytest.raises(Unavailable, match="runs another model"):
                await adapters.generate(tea, ASKED)
            assert await adapters.generate(None, ASKED)
    assert not fake.loaded


async def test_what_was_refused_stays_so_over_a_restart_of_both_sides(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            kept = dict(fake.loaded), dict(fake.known)
            await adapters.detach(tea)
        fake.loaded, fake.known = kept  # a worker that nobody had reached
        async with on(fake, tmp_path) as another:
            with pytest.raises(NotFound):
                await another.generate(tea, ASKED)
            await another.start()
    assert not fake.loaded


async def test_half_an_attaching_is_taken_back_by_the_next_process(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as one, serving() as two, routing(Fake(workers=[one, two])) as router:
        async with on(router, tmp_path) as killed:
            two.faults["/load_lora_adapter"] = [Reply(held=True)]
            with anyio.move_on_after(20) as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(killed.attach, tea)
                    await anyio.to_thread.run_sync(two.came["/load_lora_adapter"].wait)
                    assert one.loaded
                    assert copies(tmp_path)
                    async with on(router, tmp_path) as another:
                        await another.start()
                        assert not one.loaded
                        assert not copies(tmp_path)
                        await another.attach(tea)
                        assert await another.generate(tea, ASKED)
                    scope.cancel()
        async with on(router, tmp_path) as third:
            await third.start()
            assert await third.generate(tea, ASKED)
    assert len(one.loaded) == len(two.loaded) == 1


async def test_half_a_drop_is_done_by_the_next_process(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            await adapters.drop(tea)
        made(trained)
        (tmp_path / "copies" / ("a" * 32)).mkdir(parents=True)
        (tmp_path / "copies" / ".making-x").mkdir()
        async with on(fake, tmp_path) as another:
            await another.start()
    assert not place_of(trained, tea.blob).exists()
    assert not copies(tmp_path)


async def test_an_adapter_whose_copy_is_lost_is_given_anew(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
            (copy,) = (tmp_path / "copies").iterdir()
            copy.rename(tmp_path / "elsewhere")
            fake.restart()
            with pytest.raises(Unavailable, match="cannot read the folder"):
                await adapters.generate(tea, ASKED)
            await adapters.attach(tea)
            assert await adapters.generate(tea, ASKED)
    assert len(fake.loaded) == 1


async def test_a_server_that_is_down_is_told_so_and_a_detached_adapter_is_not_used_all_the_same(
    tmp_path: Path, trained: Path
) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
    async with on(fake, tmp_path) as adapters:
        for call in (adapters.generate(tea, ASKED), adapters.attach(tea), adapters.detach(tea)):
            with pytest.raises(Unavailable, match="is it running"):
                await call
        with pytest.raises(NotFound):
            await adapters.generate(tea, ASKED)
    assert not copies(tmp_path)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_wherever_an_attaching_was_killed_it_is_done_or_not_done(
    tmp_path: Path, trained: Path, at: int, after: bool
) -> None:
    tea, done = made(trained), (at, after) == (3, True)
    with serving() as fake:
        stuck = Stuck(at, after)
        async with on(fake, tmp_path, stuck=stuck) as killed, anyio.create_task_group() as tasks:
            tasks.start_soon(killed.attach, tea)
            await stuck.reached.wait()
            async with on(fake, tmp_path) as another:
                await another.start()
                assert len(fake.loaded) == len(copies(tmp_path)) == int(done)
                if done:
                    assert await another.generate(tea, ASKED)
                else:
                    with pytest.raises(NotFound):
                        await another.generate(tea, ASKED)
                await another.attach(tea)
                assert await another.generate(tea, ASKED)
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("after", [False, True])
async def test_wherever_a_drop_was_killed_it_is_done_or_not_done(tmp_path: Path, trained: Path, after: bool) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as adapters:
            await adapters.attach(tea)
        stuck = Stuck(1, after)
        async with on(fake, tmp_path, stuck=stuck) as killed, anyio.create_task_group() as tasks:
            tasks.start_soon(killed.drop, tea)
            await stuck.reached.wait()
            async with on(fake, tmp_path) as another:
                await another.start()
                there = not after
                assert len(fake.loaded) == len(copies(tmp_path)) == int(there)
                assert place_of(trained, tea.blob).exists() is there
            tasks.cancel_scope.cancel()


async def test_who_begins_ends_only_what_is_still_being_attached(tmp_path: Path, trained: Path) -> None:
    tea = made(trained)
    with serving() as fake:
        async with on(fake, tmp_path) as one, on(fake, tmp_path) as two:
            register = two._register  # pyright: ignore[reportPrivateUsage]
            every = register.all

            async def late() -> dict[str, Record]:
                found = await every()  # nothing is on yet
                (record,) = found.values() or [Record()]
                await one.attach(tea)  # and now it is
                return {tea.blob: record.begun("tea@1", "tiny", ("m",))}

            register.all = late
            await two.start()
            register.all = every
            assert (await register.read(tea.blob))[0].state == "on"
            assert await one.generate(tea, ASKED) == await two.generate(tea, ASKED)
    assert len(fake.loaded) == len(copies(tmp_path)) == 1
