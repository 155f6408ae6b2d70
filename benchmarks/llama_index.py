"""What LlamaIndex costs on top of MemOS: `python -m benchmarks.llama_index [--memories 1000] [--rounds 200]`.

Medians of a retriever against `recall`, of a tool against `remember`, of a turn against `remember`, and against both
that and the same turn put in a plain Memory; in this process, blocking and asynchronous, and over HTTP against the same
verb of a connection. Calls and verbs take turns, so that all meet the same machine.
"""

# LlamaIndex says of many values not what they are.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import anyio
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import Memory
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep
from benchmarks.surface import fact
from llama_index_memos import MemosMemory, MemosRetriever, MemosToolSpec
from memos_mcp import Connected, sync
from tests.served import served

T = TypeVar("T")
Call = Callable[[int], object]
Waited = Callable[[int], Awaitable[object]]
_WARM = 20


def timed(calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """The median of each in milliseconds, called in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + _WARM):
        for name, call in turned(calls, number):
            began = time.perf_counter()
            call(number)
            taken[name].append(time.perf_counter() - began)
    return medians(taken)


async def awaited(calls: Mapping[str, Waited], rounds: int) -> dict[str, float]:
    """The same for coroutines."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + _WARM):
        for name, call in turned(calls, number):
            began = time.perf_counter()
            await call(number)
            taken[name].append(time.perf_counter() - began)
    return medians(taken)


def turned(calls: Mapping[str, T], number: int) -> list[tuple[str, T]]:
    """The calls, another one first each time: what comes first after a write has to catch up with it."""
    items = list(calls.items())
    first = number % len(items)
    return items[first:] + items[:first]


def medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    """Without the first, which load what is needed."""
    return {name: round(statistics.median(seconds[_WARM:]) * 1000, 3) for name, seconds in taken.items()}


def against(figures: Mapping[str, float], verb: str, call: str) -> JsonValue:
    """A call and the verb beneath it."""
    over, least = figures[call], figures[verb]
    return {"verb_ms": least, "call_ms": over, "more_ms": round(over - least, 3), "times": round(over / least, 2)}


def turn(who: str, number: int) -> dict[str, JsonValue]:
    """A message that was not said yet."""
    return {"role": "user", "content": f"{who} says the sentence with the number {number}."}


def blocking(memos: Connected, memories: int, rounds: int) -> dict[str, JsonValue]:
    """The blocking face."""
    verbs, retriever, tools = memos.blocking, MemosRetriever(memos), MemosToolSpec(memos)
    memory, plain = MemosMemory.from_client(memos, session_id="b"), Memory.from_defaults(session_id="b")

    def put(number: int) -> None:
        memory.put(ChatMessage(str(turn("memory", number)["content"])))
        if number % 20 == 0:
            memory.reset()

    def by_hand(number: int) -> None:
        verbs.remember(turn("hand", number), session="h", source=f"h/{number}")
        plain.put(ChatMessage(str(turn("plain", number)["content"])))
        if number % 20 == 0:
            plain.reset()

    reads = timed(
        {
            "recall": lambda n: verbs.recall(fact(n % memories).question),
            "retrieve": lambda n: retriever.retrieve(fact((n + memories // 2) % memories).question),
        },
        rounds,
    )
    writes = timed(
        {
            "remember": lambda n: verbs.remember(turn("verb", n), session="v", source=f"v/{n}"),
            "tool": lambda n: tools.remember(f"The tool says the sentence with the number {n}."),
            "put": put,
            "by hand": by_hand,
        },
        rounds,
    )
    return _table(reads | writes)


async def asynchronous(memos: Connected, memories: int, rounds: int) -> dict[str, JsonValue]:
    """The asynchronous face."""
    verbs, retriever, tools = memos.asynchronous, MemosRetriever(memos), MemosToolSpec(memos)
    memory, plain = MemosMemory.from_client(memos, session_id="a"), Memory.from_defaults(session_id="a")

    async def put(number: int) -> None:
        await memory.aput(ChatMessage(str(turn("amemory", number)["content"])))
        if number % 20 == 0:
            await memory.areset()

    async def by_hand(number: int) -> None:
        await verbs.remember(turn("ahand", number), session="ah", source=f"ah/{number}")
        await plain.aput(ChatMessage(str(turn("aplain", number)["content"])))
        if number % 20 == 0:
            await plain.areset()

    reads = await awaited(
        {
            "recall": lambda n: verbs.recall(fact(n % memories).question),
            "retrieve": lambda n: retriever.aretrieve(fact((n + memories // 2) % memories).question),
        },
        rounds,
    )
    writes = await awaited(
        {
            "remember": lambda n: verbs.remember(turn("averb", n), session="av", source=f"av/{n}"),
            "tool": lambda n: tools.aremember(f"The atool says the sentence with the number {n}."),
            "put": put,
            "by hand": by_hand,
        },
        rounds,
    )
    return _table(reads | writes)


def _table(found: Mapping[str, float]) -> dict[str, JsonValue]:
    return {
        "retrieve": against(found, "recall", "retrieve"),
        "remember_tool": against(found, "remember", "tool"),
        "put": against(found, "remember", "put"),
        "put_against_both_by_hand": against(found, "by hand", "put"),
    }


def fill(memos: Connected, memories: int) -> None:
    """Something to look through."""
    texts: list[JsonValue] = [{"role": "user", "content": fact(number).text} for number in range(memories)]
    for at in range(0, memories, 500):
        memos.blocking.remember(texts[at : at + 500], session="facts")
    memos.blocking.settle()


async def own_loop(home: Path, memories: int, rounds: int) -> dict[str, JsonValue]:
    """An asynchronous Memos on the vault."""
    async with memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
        return await asynchronous(memos_mcp.connect(memos), memories, rounds)


def main() -> None:
    """Measure and keep the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--memories", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "own"
        with sync.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
            near = memos_mcp.connect(memos)
            fill(near, given.memories)
            embedded = blocking(near, given.memories, given.rounds)
            in_threads = anyio.run(asynchronous, near, given.memories, given.rounds)
        in_loop = anyio.run(own_loop, home, given.memories, given.rounds)
        with served(Path(folder) / "far") as server, memos_mcp.connect(server.url, token=server.secret) as far:
            fill(far, given.memories)
            remote = blocking(far, given.memories, given.rounds)
            remote_async = anyio.run(asynchronous, far, given.memories, given.rounds)
    keep(
        "llama_index",
        {
            "memories": given.memories,
            "rounds": given.rounds,
            "embedded": {"blocking": embedded, "async_on_sync_memos": in_threads, "async": in_loop},
            "http": {"blocking": remote, "async": remote_async},
        },
        given.out,
    )


if __name__ == "__main__":
    main()
