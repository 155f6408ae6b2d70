from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from memos_mcp.cube import Governance, MemCube, State, Usage
from memos_mcp.errors import IllegalMove, InvalidInput
from memos_mcp.operation.lifecycle import (
    MOVES,
    REGIMES,
    TRANSITIONS,
    Move,
    Policy,
    Standing,
    advice,
    due,
    heat,
    idle,
    moved,
    open_moves,
    policy_for,
    strength,
    surplus,
    why_not,
)
from memos_mcp.testing.cubes import SOME_DAY, a_cube

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lifecycle.md"
FADING = Policy(half_life=timedelta(days=30))
YEAR = timedelta(days=365)


def a_memory(state: State = State.GENERATED, *, tags: tuple[str, ...] = (), **governance: object) -> MemCube:
    rules = Governance.model_validate(governance)
    return a_cube(tags=tags).model_copy(update={"state": state, "governance": rules})


def after(days: float) -> datetime:
    return SOME_DAY + timedelta(days=days)


def read(times: int, *, at: float = 0, sightings: int = 1) -> Usage:
    return Usage(reads=times, last_read_at=after(at) if times else None, sightings=sightings)


def test_a_memory_goes_the_way_of_the_paper() -> None:
    standing = Standing()
    way: tuple[Move, ...] = ("activate", "merge", "archive", "expire")
    states: list[State] = []
    for move in way:
        standing = standing.after(move)
        states.append(standing.state)
    assert states == [State.ACTIVATED, State.MERGED, State.ARCHIVED, State.EXPIRED]


@pytest.mark.parametrize("state", [State.GENERATED, State.ACTIVATED, State.MERGED, State.ARCHIVED])
def test_a_frozen_memory_comes_back_to_the_state_it_was_frozen_in(state: State) -> None:
    frozen = Standing(state).after("freeze")
    assert frozen == Standing(State.FROZEN, state)
    assert frozen.after("thaw") == Standing(state)


@pytest.mark.parametrize("move", [move for move in MOVES if move != "thaw"])
def test_a_frozen_memory_makes_no_move_but_to_thaw(move: Move) -> None:
    with pytest.raises(IllegalMove, match=r"thaw it first|frozen already|cannot be restored"):
        moved(State.FROZEN, move)


@pytest.mark.claim("4.3-18")
def test_what_is_not_in_the_table_is_refused_with_a_reason() -> None:
    for state in State:
        for move in MOVES:
            legal = (state, move) in TRANSITIONS
            assert (why_not(state, move) == "") is legal
            assert (move in open_moves(state)) is legal
            if legal:
                assert moved(state, move) is TRANSITIONS[state, move]
            else:
                with pytest.raises(IllegalMove) as refused:
                    moved(state, move)
                assert str(refused.value) == why_not(state, move)
    assert issubclass(IllegalMove, InvalidInput)


@pytest.mark.parametrize(
    ("state", "move", "words"),
    [
        (State.ARCHIVED, "archive", "the memory is archived already"),
        (State.EXPIRED, "freeze", "an expired memory cannot freeze: restore it first"),
        (State.GENERATED, "thaw", "a generated memory cannot be thawed: it is not frozen"),
        (State.FROZEN, "archive", "a frozen memory cannot archive: thaw it first"),
        (
            State.ACTIVATED,
            "restore",
            "an activated memory cannot be restored: only merged, archived and expired ones can",
        ),
    ],
)
def test_the_reason_is_in_words(state: State, move: Move, words: str) -> None:
    assert why_not(state, move) == words


def test_an_unknown_move_or_a_state_nobody_freezes_in_is_refused() -> None:
    with pytest.raises(IllegalMove, match="the moves are activate, merge"):
        moved(State.GENERATED, "erase")  # pyright: ignore[reportArgumentType]
    with pytest.raises(IllegalMove, match="never frozen"):
        moved(State.FROZEN, "thaw", thaws_to=State.EXPIRED)


def test_a_memory_expires_when_its_time_is_over_and_not_a_moment_earlier() -> None:
    cube = a_memory(State.ARCHIVED, expires_at=after(10))
    assert due(cube, Usage(), after(10) - timedelta(microseconds=1)) is None
    assert due(cube, Usage(), after(10)) == "expire"
    found = advice(cube, Usage(), after(11))
    assert found is not None
    assert found.why == "it was kept until 2026-03-12 09:14"


def test_frozen_and_held_memories_are_left_alone_whatever_is_due() -> None:
    assert due(a_memory(State.FROZEN, expires_at=after(1)), Usage(), after(9)) is None
    assert due(a_memory(expires_at=after(1)), Usage(), after(9), held=True) is None


def test_without_a_policy_nothing_fades() -> None:
    assert due(a_memory(), Usage(), SOME_DAY + 50 * YEAR) is None


def test_a_memory_without_use_is_archived_and_later_expires() -> None:
    policy = Policy(inactive_after=timedelta(days=90), forgotten_after=timedelta(days=400))
    assert due(a_memory(), Usage(), after(89), policy) is None
    assert due(a_memory(), Usage(), after(90), policy) == "archive"
    assert due(a_memory(), read(1, at=50), after(90), policy) is None
    assert due(a_memory(State.ARCHIVED), Usage(), after(399), policy) is None
    assert due(a_memory(State.ARCHIVED), Usage(), after(400), policy) == "expire"
    assert due(a_memory(State.EXPIRED), Usage(), after(4000), policy) is None


def test_strength_is_priority_times_recency_times_use() -> None:
    assert strength(a_memory(), Usage(), after(0), FADING) == 1
    assert strength(a_memory(), Usage(), after(30), FADING) == pytest.approx(0.5)
    assert strength(a_memory(priority=10), Usage(), after(60), FADING) == pytest.approx(1)
    assert strength(a_memory(), read(5), after(30), FADING) == pytest.approx(0.5 * (1 + 1.791759))
    assert strength(a_memory(decay=0.1), Usage(), after(2), FADING) == pytest.approx(0.81)
    assert strength(a_memory(decay=1), Usage(), after(1), FADING) == 0


def test_a_weak_memory_is_archived_and_a_strong_one_stays() -> None:
    now = after(140)
    assert due(a_memory(), Usage(), now, FADING) == "archive"
    assert due(a_memory(priority=5), Usage(), now, FADING) is None
    assert due(a_memory(), read(9), now, FADING) is None
    assert due(a_memory(decay=0.05), Usage(), after(60)) == "archive"


def test_a_memory_that_is_read_often_becomes_activated() -> None:
    assert due(a_memory(), read(2, at=1), after(2)) is None
    assert due(a_memory(), read(3, at=1), after(2)) == "activate"
    assert due(a_memory(), read(3, at=1), after(20)) is None


def test_a_memory_in_use_that_is_confirmed_several_times_is_merged() -> None:
    assert due(a_memory(State.ACTIVATED), read(9, sightings=3), after(1)) is None
    assert due(a_memory(State.ACTIVATED), read(9, sightings=4), after(1)) == "merge"


def test_labels_of_a_task_trigger_a_move() -> None:
    policy = Policy(labels={"done": "archive", "void": "expire", "pin": "freeze"})
    assert due(a_memory(tags=("other",)), Usage(), after(1), policy) is None
    assert due(a_memory(tags=("done",)), Usage(), after(1), policy) == "archive"
    assert due(a_memory(tags=("done", "void")), Usage(), after(1), policy) == "expire"
    assert due(a_memory(State.ARCHIVED, tags=("done",)), Usage(), after(1), policy) is None


def test_the_policy_of_the_nearest_namespace_counts() -> None:
    policies = {"shared": Policy(reads=1), "shared/team/plans": Policy(reads=2)}
    assert policy_for("shared/team/plans/2026", policies).reads == 2
    assert policy_for("shared/team", policies).reads == 1
    assert policy_for("shared", policies).reads == 1
    assert policy_for("user/ada", policies) == Policy()
    assert policy_for("user/ada", {"": Policy(reads=9)}).reads == 9


def test_heat_grows_with_reads_and_halves_with_time() -> None:
    assert heat(Usage(), after(0)) == 0
    assert heat(read(8), after(0)) == 8
    assert heat(read(8), after(7)) == pytest.approx(4)
    assert heat(read(8), after(-1)) == 8


def test_a_clock_that_goes_back_makes_nothing_older() -> None:
    assert idle(a_memory(), Usage(), after(-5)) == timedelta(0)
    assert due(a_memory(), Usage(), datetime(2020, 1, 1, tzinfo=UTC), FADING) is None


def test_the_tables_of_the_reference_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    for state, regime in REGIMES.items():
        yes = {True: "yes", False: "no"}
        row = (state, regime.says, yes[regime.recalled], yes[regime.changeable], regime.tier, f"{regime.weight:g}")
        assert f"| {' | '.join(row)} |" in page
    for state in State:
        ends = [TRANSITIONS.get((state, move)) for move in MOVES]
        cells = ["where it was frozen" if (state, move) == (State.FROZEN, "thaw") else "" for move in MOVES]
        shown = [cell or (end.value if end else "–") for cell, end in zip(cells, ends, strict=True)]
        assert f"| {' | '.join([state.value, *shown])} |" in page
    assert set(REGIMES) == set(State)
    assert get_args(Move) == MOVES


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (Policy(), ()),
        (Policy(versions=1), (2, 3, 4)),
        (Policy(versions=2), (2, 3)),
        (Policy(versions=9), ()),
        (Policy(versions_for=timedelta(days=15)), (2,)),
        (Policy(versions_for=timedelta(days=99)), ()),
        (Policy(versions=3, versions_for=timedelta(days=1)), (2,)),
        (Policy(versions=1, versions_for=timedelta(days=15)), (2,)),
    ],
)
def test_of_versions_the_last_and_the_young_are_kept(policy: Policy, gone: tuple[int, ...]) -> None:
    written = [after(days) for days in (0, 10, 20, 30, 40)]
    assert surplus(written, after(41), policy) == gone
    assert surplus(written[:2], after(9999), policy) == ()
