"""MemOperator: what the routes found, made one ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memos_mcp.cube import Ref
from memos_mcp.ports import Found


@dataclass(frozen=True, slots=True)
class Fused:
    """A version with its joint score and each lane's own."""

    ref: Ref
    score: float
    lanes: Mapping[str, float]


def fuse(found: Mapping[str, Found]) -> list[Fused]:
    """All hits, best first: lanes score absolutely, so their scores add. The order of the lanes does not matter."""
    lanes: dict[Ref, dict[str, float]] = {}
    for route in sorted(found):
        for hit in found[route].hits:
            lanes.setdefault(hit.ref, {})[route] = hit.score
    fused = [Fused(ref, sum(scores.values()), scores) for ref, scores in lanes.items()]
    return sorted(fused, key=lambda f: -f.score)
