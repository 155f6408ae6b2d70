"""What was used and what changed, folded into what the scheduler plans with: blocks, and what goes on now."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from memos_mcp.operation import policy
from memos_mcp.operation.expecting import FORECASTS, Forecasts, learnt, outlook, used
from memos_mcp.operation.scheduling import Block, Now

SILENCE = 1800.0
"""Seconds without a use after which a session is over."""


@dataclass(frozen=True, slots=True)
class Use:
    """A memory was used, at a moment in seconds; `labels` and `vector` are of the question, if there are any.

    `first`: for the first time in its session; None: sessions are not counted.
    """

    id: str
    at: float
    labels: frozenset[str] = frozenset()
    vector: tuple[float, ...] = ()
    first: bool | None = None


class Sessions:
    """Tells sessions apart: what somebody used is of another one after half an hour in which he did not use it."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}

    def is_first(self, id: str, user: str, at: float) -> bool:
        """Is it his first use of the memory in a session? Asked once for each use, in the order of time."""
        before = self._last.pop((id, user), None)
        self._last[id, user] = at
        while at - next(iter(self._last.values())) > SILENCE:
            del self._last[next(iter(self._last))]
        return before is None or at - before > SILENCE


class Uses:
    """What is known of every memory, kept up to date. The same calls in the same order give the same."""

    def __init__(self, forecasts: Forecasts = FORECASTS) -> None:
        self._blocks: dict[str, Block] = {}
        self._outlook = outlook(forecasts)
        self._recent: deque[Use] = deque(maxlen=policy.RECENT)

    @property
    def blocks(self) -> Mapping[str, Block]:
        """All memories there are, by id."""
        return self._blocks

    def now(self, at: float) -> Now:
        """What goes on: all uses so far, and labels and mean vector of the last ones."""
        return Now(at, self._outlook, policy.context(use.labels for use in self._recent), self._direction())

    def known(self, block: Block) -> None:
        """A memory is there, or what is known of its block is new; its uses, changes and sessions stay counted."""
        old = self._blocks.get(block.id)
        if old is not None:
            block = replace(block, past=old.past, changed=old.changed, changes=old.changes, sessions=old.sessions)
        self._blocks[block.id] = block

    def used(self, use: Use) -> None:
        """It was used; nothing happens if it is not known, as it may be erased by now."""
        block = self._blocks.get(use.id)
        if block is None:
            return
        self._outlook = learnt(self._outlook, block.past, len(self._blocks))
        past = used(block.past, self._outlook.uses, self._outlook.forecasts)
        sessions = block.sessions if use.first is None else max(1, (block.sessions or 0) + use.first)
        self._blocks[use.id] = replace(block, past=past, sessions=sessions)
        self._recent.append(use)

    def changed(self, block: Block, at: float) -> None:
        """It has another version now, of which this is known."""
        self.known(block)
        known = self._blocks[block.id]
        changes = used(known.changes, self._outlook.uses, self._outlook.forecasts)
        self._blocks[block.id] = replace(known, changed=at, changes=changes)

    def erased(self, id: str) -> None:
        """It is gone."""
        self._blocks.pop(id, None)

    def _direction(self) -> tuple[float, ...]:
        vectors = [use.vector for use in self._recent if use.vector]
        alike = [vector for vector in vectors if len(vector) == len(vectors[-1])]
        return tuple(sum(column) / len(alike) for column in zip(*alike, strict=True))
