"""What a tenant may take."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.errors import InvalidInput
from memos_mcp.operation.choosing_terms import Budgets
from memos_mcp.operation.quotas import Quota, Spent, left, waits, within

QUOTA = Quota(bytes=100, builds=2, interval=60.0, adapters=3)


def test_what_is_held_and_was_built_lately_is_taken_from_the_quota() -> None:
    assert left(QUOTA, Spent(40, 1, (0.0, 50.0)), 70.0) == Quota(60, 1, 60.0, 2)
    assert left(QUOTA, Spent(140, 5, (20.0, 30.0, 40.0)), 70.0) == Quota(0, 0, 60.0, 0)


def test_the_budgets_of_a_task_are_narrowed_and_never_widened() -> None:
    spent = Spent(40, 0, (50.0,))
    assert within(Budgets(builds=5, bytes=1000), QUOTA, spent, 70.0) == Budgets(builds=1, bytes=60)
    assert within(Budgets(builds=0, bytes=10), QUOTA, spent, 70.0) == Budgets(builds=0, bytes=10)


@pytest.mark.parametrize("quota", [{"bytes": -1}, {"bytes": 1, "builds": -1}, {"bytes": 1, "interval": 0.0}])
def test_what_is_no_quota_is_refused(quota: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="a quota has no negative limits"):
        Quota(**quota)


def test_who_may_never_build_waits_for_ever() -> None:
    assert waits(Quota(1, builds=0), Spent(), 0.0) == math.inf


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 4))
def test_who_builds_as_soon_as_he_may_never_exceeds_the_rate(pauses: list[int], builds: int) -> None:
    quota, at, moments = Quota(0, builds=builds, interval=60.0), 0, list[float]()
    for pause in pauses:
        at += pause
        spent = Spent(builds=tuple(moments))
        wait = waits(quota, spent, at)
        assert (wait == 0) == (left(quota, spent, at).builds > 0)
        if wait == 0:
            moments.append(at)
        else:
            assert waits(quota, spent, at + wait) == 0
    assert all(sum(0 <= end - moment < 60 for moment in moments) <= builds for end in moments)
