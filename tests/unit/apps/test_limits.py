"""How much one principal may ask for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.apps.limits import SESSIONS, Limits, elements


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.claim("5.4.2-16")
def test_after_the_burst_requests_pass_at_the_rate() -> None:
    clock = Clock()
    limits = Limits(rate=2, burst=3, at_once=100, clock=clock)
    assert [limits.enter("ada") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limits.enter("ben") == 0
    clock.now = 0.5
    assert limits.enter("ada") == 0
    assert limits.enter("ada") > 0
    clock.now = 100
    assert [limits.enter("ada") > 0 for _ in range(4)] == [False, False, False, True]


def test_no_more_than_so_many_are_open_at_a_time() -> None:
    limits = Limits(rate=1000, burst=1000, at_once=2, clock=Clock())
    assert [limits.enter("ada") for _ in range(3)] == [0, 0, 1]
    limits.leave("ada")
    assert limits.enter("ada") == 0
    limits.leave("nobody")


def test_no_more_than_so_many_sessions_are_kept_for_one() -> None:
    limits = Limits(rate=1000, burst=1000, at_once=2, clock=Clock())
    for _ in range(SESSIONS):
        assert limits.has_room("ada")
        limits.began("ada")
    assert not limits.has_room("ada")
    assert limits.has_room("ben")
    limits.ended("ada")
    assert limits.has_room("ada")


@given(st.lists(st.floats(0, 2), max_size=60))
def test_never_more_than_the_burst_and_the_rate_together(pauses: list[float]) -> None:
    clock = Clock()
    limits = Limits(rate=3, burst=5, at_once=1000, clock=clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += not limits.enter("ada")
    assert passed <= 5 + 3 * clock.now + 1e-6


def test_who_was_not_seen_for_long_is_forgotten() -> None:
    limits = Limits(rate=1, burst=1, at_once=1, clock=Clock())
    assert limits.enter("first") == 0
    for number in range(10_050):
        limits.enter(str(number))
        limits.leave(str(number))
    assert limits.enter("first") > 0  # it has a request open: not forgotten
    assert limits.enter("0") == 0


def test_elements_of_all_lists_are_counted() -> None:
    values: dict[str, int] = {"null": 0, "[]": 0, "[1, [2, 3]]": 4, '{"a": [1], "b": {"c": [[]]}}': 2, '"[1]"': 0}
    assert {text: elements(json.loads(text)) for text in values} == values
