"""Of two memories that are otherwise equal, the one with the higher priority is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos

pytestmark = pytest.mark.anyio

TEXT = "The tea is in the third drawer."


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, path: str, text: str = TEXT) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


@pytest.mark.claim("4.2-12")
@pytest.mark.parametrize("paths", [("user/ada/home", "user/ada/work"), ("user/ada", "shared/team")])
@pytest.mark.parametrize("question", ["Where is the tea?", "drawer"])
async def test_of_equal_memories_the_one_of_higher_priority_is_chosen(
    memos: Memos, paths: tuple[str, str], question: str
) -> None:
    ids = [await stored(memos, path) for path in paths]
    for first, second in (ids, ids[::-1]):
        await memos.acl.change([first], priority=3)
        await memos.acl.change([second], priority=-2)
        found = await memos.recall(question)
        assert [cube.id for cube in found.cubes] == [first, second]
        assert found.memories[0].score == found.memories[1].score
        assert [cube.id for cube in (await memos.recall(question, limit=1)).cubes] == [first]
        assert found.context.index(first) < found.context.index(second)


async def test_priority_is_no_match(memos: Memos) -> None:
    tea = await stored(memos, "user/ada")
    cellar = await stored(memos, "user/ada", "The wine is in the cellar.")
    before = (await memos.recall("Where is the tea?")).memories
    await memos.acl.change([cellar], priority=10)
    after = (await memos.recall("Where is the tea?")).memories
    assert [(each.cube.id, each.score) for each in after] == [(each.cube.id, each.score) for each in before]
    assert after[0].cube.id == tea


async def test_who_decides_about_a_memory_sets_its_priority_and_decay(memos: Memos) -> None:
    id = await stored(memos, "shared/team")
    (cube,) = await memos.acl.change([id], priority=7, decay=0.25)
    assert (cube.version, cube.governance.priority, cube.governance.decay) == (1, 7, 0.25)
    (cube,) = await memos.acl.change([id], decay="policy")
    assert (cube.governance.priority, cube.governance.decay) == (7, None)
    await memos.acl.change([id], writers=["ben"])
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ben")).acl.change([id], priority=1)


@pytest.mark.parametrize("priority", [11, -11])
async def test_a_priority_that_means_nothing_is_refused(memos: Memos, priority: int) -> None:
    with pytest.raises(InvalidInput, match="from -10 to 10"):
        await memos.acl.change([await stored(memos, "user/ada")], priority=priority)


@pytest.mark.parametrize("decay", [1.5, -0.1, float("nan")])
async def test_a_decay_that_means_nothing_is_refused(memos: Memos, decay: float) -> None:
    with pytest.raises(InvalidInput, match="0 to 1"):
        await memos.acl.change([await stored(memos, "user/ada")], decay=decay)
