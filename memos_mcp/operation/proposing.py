"""Which rules and skills are proposed for weights: those that apply again and again (long paper §5.4.2). Pure.

A proposal is for whoever trains and for the gate behind it; nothing is promoted by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing import KNOWN, Known
from memos_mcp.operation.choosing_learning import PROCEDURES
from memos_mcp.operation.choosing_rules import not_trained
from memos_mcp.operation.choosing_terms import Adapter, Fit
from memos_mcp.operation.expecting import Outlook, Past

USES, SESSIONS = 3, 2
"""Fewer are no pattern: a rule applies again if it did more than twice, and in more than one session."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An adapter for a topic, of these memories: the seconds that it saves and takes, and why it is made or not."""

    topic: str
    sources: tuple[Ref, ...]
    saves: float
    costs: float
    made: bool
    reason: str

    def __str__(self) -> str:
        """In a line."""
        verdict = f"train {len(self.sources)} memories" if self.made else "leave as it is"
        return f"{self.topic}: {verdict}; {self.reason}"


def in_the_long_run(past: Past | None, now: Outlook) -> float:
    """Uses that are expected of a memory, going by the slowest of the half-lives for as long as that lasts.

    What is in vogue now says little of what lasts for months.
    """
    return past.counts[-1] * 0.5 ** ((now.uses - past.last) / now.forecasts.halves[-1]) if past else 0.0


def proposals(
    topics: Mapping[str, Sequence[Fit]],
    adapters: Mapping[str, Adapter],
    most: int,
    known: Known = KNOWN,
    *,
    load: float = 0.0,
) -> tuple[Proposal, ...]:
    """What would save more than it takes, the most for its costs first, then what would not; `most` are made.

    `topics` are memories by topic with what is expected of them `in_the_long_run`, `adapters` what is trained already:
    a topic is trained anew, from all of its sources together, only if what is new saves enough. `load`: requests
    under way, on average, for each that the model can serve at once. Training is taken to wait until nobody does.
    """
    found = [_proposal(topic, topics[topic], adapters.get(topic), known, 1 + load) for topic in sorted(topics)]
    found.sort(key=lambda each: (not each.made, -each.saves / max(each.costs, 1e-9), each.topic))
    late = f"no more than {most} are trained at a time"
    return tuple(
        each
        if number < most or not each.made
        else Proposal(each.topic, each.sources, each.saves, each.costs, False, f"{late}; {each.reason}")
        for number, each in enumerate(found)
    )


def _proposal(topic: str, fits: Sequence[Fit], adapter: Adapter | None, known: Known, wait: float) -> Proposal:
    sources = sorted((fit for fit in fits if _recurs(fit, known)), key=lambda fit: fit.ref.id)
    refs = tuple(fit.ref for fit in sources)
    has = frozenset(adapter.sources if adapter and not adapter.barred else ())
    new = [fit for fit in sources if fit.ref not in has]
    costs = known.costs.trained(sum(fit.tokens for fit in sources))
    saves = wait * sum(_wanted(fit) * known.costs.reading(fit.tokens) for fit in new)
    if not refs:
        return Proposal(topic, (), 0.0, 0.0, False, "no rule or skill of it applied again in another session")
    if not new:
        return Proposal(topic, refs, 0.0, costs, False, "its adapter has them already")
    uses = sum(fit.uses for fit in sources)
    said = f"{len(new)} rules and skills, used {uses} times, save {saves:.2g} s of reading"
    pays = saves > known.costs.idle * costs
    clause = f"{said}, and {costs:.2g} s of training beside the work count as {known.costs.idle * costs:.2g} s"
    return Proposal(topic, refs, saves, costs, pays, clause)


def _recurs(fit: Fit, known: Known) -> bool:
    is_one = fit.kind in PROCEDURES and fit.uses >= USES and fit.sessions >= SESSIONS
    return is_one and not fit.barred and not not_trained(fit, known.rules)


def _wanted(fit: Fit) -> float:
    return fit.expected * fit.sessions / (fit.sessions + 1)
