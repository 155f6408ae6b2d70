"""What a plan keeps to, whatever the policy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from memos_mcp.operation.expecting import outlook, used
from memos_mcp.operation.scheduling import Block, Decision, Held, Limits, Now, after, plan, size

PAST = used(None, 1)
NOW = Now(1000.0, replace(outlook(), uses=100, memories=3))
LIMITS = Limits(budget=100, promotions=2, interval=60.0, settled=60.0, margin=0.5, stay=16)


@dataclass(frozen=True)
class Set:
    """A policy that is told what everything is worth."""

    of: dict[str, float] = field(default_factory=dict[str, float])
    name: str = "set"

    def worth(self, block: Block, now: Now, *, held: bool) -> float:
        return self.of.get(block.id, 1.0)

    def why(self, block: Block, now: Now, *, held: bool) -> str:
        return f"it is worth {self.of.get(block.id, 1.0):g}"


def block(id: str, size: int = 40, **more: object) -> Block:
    return replace(Block(id, 1, size, 10, 1.0, 1.0, past=PAST), **more)


def there(*ids: str, size: int = 40, since: int = 0) -> dict[str, Held]:
    return {id: Held(id, 1, size, since) for id in ids}


def planned(
    blocks: list[Block],
    held: dict[str, Held],
    worth: dict[str, float] | None = None,
    limits: Limits = LIMITS,
    promoted: tuple[float, ...] = (),
) -> dict[str, Decision]:
    decisions = plan(Set(worth or {}), {each.id: each for each in blocks}, held, NOW, limits, promoted=promoted)
    return {each.id: each for each in decisions}


def moves(decisions: dict[str, Decision]) -> dict[str, str]:
    return {id: each.move for id, each in decisions.items()}


def test_what_is_worth_most_is_promoted_as_far_as_there_is_room() -> None:
    found = planned([block("a"), block("b"), block("c")], {}, {"a": 1, "b": 3, "c": 2})
    assert moves(found) == {"b": "promote", "c": "promote", "a": "keep"}
    assert found["b"].reason == "it is worth 3"
    assert found["b"].by == "set"
    assert found["a"].reason == "there is no room for 4e-05 MB: what is held is worth as much; it is worth 1"


def test_only_what_is_worth_less_by_the_margin_makes_room() -> None:
    blocks, held = [block("a"), block("b"), block("new")], there("a", "b")
    assert "promote" not in moves(planned(blocks, held, {"a": 2, "b": 3, "new": 3})).values()
    found = planned(blocks, held, {"a": 2, "b": 3, "new": 3.1})
    assert moves(found) == {"a": "demote", "new": "promote", "b": "keep"}
    assert found["a"].reason == "it makes room for what is worth more, 2 against 3.1: it is worth 2"


def test_what_came_lately_is_not_displaced_and_no_more_goes_than_is_needed() -> None:
    small, large = {"small": Held("small", 1, 10, 0)}, {"large": Held("large", 1, 60, 0)}
    blocks = [block("small", 10), block("large", 60), block("new", 60)]
    assert moves(planned(blocks, small | large, {"small": 1, "large": 2, "new": 9})) == {
        "large": "demote",
        "new": "promote",
        "small": "keep",
    }
    found = planned([block("a", 60), block("new", 60)], there("a", size=60, since=90), {"new": 9})
    assert moves(found) == {"new": "keep", "a": "keep"}


def test_what_is_not_used_not_settled_or_too_large_stays_as_it_is() -> None:
    blocks = [
        block("unused", past=None),
        block("fresh", changed=950.0),
        block("huge", 101),
        block("old", changed=940.0),
    ]
    found = planned(blocks, {})
    assert {id: each.reason for id, each in found.items()} == {
        "unused": "it was not used yet",
        "fresh": "it changed 50 s ago, and what is built stands still for 60 s",
        "huge": "it takes 0.000101 MB, more than the budget of 0.0001 MB",
        "old": "it is worth 1",
    }
    assert found["old"].move == "promote"


def test_a_block_of_another_version_or_of_an_erased_memory_goes_even_if_pinned() -> None:
    found = planned([block("a", version=2, pinned=True, changed=990.0)], there("a", "gone"))
    assert found["gone"].reason == "its memory was erased"
    decisions = plan(Set(), {"a": block("a", version=2, pinned=True)}, there("a"), NOW, LIMITS)
    assert [(each.move, each.version) for each in decisions] == [("demote", 1), ("promote", 2)]
    assert decisions[0].reason == "its memory has version 2 now, the block is of 1"


def test_what_is_worth_nothing_goes_unless_it_is_pinned() -> None:
    found = planned([block("a"), block("b", pinned=True)], there("a", "b"), {"a": 0, "b": -1})
    assert moves(found) == {"a": "demote", "b": "keep"}
    assert found["b"].reason == "it is worth -1; it is pinned"


def test_a_smaller_budget_takes_what_is_worth_least_and_leaves_pins() -> None:
    blocks = [block("a"), block("b", pinned=True), block("c")]
    found = planned(blocks, there("a", "b", "c"), {"a": 1, "b": 0.1, "c": 2}, replace(LIMITS, budget=90))
    assert moves(found) == {"a": "demote", "b": "keep", "c": "keep"}
    assert found["a"].reason == "the budget is 9e-05 MB, and of what is held it is worth least: it is worth 1"
    assert moves(planned(blocks[1:2], there("b"), limits=replace(LIMITS, budget=10))) == {"b": "keep"}


def test_a_rate_of_promotions_is_kept_over_plans() -> None:
    blocks = [block("a", 10), block("b", 10), block("c", 10)]
    assert list(moves(planned(blocks, {})).values()) == ["promote", "promote", "keep"]
    found = planned(blocks, {}, promoted=(900.0, 941.0))
    assert list(moves(found).values()) == ["promote", "keep", "keep"]
    assert found["c"].reason == "2 promotions in 60 s are the limit"


def test_only_what_is_asked_is_promoted_and_moves_alone_can_be_had() -> None:
    blocks = {"a": block("a"), "b": block("b")}
    found = plan(Set(), blocks, there("a"), NOW, LIMITS, asked=("b", "unknown"), explain=False)
    assert [(each.move, each.id) for each in found] == [("promote", "b")]
    assert after(there("a"), found, 100) == there("a") | {"b": Held("b", 1, 40, 100)}
    assert plan(Set(), blocks, {}, NOW, LIMITS, asked=(), explain=False) == ()


@pytest.mark.parametrize(("bytes", "says"), [(24_000_000, "24 MB"), (1_500_000_000, "1.5 GB")])
def test_sizes_read_well(bytes: int, says: str) -> None:
    assert size(bytes) == says
