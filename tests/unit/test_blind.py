"""Sets written by somebody who had not read the rules: the least that is read right of them, in per cent."""

from __future__ import annotations

import pytest

from benchmarks import consolidation, understanding

CALLS = {"intent": 80, "entities": 80, "interval": 80, "scope": 95, "anchor": 95, "topics": 95}  # aim: intent 90
STATEMENTS = 70  # 85
TIMES = {"intervals": 85, "look-alikes": 95}  # 85, 100
MERGED_OR_ENDED = 95
"""Bars that hold, and what is aimed at. Nothing in the rules may be changed for a sentence of these sets: the rules are
made better on others, then the bar is raised."""


@pytest.mark.claim("5.1-07", "5.1-08", "5.1-09", "5.2-01")
@pytest.mark.parametrize(("slot", "least"), CALLS.items())
def test_calls_nobody_tuned_for_are_read_as_labelled(slot: str, least: int) -> None:
    assert understanding.counted_calls("blind").share(slot) >= least


def test_statements_nobody_tuned_for_are_of_their_kind() -> None:
    assert understanding.counted_statements("blind").share() >= STATEMENTS


@pytest.mark.parametrize(("what", "least"), TIMES.items())
def test_time_expressions_nobody_tuned_for_have_their_interval_and_look_alikes_none(what: str, least: int) -> None:
    assert understanding.counted_expressions("blind").share(what) >= least


def test_of_pairs_nobody_tuned_for_what_is_merged_or_ended_by_itself_should_be() -> None:
    count = consolidation.counted(consolidation.labelled("blind"))
    assert count.done
    assert 100 * count.safety >= MERGED_OR_ENDED


def test_the_blind_sets_are_as_large_as_they_should_be() -> None:
    calls = understanding.calls("blind")
    assert len(calls) >= 60
    assert sum("turns" in call for call in calls) * 2 >= len(calls)
    assert len(understanding.statements("blind")) >= 120
    times = understanding.counted_expressions("blind").there
    assert times["intervals"] >= 60
    assert times["look-alikes"] >= 40
    assert len(consolidation.labelled("blind")) >= 120
