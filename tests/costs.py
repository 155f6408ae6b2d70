"""How costs grow with the length of a text: ratios of processor time, so that no machine is too slow for a test."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from timeit import repeat


def growth(read: Callable[[str], object], piece: str, size: int = 40_000) -> float:
    """How many times more a character costs in a text of this size than in an eighth: 1 if linear, 8 if quadratic."""
    short, long = (piece * (length // len(piece)) for length in (size // 8, size))
    few = min(repeat(lambda: read(short), timer=process_time, number=1, repeat=5)) / len(short)
    many = min(repeat(lambda: read(long), timer=process_time, number=1, repeat=2)) / len(long)
    return many / max(few, 1e-9)
