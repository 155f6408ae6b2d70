"""Whatever is stored, read, changed, put away: blocks are within the budget, of one shelf, and of what may be read."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp import Memos, MemosError
from memos_mcp.cube import Ref
from memos_mcp.interface.scheduled import SYSTEM
from memos_mcp.operation.prefixes import keepable, shelf_of
from memos_mcp.operation.scheduling import Limits
from tests.activations import Table
from tests.schedules import FERRY, TEA, TERMS, Clock, blocks_of, held, scheduled, scheduler_of, stored

PATHS = ("user/ada", "shared/team")
number = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("read"), number, st.integers(1, 40)),
    st.tuples(st.just("read"), number, st.integers(1, 40)),
    st.tuples(st.just("run"), st.integers(0, 1)),
    st.tuples(st.just("change"), number),
    st.tuples(st.sampled_from(("archive", "restore", "expire")), number),
    st.tuples(st.sampled_from(("quarantine", "forget", "end", "readers", "pin")), number),
)


async def met(memos: Memos, clock: Clock, id: str, step: tuple[Any, ...]) -> None:
    match step[0]:
        case "change":
            await memos.update(id, f"{FERRY} It is {clock.now:%H:%M}.")
        case "archive" | "restore" | "expire":
            await memos.lifecycle.move([id], step[0])
        case "quarantine":
            await memos.quarantine.add([id])
        case "forget":
            await memos.forget(id)
        case "end":
            await memos.acl.change([id], expires_at=clock.now + timedelta(minutes=3))
        case "readers":
            await memos.acl.change([id], readers=["eve"])
        case "pin":
            kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
            assert kv is not None
            await kv.build([await memos.get(id)], by="ada", pinned=True)
        case _:
            for _ in range(step[2]):
                await memos.get(id)


async def lived(home: Path, life: Sequence[tuple[Any, ...]], budget: int) -> None:
    table, clock = Table(budget=budget), Clock()
    terms = replace(TERMS, longest=700, limits=Limits(0, settled=0))
    async with (
        scheduled(home, table, terms, clock) as memos,
        scheduled(home, table, terms, clock) as other,
    ):
        ids = [await stored(memos, f"{TEA} Number {n}.", path=PATHS[n % 2]) for n in range(6)]
        for step in [*life, ("run", 0)]:
            clock.tick()
            try:
                if step[0] != "run":
                    await met(memos, clock, ids[step[1]], step)
                    continue
            except MemosError:
                continue
            runs = (memos, other)[step[1]]
            await scheduler_of(runs).run()
            assert scheduler_of(runs).why == ""
            await checked(runs, table, clock)
        assert await scheduler_of(memos).run() == ()


async def checked(memos: Memos, table: Table, clock: Clock) -> None:
    blocks = await blocks_of(memos)
    mine = [block for block in blocks if block.by == SYSTEM.user and not block.pinned]
    others = sum(block.bytes for block in blocks if block not in mine)
    assert sum(block.bytes for block in mine) <= max(0, table.budget - others)
    assert {block.activation.blob for block in blocks} == set(table.kept)
    vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
    for block in mine:
        cubes = await vault.get([Ref(id=ref.id) for ref in block.sources])
        assert [cube.ref for cube in cubes] == list(block.sources)
        assert len({shelf_of(cube) for cube in cubes}) == 1
        assert all(keepable(cube) for cube in cubes)
        assert not any(end <= clock.now for cube in cubes if (end := cube.governance.expires_at))
    done = [each for each in await scheduler_of(memos).decisions.all() if each.id in await held(memos)]
    last = {each.id: each.move for each in done}
    assert all(last[ref.id] == "promote" for block in mine for ref in block.sources)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(life=st.lists(steps, min_size=4, max_size=16), budget=st.sampled_from((500, 3000, 6000, 1_000_000)))
def test_blocks_are_within_the_budget_of_one_shelf_and_of_what_may_be_read(
    life: list[tuple[Any, ...]], budget: int
) -> None:
    with tempfile.TemporaryDirectory() as home:
        anyio.run(lived, Path(home), life, budget)
