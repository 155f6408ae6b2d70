"""The MCP server from outside: `python -m benchmarks.surface [--n 1000] [--cold-runs 7] [--multi 20]`.

Raw JSON-RPC over standard input and output, one request at a time, as a host does it: cold start, size of the tool
list, writes (during a backlog of vectors, where a model is installed, and after it), searches, answers in tokens
(characters of their JSON / 4), two processes on one vault, first recall.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep, spread
from benchmarks.texts import Texts

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 60.0  # seconds for one answer
_SEARCHES = 20
_WORDS = (
    "apple river stone cloud tiger ember violet harbor lantern meadow copper saddle orbit pepper walnut canyon glacier "
    "whistle marble thunder cactus velvet anchor bamboo comet dolphin falcon granite hazel island"
).split()


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact with a code that only it holds, and a question that shares words with it."""

    text: str
    code: str
    question: str


def fact(i: int) -> Fact:
    """Fact number `i`, the same every time."""
    thing, colour, room = random.Random(i).sample(_WORDS, 3)
    code = f"K{i:05d}"
    return Fact(
        f"User {i} keeps a {thing} {colour} in the {room} room, noted as code {code}.",
        code,
        f"what does user {i} keep in the {room} room {thing}",
    )


class Server:
    """A server process and its wire."""

    def __init__(self, home: Path) -> None:
        env = {**os.environ, "HOME": str(home), "MEMOS_HOME": str(home), "MEMOS_USER": "ada"}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        command = [sys.executable, "-m", "memos_mcp"]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=home)
        self._last = 0

    def initialize(self) -> dict[str, Any]:
        """Say hello."""
        about = {"name": "benchmark", "version": "1"}
        answer = self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=about)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def call(self, tool: str, **arguments: JsonValue) -> dict[str, Any]:
        """The result of a tool; an error ends the benchmark."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        if result.get("isError"):
            raise RuntimeError(f"{tool}: {result['content'][0]['text']}")
        return result

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a request."""
        self._last += 1
        self._send({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        assert self.process.stdout is not None
        watch = threading.Timer(LONGEST, self.process.kill)
        watch.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise RuntimeError(f"the server ended with {self.process.wait()} instead of answering {method}")
        return json.loads(line)["result"]

    def cpu_ms(self) -> float | None:
        """Processor time so far; Linux only."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        except OSError:
            return None
        return (int(stat[11]) + int(stat[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float | None:
        """Resident memory; Linux only."""
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines()
        except OSError:
            return None
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024, 1)

    def close(self) -> float:
        """End its input and wait; the seconds it took."""
        began = time.perf_counter()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        return time.perf_counter() - began

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()


@contextmanager
def folder() -> Generator[Path]:
    """A fresh data folder."""
    with tempfile.TemporaryDirectory(prefix="memos-surface-") as made:
        yield Path(made)


@contextmanager
def serving(home: Path) -> Generator[Server]:
    """A server that has been initialized."""
    server = Server(home)
    try:
        server.initialize()
        yield server
    finally:
        server.close()


def timed(work: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    """The seconds something took, and what it gave."""
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


def characters(value: object) -> int:
    """Of its compact JSON."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def cold_starts(runs: int) -> dict[str, JsonValue]:
    """From the start of the process to the answer of tools/list, and how large that is."""
    wall: list[float] = []
    cpu: list[float] = []
    closing: list[float] = []
    about: dict[str, Any] = {}
    tools: list[dict[str, Any]] = []
    with folder() as home:
        for _ in range(runs):
            server = Server(home)
            about = server.initialize()
            tools = server.ask("tools/list")["tools"]
            wall.append(time.perf_counter() - server.began)
            cpu += filter(None, [server.cpu_ms()])
            closing.append(server.close())
    return {
        "cold_start_ms": spread(wall),
        "cold_start_cpu_ms": round(statistics.median(cpu)) if cpu else None,
        "close_ms": spread(closing),
        "tools": [tool["name"] for tool in tools],
        "tools_list_tokens": characters(tools) // 4,
        "instructions_bytes": len(str(about.get("instructions", "")).encode()),
    }


def writes_and_searches(n: int) -> dict[str, JsonValue]:
    """`n` writes one after another, then searches by code and by question in what they stored."""
    with folder() as home, serving(home) as server:
        add = [timed(lambda i=i: server.call("remember", content=fact(i).text))[0] for i in range(n)]
        lanes = settled(server)
        alone = [timed(lambda i=i: server.call("remember", content=fact(n + i).text))[0] for i in range(_SEARCHES)]
        settled(server)
        asked = [fact((j * 47 + 3) % n) for j in range(_SEARCHES)]
        by_code = searches(server, asked, [f.code for f in asked])
        by_question = searches(server, asked, [f.question for f in asked])
        rss = server.rss_mb()
        server.close()
        disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) // 1024
    return {
        "n": n,
        "add_ms": {**spread(add), "last20": round(statistics.median(add[-20:]) * 1000, 3)},
        "add_after_the_queue_was_empty_ms": spread(alone),
        "lanes_before_searching": lanes,
        "search_code": by_code,
        "search_question": by_question,
        "rss_mb": rss,
        "disk_kb": disk,
    }


def settled(server: Server) -> JsonValue:
    """The lanes, once none has anything to do: searches are timed with the index whole."""
    until = time.perf_counter() + LONGEST
    while True:
        lanes = server.call("memory_status")["structuredContent"]["lanes"]
        if time.perf_counter() > until or not any(lane.get("busy") or lane.get("pending") for lane in lanes):
            return lanes
        time.sleep(0.05)


def searches(server: Server, facts: Sequence[Fact], questions: Sequence[str]) -> dict[str, JsonValue]:
    """How long the answers took, how many hold the fact, and how large they are."""
    took: list[float] = []
    sizes: list[int] = []
    hits = 0
    for wanted, question in zip(facts, questions, strict=True):
        seconds, answer = timed(lambda question=question: server.call("recall", question=question))
        took.append(seconds)
        sizes.append(characters(answer) // 4)
        hits += wanted.code in json.dumps(answer)
    return {
        "ms": spread(took),
        "hits": f"{hits}/{len(facts)}",
        "answer_tokens": round(statistics.median(sizes)),
        "answer_tokens_max": max(sizes),
    }


def two_processes(n: int) -> dict[str, JsonValue]:
    """Two servers start at once on an empty folder; the first call of both is a write, `n` in all."""
    errors: list[str] = []
    ready = threading.Barrier(2)

    def host(home: Path, k: int) -> None:
        server = Server(home)
        try:
            server.initialize()
            ready.wait(LONGEST)
            for i in range(n):
                server.call("remember", content=fact(100_000 + k * 1000 + i).text)
        except (RuntimeError, OSError, threading.BrokenBarrierError) as exc:
            errors.append(f"process {k}: {exc}")
        finally:
            server.close()

    with folder() as home:
        with ThreadPoolExecutor(2) as hosts:
            list(hosts.map(host, (home, home), (0, 1)))
        written = [fact(100_000 + k * 1000 + i) for k in range(2) for i in range(n)]
        with serving(home) as server:
            found = sum(f.code in json.dumps(server.call("recall", question=f.code)) for f in written)
    return {"written": len(written), "found": found, "errors": len(errors), "first_error": next(iter(errors), None)}


def first_recalls(n: int, runs: int) -> dict[str, JsonValue]:
    """The first recall of fresh processes on a vault of `n` memories, after initialize."""
    texts = Texts(n)
    with folder() as home:
        anyio.run(fill, home, [turn.text for turn in texts.turns(n)])
        took: list[float] = []
        again: list[float] = []
        for _ in range(runs):
            question = texts.question()
            with serving(home) as server:
                took.append(timed(lambda question=question: server.call("recall", question=question))[0])
                again.append(timed(lambda question=question: server.call("recall", question=question))[0])
    return {"n": n, "first_ms": spread(took), "second_ms": spread(again)}


async def fill(home: Path, texts: Sequence[str]) -> None:
    """Store texts, many at a time."""
    async with memos_mcp.open(home=home, user="ada") as memos:
        for start in range(0, len(texts), 1000):
            batch: list[JsonValue] = [{"role": "user", "content": text} for text in texts[start : start + 1000]]
            await memos.remember(batch, session=f"s{start}")
        await memos.recall("What was said last?")


def main() -> None:
    """Measure everything, print one JSON object, keep it."""
    parser = argparse.ArgumentParser(description="the MCP server from outside")
    parser.add_argument("--n", type=int, default=1000, help="memories for writes and searches")
    parser.add_argument("--cold-runs", type=int, default=7)
    parser.add_argument("--multi", type=int, default=20, help="writes of each of two processes")
    parser.add_argument("--first-recall", type=int, nargs="*", default=[], metavar="N", help="vault sizes")
    parser.add_argument("--first-runs", type=int, default=5, help="fresh processes for each of these sizes")
    parser.add_argument("--out", type=Path, help="result file; default benchmarks/results/surface.json")
    given = parser.parse_args()
    result = cold_starts(given.cold_runs) | writes_and_searches(given.n)
    result["two_processes"] = two_processes(given.multi)
    result["first_recall"] = [first_recalls(n, given.first_runs) for n in given.first_recall]
    keep("surface", result, given.out)


if __name__ == "__main__":
    main()
