"""kill -9 of a writer at random moments: `python -m benchmarks.crash [--kills 20] [--models DIR]`.

A child process remembers, puts, updates and forgets through the public API and acknowledges each change on its
standard output. After each kill the vault is opened again: every acknowledged change must be there, the file and the
log whole, and the words lane must answer as one rebuilt from the log. With a folder of models the child embeds as well,
and when nothing waits any more the vectors lane must answer as one rebuilt, too.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep
from benchmarks.texts import Texts
from memos_mcp import Memos, NotFound, wiring

QUESTIONS = 15
ROUNDING = 2e-3  # of half floats
PATIENCE = 600.0  # seconds for the vectors of what was remembered


def opened(home: Path, models: Path | None) -> Memos:
    """The system over this vault; without a folder of models by words alone."""
    if models is None:
        return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"})
    return memos_mcp.open(home=home, user="ada", models=models)


async def write(home: Path, seed: int, models: Path | None) -> None:
    """The child: change memories for ever, one line of JSON per acknowledged change."""
    dice, texts = random.Random(seed), Texts(seed)
    ids: list[str] = []
    async with opened(home, models) as memos:
        for round_ in range(1_000_000):
            done: dict[str, JsonValue]
            pick = dice.random()
            if pick < 0.6 or len(ids) < 5:
                batch: list[JsonValue] = [
                    {
                        "speaker": f"s{i % 2}",
                        "session": f"{seed}.{round_}",
                        "text": f"{texts.text()} #{seed}.{round_}.{i}",
                    }
                    for i in range(dice.choice((1, 1, 3, 40, 700) if models is None else (1, 1, 3, 10)))
                ]
                new = (await memos.remember(batch)).ids
                ids += new
                done = {"did": "remember", "ids": list(new)}
            elif pick < 0.8:
                key = dice.choice(ids)
                text = f"{texts.text()} #{seed}.{round_} updated"
                done = {"did": "update", "ids": [key], "text": text, "version": (await memos.update(key, text)).version}
            elif pick < 0.9:
                put = await memos.put(None, f"note-{dice.randrange(5)}", text=texts.text())
                done = {"did": "put", "ids": [put.id], "text": put.text, "version": put.version}
            else:
                key = ids.pop(dice.randrange(len(ids)))
                await memos.forget(key)
                done = {"did": "forget", "ids": [key]}
            sys.stdout.write(json.dumps(done) + "\n")
            sys.stdout.flush()


def killed_after(home: Path, seed: int, seconds: float, models: Path | None) -> list[dict[str, JsonValue]]:
    """Run a child and kill it; what it acknowledged."""
    command = [sys.executable, "-m", "benchmarks.crash", "--child", str(home), "--seed", str(seed)]
    command += ["--models", str(models)] if models else []
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline()]  # the first acknowledgement: the clock starts when it works
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    lines += child.stdout.readlines()
    child.wait()
    timer.cancel()
    return [json.loads(line) for line in lines if line.endswith("\n")]


async def verify(home: Path, state: dict[str, tuple[str | None, int]], models: Path | None) -> dict[str, int]:
    """Count acknowledged changes that are gone, findings of the doctor, and questions answered out of step."""
    lost = 0
    async with opened(home, models) as memos:
        for key, (text, version) in state.items():
            try:
                cube = await memos.get(key)
                lost += (
                    text is None
                    or cube.version < version
                    or (cube.version == version and bool(text) and cube.text != text)
                )
            except NotFound:
                # The change in flight at the kill may have been a forget: it was committed, only not acknowledged.
                lost += text is not None and (await memos.history(key))[-1].action != "forget"
        findings = await wiring.upkeep(home=home).check()
        lanes = ("words",) if models is None else ("words", "vectors")
        steps = sum([await out_of_step(memos, lane) for lane in lanes])
    return {"lost": lost, "damaged": sum(not finding.ok for finding in findings), "out_of_step": steps}


async def out_of_step(memos: Memos, lane: str) -> int:
    """Questions that the lane answers otherwise than after a rebuild, and memories it never came to."""
    texts = Texts(7)
    questions = [texts.question() for _ in range(QUESTIONS)]
    before = [await answer(memos, question, lane) for question in questions]
    await memos.rebuild(lane)
    after = [await answer(memos, question, lane) for question in questions]
    (state,) = (each for each in (await memos.status()).lanes if each.name == lane)
    return sum(not alike(a, b) for a, b in zip(after, before, strict=True)) + state.pending + (not state.on)


async def answer(memos: Memos, question: str, lane: str) -> dict[str, float]:
    """The score of every memory that this lane finds when nothing waits for it."""
    await memos.settle(PATIENCE)
    found = await memos.recall(question, limit=20, lanes=[lane])
    return {each.cube.id: each.score for each in found.memories}


def alike(one: dict[str, float], other: dict[str, float]) -> bool:
    """The same memories with the same scores; a model may round otherwise in another batch."""
    near = all(abs(score - other.get(key, score)) < ROUNDING for key, score in one.items())
    least = max(min(one.values(), default=0.0), min(other.values(), default=0.0)) + ROUNDING
    return (
        near
        and {k for k, s in one.items() if s > least} <= other.keys()
        and {k for k, s in other.items() if s > least} <= one.keys()
    )


def run(kills: int, seed: int, models: Path | None = None) -> dict[str, JsonValue]:
    """Kill and verify `kills` times on one vault that grows."""
    dice = random.Random(seed)
    state: dict[str, tuple[str | None, int]] = {}
    sums = {"lost": 0, "damaged": 0, "out_of_step": 0}
    acknowledged, start = 0, time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="memos-crash-") as folder:
        for kill in range(kills):
            for done in killed_after(
                Path(folder), seed * 1000 + kill, dice.uniform(0.01, 0.8 if models is None else 1.6), models
            ):
                acknowledged += 1
                _apply(done, state)
            found = anyio.run(verify, Path(folder), state, models)
            sums = {name: sums[name] + found[name] for name in sums}
    took = round(time.perf_counter() - start, 1)
    lanes: list[JsonValue] = ["words"] if models is None else ["words", "vectors"]
    return {
        "kills": kills,
        "lanes": lanes,
        "acknowledged_changes": acknowledged,
        "memories": len(state),
        **sums,
        "seconds": took,
    }


def _apply(done: dict[str, JsonValue], state: dict[str, tuple[str | None, int]]) -> None:
    ids = done["ids"]
    assert isinstance(ids, list)
    for key in map(str, ids):
        if done["did"] == "forget":
            state[key] = (None, 0)
        else:
            version = done.get("version", 1)
            assert isinstance(version, int)
            state[key] = (str(done.get("text", "")), version)


def main() -> None:
    """Parse the command line; the same program is the child."""
    parser = argparse.ArgumentParser(description="kill -9 of a writer at random moments")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, help="folder of models: embed as well")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="result file; default benchmarks/results/crash.json")
    given = parser.parse_args()
    if given.child:
        anyio.run(write, given.child, given.seed, given.models)
        return
    result = run(given.kills, given.seed, given.models)
    keep("crash", result, given.out)
    sys.exit(1 if any(result[name] for name in ("lost", "damaged", "out_of_step")) else 0)


if __name__ == "__main__":
    main()
