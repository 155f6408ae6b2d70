"""Time to the first token on SGLang, cold and warm: `tools/python tools/env.py test python -m benchmarks.ttft_sglang`.

The grid of `benchmarks.ttft` on a real server without a GPU, started here, with a Llama of random weights. Each round
flushes the server and asks a question after the memories (cold: the server reads both), then another one (warm: it has
the memories); the first words of both are waited for at the client. Then blocks of others push the memories out, which
the next answer says. Figures are medians of the rounds. The server's attention on a CPU computes what it has once
more, and that part is not saved. The seconds of the processor, of the server's processes together, tell more where
others use the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import prod
from pathlib import Path

import anyio
from pydantic import JsonValue

from benchmarks.common import keep
from benchmarks.ttft_grid import CONTEXTS, QUESTIONS, SHAPES, memories, prose
from memos_mcp.activation import Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.infrastructure.activation.sglang import SGLang
from tools import sglang_server
from tools.neo4j_server import free_port

SECRET = "of this benchmark alone"
_POOL = 12000  # tokens: the longest memories and question, and as much again


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Server:
    """A real one, and how many words make a thousand of its tokens."""

    its: SGLang
    folder: Path
    words: int

    async def first(self, block: Activation, question: str) -> Took:
        """What it took until the first words came."""
        wall, cpu = time.perf_counter(), sglang_server.cpu_seconds(self.folder)
        async with aclosing(self.its.stream(block, question, limit=1)) as words:
            await anext(words)
            taken = time.perf_counter() - wall
            async for _ in words:
                pass
        return Took(taken, sglang_server.cpu_seconds(self.folder) - cpu)

    def long(self, tokens: int) -> int:
        """The words of about so many tokens."""
        return round(tokens * self.words / 1000)


async def context(server: Server, tokens: int, questions: Sequence[int], rounds: int) -> list[dict[str, JsonValue]]:
    """One row for each length of the question, on one context."""
    its, rows = server.its, list[dict[str, JsonValue]]()
    block = await its.warm(memories(server.long(tokens), 1), pinned=True)
    for length in questions:
        cold, warm, shares, asked = list[Took](), list[Took](), list[float](), 0
        for number in range(rounds):
            await its.flush()
            texts = [prose(server.long(length), f"question {number} {way}") for way in ("cold", "warm", "after")]
            cold.append(await server.first(block, texts[0]))
            warm.append(await server.first(block, texts[1]))
            reply = await its.generate(block, texts[2], limit=1)
            shares.append(reply.reused / block.tokens)
            asked = reply.read
        rows.append(row(block.tokens, asked, cold, warm, min(shares)))
        print(rows[-1])
    await its.drop(block)
    rows[-1]["cold once it was pushed out"] = await pushed_out(server, block.sources, tokens)
    return rows


async def pushed_out(server: Server, sources: Sequence[Ref], tokens: int) -> bool:
    """Whether an answer says that blocks of others have taken the place of its own."""
    its = server.its
    texts = {source.ref: source for source in memories(server.long(tokens), 1)}
    loose = await its.warm([texts[ref] for ref in sources])
    for at in range(_POOL // 3000 + 1):
        await its.warm([Source(Ref(id=f"other {at}", version=1), prose(server.long(3000), f"other {tokens} {at}"))])
    return (await its.generate(loose, "And then?", limit=1)).cold


def row(tokens: int, question: int, cold: list[Took], warm: list[Took], share: float) -> dict[str, JsonValue]:
    """Medians in milliseconds, and what is saved of the cold time."""
    wall = {name: statistics.median(each.wall for each in its) for name, its in (("cold", cold), ("warm", warm))}
    cpu = {name: statistics.median(each.cpu for each in its) for name, its in (("cold", cold), ("warm", warm))}
    return {
        "memory tokens": tokens,
        "question tokens": question,
        "ms": {way: round(seconds * 1000, 1) for way, seconds in wall.items()},
        "cpu ms": {way: round(seconds * 1000, 1) for way, seconds in cpu.items()},
        "less": {"warm": round(1 - wall["warm"] / wall["cold"], 3)},
        "cpu less": {"warm": round(1 - cpu["warm"] / cpu["cold"], 3)} if cpu["cold"] else {},
        "factor": round(wall["cold"] / wall["warm"], 2),
        "cached": round(share, 4),
    }


async def measured(options: argparse.Namespace, url: str, folder: Path) -> list[JsonValue]:
    """The whole grid."""
    its = SGLang(url, SECRET, timeout_s=600, brief_s=60, follow_s=600)
    try:
        tried = await its.warm([Source(Ref(id="trial", version=1), prose(1000, "trial"))])
        server = Server(its, folder, round(1000 * 1000 / tried.tokens))
        await server.first(tried, prose(100, "warming up"))
        return [
            row
            for tokens in options.contexts
            for row in await context(server, tokens, options.questions, options.rounds)
        ]
    finally:
        await its.aclose()


def parameters(model: Path) -> int:
    """How many numbers a model has, by the header of its file."""
    with (model / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(each["shape"]) for name, each in header.items() if name != "__metadata__")


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted({"20m", "135m"} & set(SHAPES)), default="20m")
    parser.add_argument("--contexts", type=int, nargs="+", default=CONTEXTS)
    parser.add_argument("--questions", type=int, nargs="+", default=QUESTIONS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    model = sglang_server.model(options.model)
    with tempfile.TemporaryDirectory(prefix="memos-ttft-sglang-") as place:
        folder = Path(place) / "server"
        flags = ("--model-path", str(model), "--dtype", "float32", "--max-total-tokens", str(_POOL))
        url = sglang_server.start(free_port(), folder, flags)
        try:
            rows = anyio.run(measured, options, url, folder)
        finally:
            sglang_server.stop(folder, at_once=True)
    facts = {"model": options.model, "parameters": parameters(model), "dtype": "float32", "rounds": options.rounds}
    keep("ttft-sglang", {**facts, "sglang": sglang_server.VERSION, "rows": rows}, options.out)


if __name__ == "__main__":
    main()
