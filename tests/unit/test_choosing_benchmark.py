"""The simulation of the choice of types: the work, the machine, and what they come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.choosing import CHOICE, FEWER, SINGLE, compared, fitted, measured
from benchmarks.choosing_simulation import Machine, Truth
from benchmarks.choosing_traces import Mix, World
from memos_mcp.operation.choosing_costs import COSTS

MIX, TRUTH = Mix(), Truth()


def test_the_constants_of_reading_are_those_that_were_measured() -> None:
    assert fitted() == pytest.approx(
        {"fixed": COSTS.fixed, "token": COSTS.token, "pair": COSTS.pair, "loading": COSTS.loading}, rel=0.03
    )


def test_work_is_made_by_its_seed_alone_and_has_all_natures() -> None:
    one, other = World(1), World(1)
    work = list(one.tasks(200))
    assert work == list(other.tasks(200)) != list(World(2).tasks(200))
    assert {each.nature for each in work} == {"fact", "dialogue", "procedure"}
    assert any(each.changed for each in work)


@pytest.mark.parametrize("entrant", SINGLE, ids=lambda each: each.name)
def test_who_has_one_type_uses_no_other(entrant: object) -> None:
    (found,) = [each for each in SINGLE if each is entrant]
    world = World(3)
    figures = Machine(world, TRUTH, found, 3).follow(list(world.tasks(60)))
    assert set(figures.ways) <= {found.name.removeprefix("all "), "out"}
    assert (figures.trained > 0) == (found.name == "all adapter")
    assert (figures.kept > 0) == (found.name == "all prefix")


def test_the_choice_beats_each_type_alone_on_a_seed_that_nothing_was_chosen_on() -> None:
    table = compared("a test", (*SINGLE, CHOICE), (301,), 300)
    assert isinstance(table["saved"], float)
    assert table["saved"] > 0


def test_a_machine_keeps_no_more_than_there_is_room_for_and_nothing_that_changed() -> None:
    world, truth = World(4, replace(MIX, restless=0.5)), replace(TRUTH, room=0.02)
    machine = Machine(world, truth, CHOICE, 4)
    machine.follow(list(world.tasks(150)))
    parts = [part for _, prefix in machine.held for part in prefix]
    assert sum({part.id: world.memories[part.id].tokens for part in parts}.values()) <= machine.most
    assert all(machine.versions[part.id] == part.version for part in parts)


def test_a_run_can_be_had_again() -> None:
    (without, *_) = FEWER
    assert measured(without, (5,), 60, MIX, TRUTH) == measured(without, (5,), 60, MIX, TRUTH)
