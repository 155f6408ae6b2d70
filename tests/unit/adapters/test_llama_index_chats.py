"""The chat that a MemosMemory keeps in its process: as LlamaIndex's own store would answer, only sooner."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count

import pytest

pytest.importorskip("llama_index.core")
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from sqlalchemy.ext.asyncio import create_async_engine

from llama_index_memos.chats import InProcessChats

Step = tuple[str, str, Sequence[object]]

keys = st.sampled_from(["one", "two"])
states = st.sampled_from([MessageStatus.ACTIVE, MessageStatus.ARCHIVED])
some, numbers = st.none() | states, st.integers(0, 4)
messages = st.builds(
    ChatMessage,
    role=st.sampled_from([MessageRole.USER, MessageRole.ASSISTANT, MessageRole.TOOL]),
    content=st.text("abc \n\u00e9", max_size=5),
    additional_kwargs=st.dictionaries(st.sampled_from("xy"), st.integers(-9, 9), max_size=2),
)
few = st.lists(messages, max_size=3)
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("add_message"), keys, st.tuples(messages, states)),
    st.tuples(st.just("add_messages"), keys, st.tuples(few.filter(bool), states)),
    st.tuples(st.just("set_messages"), keys, st.tuples(few, states)),
    st.tuples(st.just("delete_messages"), keys, st.tuples(some)),
    st.tuples(st.just("delete_oldest_messages"), keys, st.tuples(numbers)),
    st.tuples(st.just("archive_oldest_messages"), keys, st.tuples(numbers)),
    st.tuples(st.just("count_messages"), keys, st.tuples(some)),
    st.tuples(st.just("get_messages"), keys, st.tuples(some, numbers, numbers)),
)
rounds = count()


@pytest.fixture(scope="module")
def portal() -> Generator[BlockingPortal]:
    with start_blocking_portal() as it:
        yield it


@pytest.fixture(scope="module")
def theirs(portal: BlockingPortal) -> Generator[SQLAlchemyChatStore]:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    yield SQLAlchemyChatStore("chats", async_engine=engine)
    portal.call(engine.dispose)


@given(history=st.lists(steps, max_size=20))
def test_it_answers_as_the_store_of_llama_index(
    portal: BlockingPortal, theirs: SQLAlchemyChatStore, history: list[Step]
) -> None:
    ours, number = InProcessChats(), next(rounds)

    async def answers(store: AsyncDBChatStore) -> list[object]:
        said = [await getattr(store, verb)(f"{key} {number}", *given) for verb, key, given in history]
        left = [key for key in await store.get_keys() if key.endswith(f" {number}")]
        return [*said, sorted(left), *[await store.get_messages(key, None) for key in sorted(left)]]

    assert portal.call(answers, ours) == portal.call(answers, theirs)


@pytest.mark.anyio
async def test_what_is_done_to_a_message_later_changes_no_chat() -> None:
    chats, message = InProcessChats(), ChatMessage("Zoe lives in Perth.", additional_kwargs={"n": 1})
    await chats.add_message("one", message)
    for each in (message, *await chats.get_messages("one")):
        each.additional_kwargs["n"] = 2
        assert isinstance(each.blocks[0], TextBlock)
        each.blocks[0].text = "changed"
        each.blocks.append(TextBlock(text="more"))
    (kept,) = await chats.get_messages("one")
    assert (kept.content, kept.additional_kwargs) == ("Zoe lives in Perth.", {"n": 1})


@pytest.mark.anyio
async def test_one_message_is_deleted_by_its_number() -> None:
    chats = InProcessChats()
    await chats.add_messages("one", [ChatMessage("first"), ChatMessage("second")])
    gone = await chats.delete_message("one", 1)
    assert (gone and gone.content, await chats.delete_message("one", 1)) == ("first", None)
    assert [each.content for each in await chats.get_messages("one")] == ["second"]
