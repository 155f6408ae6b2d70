"""What an answer takes to find out how memories reach the model: `python -m benchmarks.choosing_cost`.

In a vault with so many memories, on disk: to look at what was made of fifty of them (a KV block, an adapter) before it
may be used, alone, beside others that were made, and with many in it; and the choice of types for what was found. The
parts take turns, so that what else the machine does is the same for all. The model is a table: nothing is read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from pydantic import JsonValue

from benchmarks.common import keep, spread
from benchmarks.texts import Texts
from memos_mcp import Memos
from memos_mcp.interface.answering import Asking
from memos_mcp.interface.dispatching import chosen
from memos_mcp.operation.context import pack
from tests.activations import Table, remembering
from tests.learners import Learner

FOUND = 10
"""Memories that recall found, all of them in what is looked at."""
BUDGET = 4000
"""Tokens of what is found that are used."""
_BATCH, _WARM = 500, 20
Part = Callable[[], Awaitable[object]]


async def filled(memos: Memos, memories: int) -> list[str]:
    """So many memories as natural turns of talk; their ids."""
    texts, ids = Texts(5), list[str]()
    for at in range(0, memories, _BATCH):
        turns: list[JsonValue] = [f"{texts.text()} It was number {at + n}." for n in range(min(_BATCH, memories - at))]
        ids += (await memos.remember(turns)).ids
    return ids


async def timed(parts: dict[str, Part], rounds: int) -> dict[str, JsonValue]:
    """Milliseconds of each, in turns."""
    took = {name: list[float]() for name in parts}
    for round_ in range(rounds + _WARM):
        for name, part in parts.items():
            started = time.perf_counter()
            await part()
            if round_ >= _WARM:
                took[name].append(time.perf_counter() - started)
    return {name: spread(seconds) for name, seconds in took.items()}


async def looked(home: Path, memories: int, parts: int, others: int, rounds: int) -> dict[str, JsonValue]:
    """With so many memories in a block and an adapter that were made, and so many others beside them."""
    async with remembering(home, Table(), parametric=Learner()) as memos:
        ids = await filled(memos, memories)
        on = memos._on  # pyright: ignore[reportPrivateUsage]
        kv, adapters = on.activations, on.adapters
        if kv is None or adapters is None:
            raise SystemExit("there is no model")
        question = "What did Ada do with the old violin in Porto?"
        best = [each.cube.id for each in (await memos.recall(question, limit=FOUND, budget=BUDGET)).memories]
        rest = [id for id in ids if id not in set(best)]
        made = [best + rest[: parts - FOUND]]
        made += [rest[at * parts : (at + 1) * parts] for at in range(1, others + 1)]
        for number, each in enumerate(made):
            await memos.kv.build(each)
            await memos.adapters.train(f"topic-{number}", each)
        found = await memos.recall(question, limit=FOUND, budget=BUDGET)
        if found.prefix is None or found.adapter is None:
            raise SystemExit("nothing that was made covers what was found")
        packed, used = pack(found.cubes, BUDGET), found.cubes
        asking = Asking(on, found, (), BUDGET)
        its: dict[str, Part] = {
            "the KV block": lambda: kv.covering(on, used, found.paths),
            "the adapter": lambda: adapters.covering(on, used, found.paths),
            "the choice": lambda: chosen(asking, packed),
            "all of recall": lambda: memos.recall(question, limit=FOUND, budget=BUDGET),
        }
        return {
            "memories of the block": len(found.prefix.sources),
            "of the adapter": len(found.adapter.sources),
            "other blocks and adapters": others,
            "ms": await timed(its, rounds),
        }


def main() -> None:
    """Measure, print, keep."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--memories", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    rows: list[JsonValue] = []
    for parts, others in ((50, 0), (50, 20), (200, 0)):
        with TemporaryDirectory(prefix="memos-choosing-") as folder:
            rows.append(anyio.run(looked, Path(folder), given.memories, parts, others, given.rounds))
    keep("choosing-cost", {"memories": given.memories, "rows": rows}, given.out)


if __name__ == "__main__":
    main()
