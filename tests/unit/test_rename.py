"""Other keys for memories that were put under one, and many forgotten at once: all or none."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada") as opened:
        for key in "abc":
            await opened.put(None, key, text=f"the text of {key}")
        yield opened


async def test_a_renamed_memory_keeps_its_id_its_words_and_its_versions(memos: Memos) -> None:
    old = await memos.get(key="a")
    (new,) = await memos.rename({"a": "z"}, reason="better name")
    assert (new.id, new.version, new.key, new.text) == (old.id, 2, "z", old.text)
    assert await memos.get(key="z") == new
    assert (await memos.get(old.id, version=1)).text == old.text
    assert (await memos.history(old.id))[-1].reason == "better name"
    with pytest.raises(NotFound):
        await memos.get(key="a")
    assert (await memos.put(None, "a", text="another")).id != old.id
    assert (await memos.recall("the text of a")).cubes[0].id == old.id


@pytest.mark.parametrize(
    ("keys", "error"),
    [({"a": "x", "b": "c"}, Conflict), ({"a": "x", "no": "y"}, NotFound), ({"a": "x", "b": ""}, InvalidInput)],
)
async def test_on_an_error_nothing_is_renamed(memos: Memos, keys: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        await memos.rename(keys)
    assert {cube.key for cube in (await memos.browse()).cubes} == {"a", "b", "c"}


async def test_on_an_error_nothing_is_forgotten(memos: Memos) -> None:
    known = (await memos.get(key="a")).id
    with pytest.raises(NotFound):
        await memos.forget_all([known, "nothere"])
    assert (await memos.browse()).total == 3
    events = await memos.forget_all([known, known, (await memos.get(key="b")).id], reason="tidy")
    assert [event.reason for event in events] == ["tidy", "tidy"]
    assert (await memos.browse()).total == 1


async def test_only_who_may_write_may_rename_or_forget(memos: Memos) -> None:
    eve = memos.acting_as(Caller("eve"))
    with pytest.raises(Denied):
        await eve.rename({"a": "x"}, path="user/ada")
    with pytest.raises(NotFound):
        await eve.forget_all([(await memos.get(key="a")).id])
