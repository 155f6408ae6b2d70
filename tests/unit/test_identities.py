"""Names that are one: said, applied to what is asked, taken back; for those who may read where it was said."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.drawing import entity_node
from memos_mcp.infrastructure.identities import KIND, NO_NAMES, Same, united
from memos_mcp.interface.identities import Identities
from memos_mcp.testing.cubes import SOME_DAY

pytestmark = pytest.mark.anyio
EVE = Caller("eve")


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as it:
        await it.remember("Robert Marlow keeps a boat in Oban.")
        await it.remember("Captain Nemo taught me to sail.")
        await it.remember("Zoe lives in Perth.")
        yield it


def identities(memos: Memos) -> Identities:
    return Identities(memos._on)  # pyright: ignore[reportPrivateUsage]


async def found(memos: Memos, question: str, path: str | None = None) -> set[str]:
    recalled = await memos.recall(question, lanes=["graph"], path=path)
    assert recalled.missing == ()
    return {cube.text.split()[0] for cube in recalled.cubes}


async def test_a_question_that_names_one_finds_what_names_the_other_until_it_is_taken_back(memos: Memos) -> None:
    assert await found(memos, "Where is Captain Nemo?") == {"Captain"}
    merge = await identities(memos).merge("Captain Nemo", "Robert Marlow", reason="he told me")
    assert await found(memos, "Captain Nemo") == {"Captain", "Robert"}
    assert await found(memos, "Robert Marlow") == {"Captain", "Robert"}
    assert await found(memos, "Perth") == {"Zoe"}
    back = await identities(memos).take_back(merge.id, reason="it was a joke")
    assert (back.stands, back.by, back.back_by, back.why, back.back_why) == (
        False,
        "ada",
        "ada",
        "he told me",
        "it was a joke",
    )
    assert await found(memos, "Captain Nemo") == {"Captain"}
    assert await identities(memos).merges() == ()
    assert await identities(memos).merges(taken_back=True) == (back,)


async def test_said_again_the_other_way_round_it_stands_again(memos: Memos) -> None:
    mine = identities(memos)
    first = await mine.merge("Captain Nemo", "Robert Marlow")
    await mine.take_back(first.id)
    assert not (await mine.take_back(first.id)).stands
    again = await mine.merge("robert  marlow", "CAPTAIN NEMO")
    assert (again.id, again.stands, again.revision) == (first.id, True, 3)


async def test_a_step_of_the_walk_goes_over_all_names_of_an_entity(memos: Memos) -> None:
    await identities(memos).merge("Captain Nemo", "Robert Marlow")
    assert await found(memos, "Oban") == {"Robert", "Captain"}


async def test_what_is_dropped_leaves_no_name(memos: Memos, tmp_path: Path) -> None:
    merge = await identities(memos).merge("Quagga", "Robert Marlow")
    assert await identities(memos).drop(merge.id) == merge
    assert await identities(memos).merges(taken_back=True) == ()
    with pytest.raises(NotFound):
        await identities(memos).take_back(merge.id)


async def test_it_holds_where_it_was_said_and_for_who_may_read_there(memos: Memos) -> None:
    for name in ("Robert Marlow keeps a boat.", "Captain Nemo taught us."):
        await memos.remember(name, path="shared/team")
    eve = memos.acting_as(EVE)
    private = await identities(memos).merge("Captain Nemo", "Robert Marlow")
    assert await identities(eve).merges() == ()
    assert await found(eve, "Captain Nemo") == {"Captain"}
    assert await found(memos, "Captain Nemo", "shared/team") == {"Captain"}
    for attempt in (identities(eve).take_back, identities(eve).drop):
        with pytest.raises(NotFound, match="eve has no merge"):
            await attempt(private.id)
    with pytest.raises(Denied):
        await identities(eve).merge("a", "b", path="user/ada")
    shared = await identities(memos).merge("Captain Nemo", "Robert Marlow", path="shared/team")
    assert await identities(eve).merges() == (shared,)
    assert await found(eve, "Captain Nemo") == {"Captain", "Robert"}
    with pytest.raises(Denied):
        await identities(memos.acting_as(Caller("eve", scopes=("read",)))).take_back(shared.id)


async def test_who_reads_part_of_a_place_knows_what_is_said_of_all_of_it(memos: Memos) -> None:
    await memos.remember("Captain Nemo sails.", path="user/ada/work")
    await memos.remember("Robert Marlow sails.", path="user/ada/work")
    await identities(memos).merge("Captain Nemo", "Robert Marlow")
    assert await found(memos, "Captain Nemo", "user/ada/work") == {"Captain", "Robert"}


@pytest.mark.parametrize(("name", "into"), [("", "a"), ("a", " "), ("a", "…"), ("x" * 129, "a"), ("a\0", "b")])
async def test_a_name_has_letters(memos: Memos, name: str, into: str) -> None:
    with pytest.raises(InvalidInput, match="a name has"):
        await identities(memos).merge(name, into)


async def test_one_name_is_not_merged_with_itself(memos: Memos) -> None:
    with pytest.raises(InvalidInput, match="one name already"):
        await identities(memos).merge("Zoë", "ZOE")


async def test_a_branch_has_none_of_its_own(memos: Memos) -> None:
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    with pytest.raises(Denied, match="merge in the original"):
        await identities(idea).merge("a", "b")


async def test_a_note_that_is_damaged_is_told_and_recall_goes_on(memos: Memos) -> None:
    await memos._on.vault.ledger.write(KIND, "user/ada\ns_x", {"name": "a"})  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Corrupt, match="s_x"):
        await identities(memos).merges()
    recalled = await memos.recall("Where does Zoe live?")
    assert recalled.cubes[0].text == "Zoe lives in Perth."
    assert [missing.route for missing in recalled.missing] == ["graph"]


NAMES = st.sampled_from("abcdef")


def same(pair: tuple[str, str], number: int, root: str = "user/ada") -> Same:
    return Same(f"s_{number}", root, *pair, by="ada", at=SOME_DAY + timedelta(seconds=number))


@given(st.lists(st.tuples(NAMES, NAMES).filter(lambda pair: pair[0] != pair[1]), max_size=8), st.randoms())
def test_names_that_are_one_are_so_both_ways_in_any_order(
    pairs: Sequence[tuple[str, str]], dice: random.Random
) -> None:
    every = [same(pair, n) for n, pair in enumerate(pairs)]
    names = united(every)
    shuffled = list(every)
    dice.shuffle(shuffled)
    assert united(shuffled) == names
    for name, into in pairs:
        one, other = entity_node(name), entity_node(into)
        assert names.one(one, "user/ada") == names.one(other, "user/ada")
        assert set(names.and_others([one])) == set(names.and_others([other]))
        assert names.and_others([one])[0] == one
        assert names.one(one, "shared/team") == one


def test_what_was_taken_back_makes_nothing_one() -> None:
    gone = Same("s_1", "user/ada", "a", "b", "ada", SOME_DAY, back_by="ada", back_at=SOME_DAY)
    assert united([gone]) == NO_NAMES
