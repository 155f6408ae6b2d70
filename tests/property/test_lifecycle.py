"""The lifecycle as a state machine against a simple model: what a person would say about a memory."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from memos_mcp.cube import Governance, State, Usage
from memos_mcp.errors import IllegalMove
from memos_mcp.operation.lifecycle import MOVES, REGIMES, Move, Policy, Standing, due, heat, moved, open_moves, strength
from memos_mcp.testing.cubes import SOME_DAY, a_cube

days = st.integers(0, 4000).map(lambda n: timedelta(days=n))
maybe = st.none() | days.filter(bool)
policies = st.builds(
    Policy,
    half_life=maybe,
    archive_below=st.none() | st.floats(0, 2),
    inactive_after=maybe,
    forgotten_after=maybe,
    reads=st.none() | st.integers(0, 5),
    recently=days,
    confirmations=st.none() | st.integers(0, 5),
    labels=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(MOVES)),
)
usages = st.builds(
    Usage,
    reads=st.integers(0, 9),
    last_read_at=st.none() | days.map(lambda span: SOME_DAY + span),
    sightings=st.integers(1, 9),
)
governances = st.builds(
    Governance,
    decay=st.none() | st.floats(0, 1),
    priority=st.integers(-10, 10),
    expires_at=st.none() | days.map(lambda span: SOME_DAY + span),
)


class Life(RuleBasedStateMachine):
    """A memory is fresh, used or joined; out of use or over; and frozen on top of that, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.life = "generated"
        self.is_frozen = False

    def made(self, move: Move, allowed: bool) -> bool:
        before = self.standing
        try:
            self.standing = before.after(move)
        except IllegalMove:
            assert not allowed
            assert self.standing is before
            return False
        assert allowed
        return True

    @rule()
    def activate(self) -> None:
        if self.made("activate", not self.is_frozen and self.life in ("generated", "merged")):
            self.life = "activated"

    @rule()
    def merge(self) -> None:
        if self.made("merge", not self.is_frozen and self.life in ("generated", "activated", "merged")):
            self.life = "merged"

    @rule()
    def archive(self) -> None:
        if self.made("archive", not self.is_frozen and self.life in ("generated", "activated", "merged")):
            self.life = "archived"

    @rule()
    def restore(self) -> None:
        if self.made("restore", not self.is_frozen and self.life in ("merged", "archived", "expired")):
            self.life = "activated"

    @rule()
    def expire(self) -> None:
        if self.made("expire", not self.is_frozen and self.life != "expired"):
            self.life = "expired"

    @rule()
    def freeze(self) -> None:
        if self.made("freeze", not self.is_frozen and self.life != "expired"):
            self.is_frozen = True

    @rule()
    def thaw(self) -> None:
        if self.made("thaw", self.is_frozen):
            self.is_frozen = False

    @precondition(lambda self: self.is_frozen)
    @rule(move=st.sampled_from([move for move in MOVES if move != "thaw"]))
    def nothing_moves_it_while_it_is_frozen(self, move: Move) -> None:
        with pytest.raises(IllegalMove):
            moved(self.standing.state, move)

    @invariant()
    def it_is_where_the_model_says(self) -> None:
        assert self.standing.state == ("frozen" if self.is_frozen else self.life)
        assert self.standing.thaws_to == (self.life if self.is_frozen else None)
        assert open_moves(self.standing.state)
        assert REGIMES[self.standing.state].recalled == (self.is_frozen or self.life not in ("archived", "expired"))


TestLife = Life.TestCase


@given(st.sampled_from(State), usages, governances, days, policies, st.sets(st.sampled_from(["a", "b"])))
def test_what_is_due_is_legal_and_comes_to_rest(
    state: State, usage: Usage, governance: Governance, span: timedelta, policy: Policy, tags: set[str]
) -> None:
    now = SOME_DAY + span
    cube = a_cube(tags=tuple(sorted(tags))).model_copy(update={"state": state, "governance": governance})
    assert due(cube, usage, now, policy, held=True) is None
    for _ in range(5):
        move = due(cube, usage, now, policy)
        if move is None:
            break
        assert cube.state is not State.FROZEN
        cube = cube.model_copy(update={"state": moved(cube.state, move)})
    else:
        pytest.fail("the heuristics drive the memory in a circle")


@given(usages, governances, days, days, policies)
def test_without_use_strength_and_heat_only_fall(
    usage: Usage, governance: Governance, first: timedelta, more: timedelta, policy: Policy
) -> None:
    cube = a_cube().model_copy(update={"governance": governance})
    sooner, later = SOME_DAY + first, SOME_DAY + first + more
    assert strength(cube, usage, later, policy) <= strength(cube, usage, sooner, policy)
    assert 0 <= heat(usage, later) <= heat(usage, sooner)
