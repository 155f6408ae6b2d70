"""The simulation of the choice of types: the work, the machine, and what they come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from benchmarks.choosing import compared, fitted, made, measured
from benchmarks.choosing_policies import CHOICE, FEWER, RULED, SINGLE, Entrant, Topics
from benchmarks.choosing_simulation import Machine, Truth
from benchmarks.choosing_traces import Mix, World
from memos_mcp.cube import Ref
from memos_mcp.operation.choosing import Known, choose
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_terms import Adapter, Budgets, Dispatch, Fit, Means, Task

MIX, TRUTH = Mix(), Truth()


def test_the_constants_of_reading_are_those_that_were_measured() -> None:
    assert fitted() == pytest.approx(
        {"fixed": COSTS.fixed, "token": COSTS.token, "pair": COSTS.pair, "loading": COSTS.loading}, rel=0.03
    )


def test_work_is_made_by_its_seed_alone_and_has_all_natures() -> None:
    trace = World(1).trace(200)
    assert trace == World(1).trace(200) != World(2).trace(200)
    assert {each.nature for each in trace.tasks} == {"fact", "dialogue", "procedure"}
    assert any(each.changed for each in trace.tasks)
    assert trace.tokens == sum(each.tokens for each in trace.memories.values())


@pytest.mark.parametrize("entrant", SINGLE, ids=lambda each: each.name)
def test_who_has_one_type_uses_no_other(entrant: Entrant) -> None:
    figures = Machine(World(3).trace(60), TRUTH, entrant).follow()
    assert set(figures.ways) <= {entrant.name.removeprefix("all "), "out"}
    assert (figures.trained > 0) == (entrant.name == "all adapter")
    assert (figures.kept > 0) == (entrant.name == "all prefix")


@pytest.mark.parametrize("entrant", RULED, ids=lambda each: each.name)
def test_who_has_fixed_rules_trains_procedures_at_once_and_no_facts(entrant: Entrant) -> None:
    machine = Machine(World(3).trace(60), TRUTH, entrant)
    figures = machine.follow()
    trained = {part.id.split("-")[0] for each in machine.adapters.values() for part in each.sources}
    assert trained == {"skill"}
    assert figures.ways["adapter"] > 0
    assert ("prefix" in figures.ways) == (entrant.name == "the preferences to the letter")


def test_the_choice_beats_each_type_alone_on_a_seed_that_nothing_was_chosen_on() -> None:
    table = compared("a test", (*SINGLE, CHOICE), made((301,), 300))
    assert isinstance(table["saved"], float)
    assert table["saved"] > 0


def test_a_machine_keeps_no_more_than_there_is_room_for_and_nothing_that_changed() -> None:
    trace = World(4, replace(MIX, restless=0.5)).trace(150)
    machine = Machine(trace, replace(TRUTH, room=0.02), CHOICE)
    machine.follow()
    parts = [part for _, prefix in machine.held for part in prefix]
    assert sum({part.id: trace.memories[part.id].tokens for part in parts}.values()) <= machine.most
    assert all(machine.versions[part.id] == part.version for part in parts)


def test_what_others_ask_of_the_model_makes_every_answer_wait() -> None:
    trace, (text, *_) = World(6).trace(40), SINGLE
    alone, busy = (Machine(trace, Truth(others=others), text).follow() for others in (0.0, 1.0))
    assert busy.waited > alone.waited


def test_a_policy_is_whatever_plans_and_says_what_is_trained() -> None:
    class Silent:
        def plan(self, task: Task, fits: Sequence[Fit], means: Means, budgets: Budgets, known: Known) -> Dispatch:
            return choose(task, fits, means, budgets, replace(known, rules=replace(known.rules, forms=frozenset())))

        def trains(
            self, topics: Topics, adapters: Mapping[str, Adapter], known: Known, steady: Collection[str]
        ) -> Mapping[str, Sequence[Ref]]:
            return {}

    trace = World(6).trace(40)
    silent = measured(Entrant("silent", policy=Silent()), [trace])
    assert silent["tokens read"] == silent["quality"] == 0
    assert silent["in all"] > measured(CHOICE, [trace])["in all"]


def test_a_run_can_be_had_again() -> None:
    (without, *_) = FEWER
    assert measured(without, made((5,), 60)) == measured(without, made((5,), 60))
