"""Rules and skills that are proposed for weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing_terms import Adapter, Fit
from memos_mcp.operation.expecting import outlook, used
from memos_mcp.operation.proposing import in_the_long_run, proposals


def rule(id: str, **more: object) -> Fit:
    known = Fit(Ref(id=id, version=1), 200, 1.0, "instruction", expected=500.0, uses=400, sessions=40)
    return replace(known, **more)


@pytest.mark.claim("5.4.2-05")
def test_rules_that_apply_again_and_again_are_proposed_with_the_reason() -> None:
    (found,) = proposals({"style": [rule("a"), rule("b", kind="skill"), rule("c", kind="fact")]}, {}, 8)
    assert found.made
    assert [ref.id for ref in found.sources] == ["a", "b"]
    assert "2 rules and skills, used 800 times, save" in found.reason
    assert str(found).startswith("style: train 2 memories; 2 rules and skills, used 800 times")


@pytest.mark.parametrize(
    "more",
    [
        {"uses": 2},
        {"sessions": 1},
        {"kind": "fact"},
        {"barred": "it is archived"},
        {"closed": "it is sensitive"},
        {"changed": 86_400.0, "pace": 86_400.0},
        {"ends": 3600.0},
    ],
)
def test_what_is_no_pattern_or_may_not_be_trained_is_no_source(more: dict[str, object]) -> None:
    (found,) = proposals({"style": [rule("a", **more)]}, {}, 8)
    assert (found.made, found.sources) == (False, ())
    assert found.reason == "no rule or skill of it applied again in another session"


def test_training_that_does_not_pay_is_not_proposed_until_there_is_load() -> None:
    seldom = {"style": [rule("a", expected=15.0)]}
    (idle,), (busy,) = proposals(seldom, {}, 8), proposals(seldom, {}, 8, load=3.0)
    assert (idle.made, busy.made) == (False, True)
    assert str(idle).startswith("style: leave as it is; 1 rules and skills, used 400 times, save")


def test_a_topic_is_trained_anew_if_what_is_new_pays_and_all_of_it_then() -> None:
    there = {"style": Adapter("style@1", (Ref(id="a", version=1),))}
    (same,) = proposals({"style": [rule("a")]}, there, 8)
    assert (same.made, same.reason) == (False, "its adapter has them already")
    (more,) = proposals({"style": [rule("a"), rule("b")]}, there, 8)
    assert more.made
    assert len(more.sources) == 2
    retired = {"style": replace(there["style"], barred="a source was erased")}
    assert proposals({"style": [rule("a")]}, retired, 8)[0].made


def test_those_that_save_most_for_their_costs_come_first_and_the_rest_waits() -> None:
    topics = {"often": [rule("a", expected=900.0)], "less": [rule("b")], "never": [rule("c", uses=0)]}
    first, second, third = proposals(topics, {}, 1)
    assert [each.topic for each in (first, second, third)] == ["often", "less", "never"]
    assert [each.made for each in (first, second, third)] == [True, False, False]
    assert second.reason.startswith("no more than 1 are trained at a time; 1 rules and skills")


def test_what_is_expected_in_the_long_run_fades_by_the_slowest_half_life() -> None:
    now = replace(outlook(), uses=4097, memories=1)
    assert in_the_long_run(used(None, 1), now) == pytest.approx(0.5)
    assert in_the_long_run(None, now) == 0
