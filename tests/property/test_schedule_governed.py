"""Two vaults, one of them without what a caller may not read: what he is told of KV blocks is the same."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos
from memos_mcp.interface import cubes
from memos_mcp.interface.planning import POLICIES
from tests.activations import Table
from tests.schedules import TEA, TERMS, Clock, scheduled, scheduler_of, stored
from tests.worlds import Ids, answered, apart

USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ben", "shared/team")


@dataclass(frozen=True)
class Told:
    """A memory at a place, who may not read it, how often each user reads it, and who has a block of it built."""

    path: str
    denied: tuple[str, ...]
    reads: tuple[int, int, int]
    built: bool


lives = st.lists(
    st.builds(
        Told,
        st.sampled_from(PATHS),
        st.lists(st.sampled_from(USERS), max_size=1).map(tuple),
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


def owner_of(told: Told) -> str:
    return told.path.removeprefix("user/") if told.path.startswith("user/") else "ada"


def hidden_from(user: str, told: Told) -> bool:
    beneath = told.path in (f"user/{user}", "shared/team")
    return not beneath or (user in told.denied and user != owner_of(told))


async def tell(memos: Memos, clock: Clock, ids: Ids, lives: Sequence[Told], hidden: Collection[int]) -> None:
    for number, told in enumerate(lives):
        clock.tick()
        if number not in hidden:
            ids.begin(f"memory{number}-")
            owner = memos.acting_as(Caller(owner_of(told)))
            id = await stored(owner, f"{TEA} Number {number}.", path=told.path)
            if told.denied:
                await owner.acl.change([id], denied=[user for user in told.denied if user != owner_of(told)])
    for number, told in enumerate(lives):
        for user, times in zip(USERS, told.reads, strict=True):
            for _ in range(times):
                clock.tick()
                if number not in hidden and not hidden_from(user, told):
                    await memos.acting_as(Caller(user)).get(f"memory{number}-1")
    kv = memos._on.activations  # pyright: ignore[reportPrivateUsage]
    assert kv is not None
    for number, told in enumerate(lives):
        if told.built and number not in hidden:
            owner = memos.acting_as(Caller(owner_of(told)))
            await kv.build([await owner.get(f"memory{number}-1")], by=owner_of(told))


async def compared(full: Path, less: Path, lives: Sequence[Told], user: str) -> None:
    ids, hidden = Ids(), {number for number, told in enumerate(lives) if hidden_from(user, told)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "new_id", ids)
        clocks = (Clock(), Clock())
        async with (
            scheduled(full, Table(), TERMS, clocks[0]) as one,
            scheduled(less, Table(), TERMS, clocks[1]) as other,
        ):
            await tell(one, clocks[0], ids, lives, ())
            await tell(other, clocks[1], ids, lives, hidden)
            for policy in ("", *POLICIES):
                answers = [await answered(each.acting_as(Caller(user)).scheduler.plan(policy)) for each in (one, other)]
                assert apart(answers[0], answers[1]) == "", policy
            await scheduler_of(one).run()
            for caller in (Caller(user), Caller(user, scopes=("read",))):
                told = (await one.acting_as(caller).scheduler.decisions(limit=500)).decisions
                assert not any(f"memory{number}-" in str(told) for number in hidden)
                assert "admin" in caller.scopes or not any("expected" in each.reason for each in told)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lives=lives, user=st.sampled_from(USERS))
def test_what_one_may_not_read_changes_no_plan_and_stands_in_no_decision(lives: list[Told], user: str) -> None:
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as less:
        anyio.run(compared, Path(full), Path(less), lives, user)
