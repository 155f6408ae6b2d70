"""What is worth to be kept, and how much of it."""

from __future__ import annotations

import pytest

from memos_mcp.operation.policy import (
    FEWEST,
    HALF,
    MOST,
    WINDOW,
    Load,
    Use,
    capacity,
    context,
    counted,
    crowded,
    faded,
    used,
    worth,
)

TEA = frozenset({"green", "tea"})
BOATS = frozenset({"boat", "harbour"})


def test_a_use_counts_half_after_so_many_questions() -> None:
    use = used(None, 0, TEA)
    assert worth(use, 0, TEA) == 2 * worth(use, HALF, TEA) == 1.0


@pytest.mark.claim("5.4.1-12")
def test_what_is_used_less_is_dropped() -> None:
    kept = {"rare": Use(1, 0, TEA), "often": Use(9, 0, TEA)}
    assert faded(kept, 200, TEA) == ["rare"]
    assert faded(kept, 20, TEA) == []


@pytest.mark.claim("5.4.1-12")
def test_what_is_no_longer_asked_about_is_dropped_sooner() -> None:
    kept = {"tea": Use(1, 0, TEA)}
    assert worth(kept["tea"], 10, BOATS) == worth(kept["tea"], 10, TEA) / 2
    assert (faded(kept, 150, TEA), faded(kept, 150, BOATS)) == ([], ["tea"])


def test_the_least_of_what_is_more_than_may_be_kept_goes() -> None:
    kept = {"a": Use(1, 5, TEA), "b": Use(3, 1, TEA), "c": Use(1, 9, TEA)}
    assert crowded(kept, 10, TEA, 2) == ["a"]
    assert crowded(kept, 10, TEA, 3) == []


def test_a_result_used_again_is_worth_more() -> None:
    once = used(None, 0, TEA)
    again = used(once, 1, TEA)
    assert 1.9 < again.uses < 2
    assert worth(Use(1, 0, frozenset()), 0, BOATS) == 1


@pytest.mark.parametrize(
    ("load", "then"),
    [
        (Load(WINDOW, again=40, missed=10), 128),  # what was dropped is asked for
        (Load(WINDOW, again=40, missed=0), 64),
        (Load(WINDOW, again=1, missed=0), 32),  # nothing comes again
    ],
)
def test_how_much_is_kept_follows_the_load(load: Load, then: int) -> None:
    assert capacity(64, load) == then


def test_how_much_is_kept_has_bounds() -> None:
    assert capacity(MOST, Load(WINDOW, missed=WINDOW)) == MOST
    assert capacity(FEWEST, Load(WINDOW)) == FEWEST


def test_a_load_is_counted_and_a_context_is_the_words_of_recent_questions() -> None:
    assert counted(counted(Load(), again=True, missed=False), again=False, missed=True) == Load(2, 1, 1)
    assert context([TEA, BOATS]) == TEA | BOATS
