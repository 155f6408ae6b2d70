"""Recall over the project's own questions, on topics that no constant was chosen on."""

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.retrieval import Measured, measure
from benchmarks.retrieval_data import load

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]


def found(measured: Measured, lanes: str, *styles: str) -> float:
    """The share of answers among the first ten."""
    answers = measured.answers[lanes]
    return fmean(a.scores["prov"]["recall@10"] for a in answers if not styles or a.question.category in styles)


async def test_all_lanes_together_are_at_least_as_good_as_the_best_of_them(models: Path) -> None:
    measured = await measure(load("own", None), ["default", "words", "vectors"], models)
    default, words, vectors = (found(measured, lanes) for lanes in ("default", "words", "vectors"))
    assert default >= max(words, vectors)
    assert default > 0.8
    assert found(measured, "default", "meaning") > 0.8 > 0.5 > found(measured, "words", "meaning")
    assert found(measured, "default", "who", "when", "multi") > found(measured, "vectors", "who", "when", "multi")
