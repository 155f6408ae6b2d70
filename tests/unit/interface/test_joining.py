"""What becomes of a memory that a branch and its original changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Activation, MemCube, Plaintext, State
from memos_mcp.interface.joining import Outcome, Side, Sides, joined
from memos_mcp.testing import a_cube

TEXTS = st.lists(st.sampled_from(["Ada likes tea", "Ben has a dog", "It rains", ""]), max_size=4).map("\n".join)
CUBE = a_cube("Ada likes tea")


def said(text: str, **others: object) -> MemCube:
    return CUBE.model_copy(update={"payload": Plaintext(text=text), **others})


def of(base: MemCube | None, original: MemCube | None, branch: MemCube | None) -> Sides:
    return Sides(CUBE.id, base, original, branch)


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return [(step.action, step.cube.text) for step in outcome.steps]


@given(TEXTS, TEXTS)
def test_what_one_side_changed_is_taken(base: str, changed: str) -> None:
    there = joined(of(said(base), said(base), said(changed)))
    assert told(there) == ([("update", changed)] if base != changed else [])
    here = joined(of(said(base), said(changed), said(base)))
    assert here == Outcome()
    both = joined(of(said(base), said(changed), said(changed)))
    assert both == Outcome()


@given(TEXTS, TEXTS, TEXTS, st.sampled_from(["original", "branch"]))
def test_a_side_that_is_preferred_leaves_no_clash(base: str, here: str, there: str, prefer: Side) -> None:
    sides = of(said(base), said(here), said(there))
    decided = joined(sides, prefer)
    assert decided.clashes == ()
    open_ = joined(sides)
    assert open_.steps == () if open_.clashes else open_ == decided


def test_what_was_born_or_forgotten_on_one_side() -> None:
    new, keyed = said("new", version=3), said("new", version=3, key="plan")
    assert [(s.action, s.cube.version) for s in joined(of(None, None, new)).steps] == [("remember", 1)]
    assert joined(of(None, None, keyed)).steps[0].action == "put"
    assert joined(of(None, None, None)) == joined(of(said("a"), None, None)) == Outcome()
    assert told(joined(of(said("a"), said("a"), None))) == [("forget", "a")]
    changed = of(said("a"), said("b", version=2), None)
    assert joined(changed).clashes[0].what == "forgotten"
    assert told(joined(changed, "branch")) == [("forget", "b")]
    assert joined(changed, "original") == Outcome()


@pytest.mark.parametrize(
    "fixed", [{"state": State.FROZEN}, {"governance": CUBE.governance.model_copy(update={"held": True})}]
)
def test_what_is_frozen_or_held_is_not_forgotten(fixed: dict[str, object]) -> None:
    sides = of(said("a"), said("a", **fixed), None)
    assert "in the original" in joined(sides).clashes[0].why
    assert joined(sides, "branch").clashes
    assert joined(sides, "original") == Outcome()


def test_what_is_frozen_changes_only_if_the_branch_thawed_it() -> None:
    frozen = said("a", state=State.FROZEN)
    sides = of(frozen, frozen, said("b"))
    assert joined(sides).clashes[0].what == "state"
    assert joined(sides, "original") == Outcome()
    assert told(joined(replace(sides, moved=True))) == [("thaw", "a"), ("update", "b")]
    assert told(joined(replace(of(said("a"), said("a"), said("b", state=State.FROZEN)), moved=True))) == [
        ("update", "b"),
        ("freeze", "a"),
    ]


def test_two_moves_of_a_memory_clash() -> None:
    sides = of(said("a"), said("a", state=State.MERGED), said("a", state=State.ARCHIVED))
    both = replace(sides, moved=True, was_moved=True)
    assert joined(both).clashes[0].what == "state"
    assert joined(both, "original") == Outcome()
    (step,) = joined(both, "branch").steps
    assert (step.action, step.cube.state) == ("move", State.ARCHIVED)


def test_without_a_base_nothing_is_guessed() -> None:
    sides = of(None, said("a"), said("b"))
    assert joined(sides).clashes[0].what == "base"
    assert joined(of(None, said("a"), said("a"))) == Outcome()
    assert told(joined(sides, "branch")) == [("update", "b")]
    assert joined(sides, "original") == Outcome()


def test_payloads_that_are_no_text_are_taken_whole() -> None:
    one, other = (
        CUBE.model_copy(update={"payload": Activation(sources=(), fingerprint=name, tokens=1)}) for name in "ab"
    )
    third = CUBE.model_copy(update={"payload": Activation(sources=(), fingerprint="c", tokens=1)})
    assert joined(of(one, one, other)).steps[0].cube.payload == other.payload
    assert joined(of(one, other, third)).clashes[0].what == "payload"
    assert joined(of(one, other, third), "branch").steps[0].cube.payload == third.payload
