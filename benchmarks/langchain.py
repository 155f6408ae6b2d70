"""What LangChain's classes cost on top of MemOS: `python -m benchmarks.langchain [--memories 1000] [--calls 300]`.

A retriever against `recall`, a store's get and put against those of Memos: in this process, blocking and asynchronous,
and over HTTP against the same verb of a connection. Medians; in turns, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import anyio
from pydantic import JsonValue

from benchmarks.client import in_turn, in_turn_now
from benchmarks.common import keep
from benchmarks.http import fill, free_port, running
from benchmarks.surface import fact
from langchain_memos import MemosRetriever, MemosStore
from memos_mcp import BlockingClient, Client, Connected, Memos, connect, sync, wiring
from memos_mcp import settings as configuration

_SERVE = "import typer; from memos_mcp.apps.cli_serve import serve; typer.run(serve)"
_PATH = "user/ada/store/bench"
_VALUE: dict[str, JsonValue] = {"text": "Ada likes green tea", "cups": 2}
_ITEMS = 100


class Sizes:
    """How many memories there are, and how often each is asked."""

    def __init__(self, memories: int, calls: int) -> None:
        self.memories, self.calls = memories, calls

    def question(self, number: int) -> str:
        """One that has an answer."""
        return fact(number % self.memories).question


def blocking(verbs: sync.Memos | BlockingClient, memos: sync.Memos | Connected, sizes: Sizes) -> dict[str, JsonValue]:
    """The blocking face."""
    store, retriever = MemosStore(memos), MemosRetriever(memos=memos, k=10)
    for number in range(_ITEMS):
        store.put(("bench",), f"key {number}", _VALUE)
    return {
        "retrieve": in_turn_now(
            lambda n: verbs.recall(sizes.question(n), limit=10, budget=1),
            lambda n: retriever.invoke(sizes.question(n)),
            sizes.calls,
        ),
        "get": in_turn_now(
            lambda n: verbs.get(path=_PATH, key=f"key {n % _ITEMS}"),
            lambda n: store.get(("bench",), f"key {n % _ITEMS}"),
            sizes.calls,
        ),
        "put": in_turn_now(
            lambda n: verbs.put(_PATH, f"new {n}", text=str(_VALUE["text"]), data=_VALUE),
            lambda n: store.put(("bench",), f"new {n}", _VALUE),
            sizes.calls,
        ),
    }


async def asynchronous(verbs: Memos | Client, memos: Memos | Connected, sizes: Sizes) -> dict[str, JsonValue]:
    """The asynchronous face."""
    store, retriever = MemosStore(memos), MemosRetriever(memos=memos, k=10)
    for number in range(_ITEMS):
        await store.aput(("bench",), f"key {number}", _VALUE)
    return {
        "retrieve": await in_turn(
            lambda n: verbs.recall(sizes.question(n), limit=10, budget=1),
            lambda n: retriever.ainvoke(sizes.question(n)),
            sizes.calls,
        ),
        "get": await in_turn(
            lambda n: verbs.get(path=_PATH, key=f"key {n % _ITEMS}"),
            lambda n: store.aget(("bench",), f"key {n % _ITEMS}"),
            sizes.calls,
        ),
        "put": await in_turn(
            lambda n: verbs.put(_PATH, f"anew {n}", text=str(_VALUE["text"]), data=_VALUE),
            lambda n: store.aput(("bench",), f"anew {n}", _VALUE),
            sizes.calls,
        ),
    }


async def own_loop(home: Path, sizes: Sizes) -> dict[str, JsonValue]:
    """Over an asynchronous Memos."""
    async with wiring.open(configuration.load(home=home, user="ada", embedder={"kind": "none"})) as memos:
        await memos.settle()
        return await asynchronous(memos, memos, sizes)


async def over_http(url: str, token: str, sizes: Sizes) -> dict[str, JsonValue]:
    """Over a URL."""
    async with connect(url, token=token) as memos:
        return await asynchronous(memos.asynchronous, memos, sizes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memories", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    sizes = Sizes(asked.memories, asked.calls)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tokens, _ = anyio.run(fill, home, asked.memories)
        result: dict[str, JsonValue] = {"memories": asked.memories, "calls": asked.calls}
        result["memos"] = anyio.run(own_loop, home, sizes)
        with sync.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
            result["sync_memos"] = blocking(memos, memos, sizes)
        port = free_port()
        with running(["-c", _SERVE, "--port", str(port)], home, port):
            url = f"http://127.0.0.1:{port}/mcp"
            result["url"] = anyio.run(over_http, url, tokens["ada"], sizes)
            with connect(url, token=tokens["ada"]) as connected:
                result["url_blocking"] = blocking(connected.blocking, connected, sizes)
    keep("langchain", result, asked.out)


if __name__ == "__main__":
    main()
