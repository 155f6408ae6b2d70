"""Which adapters a tenant has trained now: what is proposed, as far as his quota, time and the gate let it. Pure.

What was refused stays refused while its sources stay as they are: the same pairs, seed and base give the same adapter.
What earlier trainings took replaces what a training was thought to take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing_costs import Costs
from memos_mcp.operation.choosing_terms import Adapter
from memos_mcp.operation.proposing import Proposal
from memos_mcp.operation.quotas import Quota, Spent
from memos_mcp.operation.scheduling import size
from memos_mcp.parametric import Budget, Trained


@dataclass(frozen=True, slots=True)
class Tried:
    """A training that is over: of which memories, of so many tokens, what it took, and why it was refused, if it was.

    `sources` are those that were proposed, also where nothing could be asked about one. `stopped`: its time was up.
    """

    sources: tuple[Ref, ...]
    tokens: int
    seconds: float
    refused: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a training is broken off, seconds for all that begin now, bytes that an adapter takes."""

    seconds: float = Budget().seconds
    together: float = math.inf
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class There:
    """What a tenant has: adapters by topic, what is being trained by topic, trainings that are over."""

    adapters: Mapping[str, Adapter] = field(default_factory=dict[str, Adapter])
    running: Mapping[str, Sequence[Ref]] = field(default_factory=dict[str, Sequence[Ref]])
    tried: Sequence[Tried] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """An adapter that is trained `now` or not, of which memories, in about so many seconds, and why, in a sentence."""

    topic: str
    sources: tuple[Ref, ...]
    seconds: float
    now: bool
    reason: str

    def __str__(self) -> str:
        """In a line."""
        verdict = f"train {len(self.sources)} memories now" if self.now else "not now"
        return f"{self.topic}: {verdict}; {self.reason}"


LIMITS, NOTHING = Limits(), There()


def due(
    proposed: Iterable[Proposal], quota: Quota, spent: Spent, there: There = NOTHING, limits: Limits = LIMITS
) -> tuple[Training, ...]:
    """A verdict on each proposal, what is trained now first; of that, what saves most for its costs.

    No more adapters and bytes than the quota are held and trained together; one that is trained anew takes the place of
    the one before, but its bytes beside it. Nothing is trained twice, neither for the same topic nor of memories that
    are all in another adapter. What does not fit lets pass what comes after it and does. The order of the facts does
    not matter. Cost: 5 µs for each proposal and adapter.
    """
    case = _Case(quota, spent, there, limits)
    verdicts = [case.verdict(each) for each in sorted(set(proposed), key=_rank)]
    return tuple(sorted(verdicts, key=lambda each: not each.now))


def tried(sources: Sequence[Ref], tokens: int, trained: Trained) -> Tried:
    """What became of a proposal that was trained; one that had been learnt before says nothing of what it takes."""
    why = "" if trained.adapter else "; ".join(trained.report.why)
    seconds = 0.0 if trained.known else trained.seconds
    refused = why if trained.adapter else why or "no reason was given"
    return Tried(tuple(sources), tokens, seconds, refused, bool(trained.report.figures.stopped))


def measured(costs: Costs, over: Iterable[Tried]) -> Costs:
    """The costs with what trainings took; one that was broken off counts if it took longer than was thought."""
    counted = [
        each for each in over if each.seconds > (costs.trained(each.tokens) if each.stopped else 0.0) and each.tokens
    ]
    seconds, tokens = math.fsum(each.seconds for each in counted), sum(each.tokens for each in counted)
    return costs.trained_in(seconds, tokens, len(counted))


class _Case:
    """What is trained already, what is begun, and what is left."""

    def __init__(self, quota: Quota, spent: Spent, there: There, limits: Limits) -> None:
        anew = there.running.keys() - there.adapters.keys()
        self._quota, self._limits, self._there = quota, limits, there
        self._adapters = quota.adapters - spent.adapters - len(anew)
        self._bytes = quota.bytes - spent.bytes - limits.bytes * len(there.running)
        self._seconds = limits.together
        self._under_way = {topic: frozenset(refs) for topic, refs in there.running.items()}
        self._has = {topic: frozenset(each.sources) for topic, each in there.adapters.items() if not each.barred}
        self._refused = {frozenset(each.sources): each.refused for each in _ordered(there.tried) if each.refused}

    def verdict(self, each: Proposal) -> Training:
        why = "" if each.made else each.reason
        why = why or self._twice(each) or self._ruled_out(each) or self._no_room(each)
        if not why:
            self._seconds -= each.costs
            self._adapters -= self._places(each)
            self._bytes -= self._limits.bytes
            self._under_way[each.topic] = frozenset(each.sources)
        return Training(each.topic, each.sources, each.costs, not why, why or each.reason)

    def _places(self, each: Proposal) -> int:
        return each.topic not in self._there.adapters

    def _twice(self, each: Proposal) -> str:
        sources = frozenset(each.sources)
        if each.topic in self._under_way:
            return "an adapter for it is being trained"
        for where, known in (("is being trained for", self._under_way), ("is in the adapter for", self._has)):
            other = min((topic for topic, refs in known.items() if sources <= refs), default=None)
            if other is not None:
                return f"all of it {where} {other}"
        return ""

    def _ruled_out(self, each: Proposal) -> str:
        refused, most = self._refused.get(frozenset(each.sources)), self._limits.seconds
        if refused:
            return f"the gate refused it, and no source has changed since: {refused}"
        if each.costs > most:
            return f"it takes about {each.costs:.3g} s, and is broken off after {most:.3g} s"
        return ""

    def _no_room(self, each: Proposal) -> str:
        if self._adapters < self._places(each):
            return f"{self._quota.adapters} adapters at a time are the quota, and all of them are held or being trained"
        if self._bytes < self._limits.bytes:
            return f"an adapter takes {size(self._limits.bytes)}, and {size(max(self._bytes, 0))} are left of the quota"
        if self._seconds < each.costs:
            return f"it takes about {each.costs:.3g} s, and {max(self._seconds, 0.0):.3g} s are left now"
        return ""


def _rank(each: Proposal) -> tuple[bool, float, str, tuple[tuple[str, int], ...], float, str]:
    gain = each.saves / max(each.costs, 1e-9)
    return not each.made, -gain, each.topic, _named(each.sources), each.costs, each.reason


def _ordered(over: Iterable[Tried]) -> list[Tried]:
    return sorted(over, key=lambda each: (_named(each.sources), each.refused))


def _named(refs: Iterable[Ref]) -> tuple[tuple[str, int], ...]:
    return tuple((ref.id, ref.version or 0) for ref in refs)
