"""What a model can take on, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a model reads at once, its answer included, in tokens (None: it does not say), and how busy it is.

    `load`: requests under way for each that it serves at once.
    """

    window: int | None = None
    load: float = 0.0
