"""What is held, laid into blocks: which memories are read together, and when a block is read anew."""

from __future__ import annotations

import pytest

from memos_mcp.operation.laying import Group, Layout, Piece, Standing, lay


def piece(id: str, tokens: int = 100, shelf: str = "ada") -> Piece:
    return Piece(id, shelf, tokens, 10 * tokens)


def standing(name: str, ids: str, tokens: int = 100, shelf: str = "ada") -> Standing:
    return Standing(name, shelf, dict.fromkeys(ids, tokens), 10 * tokens * len(ids))


def laid(
    wanted: list[Piece], *blocks: Standing, budget: int = 10**9, longest: int = 1000, least: int = 0
) -> tuple[Layout, list[str]]:
    layout = lay(wanted, blocks, budget=budget, longest=longest, least=least)
    return layout, ["".join(group.ids) for group in layout.build]


def test_what_lies_together_is_read_together_in_the_order_that_is_given() -> None:
    layout, built = laid([piece("b"), piece("a"), piece("x", shelf="ben"), piece("c")])
    assert built == ["bac", "x"]
    assert layout.build[0] == Group(("b", "a", "c"), 300, 3000)


def test_no_block_is_longer_than_the_longest() -> None:
    _, built = laid([piece(id) for id in "abcdefg"], longest=300)
    assert built == ["abc", "def", "g"]


def test_what_is_too_little_is_not_built_and_what_has_become_too_little_goes() -> None:
    assert laid([piece("a")], least=200) == (Layout(), [])
    assert laid([piece("a")], standing("old", "abc"), least=200) == (Layout(drop=("old",)), [])


def test_a_block_stays_as_long_as_its_memories_are_wanted() -> None:
    assert laid([piece("a"), piece("b")], standing("old", "ab")) == (Layout(stay=("old",)), [])


def test_a_block_is_read_anew_when_an_eighth_of_it_joins_and_not_before() -> None:
    eight = [piece(id) for id in "abcdefgh"]
    assert laid([*eight, piece("i", 90)], standing("old", "abcdefgh"))[0] == Layout(stay=("old",))
    layout, built = laid([*eight, piece("i")], standing("old", "abcdefgh"))
    assert built == ["abcdefghi"]
    assert layout.build[0].instead == ("old",)


def test_what_is_not_wanted_any_more_stays_in_a_block_while_it_is_little_and_there_is_room() -> None:
    nine = [piece(id) for id in "abcdefghi"]
    block = standing("old", "abcdefghij")
    assert laid(nine, block)[0] == Layout(stay=("old",))
    assert laid(nine, block, budget=9000)[1] == ["abcdefghi"]
    assert laid(nine[:8], block)[1] == ["abcdefgh"]


def test_a_block_of_which_nothing_is_wanted_goes() -> None:
    assert laid([], standing("old", "ab")) == (Layout(drop=("old",)), [])


def test_two_blocks_that_have_become_small_are_one() -> None:
    layout, built = laid([piece("a"), piece("f")], standing("one", "abcde"), standing("two", "fghij"))
    assert built == ["af"]
    assert sorted(layout.build[0].instead) == ["one", "two"]


def test_of_two_blocks_with_the_same_memories_one_goes() -> None:
    """So it is when a process is killed between a new block and the end of the one that it replaces."""
    layout, built = laid([piece(id) for id in "abc"], standing("new", "abc"), standing("old", "ab"))
    assert (layout, built) == (Layout(drop=("old",), stay=("new",)), [])


@pytest.mark.parametrize("longest", [100, 200])
def test_a_block_that_is_longer_than_may_be_is_taken_apart(longest: int) -> None:
    layout, built = laid([piece(id) for id in "abc"], standing("old", "abc"), longest=longest)
    assert all(len(ids) <= longest // 100 for ids in built)
    assert "".join(sorted("".join(built))) == "abc"
    assert layout.stay == ()


def test_a_block_that_is_only_estimated_at_a_little_more_than_may_be_stays() -> None:
    assert laid([piece(id) for id in "abc"], standing("old", "abc"), longest=250)[0] == Layout(stay=("old",))
