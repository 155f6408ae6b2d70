"""MemScheduler's first policy: what of what was asked is worth keeping, and how much of it (long paper §5.4.1). Pure.

Time is counted in questions, so that nothing hangs on a clock. A result is worth as much as it was used lately, and as
its question is like those that are asked now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

HALF = 64
"""Questions after which a use counts half."""
LEAST = 0.125
"""A result worth less is dropped: used once, it is after 128 questions on other matters, and after 192 on the same."""
RECENT = 32
"""Questions that make up what is asked about now."""
WINDOW = 128
"""Questions after which the number of results that are kept is looked at again."""
FEWEST, MOST = 16, 512

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Use:
    """How much a result was used, as of question number `last`, and the words of its question."""

    uses: float
    last: int
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Load:
    """Of a window: how many questions came, had come before, or would have found a result if more had been kept."""

    asked: int = 0
    again: int = 0
    missed: int = 0


def used(use: Use | None, now: int, words: frozenset[str]) -> Use:
    """Used once more."""
    return Use(1.0 if use is None else 1 + _lately(use, now), now, words)


def worth(use: Use, now: int, context: frozenset[str]) -> float:
    """How much it was used lately, halved if none of its words is among those that are asked for now."""
    alike = len(use.words & context) / len(use.words) if use.words else 1.0
    return _lately(use, now) * (1 + alike) / 2


def faded(uses: Mapping[Key, Use], now: int, context: frozenset[str]) -> list[Key]:
    """What is not worth keeping any more."""
    return [key for key, use in uses.items() if worth(use, now, context) < LEAST]


def crowded(uses: Mapping[Key, Use], now: int, context: frozenset[str], capacity: int) -> list[Key]:
    """The least of what is more than may be kept."""
    ranked = sorted(uses, key=lambda key: (worth(uses[key], now, context), uses[key].last))
    return ranked[: max(0, len(ranked) - capacity)]


def capacity(now: int, load: Load) -> int:
    """How many results are kept from now on, by the load of the last window.

    Twice as many if one question in 32 missed a result that had been dropped for want of room; half as many if not one
    in 32 came again.
    """
    if 32 * load.missed >= load.asked:
        return min(MOST, 2 * now)
    return max(FEWEST, now // 2) if 32 * load.again < load.asked else now


def counted(load: Load, *, again: bool, missed: bool) -> Load:
    """With one more question."""
    return replace(load, asked=load.asked + 1, again=load.again + again, missed=load.missed + missed)


def context(recent: Iterable[frozenset[str]]) -> frozenset[str]:
    """The words of what is asked about now."""
    return frozenset[str]().union(*recent)


def _lately(use: Use, now: int) -> float:
    return use.uses * 0.5 ** ((now - use.last) / HALF)
