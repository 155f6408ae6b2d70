"""LlamaIndex from many threads and an event loop at once: no turn is lost or doubled, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from llama_index.core.base.llms.types import ChatMessage

import memos_mcp
from llama_index_memos import MemosMemoryBlock, MemosRetriever, MemosToolSpec
from memos_mcp import Connected, connect, sync
from tests.served import served
from tests.talker import Chats, chatting

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

THREADS, TURNS = 8, 3


@pytest.fixture(scope="module", params=["in this process", "behind a URL"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Connected]:
    home: Path = tmp_path_factory.mktemp("together")
    if request.param == "in this process":
        with sync.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
            yield connect(memos)
    else:
        with served(home) as running, connect(running.url, token=running.secret) as far:
            yield far


@pytest.fixture
def chats() -> Generator[Chats]:
    with chatting() as kept:
        yield kept


def stored(system: Connected, path: str) -> Counter[str]:
    """How often each text was said."""
    said = Counter[str]()
    after = 0
    while True:
        page = system.blocking.browse(path, limit=100, after=after)
        said.update({cube.text: cube.usage.sightings for cube in page.cubes})
        after = page.after
        if not after:
            return said


async def test_threads_and_a_loop_write_and_read_at_once(system: Connected, chats: Chats) -> None:
    path = "user/ada/threads"
    block = MemosMemoryBlock(memos=system, path=path)
    retriever, tools = MemosRetriever(system, path=path), MemosToolSpec(system, path=path)

    def thread(number: int) -> None:
        memory = chats.memory(system, path=path, session_id=f"thread {number}")
        for turn in range(TURNS):
            memory.put(ChatMessage(f"Thread {number} says {turn}."))
            tools.remember(f"Thread {number} notes {turn}.")
            assert retriever.retrieve(f"thread {number}")
            memory.get()

    async def task(number: int) -> None:
        memory = chats.memory(system, path=path, session_id=f"task {number}")
        for turn in range(TURNS):
            await memory.aput(ChatMessage(f"Task {number} says {turn}."))
            await tools.aremember(f"Task {number} notes {turn}.")
            assert await retriever.aretrieve(f"task {number}")
            await block.aget([ChatMessage("What does it say?")], session_id=f"task {number}")

    with ThreadPoolExecutor(THREADS) as pool:
        threads = [asyncio.wrap_future(pool.submit(thread, number)) for number in range(THREADS)]
        with anyio.fail_after(120):
            await asyncio.gather(*threads, *(task(number) for number in range(THREADS)))
    wanted = {
        f"{who} {number} {does} {turn}."
        for who in ("Thread", "Task")
        for number in range(THREADS)
        for does in ("says", "notes")
        for turn in range(TURNS)
    }
    assert stored(system, path) == Counter(dict.fromkeys(wanted, 1))


async def test_a_cancelled_turn_is_repeated_without_loss_and_others_go_on(system: Connected, chats: Chats) -> None:
    path = "user/ada/cancelled"

    async def talk(number: int) -> None:
        memory = chats.memory(system, path=path, session_id=f"talk {number}")
        for turn in range(TURNS):
            await memory.aput(ChatMessage(f"Talk {number} says {turn}."))

    async def interrupted(moments: int) -> None:
        """A turn is cancelled after so many steps of the loop, then put again."""
        memory = chats.memory(system, path=path, session_id=f"cut {moments}")
        words = ChatMessage(f"Cut after {moments}.")
        task = asyncio.create_task(memory.aput(words))
        for _ in range(moments):
            await asyncio.sleep(0)
        if not task.cancel():
            return await task
        await asyncio.wait([task])
        if not await memory.aget_all():
            await memory.aput(words)
        assert len(await memory.aget_all()) == 1
        return None

    moments = range(0, 40, 3)
    with anyio.fail_after(120):
        await asyncio.gather(*map(talk, range(THREADS)), *map(interrupted, moments))
    wanted = {f"Talk {number} says {turn}." for number in range(THREADS) for turn in range(TURNS)}
    wanted |= {f"Cut after {each}." for each in moments}
    assert stored(system, path) == Counter(dict.fromkeys(wanted, 1))


async def test_tasks_share_an_asynchronous_memos(tmp_path: Path, chats: Chats) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:

        async def task(number: int) -> None:
            memory = chats.memory(memos, session_id=f"task {number}")
            for turn in range(TURNS):
                await memory.aput(ChatMessage(f"Task {number} says {turn}."))
                await memory.aget()

        with anyio.fail_after(60):
            await asyncio.gather(*map(task, range(THREADS)))
        assert (await memos.browse()).total == THREADS * TURNS
