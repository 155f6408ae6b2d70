"""Which adapters a tenant has trained now, and why not the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos_mcp.cube import Parametric, Ref
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_terms import Adapter
from memos_mcp.operation.proposing import Proposal
from memos_mcp.operation.quotas import Quota, Spent
from memos_mcp.operation.training import Limits, There, Training, Tried, due, measured, tried
from memos_mcp.parametric import Figures, GateReport, Trained

QUOTA = Quota(bytes=10**9)
ADAPTER = Parametric(sources=(Ref(id="a", version=1),), fingerprint="f", rank=8, blob="b")


def refs(names: str, version: int = 1) -> tuple[Ref, ...]:
    return tuple(Ref(id=name, version=version) for name in names)


def proposal(topic: str, names: str, saves: float = 50.0, costs: float = 100.0, *, made: bool = True) -> Proposal:
    return Proposal(topic, refs(names), saves, costs, made, f"{saves:g} s for {costs:g} s")


def report(*why: str, stopped: str = "") -> GateReport:
    return GateReport(not why, why, Figures((), 2.0, 1.0, 3.0, 3.0, 40, stopped), 1.0, 0.0)


def why_not(*found: Training) -> list[str]:
    return [each.reason for each in found if not each.now]


def test_what_saves_most_for_its_costs_is_trained_first_and_each_verdict_has_its_reason() -> None:
    asked = [proposal("less", "a", 20.0), proposal("no", "b", made=False), proposal("more", "c", 90.0)]
    found = due(asked, QUOTA, Spent())
    assert [(each.topic, each.now) for each in found] == [("more", True), ("less", True), ("no", False)]
    assert str(found[0]) == "more: train 1 memories now; 90 s for 100 s"
    assert str(found[2]) == "no: not now; 50 s for 100 s"


def test_no_more_adapters_than_the_quota_are_held_and_trained() -> None:
    asked = [proposal("x", "a", 90.0), proposal("y", "b", 80.0), proposal("z", "c", 70.0)]
    there = There(running={"w": refs("d")})
    found = due(asked, replace(QUOTA, adapters=4), Spent(adapters=2), there)
    assert [each.now for each in found] == [True, False, False]
    assert why_not(*found)[0] == "4 adapters at a time are the quota, and all of them are held or being trained"


def test_an_adapter_that_is_trained_anew_takes_no_place_but_where_the_quota_was_lowered() -> None:
    there = There({"x": Adapter("x@1", refs("a"))})
    (found,) = due([proposal("x", "ab")], replace(QUOTA, adapters=1), Spent(adapters=1), there)
    (lowered,) = due([proposal("x", "ab")], replace(QUOTA, adapters=0), Spent(adapters=1), there)
    assert (found.now, lowered.now) == (True, False)


def test_bytes_are_counted_for_each_that_is_trained_and_being_trained() -> None:
    limits, there = Limits(bytes=300 * 10**6), There(running={"w": refs("d")})
    asked = [proposal("x", "a", 90.0), proposal("y", "b", 80.0)]
    found = due(asked, QUOTA, Spent(bytes=50 * 10**6), there, limits)
    assert [each.now for each in found] == [True, True]
    found = due(asked, QUOTA, Spent(bytes=200 * 10**6), there, limits)
    assert why_not(*found) == ["an adapter takes 300 MB, and 200 MB are left of the quota"]


def test_nothing_is_trained_twice() -> None:
    there = There({"x": Adapter("x@1", refs("ab"))}, running={"y": refs("cd")})
    asked = [proposal("y", "cde"), proposal("other", "c"), proposal("same", "a"), proposal("z", "gh", 90.0)]
    found = due([*asked, proposal("part", "g")], QUOTA, Spent(), there)
    assert {each.topic: each.reason for each in found if not each.now} == {
        "y": "an adapter for it is being trained",
        "other": "all of it is being trained for y",
        "same": "all of it is in the adapter for x",
        "part": "all of it is being trained for z",
    }


def test_an_adapter_that_may_not_be_used_is_trained_anew() -> None:
    there = There({"x": Adapter("x@1", refs("a"), barred="a source was changed")})
    assert due([proposal("x", "a")], QUOTA, Spent(), there)[0].now


def test_what_was_refused_is_not_tried_again_until_a_source_changes() -> None:
    there = There(tried=[Tried(refs("ba"), 100, 30.0, "other text became less likely")])
    (same,) = due([proposal("x", "ab")], QUOTA, Spent(), there)
    assert (same.now, same.reason) == (
        False,
        "the gate refused it, and no source has changed since: other text became less likely",
    )
    changed = replace(proposal("x", "ab"), sources=(*refs("a"), *refs("b", 2)))
    assert due([changed], QUOTA, Spent(), there)[0].now
    assert due([proposal("x", "abc")], QUOTA, Spent(), there)[0].now


def test_of_several_refusals_one_is_told_whatever_their_order() -> None:
    over = [Tried(refs("a"), 100, 30.0, "it harms"), Tried(refs("a"), 100, 30.0, "it gained nothing")]
    one, other = (due([proposal("x", "a")], QUOTA, Spent(), There(tried=each)) for each in (over, over[::-1]))
    assert one == other
    assert not one[0].now


def test_what_was_promoted_and_is_gone_may_be_trained_again() -> None:
    assert due([proposal("x", "a")], QUOTA, Spent(), There(tried=[Tried(refs("a"), 100, 30.0)]))[0].now


def test_what_would_be_broken_off_is_not_begun_and_what_fits_the_time_passes_what_does_not() -> None:
    asked = [
        proposal("long", "a", 900.0, 500.0),
        proposal("mid", "b", 300.0, 200.0),
        proposal("short", "c", 60.0, 50.0),
    ]
    found = due(asked, QUOTA, Spent(), limits=Limits(seconds=400.0))
    assert why_not(*found) == ["it takes about 500 s, and is broken off after 400 s"]
    found = due(asked, QUOTA, Spent(), limits=Limits(together=560.0))
    assert [(each.topic, each.now) for each in found] == [("long", True), ("short", True), ("mid", False)]
    assert why_not(*found) == ["it takes about 200 s, and 60 s are left now"]


@pytest.mark.parametrize(
    ("trained", "seconds", "refused", "stopped"),
    [
        (Trained(ADAPTER, report(), seconds=9.0), 9.0, "", False),
        (
            Trained(None, report("it gained nothing", "it harms"), seconds=9.0),
            9.0,
            "it gained nothing; it harms",
            False,
        ),
        (Trained(None, report("too slow", stopped="time"), seconds=9.0), 9.0, "too slow", True),
        (Trained(None, report("it harms"), seconds=0.1, known=True), 0.0, "it harms", False),
    ],
)
def test_what_became_of_a_training_is_kept(trained: Trained, seconds: float, refused: str, *, stopped: bool) -> None:
    assert tried(refs("ab"), 70, trained) == Tried(refs("ab"), 70, seconds, refused, stopped)


def test_what_trainings_took_replaces_what_they_were_thought_to_take() -> None:
    thought = COSTS.trained(300) + COSTS.trained(100)
    over = [Tried(refs("a"), 300, thought), Tried(refs("b"), 100, thought)]
    assert measured(COSTS, over).trained(200) == pytest.approx(2 * COSTS.trained(200))
    assert measured(COSTS, []) == measured(COSTS, [Tried(refs("a"), 300, 0.0)]) == COSTS
    assert COSTS.trained_in(0.0, 300) == COSTS
    assert measured(COSTS, over).token == COSTS.token


def test_a_training_that_was_broken_off_counts_only_if_it_took_longer_than_was_thought() -> None:
    early, late = COSTS.trained(300) / 2, COSTS.trained(300) * 3
    assert measured(COSTS, [Tried(refs("a"), 300, early, "no", stopped=True)]) == COSTS
    assert measured(COSTS, [Tried(refs("a"), 300, late, "no", stopped=True)]).trained(300) == pytest.approx(late)
