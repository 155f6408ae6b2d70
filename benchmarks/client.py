"""What `memos_mcp.connect` costs: `python -m benchmarks.client [--memories 1000] [--calls 300]`.

The same verb asked in turn of a Memos and through `connect`, in this process and over HTTP, there beside a call of the
same tool by a connection that is kept. Medians; turns, so that what else this machine does meets both alike.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from pydantic import JsonValue

from benchmarks.common import keep, spread
from benchmarks.http import client, fill, free_port, running
from benchmarks.surface import fact
from memos_mcp import connect, sync, wiring
from memos_mcp import settings as configuration

_WARM = 20
_SERVE = "import typer; from memos_mcp.apps.cli_serve import serve; typer.run(serve)"
Ask = Callable[[int], Awaitable[object]]
Now = Callable[[int], object]


def compared(plain: list[float], through: list[float]) -> dict[str, JsonValue]:
    """What the way through `connect` adds, and times what it takes."""
    a, b = statistics.median(plain), statistics.median(through)
    return {
        "plain": spread(plain),
        "connected": spread(through),
        "more_ms": round((b - a) * 1000, 3),
        "times": round(b / a, 2),
    }


def _order(number: int) -> tuple[int, int]:
    return (0, 1) if number % 2 else (1, 0)


async def in_turn(plain: Ask, through: Ask, calls: int) -> dict[str, JsonValue]:
    """Both, one after the other, so many times."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(calls + _WARM):
        for turn in _order(number):
            began = time.perf_counter()
            await (plain, through)[turn](2 * number + turn)  # a question that came before is answered sooner
            taken[turn].append(time.perf_counter() - began)
    return compared(taken[0][_WARM:], taken[1][_WARM:])


def in_turn_now(plain: Now, through: Now, calls: int) -> dict[str, JsonValue]:
    """The same, blocking."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(calls + _WARM):
        for turn in _order(number):
            began = time.perf_counter()
            (plain, through)[turn](2 * number + turn)
            taken[turn].append(time.perf_counter() - began)
    return compared(taken[0][_WARM:], taken[1][_WARM:])


async def embedded(home: Path, memories: int, calls: int) -> dict[str, JsonValue]:
    """Over a Memos."""
    keys = itertools.count()
    async with wiring.open(configuration.load(home=home, user="ada", embedder={"kind": "none"})) as memos:
        through = connect(memos).asynchronous
        return {
            "recall": await in_turn(
                lambda n: memos.recall(fact(n % memories).question),
                lambda n: through.recall(fact(n % memories).question),
                calls,
            ),
            "put": await in_turn(
                lambda _: memos.put(None, f"a {next(keys)}", data={"n": 1}),
                lambda _: through.put(None, f"a {next(keys)}", data={"n": 1}),
                calls,
            ),
        }


def blocking(home: Path, memories: int, calls: int) -> dict[str, JsonValue]:
    """Over a blocking Memos, by both faces."""
    keys = itertools.count()
    with sync.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
        through = connect(memos)

        async def plainly(number: int) -> object:
            return memos.recall(fact(number % memories).question)

        async def both() -> dict[str, JsonValue]:
            return await in_turn(plainly, lambda n: through.asynchronous.recall(fact(n % memories).question), calls)

        return {
            "recall": in_turn_now(
                lambda n: memos.recall(fact(n % memories).question),
                lambda n: through.blocking.recall(fact(n % memories).question),
                calls,
            ),
            "recall_asynchronous": anyio.run(both),
            "put": in_turn_now(  # last: what follows the log works on after it
                lambda _: memos.put(None, f"b {next(keys)}", data={"n": 1}),
                lambda _: through.blocking.put(None, f"b {next(keys)}", data={"n": 1}),
                calls,
            ),
        }


async def over_http(url: str, token: str, memories: int, calls: int) -> dict[str, JsonValue]:
    """Over a URL, beside bare calls of the tools that it calls."""
    keys = itertools.count()
    async with client(url, token) as bare, connect(url, token=token) as connected:
        through = connected.asynchronous
        return {
            "recall": await in_turn(
                lambda n: bare.call("api_read", verb="recall", arguments={"question": fact(n % memories).question}),
                lambda n: through.recall(fact(n % memories).question),
                calls,
            ),
            "put": await in_turn(
                lambda _: bare.call(
                    "api_write", verb="put", arguments={"path": None, "key": f"c {next(keys)}", "data": {"n": 1}}
                ),
                lambda _: through.put(None, f"c {next(keys)}", data={"n": 1}),
                calls,
            ),
        }


def over_http_blocking(url: str, token: str, memories: int, calls: int) -> dict[str, JsonValue]:
    """Recalls by the blocking face."""
    with connect(url, token=token) as connected:
        taken: list[float] = []
        for number in range(calls + _WARM):
            began = time.perf_counter()
            connected.blocking.recall(fact(number % memories).question)
            taken.append(time.perf_counter() - began)
    return {"recall": spread(taken[_WARM:])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memories", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tokens, _ = anyio.run(fill, home, asked.memories)
        result: dict[str, JsonValue] = {
            "memories": asked.memories,
            "calls": asked.calls,
            "memos": anyio.run(embedded, home, asked.memories, asked.calls),
            "sync_memos": blocking(home, asked.memories, asked.calls),
        }
        port = free_port()
        with running(["-c", _SERVE, "--port", str(port)], home, port):
            url = f"http://127.0.0.1:{port}/mcp"
            result["url_blocking"] = over_http_blocking(url, tokens["ada"], asked.memories, asked.calls)
            result["url"] = anyio.run(over_http, url, tokens["ada"], asked.memories, asked.calls)
    keep("client", result, asked.out)


if __name__ == "__main__":
    main()
