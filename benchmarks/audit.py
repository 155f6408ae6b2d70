"""What the access log costs: `python -m benchmarks.audit [--size 10000] [--rounds 1000] [--lines 200000]`.

The same calls on three copies of a vault, one without a log, one that writes within 50 ms, one that writes before the
answer; the calls take turns, so that what else the machine does is the same for all. Then: lines verified a second.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep, spread
from benchmarks.texts import Texts
from memos_mcp import Memos
from memos_mcp.accesses import Access, Item
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.database import Database

MODES = ("off", "grouped", "strict")
Call = Callable[[Memos, int], Awaitable[object]]


def opened(home: Path, mode: str) -> Memos:
    """The system over this vault, with words alone."""
    return memos_mcp.open(home=home, user="ada", audit={"mode": mode}, embedder={"kind": "none"})


async def filled(home: Path, size: int) -> list[str]:
    """A vault with so many memories; their ids."""
    texts = Texts(1)
    async with opened(home, "off") as memos:
        said: list[JsonValue] = [f"{texts.text()} #{number}" for number in range(size)]
        return [id for at in range(0, size, 1000) for id in (await memos.remember(said[at : at + 1000])).ids]


async def timed(systems: dict[str, Memos], call: Call, rounds: int) -> dict[str, JsonValue]:
    """Latencies of each system, in turns."""
    took: dict[str, list[float]] = {mode: [] for mode in systems}
    for round_ in range(rounds + 20):
        for mode, memos in systems.items():
            start = time.perf_counter()
            await call(memos, round_)
            took[mode].append(time.perf_counter() - start)
    kept = {mode: seconds[20:] for mode, seconds in took.items()}
    base = statistics.median(kept["off"])
    added = {mode: round((statistics.median(kept[mode]) - base) * 1000, 3) for mode in MODES[1:]}
    mean = {mode: round((statistics.mean(kept[mode]) - statistics.mean(kept["off"])) * 1000, 3) for mode in MODES[1:]}
    ratio = {mode: round(statistics.median(kept[mode]) / base, 2) for mode in MODES[1:]}
    return {
        "ms": {mode: spread(seconds) for mode, seconds in kept.items()},
        "added_ms": {"median": dict(added), "mean": dict(mean)},
        "ratio": dict(ratio),
    }


async def calls(folder: Path, size: int, rounds: int) -> dict[str, JsonValue]:
    """What each verb costs with and without."""
    ids = await filled(folder / "off", size)
    for mode in MODES[1:]:
        shutil.copytree(folder / "off", folder / mode)
    questions = [Texts(2).question() for _ in range(rounds + 20)]
    verbs: dict[str, Call] = {
        "recall": lambda memos, round_: memos.recall(questions[round_]),
        "get": lambda memos, round_: memos.get(ids[round_ % size]),
        "browse": lambda memos, _round: memos.browse(limit=20),
        "update": lambda memos, round_: memos.update(ids[round_ % size], f"a new text, number {round_}"),
    }
    async with AsyncExitStack() as stack:
        systems = {mode: await stack.enter_async_context(opened(folder / mode, mode)) for mode in MODES}
        return {name: await timed(systems, call, rounds) for name, call in verbs.items()}


async def verified(file: Path, lines: int) -> dict[str, JsonValue]:
    """Lines written and verified a second."""
    database = Database(file)
    log = SqliteAccessLog(database)
    items = tuple(Item(f"memory{number:02}", 1, "user/ada", "owner") for number in range(10))
    at = datetime.now(UTC)
    start = time.perf_counter()
    for number in range(lines):
        await log.write(Access(f"{number:016x}", at, "ada", "recall", "allowed", ("nurse",), items=items, said="tea?"))
    await log.used()
    wrote = time.perf_counter() - start
    start = time.perf_counter()
    found = await log.verify()
    took = time.perf_counter() - start
    if not found.ok:
        raise SystemExit(found.why)
    await log.aclose()
    database.close()
    size = (await anyio.Path(file).stat()).st_size
    return {
        "lines": lines,
        "written_per_second": round(lines / wrote),
        "verified_per_second": round(lines / took),
        "bytes_per_line": round(size / lines),
    }


def main() -> None:
    """Measure, print, keep."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=1000)
    options.add_argument("--lines", type=int, default=200_000)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="memos-audit-") as folder:
        verbs = anyio.run(calls, Path(folder), given.size, given.rounds)
        verify = anyio.run(verified, Path(folder) / "lines.db", given.lines)
    keep("audit", {"memories": given.size, "rounds": given.rounds, "verbs": verbs, "verify": verify}, given.out)


if __name__ == "__main__":
    main()
