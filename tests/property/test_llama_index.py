"""What LlamaIndex puts into a prompt is the context of a recall, line for line, but for what stands in the chat."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from llama_index_memos.turns import size, told
from memos_mcp import MemCube, Plaintext, Recall, Recalled
from memos_mcp.cube import Origin, new_id
from memos_mcp.operation.context import pack
from memos_mcp.search import MemoryCall

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = st.text(st.sampled_from("ab [](){}<>/\n.é漢"), min_size=1, max_size=60).filter(str.strip)


def recall(texts: list[str], sessions: list[str | None], budget: int) -> Recall:
    cubes = [
        MemCube(
            id=new_id(),
            path="user/ada",
            created_at=NOW,
            updated_at=NOW,
            origin=Origin(session=session),
            payload=Plaintext(text=text),
        )
        for text, session in zip(texts, sessions, strict=True)
    ]
    packed = pack(cubes, budget)
    places = tuple(Recalled(cube, 1.0, {}) for cube in cubes)
    return Recall("?", packed.text, places, packed.used, packed.left_out, (), len(cubes), MemoryCall("?", "?"))


MEMORIES = st.lists(st.tuples(WORDS, st.sampled_from([None, "here", "there"])), max_size=8)


@given(memories=MEMORIES, budget=st.integers(1, 400))
def test_with_room_and_a_new_chat_it_is_the_whole_context(memories: list[tuple[str, str | None]], budget: int) -> None:
    found = recall([text for text, _ in memories], [session for _, session in memories], budget)
    assert told(found, "here", [], 100, 100_000) == found.context


@given(
    memories=MEMORIES,
    heard=st.lists(WORDS, max_size=3),
    limit=st.integers(1, 8),
    budget=st.sampled_from([10, 60, 100_000]),
)
def test_nothing_of_the_session_that_was_heard_is_said_again(
    memories: list[tuple[str, str | None]], heard: list[str], limit: int, budget: int
) -> None:
    found = recall([text for text, _ in memories], [session for _, session in memories], 10_000)
    said = told(found, "here", heard, limit, budget)
    shown = [memory.cube for memory in found.memories if f"[{memory.cube.id}] " in said]
    assert len(shown) <= limit
    assert len(shown) <= 1 or size(said) <= budget + len(shown)
    new = [
        memory.cube
        for memory in found.memories
        if memory.cube.origin.session != "here" or not any(memory.cube.text in words for words in heard)
    ]
    assert shown == new[: limit if budget == 100_000 else len(shown)]
    assert all(cube.text in said for cube in shown)
