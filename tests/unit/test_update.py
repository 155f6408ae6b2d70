"""Update API: passages changed, two changes merged, conflicts told and never guessed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import (
    Caller,
    Conflict,
    Denied,
    Dispute,
    Edit,
    IllegalMove,
    InvalidInput,
    MemCube,
    Memos,
    MergeConflict,
    NotFound,
)
from memos_mcp.cube import Plaintext, State
from memos_mcp.interface.differences import compact, differences

pytestmark = pytest.mark.anyio

PAGE = "# Tea\nAda drinks green tea.\n\nBen drinks coffee.\n"


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


@pytest.mark.claim("5.3.2-12")
async def test_a_labelled_update_carries_only_the_difference_and_history_shows_both(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    edits = [Edit("green", "black"), Edit("Ben drinks coffee.\n"), Edit(new="Cyd drinks milk.")]
    cube = await memos.update(page.id, edits=edits, label="tea-7", reason="she changed her mind")
    assert cube.text == "# Tea\nAda drinks black tea.\n\n\nCyd drinks milk."
    last = (await memos.history(page.id))[-1]
    assert (last.version, last.reason) == (2, "tea-7: she changed her mind")
    assert last.cube is not None
    assert "[-green-]{+black+}" in compact(differences(PAGE, last.cube.text))
    assert (await memos.update(page.id, edits=[Edit("black", "red")], label="tea-8")).version == 3
    assert (await memos.history(page.id))[-1].reason == "tea-8"


async def test_a_passage_must_be_there_exactly_once(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    with pytest.raises(InvalidInput, match="is there 2 times: give more of it"):
        await memos.update(page.id, edits=[Edit("drinks", "likes")])
    with pytest.raises(InvalidInput, match="is not there: read it again"):
        await memos.update(page.id, edits=[Edit("green", "black"), Edit("green", "red")])
    assert (await memos.get(page.id)).version == 1


async def test_a_change_is_merged_with_what_became_of_the_version_it_was_made_from(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE, data={"cups": 2, "milk": False})
    await memos.update(page.id, PAGE.replace("coffee", "cocoa"), data={"cups": 3, "milk": False})
    mine = PAGE.replace("green", "black")
    cube = await memos.update(page.id, mine, data={"cups": 2, "milk": True}, how="merge", base=1)
    assert cube.payload == Plaintext(text=mine.replace("coffee", "cocoa"), data={"cups": 3, "milk": True})
    assert cube.version == 3
    cube = await memos.update(page.id, how="merge", base=1, edits=[Edit("# Tea", "# Drinks")])
    assert cube.text == mine.replace("coffee", "cocoa").replace("# Tea", "# Drinks")
    assert (await memos.update(page.id, "all new", how="merge", base=cube.version)).text == "all new"


async def test_what_both_changed_is_returned_and_nothing_is_written(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE, data={"cups": 2})
    await memos.update(page.id, PAGE.replace("green", "white"), data={"cups": 3})
    with pytest.raises(MergeConflict, match="do not go together: line 2, /cups") as refused:
        await memos.update(page.id, PAGE.replace("green", "black"), data={"cups": 4}, how="merge", base=1)
    line = ("Ada drinks green tea.", "Ada drinks black tea.", "Ada drinks white tea.")
    assert refused.value.disputes == (Dispute("line 2", *line), Dispute("/cups", "2", "4", "3"))
    assert (refused.value.version, refused.value.retryable) == (2, False)
    assert (await memos.get(page.id)).version == 2
    settled = await memos.update(page.id, PAGE.replace("green", "black"), data={"cups": 4}, how="merge", base=2)
    assert settled.payload == Plaintext(text=PAGE.replace("green", "black"), data={"cups": 4})


async def test_expect_counts_before_a_merge(memos: Memos) -> None:
    page = await memos.put(None, "page", text="one\ntwo")
    await memos.update(page.id, "one\ntwo\nthree")
    with pytest.raises(Conflict, match="at version 2, not 1"):
        await memos.update(page.id, "zero\none\ntwo", how="merge", base=1, expect=1)
    assert (
        await memos.update(page.id, "zero\none\ntwo", how="merge", base=1, expect=2)
    ).text == "zero\none\ntwo\nthree"


async def test_a_merged_memory_is_found_by_all_its_words(memos: Memos) -> None:
    (id,) = (await memos.remember("Ada keeps bees and goats")).ids
    await memos.update(id, "Ada keeps bees and sheep")
    await memos.update(id, "Ada keeps wasps and goats", how="merge", base=1)
    assert [cube.text for cube in (await memos.recall("Who keeps wasps?")).cubes] == ["Ada keeps wasps and sheep"]


async def test_parts_that_do_not_go_together_are_refused(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    for wrong in (
        {},
        {"text": "x", "base": 1},
        {"text": "x", "base": 1, "how": "append"},
        {"text": "x", "edits": [Edit("green", "black")]},
        {"edits": [Edit("green", "black")], "how": "append"},
        {"edits": [Edit()]},
        {"edits": [Edit("green", "black")] * 101},
        {"text": "x", "base": 0, "how": "merge"},
        {"text": "x", "label": "a\nb"},
    ):
        with pytest.raises((InvalidInput, NotFound)):
            await memos.update(page.id, **wrong)  # pyright: ignore[reportArgumentType] what a caller may send
    with pytest.raises(NotFound, match="version 9"):
        await memos.update(page.id, "x", how="merge", base=9)
    assert (await memos.get(page.id)).version == 1


async def test_who_may_not_read_or_change_it_learns_nothing_from_a_merge(memos: Memos) -> None:
    page = await memos.put("shared/team", "page", text=PAGE)
    await memos.update(page.id, PAGE.replace("green", "white"))
    ben = memos.acting_as(Caller("ben"))

    async def told(error: type[Exception]) -> str:
        with pytest.raises(error) as refused:
            await ben.update(page.id, PAGE.replace("green", "black"), how="merge", base=1)
        return str(refused.value)

    await memos.acl.change([page.id], read_only=True)
    assert "it is read-only" in await told(Denied)
    await memos.acl.change([page.id], read_only=False, denied=["ben"])
    assert await told(NotFound) == f"ben has no memory '{page.id}'; recall or browse to find its id"


async def test_a_memory_in_quarantine_is_not_merged(memos: Memos) -> None:
    page: MemCube = await memos.put(None, "page", text=PAGE)
    await memos.quarantine.add([page.id])
    with pytest.raises(InvalidInput, match="release it first"):
        await memos.update(page.id, "x", how="merge", base=1)


@pytest.mark.claim("5.3.2-15")
async def test_an_update_takes_a_memory_to_another_state_in_the_same_commit(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    cube = await memos.update(page.id, PAGE.replace("green", "black"), move="archive", reason="over")
    assert (cube.version, cube.state) == (2, State.ARCHIVED)
    lines = (await memos.history(page.id))[-2:]
    assert [(line.action, line.reason) for line in lines] == [("update", "over"), ("move", "archive: over")]
    assert not (await memos.recall("tea")).cubes
    assert (await memos.update(page.id, move="restore")).state is State.ACTIVATED
    with pytest.raises(IllegalMove, match="cannot be restored"):
        await memos.update(page.id, "new", move="restore")
    assert (await memos.get(page.id)).text == cube.text
    with pytest.raises(InvalidInput, match="a move is one of"):
        await memos.update(page.id, "new", move="freeze")


async def test_who_may_write_a_memory_but_not_decide_about_it_moves_it_nowhere(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    await memos.acl.change([page.id], writers=["ben"])
    ben = memos.acting_as(Caller("ben"))
    with pytest.raises(Denied, match="decide about"):
        await ben.update(page.id, "new", move="archive")
    assert (await ben.update(page.id, "new")).state is State.GENERATED


@pytest.mark.claim("5.4.3-03")
async def test_what_is_merged_in_makes_a_new_version_that_is_merged(memos: Memos) -> None:
    page = await memos.put(None, "page", text=PAGE)
    cube = await memos.update(page.id, "Cyd drinks milk.", how="merge")
    assert (cube.version, cube.state, cube.text) == (2, State.MERGED, f"{PAGE}\nCyd drinks milk.")
    assert [line.action for line in await memos.history(page.id)] == ["put", "update", "move"]
    again = await memos.update(page.id, "Cyd drinks milk.", how="merge")
    assert (again.version, len(await memos.history(page.id))) == (2, 3)
    assert (await memos.update(page.id, "x", how="append")).state is State.MERGED
