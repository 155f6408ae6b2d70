"""Bad input to the public API: a clear error of ours, and nothing changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import InvalidInput, Memos, NotFound

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada") as system:
        yield system


async def only(memos: Memos, text: str) -> str:
    (key,) = (await memos.remember(text)).ids
    return key


BAD_TEXTS = ["", "   \n", "a\x00b", "half \ud800 pair", "x" * 10_000_000]


@pytest.mark.claim("5.3.2-21")
@pytest.mark.parametrize("text", BAD_TEXTS, ids=["empty", "blank", "NUL", "surrogate", "10 MB"])
async def test_a_text_that_cannot_be_stored_is_refused_and_nothing_changes(memos: Memos, text: str) -> None:
    key = await only(memos, "here before")
    for attempt in (memos.remember(text), memos.remember(["fine", text]), memos.update(key, text), memos.recall(text)):
        with pytest.raises(InvalidInput):
            await attempt
    if text.strip():
        with pytest.raises(InvalidInput):
            await memos.put(None, "k", text=text)
    assert (await memos.status()).memories == 1
    assert (await memos.get(key)).text == "here before"


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "null", "[1, 2]", "'; DROP TABLE memory; --", 'tea* OR "', "NEAR(a b)", "%_%"]
)
async def test_text_that_looks_like_a_query_is_only_text(memos: Memos, text: str) -> None:
    await memos.remember(f"harmless {text}")
    key = await only(memos, text)
    assert (await memos.get(key)).text == text
    assert (await memos.recall(f"harmless {text}")).searched == 2
    await memos.recall(text)


@pytest.mark.claim("5.1-12")
async def test_wrong_calls_are_refused_with_the_next_step(memos: Memos) -> None:
    attempts = [
        memos.remember("x", path="user/ada/../eve"),
        memos.remember({"unknown": "shape"}),
        memos.remember(17),
        memos.remember("x", speaker="a\x00b"),
        memos.remember("x", session="\ud800"),
        memos.remember("x", source="s" * 2000),
        memos.remember("x", said_at="whenever"),  # type: ignore[arg-type]  # a wrong value, as scripts send it
        memos.remember("x", kind="secret"),  # type: ignore[arg-type]  # the same
        memos.remember("x", source_class="alien"),  # type: ignore[arg-type]  # the same
        memos.browse(kinds=["secret"]),  # type: ignore[list-item]  # the same
        memos.recall("x", budget=0),
        memos.recall("x", limit=0),
        memos.recall("x", lanes=["telepathy"]),
        memos.recall("x", path=".."),
        memos.browse(limit=1000),
        memos.get(),
        memos.get("a", key="b"),
        memos.get("a", version=0),
        memos.update("a"),
        memos.put(None, "", text="x"),
        memos.put(None, "k"),
        memos.put(None, "k", data="x" * 3_000_000),
        memos.put(None, "k\n", text="x"),
        memos.update("a", "b", reason="r" * 2000),
        memos.put(None, "k", data=float("nan")),
        memos.put(None, "k", data={"t": "\ud800"}),
        memos.remember("x", tags=["a\x00"]),
        memos.rebuild("telepathy"),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidInput):
            await attempt
    with pytest.raises(NotFound, match="recall or browse"):
        await memos.get("nosuchmemory0000")
    assert (await memos.status()).memories == 0
