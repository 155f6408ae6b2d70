"""What the choice of types saves against each type alone: `python -m benchmarks.choosing`.

Work is made by seed: dialogues, lookups and procedures in turn. `--log HOME` takes what was asked of a vault of your
own instead, `--use` a long use of one by script, which it makes first. `--fit` fits the constants of reading.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import anyio
import numpy as np
from pydantic import JsonValue

from benchmarks.choosing_policies import CHOICE, ENTRANTS, RULED, SINGLE, SOONER, Entrant
from benchmarks.choosing_recording import record
from benchmarks.choosing_simulation import Machine, Truth
from benchmarks.choosing_traces import Mix, Trace, World
from benchmarks.choosing_use import USER, use
from benchmarks.common import RESULTS, keep
from memos_mcp import sync
from memos_mcp.operation.choosing_terms import NATURES

SEEDS = (1, 2, 3)
HELD_OUT = (401, 402, 403, 404, 405)
"""No constant was chosen on these."""
MIX, TRUTH = Mix(), Truth()
MIXES: dict[str, Mix] = {
    "dialogues above all": Mix(dialogues=0.8, procedures=0.1),
    "procedures above all": Mix(dialogues=0.1, procedures=0.8),
    "lookups above all": Mix(dialogues=0.1, procedures=0.1),
    "short dialogues": Mix(going_on=0.4),
    "half of the facts change": Mix(restless=0.5),
    "topics drift every 20 tasks": Mix(drift=20),
}
"""Other work."""
TRUTHS: dict[str, Truth] = {
    "facts in weights take effect in 30 %": Truth(adapters=0.3),
    "facts in weights take effect in 90 %": Truth(adapters=0.9),
    "procedures in weights take effect in 70 %": Truth(steps=0.7),
    "a model ten times as fast": Truth(pace=0.1),
    "a model ten times as fast, as was measured": Truth(pace=0.1, told=True),
    "a model three times as slow": Truth(pace=3.0),
    "a model three times as slow, as was measured": Truth(pace=3.0, told=True),
    "half of the kept prefixes are lost": Truth(hit=0.5),
    "room for 5 % of all tokens": Truth(room=0.05),
    "room for all tokens": Truth(room=1.0),
    "an answer that lacks something costs no more than to ask again": Truth(again=0.0),
    "it costs 30 s": Truth(again=30.0),
    "a window of 1,536 tokens": Truth(window=1536),
    "facts in weights take effect in 90 %, and it costs no more": Truth(adapters=0.9, again=0.0),
}
"""What may be otherwise than the choice takes it to be: it is told nothing of it but the window, and learns."""

LOGGED: dict[str, Truth] = {
    "one request of others at a time": Truth(others=1.0),
    **{each: TRUTHS[each] for each in ("room for 5 % of all tokens", "room for all tokens")},
}
"""What may be otherwise with a log, which knows only what was asked of its own vault."""


def made(seeds: Sequence[int], tasks: int, mix: Mix = MIX) -> list[Trace]:
    """Work by seed."""
    return [World(seed, mix).trace(tasks) for seed in seeds]


def measured(entrant: Entrant, traces: Sequence[Trace], truth: Truth = TRUTH) -> dict[str, float]:
    """The mean over the traces, and the least and the most of what was waited until the answer was right."""
    rows = [Machine(trace, truth, entrant).follow().row() for trace in traces]
    until = [row["in all"] for row in rows]
    return {name: fmean(row[name] for row in rows) for name in rows[0]} | {"least": min(until), "most": max(until)}


def compared(
    name: str, entrants: Sequence[Entrant], traces: Sequence[Trace], truth: Truth = TRUTH
) -> dict[str, JsonValue]:
    """Each entrant on the same work, and what the choice saves of the best single type, and of the best but itself."""
    found: dict[str, dict[str, float]] = {each.name: measured(each, traces, truth) for each in entrants}
    saved, ahead = (_saved(found, each) for each in (SINGLE, (*SINGLE, *RULED)))
    table: dict[str, JsonValue] = {
        each: {figure: round(value, 4) for figure, value in row.items()} for each, row in found.items()
    }
    table["saved"] = round(saved, 4)
    table["saved of rules, too"] = round(ahead, 4)
    short = {each: round(row["in all"], 3) for each, row in found.items()}
    sys.stdout.write(f"{name}: {short}, saved {saved:.1%}, {ahead:.1%} of rules\n")
    sys.stdout.flush()
    return table


def _saved(found: Mapping[str, Mapping[str, float]], others: Sequence[Entrant]) -> float:
    best = min(found[each.name]["in all"] for each in others if each.name in found)
    return 1 - found[CHOICE.name]["in all"] / best


def logged(memos: sync.Memos) -> dict[str, JsonValue]:
    """Each entrant on what was asked of a vault; empty if nothing was. What the log does not say is drawn by seed."""
    recording = record(memos)
    if not recording.asked:
        sys.stdout.write("nothing was asked yet\n")
        return {}
    traces = [recording.trace(seed) for seed in SEEDS]
    natures = Counter(each.nature for each in recording.asked)
    thought, was = recording.calibrated()
    told: dict[str, JsonValue] = {
        "questions": len(recording.asked),
        "of which the log says what was needed": recording.known,
        "memories of a question thought to be needed there": round(thought, 2),
        "and needed": round(was, 2),
        "sessions": recording.asked[-1].session,
        **{f"{nature}s": natures[nature] for nature in NATURES},
        "memories": len({memory.id for _, memory in recording.versions}),
        "changes": len(recording.versions) - len({memory.id for _, memory in recording.versions}),
        "tokens": traces[0].tokens,
    }
    sys.stdout.write(f"{told}\n")
    told["as it is"] = compared("as it is", ENTRANTS, traces)
    for name, truth in LOGGED.items():
        told[name] = compared(name, (*SINGLE, *RULED, CHOICE, SOONER), traces, truth)
    return told


def of_vault(home: Path) -> sync.Memos:
    """The vault in a data folder, or in a file."""
    if home.is_file():
        return sync.open(home=home.parent, vault={"file": str(home.resolve())})
    return sync.open(home=home)


def by_script(questions: int) -> dict[str, JsonValue]:
    """The same on a use that is made first."""
    with TemporaryDirectory() as folder:
        anyio.run(use, Path(folder), questions)
        with sync.open(home=folder, user=USER, embedder={"kind": "none"}, graph={"kind": "none"}) as memos:
            return logged(memos)


def fitted(file: Path = RESULTS / "ttft.json") -> dict[str, float]:
    """The constants of reading: seconds as `fixed` + tokens read × (`token` + `pair` × those looked back at)."""
    rows = json.loads(file.read_text("utf-8"))["rows"]
    points, loading = list[tuple[float, float, float]](), list[float]()
    for row in rows:
        memory, asked, ms = row["memory tokens"], row["question tokens"], row["ms"]
        points.append((memory + asked, (memory + asked) / 2, ms["full"] / 1000))
        points.append((asked, memory + asked / 2, ms["memory"] / 1000))
        loading.append((ms["disk"] - ms["memory"]) / 1000 / memory)
    read, back, seconds = (np.array(column) for column in zip(*points, strict=True))
    shares = np.stack([1 / seconds, read / seconds, read * back / seconds], axis=1)
    fixed, token, pair = np.linalg.lstsq(shares, np.ones(len(points)), rcond=None)[0]
    return {"fixed": float(fixed), "token": float(token), "pair": float(pair), "loading": median(loading)}


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--short", action="store_true", help="only the table of all entrants")
    parser.add_argument("--fit", action="store_true", help="fit the constants of reading, and stop")
    parser.add_argument("--log", type=Path, metavar="HOME", help="what was asked of the vault in this folder or file")
    parser.add_argument("--use", action="store_true", help="what is asked in a long use by script")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.fit:
        sys.stdout.write(json.dumps(fitted()) + "\n")
        return
    tasks: int = options.tasks
    if options.log:
        with of_vault(options.log) as memos:
            logged(memos)
        return
    if options.use:
        keep("choosing-log", by_script(tasks), options.out)
        return
    result: dict[str, JsonValue] = {"tasks": tasks, "mixed": compared("mixed", ENTRANTS, made(SEEDS, tasks))}
    if not options.short:
        few, one = (*SINGLE, *RULED, CHOICE), HELD_OUT[:1]
        result["held out"] = compared("held out", few, made(HELD_OUT, tasks))
        result["mixes"] = {name: compared(name, few, made(one, tasks // 2, mix)) for name, mix in MIXES.items()}
        short = made(one, tasks // 2)
        result["assumptions"] = {name: compared(name, few, short, truth) for name, truth in TRUTHS.items()}
    keep("choosing", result, options.out)


if __name__ == "__main__":
    main()
