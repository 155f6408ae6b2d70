"""MemOperator: what the lanes found, made one ranking. Pure.

The score of a memory is a sum of absolute parts, so that it means the same for every question and no result rescales
another:

    cosine + WORDS[kind] · share of the best possible BM25 score + AUTHOR if the right person said it + AT_THE_TIME
    + GRAPH[kind] · nearness to what the question names (WEIGHTS: each lane's, and what it means not to be found by it)
    + MET · the mean over the question's words of the nearest word of the memory
    recall:  + FIRST if it speaks in the first person + SESSION · share of the question's words said in its session
             + LINK · rare words it shares with the best hits
    request: + STANCE · share of its sentences that state a preference or a rule
             + ALIKE · how near it is to the best hits

Each constant stands where the recall on three data sets is flat around it (docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memos_mcp.cube import Ref
from memos_mcp.search import Hit, MemoryCall, Traits

WORDS_RECALL = 1.5  # a full match beats the usual spread of cosines, about 0.5; flat in 1.0–2.0
WORDS_REQUEST = 0.25  # the shared words of a request are form, not evidence; flat in 0–0.5
AUTHOR = 0.25  # who said it is worth half the spread of cosines; flat in 0.2–0.4
AT_THE_TIME = 0.1  # the words of a date count already; flat in 0–0.15
ONLY_THE_TIME = 0.5  # nothing else is asked for: more than the spread of cosines
FIRST = 0.1  # a turn without I, my, we tells nothing of its author; flat in 0.05–0.1
SESSION = 0.2  # the conversation that covers the words of the question; flat in 0.1–0.3
MET = 0.75  # word by word beside the whole: a cosine as well, of less spread; flat in 0.5–1
LINK = 0.05  # the same thread; flat in 0.05–0.15 on dialogues, harmful above 0.05 on notes
ALIKE = 0.2  # preferences on one matter are put alike, its questions are not; flat in 0.1–0.3
STANCE = 0.2  # a tie-breaker for requests; flat in 0–0.3
GRAPH = 0.01  # between equals: a name that is shared counts among the words already; 0.03 to 0.3 are no better anywhere


@dataclass(frozen=True, slots=True)
class Weight:
    """What the score of a lane counts, by the kind of question.

    A memory that the lane does not have counts as the middle of what it has, as it may be too new; or, if `sparse`, as
    nothing: the lane has a score only for what it has a reason for.
    """

    recall: float = 1.0
    request: float = 1.0
    sparse: bool = False


WEIGHTS: Mapping[str, Weight] = {
    "words": Weight(WORDS_RECALL, WORDS_REQUEST),
    "graph": Weight(GRAPH, 0.0, sparse=True),
}
"""By lane; one that is not here counts in full."""
_FULL = Weight()
_UNKNOWN = Traits()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory some lane found, with the score of every lane that has it."""

    ref: Ref
    lanes: Mapping[str, float]
    traits: Traits = field(default=_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Fused:
    """A version with its joint score and each lane's own."""

    ref: Ref
    score: float
    lanes: Mapping[str, float]
    priority: int = 0


def candidates(hits: Iterable[Hit]) -> list[Candidate]:
    """The hits of all lanes by memory, whatever their order."""
    refs: dict[str, Ref] = {}
    lanes: dict[str, dict[str, float]] = {}
    traits: dict[str, Traits] = {}
    for hit in sorted(hits, key=lambda hit: hit.route):
        key = hit.ref.id
        refs[key] = hit.ref
        lanes.setdefault(key, {})[hit.route] = hit.score
        if hit.traits is not None:
            traits[key] = _both(traits[key], hit.traits) if key in traits else hit.traits
    return [Candidate(refs[key], scores, traits.get(key, _UNKNOWN)) for key, scores in lanes.items()]


def fuse(call: MemoryCall, found: Sequence[Candidate], lanes: Collection[str]) -> list[Fused]:
    """All candidates, best first; of equal ones that of the higher priority, and then the one that was found first.

    A lane of `lanes` that does not have a memory yet is taken to be as near to it as to the middle of the others,
    unless its scores are sparse.
    """
    subject = frozenset(name.lower() for name in call.subject)
    unknown = _middle(c.traits.met for c in found if c.traits.met is not None)
    plan = [_part(call, lane, found) for lane in sorted({*lanes, *(lane for c in found for lane in c.lanes)})]
    fused = [
        Fused(
            c.ref,
            sum([weight * c.lanes.get(lane, middle) for lane, weight, middle in plan])
            + MET * (unknown if c.traits.met is None else c.traits.met)
            + _priors(call, c.traits, subject),
            c.lanes,
            c.traits.priority,
        )
        for c in found
    ]
    return sorted(fused, key=_best_first)


def linked(found: Sequence[Fused], links: Iterable[Hit]) -> list[Fused]:
    """The ranking, once it is known how each memory is linked to the best."""
    shares: dict[str, float] = {}
    for hit in links:
        if hit.traits is not None:
            shares[hit.ref.id] = max(shares.get(hit.ref.id, 0.0), hit.traits.link)
    nearer = [replace(f, score=f.score + LINK * shares[f.ref.id]) if f.ref.id in shares else f for f in found]
    return sorted(nearer, key=_best_first)


def liked(found: Sequence[Fused], likes: Iterable[Hit]) -> list[Fused]:
    """The ranking, once it is known how near each memory is to the best; where that is not known, as the middle."""
    shares = {hit.ref.id: hit.traits.alike for hit in likes if hit.route == "vectors" and hit.traits is not None}
    unknown = _middle(shares.values())
    nearer = [replace(f, score=f.score + ALIKE * shares.get(f.ref.id, unknown)) for f in found]
    return sorted(nearer, key=_best_first)


def _both(one: Traits, other: Traits) -> Traits:
    """What two lanes tell of a memory: the words route knows all but how its words are met."""
    told = other if other.author or other.met is None else one
    met = one.met if other.met is None else other.met
    return replace(told, met=met, priority=one.priority or other.priority)


def _best_first(fused: Fused) -> tuple[float, int]:
    return -fused.score, -fused.priority


def _part(call: MemoryCall, lane: str, found: Sequence[Candidate]) -> tuple[str, float, float]:
    """A lane, what its score counts, and its score of a memory that it does not have."""
    weight = WEIGHTS.get(lane, _FULL)
    absent = 0.0 if weight.sparse else _middle(c.lanes[lane] for c in found if lane in c.lanes)
    return lane, weight.request if call.question_kind == "request" else weight.recall, absent


def _middle(scores: Iterable[float]) -> float:
    ordered = sorted(scores)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _priors(call: MemoryCall, traits: Traits, subject: frozenset[str]) -> float:
    time = ONLY_THE_TIME if call.only_time else AT_THE_TIME
    score = AUTHOR * (traits.author.lower() in subject) + time * traits.during
    if call.question_kind == "request":
        return score + STANCE * traits.stance
    return score + FIRST * traits.first + SESSION * traits.session
