"""Who takes part in the simulation of the choice of types: the choice, its rivals, and what each puts into weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing import Known, choose
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_learning import PROCEDURES
from memos_mcp.operation.choosing_terms import (
    Adapter,
    Budgets,
    Dispatch,
    Fit,
    Means,
    Nature,
    Rules,
    Task,
    Way,
)
from memos_mcp.operation.proposing import proposals

Topics = Mapping[str, Sequence[Fit]]
_MOST = 2
"""Proposals that are trained at a time."""


class Policy(Protocol):
    """How memories reach the model, and which go into weights."""

    def plan(self, task: Task, fits: Sequence[Fit], means: Means, budgets: Budgets, known: Known) -> Dispatch:
        """What each memory is given as; what is kept and loaded follows from it."""
        ...

    def trains(
        self, topics: Topics, adapters: Mapping[str, Adapter], known: Known, steady: Collection[str]
    ) -> Mapping[str, Sequence[Ref]]:
        """What is trained now, by topic; asked now and again. `steady` memories never changed, and will hardly."""
        ...


@dataclass(frozen=True, slots=True)
class Choosing:
    """What `choose` says under its rules; trained is what is proposed, all procedures, all that is steady, or none."""

    training: Literal["proposals", "procedures", "all", "nothing"] = "proposals"

    def plan(self, task: Task, fits: Sequence[Fit], means: Means, budgets: Budgets, known: Known) -> Dispatch:
        """The choice."""
        return choose(task, fits, means, budgets, known)

    def trains(
        self, topics: Topics, adapters: Mapping[str, Adapter], known: Known, steady: Collection[str]
    ) -> Mapping[str, Sequence[Ref]]:
        """What pays; or what is lacking of the rest."""
        match self.training:
            case "nothing":
                return {}
            case "proposals":
                found = proposals(topics, adapters, _MOST, known, load=1.0)
                return {each.topic: each.sources for each in found if each.made}
            case "procedures" | "all":
                return lacking(topics, adapters, steady, every=self.training == "all")


@dataclass(frozen=True, slots=True)
class ToTheLetter:
    """The preferences of the paper as fixed rules: a dialogue is kept, a question read, procedures are in weights.

    What is not worth reading is left out, as by all. What may not be kept, and what weights do not have, is read.
    """

    def plan(self, task: Task, fits: Sequence[Fit], means: Means, budgets: Budgets, known: Known) -> Dispatch:
        """By the nature of the task alone."""
        return choose(task, fits, means, budgets, replace(known, rules=replace(known.rules, forms=_FORMS[task.nature])))

    def trains(
        self, topics: Topics, adapters: Mapping[str, Adapter], known: Known, steady: Collection[str]
    ) -> Mapping[str, Sequence[Ref]]:
        """All procedures."""
        return lacking(topics, adapters, steady, every=False)


_FORMS: Mapping[Nature, frozenset[Way]] = {
    "fact": frozenset({"text"}),
    "dialogue": frozenset({"prefix", "text"}),
    "procedure": frozenset({"adapter", "text"}),
}


@dataclass(frozen=True, slots=True)
class Entrant:
    """A policy as it takes part: what it goes by, whether it is told of changes (`strict`), whether it learns."""

    name: str
    known: Known = field(default_factory=Known)
    policy: Policy = field(default_factory=Choosing)
    strict: bool = True
    learns: bool = True


def lacking(
    topics: Topics, adapters: Mapping[str, Adapter], steady: Collection[str], *, every: bool
) -> dict[str, tuple[Ref, ...]]:
    """Topics of which no adapter has all that is steady: every memory, or the procedures."""
    found = dict[str, tuple[Ref, ...]]()
    for topic, fits in topics.items():
        sources = tuple(fit.ref for fit in fits if fit.ref.id in steady and (every or fit.kind in PROCEDURES))
        has = adapters[topic].sources if topic in adapters else ()
        if not set(sources) <= set(has):
            found[topic] = sources
    return found


def alone(way: Way) -> Known:
    """One type for everything: nothing is too restless or too short for it, and it need not pay."""
    free = replace(COSTS, building=0.0) if way == "prefix" else COSTS
    return Known(rules=Rules(forms=frozenset({way}), least=0.0, calm=0.0, settled=0.0), costs=free)


def of(*ways: Way) -> Known:
    """The choice among some types."""
    return Known(rules=Rules(forms=frozenset(ways)))


NOTHING = Choosing("nothing")
CHOICE = Entrant("the choice")
SINGLE = (
    Entrant("all text", alone("text"), NOTHING),
    Entrant("all prefix", alone("prefix"), NOTHING, strict=False),
    Entrant("all adapter", alone("adapter"), Choosing("all")),
)
RULED = (
    Entrant("adapters for procedures", of("text", "adapter"), Choosing("procedures")),
    Entrant("the preferences to the letter", alone("prefix"), ToTheLetter()),
)
FEWER = (
    Entrant("without adapters", of("text", "prefix"), NOTHING),
    Entrant("without prefixes", of("text", "adapter")),
    Entrant("without learning", learns=False),
)
SOONER = Entrant("kept sooner", Known(rules=Rules(least=0.02)))
"""The choice, but kept is what is expected to be used a fiftieth time more, and no longer half a time."""
ENTRANTS = (*SINGLE, *RULED, CHOICE, *FEWER, SOONER)
