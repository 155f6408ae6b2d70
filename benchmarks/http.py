"""The HTTP server under load: `python -m benchmarks.http [--seconds 60] [--clients 16] [--memories 1000]`.

What HTTP adds to a recall in process; then clients of two people at once, each answer checked for what is the other's;
then the same load on the SDK's bare server with one tool that gives back what it gets. Messages of the 2026-07-28 era.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from pydantic import JsonValue

from benchmarks.common import keep, spread
from benchmarks.surface import fact
from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.apps.access import Tokens
from memos_mcp.ports import Caller

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = ("ada", "ben")
VERSION = "2026-07-28"
_WARM = 10.0  # seconds after which memory should stay as it is
_SERVE = "import typer; from memos_mcp.apps.cli_serve import serve; typer.run(serve)"
_FREE = {"MEMOS_HTTP__RATE": "1000000", "MEMOS_HTTP__BURST": "1000000", "MEMOS_HTTP__AT_ONCE": "1000"}


@dataclass
class Load:
    """What happened under load."""

    seconds: list[float] = field(default_factory=list[float])
    errors: list[str] = field(default_factory=list[str])
    seen_of_others: int = 0


class Caller2026:
    """One client on a connection of its own."""

    def __init__(self, http: httpx2.AsyncClient, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": "tools/call",
        } | ({"Authorization": f"Bearer {token}"} if token else {})

    async def call(self, tool: str, **arguments: JsonValue) -> str:
        """The answer as it came. Raises ValueError for anything but a result."""
        about: dict[str, JsonValue] = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params: dict[str, JsonValue] = {"name": tool, "arguments": arguments, "_meta": about}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = await self._http.post(self._url, json=message, headers=self._headers | {"Mcp-Name": tool})
        if answer.status_code != 200 or '"isError":true' in answer.text or '"result"' not in answer.text:
            raise ValueError(f"{answer.status_code} {answer.text[:200]}")
        return answer.text


@contextmanager
def running(command: Sequence[str], home: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    """A server process that answers on the port."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = {**os.environ, **_FREE, "MEMOS_HOME": str(home), "MEMOS_USER": "ada", "MEMOS_EMBEDDER__KIND": "none"}
    with subprocess.Popen([sys.executable, *command], env=env | {"PYTHONPATH": path}) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


@asynccontextmanager
async def client(url: str, token: str) -> AsyncGenerator[Caller2026]:
    """A client, closed at the end."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        yield Caller2026(http, url, token)


async def fill(home: Path, memories: int) -> tuple[dict[str, str], dict[str, JsonValue]]:
    """Memories and a token for each person; how long a recall takes in process."""
    settings = configuration.load(home=home, user="ada", embedder={"kind": "none"})
    ledger = wiring.ledger(settings)
    tokens = {user: (await Tokens(ledger).create(user, user=user, scope="write")).secret for user in PEOPLE}
    await ledger.aclose()
    async with wiring.open(settings) as memos:
        for user in PEOPLE:
            turns: list[JsonValue] = [{"content": f"{fact(i).text} It is of {user}."} for i in range(memories)]
            for at in range(0, memories, 500):
                await memos.acting_as(Caller(user)).remember(turns[at : at + 500])
        mine = memos.acting_as(Caller("ada"))
        taken: list[float] = []
        for i in range(330):
            began = time.perf_counter()
            await mine.recall(fact(i % memories).question)
            taken.append(time.perf_counter() - began)
    return tokens, spread(taken[30:])


async def one_by_one(url: str, token: str, memories: int) -> dict[str, JsonValue]:
    """The same recalls over HTTP."""
    taken: list[float] = []
    async with client(url, token) as calling:
        for i in range(330):
            began = time.perf_counter()
            await calling.call("recall", question=fact(i % memories).question)
            taken.append(time.perf_counter() - began)
    return spread(taken[30:])


async def work(url: str, token: str, user: str, number: int, until: float, load: Load, memories: int) -> None:
    """One client: nine recalls, then something new, and so on."""
    other = PEOPLE[1 - PEOPLE.index(user)]
    dice = random.Random(number)
    async with client(url, token) as calling:
        for i in itertools.count():
            if time.perf_counter() > until:
                return
            began = time.perf_counter()
            try:
                if i % 10 == 9:
                    answer = await calling.call("remember", content=f"Client {number} of {user} wrote {i}.")
                else:
                    answer = await calling.call("recall", question=fact(dice.randrange(memories)).question)
            except (ValueError, httpx2.HTTPError) as exc:
                load.errors.append(repr(exc)[:300])
                continue
            load.seconds.append(time.perf_counter() - began)
            load.seen_of_others += f"of {other}" in answer or f"user/{other}" in answer


async def echo(url: str, until: float, load: Load) -> None:
    """One client of the bare server."""
    text = "x" * 800  # about what recall gives
    async with client(url, "") as calling:
        while time.perf_counter() < until:
            began = time.perf_counter()
            await calling.call("echo", text=text)
            load.seconds.append(time.perf_counter() - began)


async def under_load(
    url: str, tokens: dict[str, str], clients: int, seconds: float, memories: int, pid: int
) -> dict[str, JsonValue]:
    """All clients at once."""
    load = Load()
    sizes: list[float] = []
    until = time.perf_counter() + seconds

    async def watch() -> None:
        await anyio.sleep(min(_WARM, seconds / 2))
        sizes.append(rss_mb(pid))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        for number in range(clients):
            user = PEOPLE[number % 2]
            tasks.start_soon(work, url, tokens[user], user, number, until, load, memories)
    sizes.append(rss_mb(pid))
    ordered = sorted(load.seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
    errors: list[JsonValue] = [*load.errors[:3]]
    return {
        "calls": len(ordered),
        "per_second": round(len(ordered) / seconds, 1),
        "errors": len(load.errors),
        "first_errors": errors,
        "seen_of_others": load.seen_of_others,
        **spread(load.seconds),
        "p99": round(p99 * 1000, 3),
        "p99_to_p50": round(p99 / p50, 2),
        "rss_mb_warm": sizes[0],
        "rss_mb_end": sizes[1],
    }


def rss_mb(pid: int) -> float:
    """Memory of a process, as the system counts it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024, 1)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def bare(url: str, clients: int, seconds: float) -> dict[str, JsonValue]:
    """The bare server under the same number of clients."""
    load = Load()
    until = time.perf_counter() + seconds
    async with anyio.create_task_group() as tasks:
        for _ in range(clients):
            tasks.start_soon(echo, url, until, load)
    return {"per_second": round(len(load.seconds) / seconds, 1), **spread(load.seconds)}


def serve_echo(port: int) -> None:
    """The SDK's server with one tool, and nothing of ours."""
    import uvicorn
    from mcp import types
    from mcp.server import Server, ServerRequestContext

    async def call(_: ServerRequestContext[Any], params: types.CallToolRequestParams) -> types.CallToolResult:
        text = str((params.arguments or {}).get("text"))
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content={"text": text}
        )

    server = Server("echo", on_call_tool=call)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    config = uvicorn.Config(server.streamable_http_app(), log_config=None, access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listening])


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--memories", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo:
        serve_echo(given.echo)
        return
    with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
        home = Path(folder)
        tokens, inside = anyio.run(fill, home, given.memories)
        port = free_port()
        url = f"http://127.0.0.1:{port}/mcp"
        with running(["-c", _SERVE, "--port", str(port)], home, port) as process:
            single = anyio.run(one_by_one, url, tokens["ada"], given.memories)
            loaded = anyio.run(under_load, url, tokens, given.clients, given.seconds, given.memories, process.pid)
        port = free_port()
        with running(["-m", "benchmarks.http", "--echo", str(port)], home, port):
            echoed = anyio.run(bare, f"http://127.0.0.1:{port}/mcp", given.clients, given.seconds / 2)
    result: dict[str, JsonValue] = {
        "clients": given.clients,
        "seconds": given.seconds,
        "memories_each": given.memories,
        "recall_ms": inside,
        "recall_http_ms": single,
        "added_ms": round(_number(single["p50"]) - _number(inside["p50"]), 3),
        "load_ms": loaded,
        "echo_ms": echoed,
        "throughput_to_echo": round(_number(loaded["per_second"]) / _number(echoed["per_second"]), 3),
    }
    keep("http", result, given.out)


def _number(value: JsonValue) -> float:
    assert isinstance(value, int | float)
    return float(value)


if __name__ == "__main__":
    main()
