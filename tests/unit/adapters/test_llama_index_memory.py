"""LlamaIndex's memory on MemOS: every turn is remembered once, and what answers comes back into the prompt."""

# LlamaIndex says of many values not what they are.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.memory import BaseMemory, BaseMemoryBlock, Memory, StaticMemoryBlock
from llama_index.core.storage.chat_store.base_db import MessageStatus
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from pydantic import PrivateAttr
from sqlalchemy.ext.asyncio import AsyncEngine

import memos_mcp
from llama_index_memos import MemosMemory, MemosMemoryBlock
from memos_mcp import InvalidInput, MissingExtra, sync
from tests.served import Served, served
from tests.talker import Chats, chatting

USER, ASSISTANT, TOOL = MessageRole.USER, MessageRole.ASSISTANT, MessageRole.TOOL

pytestmark = pytest.mark.anyio


def user(words: str) -> ChatMessage:
    return ChatMessage(role=USER, content=words)


def assistant(words: str) -> ChatMessage:
    return ChatMessage(role=ASSISTANT, content=words)


def prompt(messages: list[ChatMessage]) -> str:
    """What stands before the chat."""
    return str(messages[0].content) if messages[0].role == MessageRole.SYSTEM else ""


def turns(memos: sync.Memos, **which: Any) -> list[tuple[str | None, str]]:
    """What is remembered, oldest first."""
    return [(cube.origin.speaker, cube.text) for cube in reversed(memos.browse(limit=100, **which).cubes)]


@pytest.fixture
def chats() -> Generator[Chats]:
    with chatting() as kept:
        yield kept


@pytest.fixture
def memos(tmp_path: Path) -> Generator[sync.Memos]:
    with sync.open(home=tmp_path, user="ada") as opened:
        yield opened


def test_without_the_library_one_line_names_the_extra() -> None:
    script = """
import sys
sys.modules["llama_index"] = None
import memos_mcp
try:
    import llama_index_memos
except memos_mcp.MissingExtra as exc:
    print(exc)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == str(MissingExtra("llama-index"))


def test_the_import_alone_loads_nothing_of_llama_index() -> None:
    script = "import llama_index_memos, sys; print([n for n in sys.modules if n.startswith('llama_index.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="it has MemosMemory, MemosMemoryBlock, MemosRetriever, MemosToolSpec"):
        _ = __import__("llama_index_memos").Nothing


def test_they_are_what_llama_index_expects() -> None:
    for made, base in ((MemosMemory, Memory), (MemosMemory, BaseMemory), (MemosMemoryBlock, BaseMemoryBlock)):
        assert base.__name__ in [each.__name__ for each in made.__mro__]
        assert issubclass(made, base)
        assert not getattr(made, "__abstractmethods__", None)
    assert (MemosMemory.class_name(), MemosMemoryBlock.class_name()) == ("MemosMemory", "MemosMemoryBlock")


def test_every_turn_reaches_memos_once_and_at_once(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos, session_id="s1")
    memory.put(user("I only drink green tea."))
    memory.put_messages([assistant("I will keep that in mind."), ChatMessage(role=TOOL, content="72 °F")])
    memory.put(ChatMessage(role=ASSISTANT, content=""))
    assert turns(memos) == [("user", "I only drink green tea."), ("assistant", "I will keep that in mind.")]
    first, second = reversed(memos.browse().cubes)
    assert (first.origin.session, first.origin.source, first.origin.source_class) == ("s1", "llama-index/s1/0", "user")
    assert (second.origin.source, second.origin.source_class) == ("llama-index/s1/1", "assistant")
    assert len(memory.get_all()) == 4


def test_what_the_assistant_says_is_left_out_if_it_is_not_wanted(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos, roles=[USER])
    memory.put_messages([user("I play the cello."), assistant("How lovely!")])
    assert turns(memos) == [("user", "I play the cello.")]
    assert len(memory.get_all()) == 2


async def test_the_blocking_methods_work_within_a_running_loop(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos)
    memory.put(user("My cat is called Tibbles."))
    await memory.aput(user("My dog is called Rex."))
    assert len(turns(memos)) == 2
    assert "Tibbles" in prompt(chats.memory(memos).get(input="What is the cat called?"))


def test_what_answers_stands_in_the_prompt_of_another_session(memos: sync.Memos, chats: Chats) -> None:
    chats.memory(memos, session_id="monday").put(user("I am allergic to shellfish."))
    memory = chats.memory(memos, session_id="tuesday")
    memory.put(user("What am I allergic to?"))
    messages = memory.get()
    assert prompt(messages).count("I am allergic to shellfish.") == 1
    assert "<memos>" in prompt(messages)
    assert [message.content for message in memory.get_all()] == ["What am I allergic to?"]


def test_what_stands_in_the_chat_is_not_said_again(memos: sync.Memos, chats: Chats) -> None:
    chats.memory(memos, session_id="monday").put(user("My sister Eve lives in Porto."))
    memory = chats.memory(memos, session_id="tuesday")
    memory.put(user("Where does my sister Eve live?"))
    memory.put(assistant("Your sister Eve lives in Porto."))
    memory.put(user("Since when has my sister Eve lived there?"))
    shown = prompt(memory.get())
    assert "My sister Eve lives in Porto." in shown
    assert "Your sister Eve" not in shown
    assert "Where does" not in shown
    assert "Since when" not in shown


def test_there_is_nothing_to_recall_before_the_user_spoke(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos)
    assert memory.get() == []
    memory.put(assistant("Hello!"))
    assert [message.content for message in memory.get()] == ["Hello!"]


def test_what_leaves_the_queue_was_remembered_already(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos, session_id="s", token_limit=120, token_flush_size=20)
    for number in range(20):
        memory.put(user(f"Number {number} is on my list of things to do this week."))
        memory.put(assistant(f"Number {number} is noted."))
    assert len(memory.get_all()) == 40
    cubes = memos.browse(limit=100).cubes
    assert len(cubes) == 40
    assert {cube.usage.sightings for cube in cubes} == {1}
    memory.put(user("What of number 0?"))
    assert "Number 0 is on my list" in prompt(memory.get())


def test_a_history_that_is_set_for_every_question_is_remembered_once(memos: sync.Memos, chats: Chats) -> None:
    history = [user("I moved to Lisbon."), assistant("Noted."), user("And my brother to Oslo."), assistant("Noted.")]
    memory = chats.memory(memos, session_id="s")
    for _ in range(3):
        memory.set(history)
    chats.memory(memos, session_id="s", chat_history=history)
    assert len(turns(memos)) == 3
    (noted,) = [cube for cube in memos.browse().cubes if cube.text == "Noted."]
    assert noted.usage.sightings == 2
    assert [message.content for message in memory.get_all()] == [message.content for message in history]


class Full(SQLAlchemyChatStore):
    """A chat store whose disk is full, at first."""

    _full: bool = PrivateAttr(default=True)

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__("chat", async_engine=engine)

    async def add_message(self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE) -> None:
        full, self._full = self._full, False
        if full:
            raise OSError("disk full")
        await super().add_message(key, message, status)


def test_a_call_that_failed_can_be_repeated(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos)
    memory.sql_store = Full(chats.engine())
    with pytest.raises(OSError, match="disk full"):
        memory.put(user("I play the cello."))
    memory.put(user("I play the cello."))
    (cube,) = memos.browse().cubes
    assert cube.usage.sightings == 1
    assert len(memory.get_all()) == 1


def test_reset_clears_the_chat_and_not_what_is_remembered(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos)
    memory.put(user("I am vegetarian."))
    memory.reset()
    assert memory.get_all() == []
    memory.put(user("What should I cook, as a vegetarian?"))
    assert "I am vegetarian." in prompt(memory.get())
    assert len(turns(memos)) == 2


async def test_an_asynchronous_memos_serves_the_asynchronous_methods(tmp_path: Path, chats: Chats) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada") as memos:
        memory = chats.memory(memos, session_id="s")
        await memory.aput(user("I keep bees."))
        await memory.aput_messages([assistant("How many?"), user("Two hives.")])
        other = chats.memory(memos)
        assert "I keep bees." in prompt(await other.aget(input="Which animals do I keep?"))
        calls: list[Callable[[], object]] = [
            lambda: memory.put(user("a")),
            lambda: memory.put_messages([user("a")]),
            lambda: memory.set([user("a")]),
            lambda: memory.get(input="bees"),
            lambda: chats.memory(memos, chat_history=[user("a")]),
        ]
        for call in calls:
            with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
                call()
        assert len((await memos.browse()).cubes) == 3
        assert len(await memory.aget_all()) == 3


async def test_a_plain_memory_that_blocks_is_refused_too_and_does_not_hang(tmp_path: Path, chats: Chats) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada") as memos:
        memory = Memory.from_defaults(async_engine=chats.engine(), memory_blocks=[MemosMemoryBlock(memos=memos)])
        await memory.aget(input="Which animals do I keep?")
        with pytest.raises(InvalidInput, match="belongs to another event loop"):
            memory.get(input="Which animals do I keep?")


@pytest.fixture
async def shared(memos: sync.Memos) -> MemosMemoryBlock:
    block = MemosMemoryBlock(memos=memos)
    await block.aput([user("My password hint is the red bicycle.")], session_id="one")
    await block.aput([user("My password hint is the blue kite.")], session_id='t"wo\\')
    return block


QUESTION = [ChatMessage(role=USER, content="What is my password hint?")]


async def test_two_sessions_that_share_a_block_never_see_each_others_messages(shared: MemosMemoryBlock) -> None:
    for _ in range(2):
        one = await shared.aget(QUESTION, session_id="one")
        two = await shared.aget(QUESTION, session_id='t"wo\\')
        assert ("red bicycle" in one, "blue kite" in one) == (True, False)
        assert ("red bicycle" in two, "blue kite" in two) == (False, True)
    assert await shared.aget(QUESTION, session_id="three") == ""
    assert await shared.aget(QUESTION) == ""


async def test_sessions_of_one_user_share_what_is_known_if_they_are_told_to(
    memos: sync.Memos, shared: MemosMemoryBlock, chats: Chats
) -> None:
    block = MemosMemoryBlock(memos=memos, scope="user")
    assert (await block.aget(QUESTION, session_id="three")).count("password hint") == 2
    apart = chats.memory(memos, scope="session", session_id="one")
    assert "blue kite" not in prompt(apart.get(input="What is my password hint?"))


async def test_conditions_hold_for_what_is_recalled(memos: sync.Memos, shared: MemosMemoryBlock) -> None:
    memos.remember("The hint of Ben is a green hat.", session="one", tags=["work"])
    block = MemosMemoryBlock(memos=memos, where="tag:work OR tag:home")
    assert "green hat" in await block.aget([user("What is the hint?")], session_id="one")
    assert await block.aget(QUESTION, session_id="three") == ""


async def test_a_block_of_a_plain_memory_remembers_what_leaves_the_queue(memos: sync.Memos, chats: Chats) -> None:
    block = MemosMemoryBlock(memos=memos)
    memory = Memory.from_defaults(
        async_engine=chats.engine(), session_id="s", token_limit=60, token_flush_size=10, memory_blocks=[block]
    )
    for number in range(10):
        await memory.aput(user(f"Number {number} is on the list of things to do."))
        await memory.aput(assistant("Noted."))
    said = [text for _, text in turns(memos)]
    assert "Number 0 is on the list of things to do." in said
    assert "Number 9 is on the list of things to do." not in said
    assert len(said) == len(set(said))


def test_what_is_recalled_keeps_to_its_budget_and_its_number(memos: sync.Memos, chats: Chats) -> None:
    for number in range(30):
        memos.remember(f"Shelf {number} of the library holds the books about the history of the city.")
    few = chats.memory(memos, similarity_top_k=3).get(input="Which shelf of the library?")
    assert prompt(few).count("Shelf") == 3
    short = chats.memory(memos, similarity_top_k=30, budget=100).get(input="Which shelf of the library?")
    assert 1 <= prompt(short).count("Shelf") <= 5


async def test_a_block_gives_up_its_last_lines_first(memos: sync.Memos) -> None:
    block = MemosMemoryBlock(memos=memos)
    assert await block.atruncate("first line\nsecond line\nthird line", 2) == "first line\nsecond line"
    assert await block.atruncate("first line\nsecond line", 100) is None


def test_a_prompt_over_the_limit_is_cut_and_not_refused(memos: sync.Memos, chats: Chats) -> None:
    for number in range(20):
        memos.remember(f"Shelf {number} of the library holds the books about the history of the city.")
    messages = chats.memory(memos, similarity_top_k=20, token_limit=100).get(input="Which shelf?")
    assert 1 <= prompt(messages).count("Shelf") < 10


def test_other_blocks_stand_beside_it(memos: sync.Memos, chats: Chats) -> None:
    memos.remember("The office is in Utrecht.")
    static = StaticMemoryBlock(name="rules", static_content=[TextBlock(text="Be brief.")])
    messages = chats.memory(memos, memory_blocks=[static]).get(input="Where is the office?")
    assert "Be brief." in prompt(messages)
    assert "Utrecht" in prompt(messages)


def test_without_a_memory_system_it_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match=r"MemosMemory\.from_client\(memos\)"):
        MemosMemory.from_defaults()
    with pytest.raises(InvalidInput, match="this is a int, where a Memos"):
        MemosMemory.from_client(3)
    with pytest.raises(InvalidInput, match="there is none, where a Memos"):
        MemosMemoryBlock()


def test_what_was_saved_is_made_again_with_the_memos_given_anew(memos: sync.Memos, chats: Chats) -> None:
    memory = chats.memory(memos, session_id="s", token_limit=900, budget=77, path="user/ada/work")
    saved = json.loads(memory.to_json())
    assert saved["class_name"] == "MemosMemory"
    with pytest.raises(InvalidInput, match="an open Memos is not saved"):
        MemosMemory.from_dict(saved)
    again = MemosMemory.from_dict(saved, memos=memos, sql_store=chats.memory(memos).sql_store)
    (block,) = again.memory_blocks
    assert isinstance(block, MemosMemoryBlock)
    assert (again.session_id, again.token_limit, block.budget, block.path) == ("s", 900, 77, "user/ada/work")
    assert (block.scope, block.accept_short_term_memory) == ("user", False)
    again.put(user("I like tea."))
    assert memos.browse("user/ada/work").total == 1


def test_blocks_that_are_not_of_memos_are_given_again_too(memos: sync.Memos, chats: Chats) -> None:
    static = StaticMemoryBlock(name="rules", static_content=[TextBlock(text="Be brief.")])
    saved = chats.memory(memos, memory_blocks=[static]).to_dict()
    with pytest.raises(InvalidInput, match="the block 'rules' cannot be made again"):
        MemosMemory.from_dict(saved, memos=memos)
    again = MemosMemory.from_dict(saved, memory_blocks=[MemosMemoryBlock(memos=memos), static])
    assert len(again.memory_blocks) == 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


def test_a_url_is_saved_and_its_token_is_not(server: Served, chats: Chats) -> None:
    memory = chats.memory(server.url, token=server.secret, session_id="one")
    memory.put(user("I collect stamps from Iceland."))
    saved = memory.to_dict()
    assert server.url in str(saved)
    assert server.secret not in str(saved)
    again = MemosMemory.from_dict(saved, token=server.secret, session_id="two", sql_store=memory.sql_store)
    assert "Iceland" in prompt(again.get(input="Which stamps do I collect?"))


async def test_one_connection_serves_both_faces(server: Served, chats: Chats) -> None:
    async with memos_mcp.connect(server.url, token=server.secret) as memos:
        memory = chats.memory(memos, session_id="three")
        await memory.aput(user("My boat is called Amphitrite."))
        memory.put(assistant("A sea goddess!"))
        assert "Amphitrite" in prompt(await chats.memory(memos).aget(input="What is my boat called?"))
        assert "Amphitrite" in prompt(chats.memory(memos).get(input="What is my boat called?"))
