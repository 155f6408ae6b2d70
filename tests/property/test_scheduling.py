"""Plans of any policy, made after any uses, changes and erasures, keep what they promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.operation.scheduling import Block, Decision, Held, Limits, Policy, after, plan
from memos_mcp.operation.scheduling_policies import Frequent, Labelled, Paying, Recent, Similar
from memos_mcp.operation.uses import SILENCE, Sessions, Use, Uses

IDS = "abcdef"
Step = tuple[Any, ...]
LABELS = st.frozensets(st.sampled_from(("tea", "boats")))
VECTORS = st.sampled_from(((), (1.0, 0.0), (0.6, 0.8), (1.0, 0.0, 0.0)))
policies = st.sampled_from((Recent(span=20), Frequent(), Similar(), Labelled(), Paying(), Paying(horizon=8, rent=1e6)))
limits = st.builds(
    Limits,
    budget=st.integers(0, 300),
    promotions=st.integers(0, 3),
    interval=st.sampled_from((1.0, 20.0)),
    settled=st.sampled_from((0.0, 5.0)),
    margin=st.sampled_from((0.0, 0.5)),
    stay=st.integers(0, 4),
)
blocks = st.builds(
    Block,
    id=st.sampled_from(IDS),
    version=st.just(1),
    bytes=st.integers(1, 150),
    tokens=st.integers(1, 50),
    prefill=st.floats(0.1, 9),
    build=st.floats(0, 9),
    labels=LABELS,
    vector=VECTORS,
    pinned=st.booleans(),
)
uses = st.tuples(st.just("use"), st.sampled_from(IDS), LABELS, VECTORS)
steps = st.lists(
    st.one_of(
        uses,
        uses,
        uses,
        st.tuples(st.just("change"), blocks),
        st.tuples(st.just("erase"), st.sampled_from(IDS)),
        st.tuples(st.just("budget"), st.integers(0, 300)),
        st.just(("plan",)),
    ),
    max_size=40,
)


@given(policy=policies, within=limits, known=st.lists(blocks, max_size=6), steps=steps)
def test_plans_keep_what_they_promise(policy: Policy, within: Limits, known: list[Block], steps: list[Step]) -> None:
    seen, held, promoted = Uses(), dict[str, Held](), list[float]()
    for block in known:
        seen.known(block)
    for number, (what, *told) in enumerate(steps):
        at = float(number)
        match what:
            case "use":
                seen.used(Use(told[0], at, told[1], told[2]))
            case "change":
                old = seen.blocks.get(told[0].id)
                seen.changed(replace(told[0], version=old.version + 1 if old else 1), at)
            case "erase":
                seen.erased(told[0])
            case "budget":
                within = replace(within, budget=told[0])
            case _:
                pass
        now = seen.now(at)
        decisions = plan(policy, seen.blocks, held, now, within, promoted=promoted)
        assert decisions == plan(
            policy, dict(sorted(seen.blocks.items(), reverse=True)), held, now, within, promoted=promoted
        )
        before, held = held, after(held, decisions, now.outlook.uses)
        promoted += [at for each in decisions if each.move == "promote"]
        check(seen.blocks, before, held, decisions, within)
        assert sum(at - within.interval < moment <= at for moment in promoted) <= within.promotions
        for each in decisions:
            block = seen.blocks.get(each.id)
            if each.move == "promote" and block is not None:
                assert block.past is not None
                assert block.changed is None or at - block.changed >= within.settled
                assert any(letter.isdigit() for letter in each.reason)


@given(block=blocks, order=st.text(IDS, max_size=60), few=st.integers(0, 9), more=st.integers(0, 9))
def test_more_sessions_never_make_a_block_worth_less_and_one_that_is_there_is_worth_the_same(
    block: Block, order: str, few: int, more: int
) -> None:
    seen = Uses()
    for id in IDS:
        seen.known(replace(block, id=id))
    for at, id in enumerate(order):
        seen.used(Use(id, float(at)))
    now, policy = seen.now(100.0), Paying()
    known = (few, few + more, None)
    for each in seen.blocks.values():
        worth = [policy.worth(replace(each, sessions=number), now, held=False) for number in known]
        assert worth == sorted(worth)
        assert len({policy.worth(replace(each, sessions=number), now, held=True) for number in known}) == 1


@given(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(("ada", "eve")), st.integers(0, 3000)), max_size=40))
def test_a_session_of_a_memory_is_over_after_half_an_hour_without_a_use_of_it_by_whoever_used_it(
    steps: list[tuple[str, str, int]],
) -> None:
    seen, sessions, at, last = Uses(), Sessions(), 0.0, dict[tuple[str, str], float]()
    count = dict.fromkeys(IDS, 0)
    for id in IDS:
        seen.known(Block(id, 1, 1, 1, 1.0, 1.0))
    for id, user, later in steps:
        at += later
        seen.used(Use(id, at, first=sessions.is_first(id, user, at)))
        count[id] += (id, user) not in last or at - last[id, user] > SILENCE
        last[id, user] = at
    assert {id: block.sessions or 0 for id, block in seen.blocks.items()} == count


def check(
    blocks: Mapping[str, Block],
    before: Mapping[str, Held],
    held: Mapping[str, Held],
    decisions: tuple[Decision, ...],
    within: Limits,
) -> None:
    pins = sum(each.bytes for id, each in held.items() if blocks[id].pinned)
    assert sum(each.bytes for each in held.values()) <= max(within.budget, pins)
    assert all(each.version == blocks[id].version for id, each in held.items())
    for id, each in before.items():
        if id in blocks and blocks[id].pinned and blocks[id].version == each.version:
            assert held[id] == each
    assert held.keys() | before.keys() | blocks.keys() == {each.id for each in decisions}
    assert all(each.reason and each.by for each in decisions)
