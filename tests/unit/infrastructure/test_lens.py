"""What lanes see of a memory decides what they index, and an index seen otherwise is made anew."""

from __future__ import annotations

import pytest

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Where
from tests.embedders import Meanings, call, settled, store

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("at_once")]
ADA = Where(("user/ada",))


def without_numbers(cube: MemCube) -> MemCube:
    text = "".join("#" if each.isdigit() else each for each in cube.text)
    return cube.model_copy(update={"payload": Plaintext(text=text)})


LENS = Lens(without_numbers, stamp=1 << 8)


async def embedded(vault: SqliteAdapter, lens: Lens) -> set[str]:
    """What a lane of another process embeds that opens the vault."""
    embedder = Meanings()
    lane = Vectors(vault, vault.segment_store, embedder, lens=lens)
    try:
        await lane.find(call("tea"), ADA, 10)
        await settled(lane.lane)
        await lane.find(call("tea"), ADA, 10)
    finally:
        await lane.aclose()
    return set(embedder.embedded) - {"tea"}


async def test_what_is_embedded_is_what_the_lens_shows(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    lane = Vectors(vault, vault.segment_store, embedder, lens=LENS)
    await store(vault, lane, "tea with 0142")
    await settled(lane.lane)
    await lane.aclose()
    assert set(embedder.embedded) == {"tea with ####"}
    assert await embedded(vault, LENS) == set()


async def test_vectors_seen_otherwise_are_made_anew(vault: SqliteAdapter) -> None:
    embedder = Meanings()
    lane = Vectors(vault, vault.segment_store, embedder)
    await store(vault, lane, "tea with 0142")
    await settled(lane.lane)
    await lane.aclose()
    assert await embedded(vault, LENS) == {"tea with ####"}
    assert await embedded(vault, LENS) == set()
    assert await embedded(vault, CLEAR) == {"tea with 0142"}


async def test_words_are_those_that_the_lens_shows(vault: SqliteAdapter) -> None:
    lane = Words(vault, vault.segment_store, lens=LENS)
    (event,) = await store(vault, lane, "tea with 0142")
    assert [hit.ref.id for hit in (await lane.find(call("tea"), ADA, 10)).hits] == [event.subject]
    assert (await lane.find(call("0142"), ADA, 10)).hits == ()
    again = Words(vault, vault.segment_store, lens=LENS)  # reads the log anew
    assert (await again.find(call("0142"), ADA, 10)).hits == ()
