"""Rules of namespaces: what every memory at or beneath a path inherits, and the port behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from memos_mcp.cube import Governance


@dataclass(frozen=True, slots=True)
class Default:
    """Rules of a namespace: they hold for every memory at or beneath it, as far as that says nothing itself."""

    path: str
    rules: Governance


@dataclass(frozen=True, slots=True)
class Defaults:
    """The rules of all namespaces. Equal ones have the same `digest`."""

    digest: str = ""
    rules: Mapping[str, Governance] = field(default_factory=dict[str, Governance], compare=False)

    def above(self, path: str) -> tuple[Default, ...]:
        """Those at the path and above it, from the top. Cost: 1 µs, less if there are none at all."""
        if not self.rules:
            return ()
        labels = path.split("/")
        places = ("/".join(labels[:number]) for number in range(1, len(labels) + 1))
        return tuple(Default(place, self.rules[place]) for place in places if place in self.rules)

    def naming(self, names: Sequence[str]) -> list[str]:
        """The namespaces whose rules let one of these names read or write."""
        return [path for path, rules in self.rules.items() if not {*rules.readers, *rules.writers}.isdisjoint(names)]


@dataclass(frozen=True, slots=True)
class Ruling:
    """A line of the log that gave a namespace rules: all that it says from then on."""

    seq: int
    at: datetime
    path: str
    by: str
    reason: str
    rules: Governance


class Namespaces(Protocol):
    """The rules of namespaces, kept with the memories that they are about."""

    @property
    def known(self) -> Defaults:
        """As this process saw them last: no older than anything that the store has given it."""
        ...

    async def fresh(self) -> Defaults:
        """As any process wrote them last."""
        ...

    async def rule(self, path: str, rules: Governance, *, was: Governance, caller: str, reason: str = "") -> Ruling:
        """Give a namespace rules instead of those it has, in a line of the log. Raises Conflict if it has others."""
        ...

    async def rulings(self) -> Sequence[Ruling]:
        """Every change of them, the oldest first."""
        ...
