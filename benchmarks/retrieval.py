"""Does recall find what answers a question? `python -m benchmarks.retrieval --dataset own [--lanes default words]`.

Haystacks of turns are remembered and questions recalled through the public API; what is found is compared with the
turns that hold the answer. No language model judges. `own` and `own2` are in the repository; `locomo`, `beam` and
`prefeval` need `--eval DIR`, a folder with their loaders, scoring and data. One row per configuration of lanes:
`default` is recall as users have it, the name of a lane is that lane alone.

Two credits: `verbatim` wants every word of the turn in the text that was found, so a long turn that was cut into
memories never counts; by `prov` any of its pieces counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import fmean

import anyio
from pydantic import JsonValue

import memos_mcp
from benchmarks.common import keep, spread
from benchmarks.retrieval_data import BORROWED, Dataset, Haystack, Hit, Question, Unit, load
from memos_mcp import InvalidInput, MemCube, Memos
from memos_mcp.operation.context import rendered
from memos_mcp.search import Lane
from memos_mcp.settings import load as settings

DEFAULT = "default"
CREDITS = ("verbatim", "prov")
DEPTH = 100  # the most that one recall answers
PATIENCE = 600  # seconds in which the lanes of one haystack have to be up to date
_ROLES = frozenset({"user", "assistant"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One question put to one configuration of lanes: scores by credit, and where the answering turns came."""

    haystack: str
    question: Question
    scores: Mapping[str, Mapping[str, float]]
    ranks: Mapping[str, int]
    seconds: float


@dataclass(slots=True)
class Writing:
    """What the haystacks became, and the seconds until remember returned and until every lane held them."""

    memories: int = 0
    remembered: float = 0.0
    ready: float = 0.0


@dataclass(slots=True)
class Measured:
    """Answers by configuration of lanes, what writing cost, and why lanes were off."""

    answers: dict[str, list[Answer]] = field(default_factory=dict[str, list[Answer]])
    writing: Writing = field(default_factory=Writing)
    off: dict[str, str] = field(default_factory=dict[str, str])


async def measure(data: Dataset, wanted: Sequence[str], models: Path) -> Measured:
    """Every haystack in a home of its own, every question to every configuration."""
    measured = Measured()
    for haystack in data.haystacks:
        with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
            async with memos_mcp.open(home=Path(folder), models=models, user="ada") as memos:
                await _until(memos, _loading)
                measured.off |= {lane.name: lane.why for lane in (await memos.status()).lanes if not lane.on}
                chosen = await configurations(memos, wanted)
                sources = await fill(memos, haystack.units, measured.writing)
                for lanes in chosen:
                    found = await ask(memos, haystack, sources, lanes, data.score)
                    measured.answers.setdefault(lanes, []).extend(found)
    return measured


async def configurations(memos: Memos, wanted: Sequence[str]) -> list[str]:
    """Those asked for, else the default and each lane that is on. Ends with one line if one is not there."""
    lanes = (await memos.status()).lanes
    on = [lane.name for lane in lanes if lane.on]
    for name in wanted:
        if name not in (DEFAULT, *on):
            why = next((lane.why for lane in lanes if lane.name == name), "")
            raise SystemExit(f"the lane {name} is not on{f' ({why})' if why else ''}; there is {', '.join(on)}")
    return list(wanted) or ([DEFAULT, *on] if len(on) > 1 else on)


async def fill(memos: Memos, units: Sequence[Unit], cost: Writing) -> dict[str, tuple[str, ...]]:
    """Remember the units and wait for the lanes; the units that each memory was made from."""
    start = time.perf_counter()
    ids = await _remember(memos, units)
    cost.remembered += time.perf_counter() - start
    await memos.recall("Is everything there?", limit=1)  # a lane may begin to read at the first question only
    await _until(memos, _pending)
    cost.ready += time.perf_counter() - start
    sources: dict[str, tuple[str, ...]] = {}
    for unit, memory in ids:
        sources[memory] = (*sources.get(memory, ()), unit.uid)
    cost.memories += len(sources)
    return sources


async def _remember(memos: Memos, units: Sequence[Unit]) -> list[tuple[Unit, str]]:
    """Turns as one conversation, notes one by one; each unit with the ids of its memories."""
    if not all(unit.speaker or unit.session for unit in units):
        noted: list[tuple[Unit, str]] = []
        for unit in units:
            said_at = datetime.fromisoformat(f"{unit.when}T00:00:00+00:00") if unit.when else None
            noted += [(unit, id) for id in (await memos.remember(unit.text, said_at=said_at)).ids]
        return noted
    done = await memos.remember([message(unit) for unit in units])
    cubes = await _all(memos)
    cubes |= {id: await memos.get(id) for id in done.ids if id not in cubes}  # quarantined
    return paired(units, done.ids, cubes)


def message(unit: Unit) -> JsonValue:
    """A unit in the shape that `remember` takes."""
    who = "role" if unit.speaker in _ROLES else "speaker"
    said = {who: unit.speaker, "text": unit.text, "session": unit.session}
    return {**said, "said_at": unit.when} if unit.when else {**said}


def paired(units: Sequence[Unit], ids: Sequence[str], cubes: Mapping[str, MemCube]) -> list[tuple[Unit, str]]:
    """Each unit with its memories: in order, one and all that begin where it ends in the turn, or further on."""
    groups: list[list[str]] = []
    last = 0
    for memory in ids:
        start, end = cubes[memory].origin.span or (0, 1)
        if groups and start >= last:
            groups[-1].append(memory)
        else:
            groups.append([memory])
        last = end
    turns = [unit for unit in units if unit.text.strip()]
    if len(groups) != len(turns):
        raise SystemExit(f"{len(turns)} turns became {len(groups)}: the pieces of a turn are not read right")
    return [(unit, memory) for unit, group in zip(turns, groups, strict=True) for memory in group]


async def _all(memos: Memos) -> dict[str, MemCube]:
    page = await memos.browse(limit=DEPTH)
    cubes = list(page.cubes)
    while page.after:
        page = await memos.browse(limit=DEPTH, after=page.after)
        cubes += page.cubes
    return {cube.id: cube for cube in cubes}


async def _until(memos: Memos, unfinished: Callable[[Lane], bool]) -> None:
    """Until no lane is unfinished; there is only status to ask. Ends with one line if that takes too long."""
    waiting: list[Lane] = []
    with anyio.move_on_after(PATIENCE):
        while waiting := [lane for lane in (await memos.status()).lanes if unfinished(lane)]:  # noqa: ASYNC110
            await anyio.sleep(0.02)
    if waiting:
        lanes = "; ".join(f"{lane.name}, {lane.pending} pending {lane.why}".strip() for lane in waiting)
        raise SystemExit(f"not ready after {PATIENCE} seconds: {lanes}")


def _loading(lane: Lane) -> bool:
    return lane.busy and not lane.on


def _pending(lane: Lane) -> bool:
    return lane.busy or (lane.on and lane.pending > 0)


async def ask(
    memos: Memos,
    haystack: Haystack,
    sources: Mapping[str, tuple[str, ...]],
    lanes: str,
    score: Callable[[Question, Sequence[Hit], Mapping[str, Unit], str], Mapping[str, float]],
) -> list[Answer]:
    """Every question of a haystack to one configuration. Ends with one line if a lane fails meanwhile."""
    units = {unit.uid: unit for unit in haystack.units}
    answers: list[Answer] = []
    for question in haystack.questions:
        start = time.perf_counter()
        found = await memos.recall(question.text, limit=DEPTH, lanes=() if lanes == DEFAULT else [lanes])
        seconds = time.perf_counter() - start
        if found.missing:
            raise SystemExit(f"the lane {found.missing[0].route} failed: {found.missing[0].why}")
        hits = [Hit(rendered(m.cube), sources.get(m.cube.id, ()), m.score) for m in found.memories]
        scores = {credit: score(question, hits, units, credit) for credit in CREDITS}
        answers.append(Answer(haystack.name, question, scores, ranks(question, hits), seconds))
    return answers


def ranks(question: Question, hits: Sequence[Hit]) -> dict[str, int]:
    """The place, from 1, of the first memory of each answering unit that was found."""
    first: dict[str, int] = {}
    for place, hit in enumerate(hits, 1):
        for uid in question.gold.intersection(hit.source_ids):
            first.setdefault(uid, place)
    return first


def summed_up(answers: Sequence[Answer]) -> dict[str, JsonValue]:
    """Means over the questions: overall by credit; recall@10 by category and by haystack."""

    def mean(of: Sequence[Answer], credit: str, name: str) -> float:
        return round(fmean(a.scores[credit][name] for a in of), 4)

    def by(label: Callable[[Answer], str]) -> dict[str, JsonValue]:
        groups: dict[str, list[Answer]] = {}
        for answer in sorted(answers, key=label):
            groups.setdefault(label(answer), []).append(answer)
        return {x: {"n": len(of), **{c: mean(of, c, "recall@10") for c in CREDITS}} for x, of in groups.items()}

    shared = [name for name in answers[0].scores["prov"] if all(name in a.scores["prov"] for a in answers)]
    return {
        **{credit: {name: mean(answers, credit, name) for name in shared} for credit in CREDITS},
        "recall@10 by category": by(lambda a: a.question.category),
        "recall@10 by haystack": by(lambda a: a.haystack),
        "recall_ms": spread([a.seconds for a in answers]),
    }


def shown(measured: Measured, budget: int) -> str:
    """The figures as tables: each configuration by both credits, then recall@10 by category and haystack."""
    names = ["recall@5", "recall@10", "recall@20", f"recall<={budget}t", "all@10"]
    lines = [f"{'lanes, credit':24}" + "".join(f"{name:>16}" for name in names)]
    for lanes, answers in measured.answers.items():
        for credit in CREDITS:
            means = [fmean(a.scores[credit][name] for a in answers) for name in names]
            lines.append(f"{f'{lanes}, {credit}':24}" + "".join(f"{100 * x:16.1f}" for x in means))
    for title, label in (("category", _category), ("haystack", _haystack)):
        lines += ["", f"{f'recall@10 (prov) by {title}':32}{'n':>5}" + "".join(f"{x:>10}" for x in measured.answers)]
        first = next(iter(measured.answers.values()))
        for group in sorted({label(a) for a in first}):
            cells = [[a for a in answers if label(a) == group] for answers in measured.answers.values()]
            means = "".join(f"{100 * fmean(a.scores['prov']['recall@10'] for a in of):10.1f}" for of in cells)
            lines.append(f"{group:32}{len(cells[0]):5}{means}")
    return "\n".join(lines)


def _category(answer: Answer) -> str:
    return answer.question.category


def _haystack(answer: Answer) -> str:
    return answer.haystack


def placed(measured: Measured) -> JsonValue:
    """Where each question's answers came, to look at single questions."""
    return {
        lanes: {a.question.qid: {uid: a.ranks.get(uid) for uid in sorted(a.question.gold)} for a in answers}
        for lanes, answers in measured.answers.items()
    }


def main() -> None:
    """Parse the command line, measure, show, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dataset", choices=["own", "own2", *BORROWED], default="own")
    parser.add_argument("--eval", type=Path, help="folder with the loaders, scoring and data of the other datasets")
    parser.add_argument("--lanes", nargs="+", default=[], help="configurations; default: default and every lane")
    parser.add_argument("--models", type=Path, help="folder of models; default: the one of your own memories")
    parser.add_argument("--ranks", action="store_true", help="keep the place of every answer as well")
    parser.add_argument("--out", type=Path, help="result file; default benchmarks/results/retrieval-DATASET.json")
    given = parser.parse_args()
    data = load(given.dataset, given.eval)
    try:
        measured = anyio.run(measure, data, given.lanes, (given.models or settings().shelf).resolve())
    except InvalidInput as exc:
        raise SystemExit(f"{given.dataset} could not be remembered or asked: {exc}") from exc
    cost = measured.writing
    result: dict[str, JsonValue] = {
        "haystacks": len(data.haystacks),
        "units": sum(len(h.units) for h in data.haystacks),
        "memories": cost.memories,
        "questions": sum(len(h.questions) for h in data.haystacks),
        "remember_s": round(cost.remembered, 2),
        "ready_s": round(cost.ready, 2),
        "off": {**measured.off},
        "lanes": {lanes: summed_up(answers) for lanes, answers in measured.answers.items()},
    }
    print(
        f"{given.dataset}: "
        + ", ".join(f"{key} {value}" for key, value in result.items() if key not in ("lanes", "off"))
    )
    for lane, why in measured.off.items():
        print(f"the lane {lane} is off: {why}")
    print(f"\n{shown(measured, data.budget)}\n")
    keep(f"retrieval-{given.dataset}", {**result, **({"ranks": placed(measured)} if given.ranks else {})}, given.out)


if __name__ == "__main__":
    main()
