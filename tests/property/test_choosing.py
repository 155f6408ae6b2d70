"""Plans of what each memory reaches the model as keep what they promise, whatever fits and whatever there is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp.cube import Kind, Ref
from memos_mcp.operation.choosing import Known, choose
from memos_mcp.operation.choosing_learning import FIDELITY, Learnt, Outcome, Share, learned
from memos_mcp.operation.choosing_rules import not_kept, not_trained
from memos_mcp.operation.choosing_terms import NATURES, Adapter, Budgets, Fit, Means, Prefix, Rules, Task, Way
from memos_mcp.search import Intent

IDS = "abcdef"
KINDS: tuple[Kind, ...] = get_args(Kind)
WAYS: tuple[Way, ...] = get_args(Way)
chances = st.floats(0, 1)
shares = st.builds(Share, st.floats(0, 100), st.floats(100, 500))
refs = st.builds(Ref, id=st.sampled_from(IDS), version=st.integers(1, 2))
seconds = st.none() | st.floats(0, 1e7)
fits = st.lists(
    st.builds(
        Fit,
        ref=refs,
        tokens=st.integers(1, 3000),
        need=chances,
        kind=st.sampled_from(KINDS),
        expected=st.floats(0, 50),
        uses=st.integers(0, 50),
        sessions=st.integers(0, 9),
        changed=seconds,
        pace=seconds,
        ends=seconds,
        here=st.booleans(),
        closed=st.sampled_from(("", "", "", "it is sensitive")),
        barred=st.sampled_from(("", "", "", "it is archived")),
    ),
    unique_by=lambda fit: fit.ref.id,
    max_size=6,
)
several = st.lists(refs, min_size=1, max_size=4, unique_by=lambda ref: ref.id).map(tuple)
adapters = st.builds(
    Adapter,
    st.sampled_from(("x@1", "y@2")),
    several,
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from(("", "", "it was retired")),
)
means = st.builds(
    Means,
    prefixes=st.lists(st.builds(Prefix, several, st.sampled_from(("", "", "x@1"))), max_size=3).map(tuple),
    adapters=st.lists(adapters, max_size=2, unique_by=lambda each: each.name).map(tuple),
    window=st.integers(100, 9000),
    per_token=st.just(1000),
    free=st.integers(0, 10**7),
    load=st.floats(0, 20),
)
budgets = st.builds(
    Budgets,
    seconds=st.just(math.inf) | st.floats(0, 5),
    tokens=st.integers(0, 5000),
    builds=st.integers(0, 1),
    bytes=st.integers(0, 10**7),
)
tasks = st.builds(
    Task,
    st.sampled_from(NATURES),
    st.sampled_from(get_args(Intent)),
    turns=st.integers(0, 9),
    tokens=st.integers(1, 500),
)
knowns = st.builds(
    Known,
    rules=st.builds(Rules, worth=st.floats(0, 50), least=st.floats(0, 2)),
    learnt=st.builds(
        Learnt, hits=shares, effects=st.dictionaries(st.sampled_from(list(FIDELITY)), shares), later=shares
    ),
)


@given(task=tasks, fits=fits, means=means, budgets=budgets, known=knowns)
@settings(max_examples=300)
def test_no_budget_and_no_window_is_exceeded(
    task: Task, fits: list[Fit], means: Means, budgets: Budgets, known: Known
) -> None:
    plan = choose(task, fits, means, budgets, known)
    tokens = {fit.ref: fit.tokens for fit in fits}
    given_at_all = [each for each in plan.choices if each.way != "out"]
    anew = sum(tokens[ref] for ref in (*plan.prefix[plan.kept :], *plan.texts))
    assert plan.read == anew
    assert (
        plan.window
        == sum(each.tokens for each in plan.choices)
        == anew + sum(tokens[r] for r in plan.prefix[: plan.kept])
    )
    if given_at_all:
        assert plan.window + task.tokens + means.reserve <= means.window
        assert plan.read <= budgets.tokens
        assert plan.seconds <= budgets.seconds
    new = sum(tokens[ref] for ref in plan.prefix[plan.kept :]) * means.per_token
    loaded = next((each for each in means.adapters if each.name == plan.adapter), None)
    assert new <= budgets.bytes
    assert new + (loaded.bytes if loaded and not loaded.loaded else 0) <= means.free or new == 0
    assert budgets.builds or len(plan.prefix) == plan.kept


@pytest.mark.claim("5.4.2-17", "4.2-26", "5.4.2-01")
@given(task=tasks, fits=fits, means=means, budgets=budgets, known=knowns)
@settings(max_examples=300)
def test_nothing_forbidden_is_dispatched_in_any_form(
    task: Task, fits: list[Fit], means: Means, budgets: Budgets, known: Known
) -> None:
    plan = choose(task, fits, means, budgets, known)
    known_as = {fit.ref.id: fit for fit in fits}
    for fit, each in zip(fits, plan.choices, strict=True):
        assert each.ref == fit.ref
        assert each.reason
        assert not fit.barred or each.way == "out"
        assert each.way != "prefix" or not not_kept(fit, known.rules)
        assert each.way != "adapter" or not not_trained(fit, known.rules)
    assert all(known_as[ref.id].ref == ref for ref in (*plan.prefix, *plan.texts))
    under = [each.parts[: plan.kept] for each in means.prefixes if each.under == plan.adapter]
    assert plan.kept == 0 or plan.prefix[: plan.kept] in under
    for adapter in means.adapters:
        if adapter.name == plan.adapter:
            assert not adapter.barred
            parts = [known_as[ref.id] for ref in adapter.sources if ref.id in known_as]
            assert not any(part.barred or not_trained(part, known.rules) for part in parts)
            assert all(part.ref in adapter.sources for part in parts)


@given(task=tasks, fits=fits, means=means, budgets=budgets, known=knowns, chance=st.randoms())
def test_the_same_facts_in_any_order_give_the_same_choices(
    task: Task, fits: list[Fit], means: Means, budgets: Budgets, known: Known, chance: object
) -> None:
    one = choose(task, fits, means, budgets, known)
    turned = replace(means, prefixes=means.prefixes[::-1], adapters=means.adapters[::-1])
    other = choose(task, fits[::-1], turned, budgets, known)
    assert {each.ref: each for each in one.choices} == {each.ref: each for each in other.choices}
    assert replace(other, choices=one.choices) == one
    assert str(one).count("\n") == len(fits)


@given(task=tasks, fits=fits, loads=st.tuples(st.floats(0, 20), st.floats(0, 20)), known=knowns)
def test_the_more_is_under_way_the_less_is_read(
    task: Task, fits: list[Fit], loads: tuple[float, float], known: Known
) -> None:
    wide = Means(window=10**6, free=10**9)
    calm, busy = (choose(task, fits, replace(wide, load=load), known=known) for load in sorted(loads))
    assert busy.read <= calm.read


@given(task=tasks, fits=fits.filter(bool), means=means, known=knowns, more=chances)
def test_what_is_needed_more_is_not_left_out_for_it(
    task: Task, fits: list[Fit], means: Means, known: Known, more: float
) -> None:
    wide = Means(window=10**6, free=10**9, load=means.load)
    first = fits[0]
    if choose(task, fits, wide, known=known).choices[0].way != "out":
        raised = [replace(first, need=max(first.need, more)), *fits[1:]]
        assert choose(task, raised, wide, known=known).choices[0].way != "out"


outcomes = st.builds(
    Outcome,
    tasks,
    st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(KINDS), chances), max_size=4).map(tuple),
    st.none() | st.booleans(),
    st.none() | chances,
    st.none() | st.booleans(),
    st.none() | st.booleans(),
)


@given(st.lists(outcomes, max_size=30))
def test_whatever_comes_of_it_what_is_learnt_stays_a_chance(seen: list[Outcome]) -> None:
    learnt = Learnt()
    for outcome in seen:
        learnt = learned(learnt, outcome)
    assert 0 < learnt.hit() < 1
    assert 0 < learnt.stay() < 1
    assert all(0 <= learnt.fidelity(way, nature, kind) <= 1 for way in WAYS for nature in NATURES for kind in KINDS)
    assert all(0 <= learnt.more(Task("dialogue", turns=turns)) <= 19.01 for turns in (0, 3))
