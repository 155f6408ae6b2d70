"""What the choice of types learns from what came of it: hit rates, feedback, how long dialogues go on. Pure.

Each is a share, known as a Beta distribution that forgets: what was seen counts half after `HALF` outcomes, upon a
prior that is worth `PRIOR` of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from memos_mcp.cube import Kind
from memos_mcp.operation.choosing_terms import NATURES, Nature, Task, Way

HALF = 256
PRIOR = 8.0
_FADE = 0.5 ** (1 / HALF)
_MOST = 0.95
"""No dialogue is expected to go on for more than 19 turns."""
Use = tuple[Way, Nature, bool]
"""A way, in a task of this nature; whether the memory is a procedure (skill, instruction)."""
PROCEDURES: frozenset[Kind] = frozenset({"skill", "instruction"})

FIDELITY: Mapping[Use, float] = {
    **{(way, nature, is_one): 0.97 for way in ("text", "prefix") for nature in NATURES for is_one in (False, True)},
    **{("adapter", nature, is_one): 0.6 for nature in NATURES for is_one in (False, True)},
    ("adapter", "procedure", True): 0.97,
    ("adapter", "procedure", False): 0.85,
    ("adapter", "dialogue", True): 0.8,
    ("adapter", "fact", True): 0.8,
}
"""How surely a memory that is given takes effect, before anything was learnt. Assumed, but for two: a kept prefix
answers as its text does, to the last digits, and an adapter that its gate let pass does what it was trained for."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    good: float = 0.0
    of: float = 0.0

    def mean(self, prior: float) -> float:
        """The share that is expected, if this one was before anything was seen."""
        return (self.good + PRIOR * prior) / (self.of + PRIOR)

    def seen(self, good: float, weight: float = 1.0) -> Share:
        """After one more, which was good or not, or in part."""
        return Share(self.good * _FADE + good * weight, self.of * _FADE + weight)


_NOTHING = Share()


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of each share.

    Prefixes thought kept that were; memories kept once that could be used as such when they were wanted again; memories
    that took effect; dialogues that went on after the first turn, and after later ones.
    """

    hits: Share = _NOTHING
    stays: Share = _NOTHING
    effects: Mapping[Use, Share] = field(default_factory=dict[Use, Share])
    first: Share = _NOTHING
    later: Share = _NOTHING

    def hit(self) -> float:
        """The chance that a prefix which is thought to be kept is."""
        return self.hits.mean(0.9)

    def stay(self) -> float:
        """The chance that what is kept is not pushed out, or behind something else, before it is wanted again."""
        return self.stays.mean(0.8)

    def fidelity(self, way: Way, nature: Nature, kind: Kind) -> float:
        """The chance that a memory takes effect, given in this way."""
        use = (way, nature, kind in PROCEDURES)
        return self.effects.get(use, _NOTHING).mean(FIDELITY[use]) if way != "out" else 0.0

    def more(self, task: Task) -> float:
        """Turns that are expected to follow; once it has gone on, a dialogue goes on as surely each time."""
        later = min(self.later.mean(0.75), _MOST)
        return (later if task.turns else self.first.mean(0.15)) / (1 - later)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a dispatch, as far as it is known.

    What was `given`, in which way and how likely it was needed; was the prefix still kept, what share of what had been
    kept once could be used as such, was the answer good, did the dialogue go on?
    """

    task: Task
    given: tuple[tuple[Way, Kind, float], ...] = ()
    hit: bool | None = None
    stayed: float | None = None
    good: bool | None = None
    went_on: bool | None = None


def learned(before: Learnt, outcome: Outcome) -> Learnt:
    """What is known after it. An answer counts for each way by the share of what was needed that was given in it."""
    after = before
    if outcome.hit is not None:
        after = replace(after, hits=after.hits.seen(outcome.hit))
    if outcome.stayed is not None:
        after = replace(after, stays=after.stays.seen(outcome.stayed))
    if outcome.went_on is not None:
        if outcome.task.turns:
            after = replace(after, later=after.later.seen(outcome.went_on))
        else:
            after = replace(after, first=after.first.seen(outcome.went_on))
    if outcome.good is not None:
        after = replace(after, effects=_effects(after.effects, outcome, outcome.good))
    return after


def _effects(known: Mapping[Use, Share], outcome: Outcome, good: float) -> dict[Use, Share]:
    weights = dict[Use, float]()
    for way, kind, need in outcome.given:
        if way != "out":
            use = (way, outcome.task.nature, kind in PROCEDURES)
            weights[use] = weights.get(use, 0.0) + need
    total = sum(weights.values())
    fresh = {
        use: known.get(use, _NOTHING).seen(good * weight / total, weight / total)
        for use, weight in weights.items()
        if total
    }
    return {**known, **fresh}
