"""The gate: what an adapter has to show before anything is answered with it. Pure.

A gain on the very phrasings that were trained says little, and a gain on others may be bought by ruining the rest of
the model: both are measured. Nor is it enough that answers of that kind became likelier: the right one has to win.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from memos_mcp.parametric import Figures, GateReport


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Nats per token that held-out answers have to gain, and that other text may lose; and the share that must win.

    `recognised`: of the held-out questions to which another source has an answer, so many have to be answered right.
    `losing`: at most such a share of the sources may not have gained anything.
    """

    gain: float = 0.5
    harm: float = 0.3
    recognised: float = 0.8
    losing: float = 0.1


def judged(figures: Figures, thresholds: Thresholds | None = None) -> GateReport:
    """Whether an adapter with these figures is promoted, and every reason if not."""
    limits = thresholds or Thresholds()
    gains = [each.after - each.before for each in figures.sources]
    gain = statistics.fmean(gains) if gains else math.nan
    harm = figures.control_after - figures.control_before
    why = [*_unmeasured(gain, harm)] or [*_too_little(figures, gains, gain, limits), *_harmful(harm, limits)]
    return GateReport(not why, tuple(why), figures, round(gain, 5), round(harm, 5))


def _unmeasured(gain: float, harm: float) -> list[str]:
    if math.isfinite(gain) and math.isfinite(harm):
        return []
    return ["what it learnt cannot be measured: training went out of bounds; lower the rate"]


def _too_little(figures: Figures, gains: list[float], gain: float, limits: Thresholds) -> list[str]:
    why: list[str] = []
    if gain < limits.gain:
        early = f" after {figures.steps} steps, when its time was up" if figures.stopped else ""
        why.append(
            f"answers to held-out phrasings gained {gain:.2f} nats per token{early}, of {limits.gain:.2f} wanted: "
            "train longer, or with more phrasings; or the model knows it already"
        )
    losing = [each.source.id for each, its in zip(figures.sources, gains, strict=True) if its <= 0]
    if len(losing) > limits.losing * len(gains):
        why.append(f"{len(losing)} of {len(gains)} sources gained nothing: {', '.join(sorted(losing)[:5])}")
    shares = [each.recognised for each in figures.sources if each.recognised is not None]
    if shares and statistics.fmean(shares) < limits.recognised:
        lost = sorted(each.source.id for each in figures.sources if each.recognised is not None and each.recognised < 1)
        why.append(
            f"of the held-out questions {statistics.fmean(shares):.0%} are answered by their own source and not by "
            f"another, of {limits.recognised:.0%} wanted: do sources contradict each other? See {', '.join(lost[:5])}"
        )
    return why


def _harmful(harm: float, limits: Thresholds) -> list[str]:
    if harm <= limits.harm:
        return []
    return [
        f"other text became less likely by {harm:.2f} nats per token, of {limits.harm:.2f} allowed: "
        "raise kl, lower the rate, or rehearse on more text"
    ]
