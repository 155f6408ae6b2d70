"""What is trained now keeps to what it promises, whatever is proposed, held, running and over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_terms import Adapter
from memos_mcp.operation.proposing import Proposal
from memos_mcp.operation.quotas import Quota, Spent
from memos_mcp.operation.training import Limits, There, Training, Tried, due, measured

topics = st.sampled_from("uvwxyz")
refs = st.builds(Ref, id=st.sampled_from("abcdef"), version=st.integers(1, 2))
sources = st.lists(refs, min_size=1, max_size=3, unique_by=lambda ref: ref.id).map(tuple)
seconds = st.floats(0, 500)
proposed = st.lists(
    st.builds(Proposal, topics, sources, seconds, seconds, st.booleans(), st.sampled_from(("it pays", "it recurs"))),
    max_size=8,
)
adapters = st.dictionaries(topics, st.builds(Adapter, topics, sources, barred=st.sampled_from(("", "", "gone"))))
over = st.lists(
    st.builds(Tried, sources, st.integers(0, 900), seconds, st.sampled_from(("", "it harms", "no")), st.booleans()),
    max_size=5,
)
theres = st.builds(There, adapters, st.dictionaries(topics, sources, max_size=3), over)
quotas = st.builds(Quota, bytes=st.integers(0, 10), adapters=st.integers(0, 6))
spents = st.builds(Spent, st.integers(0, 10), st.integers(0, 6))
limits = st.builds(Limits, seconds, seconds, st.integers(0, 3))
facts = given(proposed=proposed, quota=quotas, spent=spents, there=theres, limits=limits)


def begun(found: tuple[Training, ...]) -> list[Training]:
    return [each for each in found if each.now]


@facts
@settings(max_examples=300)
def test_no_quota_and_no_time_is_exceeded(
    proposed: list[Proposal], quota: Quota, spent: Spent, there: There, limits: Limits
) -> None:
    now = begun(due(proposed, quota, spent, there, limits))
    new = {each.topic for each in now} - there.adapters.keys()
    if now:
        assert spent.adapters + len(new | (there.running.keys() - there.adapters.keys())) <= quota.adapters
        assert spent.bytes + limits.bytes * (len(now) + len(there.running)) <= quota.bytes
    assert sum(each.seconds for each in now) <= limits.together + 1e-6
    assert all(each.seconds <= limits.seconds for each in now)


@facts
@settings(max_examples=300)
def test_nothing_is_trained_twice(
    proposed: list[Proposal], quota: Quota, spent: Spent, there: There, limits: Limits
) -> None:
    now = begun(due(proposed, quota, spent, there, limits))
    sound = {topic: each.sources for topic, each in there.adapters.items() if not each.barred}
    assert len({each.topic for each in now}) == len({frozenset(each.sources) for each in now}) == len(now)
    assert not {each.topic for each in now} & there.running.keys()
    for known in (sound, there.running):
        assert not any(set(each.sources) <= set(refs) for each in now for refs in known.values())
    assert {(each.topic, each.sources) for each in now} <= {(p.topic, p.sources) for p in proposed if p.made}


@facts
def test_what_was_refused_is_not_tried_again_as_it_was(
    proposed: list[Proposal], quota: Quota, spent: Spent, there: There, limits: Limits
) -> None:
    refused = [frozenset(each.sources) for each in there.tried if each.refused]
    assert not any(frozenset(each.sources) in refused for each in begun(due(proposed, quota, spent, there, limits)))


@given(
    proposed=st.lists(st.tuples(sources, seconds), min_size=1, max_size=5, unique_by=lambda each: frozenset(each[0])),
    at=st.integers(0, 4),
)
def test_what_was_refused_is_tried_again_after_a_change_of_a_source(
    proposed: list[tuple[tuple[Ref, ...], float]], at: int
) -> None:
    there = There(tried=[Tried(refs, 10, 1.0, "it harms") for refs, _ in proposed])
    picked, saves = proposed[at % len(proposed)]
    changed = (Ref(id=picked[0].id, version=3), *picked[1:])
    asked = [Proposal("x", picked, saves, 1.0, True, "it pays"), Proposal("y", changed, saves, 1.0, True, "it pays")]
    assert [each.topic for each in begun(due(asked, Quota(0), Spent(), there))] == ["y"]


@facts
@settings(max_examples=200)
def test_the_order_of_the_facts_does_not_matter(
    proposed: list[Proposal], quota: Quota, spent: Spent, there: There, limits: Limits
) -> None:
    held, running = reversed(list(there.adapters.items())), reversed(list(there.running.items()))
    turned = There(dict(held), dict(running), there.tried[::-1])
    found = due(proposed, quota, spent, there, limits)
    assert due(proposed[::-1], quota, spent, turned, limits) == found
    assert due([*proposed, *proposed], quota, spent, there, limits) == found
    assert {(each.topic, each.sources) for each in found} == {(each.topic, each.sources) for each in proposed}
    assert all(each.reason for each in found)


@given(over=over, factor=st.floats(1.5, 9))
def test_longer_trainings_make_the_next_ones_dearer_and_their_order_does_not_matter(
    over: list[Tried], factor: float
) -> None:
    whole = [replace(each, stopped=False) for each in over]
    slower = [replace(each, seconds=each.seconds * factor) for each in whole]
    assert measured(COSTS, over[::-1]) == measured(COSTS, over)
    if any(each.seconds and each.tokens for each in whole):
        then, later = measured(COSTS, whole).trained(500), measured(COSTS, slower).trained(500)
        assert later == pytest.approx(factor * then)
