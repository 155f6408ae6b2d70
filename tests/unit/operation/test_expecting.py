"""Rates of use, learnt from when a memory was used."""

from __future__ import annotations

import math
import random

import pytest

from memos_mcp.operation import policy
from memos_mcp.operation.expecting import FORECASTS, Outlook, Past, forecast, lately, learnt, outlook, used


def after(order: list[str]) -> tuple[dict[str, Past], Outlook]:
    """The uses in this order, of memories that were all there from the start."""
    pasts: dict[str, Past] = {}
    now, memories = outlook(), len(set(order))
    for id in order:
        now = learnt(now, pasts.get(id), memories)
        pasts[id] = used(pasts.get(id), now.uses)
    return pasts, now


def test_a_use_counts_half_after_so_many_others() -> None:
    past = used(used(None, 1), 1 + policy.HALF)
    assert (past.times, past.last, past.lately) == (2, 1 + policy.HALF, 1.5)
    assert past.counts[FORECASTS.halves.index(policy.HALF)] == pytest.approx(1.5)
    assert lately(past, past.last + policy.HALF) == 0.75


def test_steady_rates_are_found_and_long_memories_are_trusted_most() -> None:
    chance = random.Random(1)
    pasts, now = after(chance.choices("abcd", weights=[60, 30, 9, 1], k=3000))
    rates = [forecast(pasts[id], now, 1000)[0] for id in "abcd"]
    assert rates == pytest.approx([0.6, 0.3, 0.09, 0.01], abs=0.05)
    assert sum(now.trust[-2:]) > 0.7


def test_bursts_make_a_short_memory_trusted_and_expectations_short() -> None:
    chance = random.Random(1)
    order = [f"m{chance.randrange(200)}" for _ in range(150) for _ in [0]]
    pasts, now = after([id for id in order for _ in range(8)])
    assert max(now.trust) == now.trust[0] > 0.5
    _, lasting = forecast(pasts[order[-1]], now, 1000)
    assert lasting < 100


def test_what_was_never_used_is_hardly_expected_but_not_never() -> None:
    pasts, now = after(["a"] * 50)
    assert 0 < forecast(None, now, 1000)[0] <= forecast(pasts["a"], now, 1000)[0] / 10


def test_an_expectation_of_one_session_ends_with_it_unless_there_is_another() -> None:
    chance = random.Random(1)
    pasts, now = after(chance.choices("abcd", weights=[60, 30, 9, 1], k=3000))
    rates, lasting = zip(*(forecast(pasts["c"], now, 1000, None, n) for n in (0, 1, 2, 9, None)), strict=True)
    assert set(rates) == {rates[0]}
    assert list(lasting) == sorted(lasting)
    assert lasting[0] < policy.HALF / math.log(2) < 2 * lasting[1] < 2 * lasting[-1]
    assert lasting[1] == pytest.approx((lasting[0] + lasting[-1]) / 2)


def test_an_expectation_lasts_no_longer_than_the_memory_stays_as_it_is() -> None:
    pasts, now = after(list("ab") * 200)
    rate, lasting = forecast(pasts["a"], now, 1000)
    changes = None
    for number in range(10, 400, 10):
        changes = used(changes, number)
    same, shorter = forecast(pasts["a"], now, 1000, changes)
    assert same == rate
    assert shorter < 15 < lasting
