"""What the choice of types learns from outcomes."""

from __future__ import annotations

import pytest

from memos_mcp.cube import Kind
from memos_mcp.operation.choosing_learning import HALF, Learnt, Outcome, Share, learned
from memos_mcp.operation.choosing_terms import Task, Way

Given = tuple[tuple[Way, Kind, float], ...]
FACT, TALK, WORK = Task("fact"), Task("dialogue", turns=2), Task("procedure")


def after(outcome: Outcome, times: int, learnt: Learnt | None = None) -> Learnt:
    learnt = learnt or Learnt()
    for _ in range(times):
        learnt = learned(learnt, outcome)
    return learnt


def test_hit_rates_follow_what_was_hit_and_forget() -> None:
    lost = after(Outcome(TALK, hit=False), 100)
    assert lost.hit() < 0.1 < Learnt().hit()
    assert after(Outcome(TALK, hit=True), HALF, lost).hit() > 0.6
    assert after(Outcome(TALK), 9) == Learnt()


def test_what_is_pushed_out_before_it_is_wanted_is_kept_less() -> None:
    assert after(Outcome(TALK, stayed=0.0), 50).stay() < 0.2 < after(Outcome(TALK, stayed=0.5), 50).stay() < 0.6


def test_an_answer_counts_for_each_way_by_the_share_of_need_that_was_given_in_it() -> None:
    given: Given = (("adapter", "skill", 0.9), ("text", "fact", 0.1), ("out", "fact", 0.8))
    bad = after(Outcome(WORK, given, good=False), 30)
    assert bad.fidelity("adapter", "procedure", "skill") < 0.3
    assert 0.6 < bad.fidelity("text", "procedure", "fact") < 0.97
    assert bad.fidelity("adapter", "fact", "skill") == Learnt().fidelity("adapter", "fact", "skill")
    assert bad.fidelity("out", "procedure", "skill") == 0
    assert after(Outcome(WORK, (("out", "fact", 1.0),), good=False), 3).effects == {}


def test_dialogues_that_go_on_promise_more_turns_and_never_without_end() -> None:
    assert Learnt().more(FACT) < 1 < Learnt().more(TALK)
    on, over = (after(Outcome(TALK, went_on=went_on), 2000) for went_on in (True, False))
    assert over.more(TALK) < 0.1
    assert on.more(TALK) == pytest.approx(19)
    started = after(Outcome(FACT, went_on=True), 100)
    assert started.more(FACT) > 2.5


def test_a_share_is_between_its_prior_and_what_was_seen() -> None:
    assert Share().mean(0.4) == pytest.approx(0.4)
    assert 0.4 < Share().seen(1).mean(0.4) < 1
