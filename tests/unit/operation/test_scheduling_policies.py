"""What each policy prefers, and the figures that it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos_mcp.operation.scheduling import Block, Limits, Policy, plan
from memos_mcp.operation.scheduling_policies import Frequent, Labelled, Paying, Recent, Similar, cosine
from memos_mcp.operation.uses import Use, Uses

LIMITS = Limits(budget=10**9)


def block(id: str, tokens: int = 1000, *, label: str = "", vector: tuple[float, ...] = ()) -> Block:
    labels = frozenset({label} if label else ())
    return Block(id, 1, tokens * 46_080, tokens, tokens / 300, tokens / 300, labels=labels, vector=vector)


def told(order: str, *blocks: Block, like: Block | None = None) -> Uses:
    """Each letter is a use, one every second; questions are like what they find, or like one block."""
    uses = Uses()
    for each in blocks:
        uses.known(each)
    for at, id in enumerate(order):
        found = like or uses.blocks[id]
        uses.used(Use(id, float(at), found.labels, found.vector))
    return uses


def ranked(policy: Policy, uses: Uses) -> str:
    now = uses.now(1000.0)
    worth = {id: policy.worth(each, now, held=False) for id, each in uses.blocks.items()}
    return "".join(sorted(worth, key=lambda id: -worth[id]))


def why(policy: Policy, uses: Uses, id: str) -> str:
    return policy.why(uses.blocks[id], uses.now(1000.0), held=False)


def test_recent_prefers_the_last_use_however_rare() -> None:
    uses = told("aaaaab", block("a"), block("b"))
    assert ranked(Recent(), uses) == "ba"
    assert why(Recent(), uses, "a") == "it was last used 1 uses ago"


def test_frequent_prefers_many_uses_until_they_fade() -> None:
    uses = told("aaaaab", block("a"), block("b"))
    assert ranked(Frequent(), uses) == "ab"
    assert ranked(Frequent(), told("aaaa" + "c" * 250 + "b", block("a"), block("b"), block("c"))) == "cba"
    assert why(Frequent(), uses, "b") == "its uses fade to 1"


def test_similar_prefers_what_is_like_the_questions_of_now() -> None:
    a, b = block("a", vector=(1.0, 0.0)), block("b", vector=(0.6, 0.8))
    uses = told("aab", a, b, like=a)
    assert ranked(Similar(), uses) == "ab"
    assert why(Similar(), uses, "b") == "its similarity to what is asked about is 0.60"


def test_labelled_prefers_the_labels_that_are_asked_for() -> None:
    a, b = block("a", label="tea"), block("b", label="boats")
    uses = told("aab" + "c" * 40, a, b, block("c", label="boats"))
    assert ranked(Labelled(), uses).index("b") == 1
    assert ranked(Frequent(), uses).index("a") == 1
    assert why(Labelled(), uses, "a").startswith("0 of its 1 labels are asked for, and its uses fade to 1.")


def test_paying_prefers_what_saves_more_for_its_bytes() -> None:
    cheap, dear = block("a"), replace(block("b"), prefill=9.0)
    uses = told("ab" * 20, cheap, dear)
    assert ranked(Paying(), uses) == "ba"
    assert ranked(Recent(), told("ba" * 20, cheap, dear)) == "ab"
    assert why(Paying(), uses, "b") == (
        "502 of 1,000 uses are expected to be of it for the next 401, each saves 9 s of prefill, "
        "and it takes 3.33 s to build and 46.1 MB"
    )


def test_paying_builds_only_what_pays_its_building_and_keeps_what_is_built() -> None:
    order = "".join("ab"[number % 40 == 39] for number in range(400))
    rare = replace(block("b"), build=block("b").prefill * 30)
    uses = told(order, block("a"), rare)
    now = uses.now(1000.0)
    assert Paying().worth(uses.blocks["b"], now, held=False) < 0 < Paying().worth(uses.blocks["b"], now, held=True)


def test_paying_does_not_build_what_keeps_changing_however_often_it_is_used() -> None:
    uses = told("", block("a"), block("b"))
    for number in range(300):
        uses.used(Use("ab"[number % 2], float(number)))
        if number % 2:
            uses.changed(replace(block("b"), version=number), float(number))
    decisions = plan(Paying(), uses.blocks, {}, uses.now(9000.0), LIMITS)
    assert [(each.id, each.move) for each in decisions] == [("a", "promote"), ("b", "keep")]


@pytest.mark.claim("5.4.2-11")
def test_paying_builds_what_several_sessions_used_sooner_than_what_one_used_as_often() -> None:
    uses, promoted = told("", *map(block, "abc")), list[set[str]]()
    for number in range(3):
        for id in "ba":  # what one session used was used last
            uses.used(Use(id, float(number), first=id == "b" or number == 0))
        for _ in range(300):
            uses.used(Use("c", float(number), first=False))
        moves = plan(Paying(), uses.blocks, {}, uses.now(9000.0), LIMITS)
        promoted.append({each.id for each in moves if each.move == "promote"})
    assert promoted == [{"c"}, {"b", "c"}, {"a", "b", "c"}]
    assert "as it was used in one session, " in why(Paying(), uses, "a")
    assert "as it was used in 3 sessions, " in why(Paying(), uses, "b")


def test_a_burst_is_built_although_it_is_of_one_session() -> None:
    bursts = "".join(letter * 12 for letter in "abcdef" * 9)
    uses = Uses()
    for at, id in enumerate(bursts):
        uses.known(block(id))
        uses.used(Use(id, float(at), first=at < 6 * 12 and at % 12 == 0))
    assert uses.blocks["f"].sessions == 1
    assert Paying().worth(uses.blocks["f"], uses.now(1000.0), held=False) > 0


def test_nothing_that_was_never_used_is_promoted_by_any_policy() -> None:
    uses = told("a", block("a", label="tea", vector=(1.0,)), block("b", label="tea", vector=(1.0,)))
    for policy in (Recent(), Frequent(), Similar(), Labelled(), Paying()):
        moved = [each.id for each in plan(policy, uses.blocks, {}, uses.now(9.0), LIMITS) if each.move == "promote"]
        assert set(moved) <= {"a"}, policy.name


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [((1.0, 0.0), (2.0, 0.0), 1.0), ((1.0,), (1.0, 0.0), 0.0), ((), (1.0,), 0.0), ((0.0,), (1.0,), 0.0)],
)
def test_vectors_that_cannot_be_compared_are_not_alike(
    one: tuple[float, ...], other: tuple[float, ...], alike: float
) -> None:
    assert cosine(one, other) == alike


def test_what_is_known_of_a_block_can_be_told_anew_and_an_erased_one_is_not_used() -> None:
    uses = told("aa", block("a"))
    uses.known(replace(block("a"), pinned=True))
    past = uses.blocks["a"].past
    assert past is not None
    assert (uses.blocks["a"].pinned, past.times) == (True, 2)
    uses.erased("a")
    uses.used(Use("a", 9.0))
    assert not uses.blocks
    uses.known(block("a"))
    assert uses.blocks["a"].past is None
