from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Ref
from memos_mcp.operation.gate import Thresholds, judged
from memos_mcp.parametric import Figures, SourceFigures


def source(name: str, gain: float = 2.0, recognised: float | None = 1.0) -> SourceFigures:
    return SourceFigures(Ref(id=name, version=1), -3.0, -3.0 + gain, recognised)


GOOD = Figures((source("a"), source("b")), -3.0, -0.1, 2.0, 2.1, steps=80)


def test_what_gains_and_harms_nothing_is_promoted() -> None:
    report = judged(GOOD)
    assert (report.promoted, report.why) == (True, ())
    assert (report.gain, report.harm) == (2.0, 0.1)
    assert report.figures == GOOD


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        (replace(GOOD, sources=(source("a", 0.1), source("b", 0.2))), "gained 0.15 nats per token, of 0.50 wanted"),
        (replace(GOOD, sources=(source("a", 0.1),), steps=3, stopped="time"), "after 3 steps, when its time was up"),
        (replace(GOOD, sources=(source("a", 4.0), source("b", -0.1))), "1 of 2 sources gained nothing: b"),
        (replace(GOOD, sources=(source("a", 4.0, 0.5), source("b"))), "75% are answered by their own source.*See a"),
        (replace(GOOD, control_after=2.5), "less likely by 0.50 nats per token, of 0.30 allowed"),
        (replace(GOOD, control_after=math.nan), "cannot be measured"),
        (replace(GOOD, sources=(source("a", math.nan),)), "cannot be measured"),
        (replace(GOOD, sources=()), "cannot be measured"),
    ],
)
def test_what_does_not_is_refused_and_told_why(figures: Figures, why: str) -> None:
    report = judged(figures)
    assert not report.promoted
    assert len(report.why) == 1
    (found,) = report.why
    assert re.search(why, found)


def test_every_reason_is_given_at_once() -> None:
    figures = replace(GOOD, sources=(source("a", -1.0, 0.0),), control_after=9.0)
    assert len(judged(figures).why) == 4


def test_a_single_source_has_nobody_to_be_mistaken_for() -> None:
    assert judged(replace(GOOD, sources=(source("a", recognised=None),))).promoted


finite = st.floats(-50, 50)


@given(st.lists(st.tuples(finite, finite, st.floats(0, 1)), min_size=1, max_size=5), finite, finite)
def test_whatever_is_promoted_keeps_to_every_threshold(
    sources: list[tuple[float, float, float]], before: float, after: float
) -> None:
    its = tuple(SourceFigures(Ref(id=f"m{at}", version=1), *each) for at, each in enumerate(sources))
    limits = Thresholds()
    report = judged(Figures(its, 0.0, 0.0, before, after, 1), limits)
    assert report.promoted == (not report.why)
    if report.promoted:
        assert sum(each.after - each.before for each in its) / len(its) >= limits.gain - 1e-9
        assert after - before <= limits.harm
        assert sum(each.recognised or 0 for each in its) / len(its) >= limits.recognised - 1e-9
