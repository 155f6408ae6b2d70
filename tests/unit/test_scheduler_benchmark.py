"""The simulation of the scheduler: traces, who knows the future, and what a run comes to."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.scheduler import ENTRANTS, LRU, PAYING, course, main, measured
from benchmarks.scheduler_recording import record
from benchmarks.scheduler_simulation import BYTES, Gaps, Run, bound, gaps, prefill, total_bytes
from benchmarks.scheduler_traces import FAMILIES, Line, Trace, read, talks, written, zipf
from memos_mcp import sync
from memos_mcp.operation.scheduling import Limits
from memos_mcp.operation.scheduling_policies import Recent


def trace_of(order: str, tokens: dict[str, int]) -> Trace:
    lines = [Line(at=0, what="memory", id=id, tokens=size) for id, size in sorted(tokens.items())]
    return (*lines, *(Line(at=at, what="use", id=id) for at, id in enumerate(order)))


def best(over: Gaps, budget: int) -> float:
    """The optimum, by trying every set of gaps."""
    found = 0.0
    for held in itertools.product((False, True), repeat=len(over.value)):
        room = [0.0] * over.uses
        saved = 0.0
        for at, here in enumerate(held):
            if here:
                begins = over.first[at] or not held[at - 1]
                saved += float(over.value[at]) - (float(over.build[at]) if begins else 0)
                for moment in range(over.start[at], over.end[at]):
                    room[moment] += over.bytes[at]
        found = max(found, saved if max(room) <= budget else 0.0)
    return found


def belady(order: Sequence[str], capacity: int) -> int:
    """Hits of MIN (Belady 1966): goes what is used again last, were it the one that came; optimal for equal sizes."""
    nexts: list[float] = [math.inf] * len(order)
    for at, id in enumerate(order):
        nexts[at] = next((later for later in range(at + 1, len(order)) if order[later] == id), math.inf)
    held, hits = dict[str, float](), 0
    for at, id in enumerate(order):
        hits += id in held
        held[id] = nexts[at]
        if len(held) > capacity:
            del held[max(held, key=lambda each: held[each])]
    return hits


@pytest.mark.parametrize("building", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_lies_between_what_is_reached_and_the_bound(seed: int, building: float) -> None:
    chance = random.Random(seed)
    sizes = {id: chance.choice((100, 250, 400, 700)) for id in "abcde"}
    trace = trace_of("".join(chance.choices("abcde", k=14)), sizes)
    budget = 800 * BYTES
    over = gaps(trace, budget, building)
    most, reached = bound(over, budget)
    optimum = best(over, budget)
    assert reached <= optimum + 1e-9
    assert optimum <= most + 1e-9
    assert most <= optimum * 1.35 + 1e-9  # of so few, what does not fit weighs much


def test_for_equal_sizes_bound_and_optimum_are_those_of_belady() -> None:
    chance = random.Random(3)
    order = chance.choices("abcdefghijkl", weights=range(1, 13), k=400)
    trace = trace_of("".join(order), dict.fromkeys("abcdefghijkl", 100))
    budget = 400 * BYTES
    most, reached = bound(gaps(trace, budget, 0.0), budget, 300)
    hits = belady(order, 4)
    assert reached / prefill(100) <= hits + 1e-6 <= most / prefill(100) + 2e-6
    assert reached / prefill(100) >= 0.98 * hits
    assert most / prefill(100) <= 1.02 * hits


def test_nothing_can_be_saved_where_nothing_comes_again_or_fits() -> None:
    assert bound(gaps(trace_of("abc", dict.fromkeys("abc", 9)), 10**9), 10**9) == (0, 0)
    assert bound(gaps(trace_of("aab", dict.fromkeys("ab", 9)), 10), 10) == (0, 0)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_policy_saves_more_than_the_bound_and_a_run_can_be_had_again(name: str) -> None:
    trace = FAMILIES[name](5, 400)
    for building in (0.0, 1.0):
        on = course(trace, 0.1, building, rounds=40)
        assert on.reached <= on.most + 1e-6
        for entrant in (LRU, PAYING):
            assert measured(entrant, on)["saved"] <= 1
    assert measured(PAYING, on) == measured(PAYING, on)


def test_a_run_counts_hits_savings_and_what_was_moved() -> None:
    trace = trace_of("aababb", {"a": 100, "b": 200})
    figures = Run(Recent(), Limits(10**9)).follow(trace)
    assert (figures.uses, figures.hits, figures.promotions, figures.moved) == (6, 4, 2, 300 * BYTES)
    assert figures.saved == pytest.approx(2 * prefill(100) + 2 * prefill(200))
    assert figures.net == pytest.approx(prefill(100) + prefill(200))


def test_a_block_of_an_old_version_or_an_erased_memory_serves_nobody() -> None:
    begin = trace_of("aa", {"a": 100})
    changed = (*begin, Line(at=2, what="memory", id="a", version=2, tokens=100), Line(at=3, what="use", id="a"))
    erased = (*begin, Line(at=2, what="erased", id="a"), Line(at=3, what="use", id="a"))
    assert Run(Recent(), Limits(10**9)).follow(begin).hits == 1
    assert Run(Recent(), Limits(10**9)).follow(changed).hits == 1
    assert Run(Recent(), Limits(10**9)).follow(erased).uses == 2
    assert [len(gaps(trace, 10**9).value) for trace in (begin, changed, erased)] == [1, 1, 1]


def test_a_trace_is_the_same_after_it_is_written_and_read_and_is_made_by_its_seed_alone() -> None:
    trace = FAMILIES["changes"](1, 200)
    assert read(written(trace)) == trace == FAMILIES["changes"](1, 200)
    assert zipf(1, 200) != zipf(2, 200)
    assert any(line.version > 1 for line in trace)
    assert total_bytes(trace) == BYTES * sum(line.tokens for line in trace[:300])
    with pytest.raises(ValueError, match="what"):
        read(['{"at": 1, "id": "a", "what": "drop"}'])


def test_uses_in_sessions_are_marked_and_a_run_counts_them() -> None:
    trace = talks(1, 300)
    assert read(written(trace)) == trace == talks(1, 300)
    run = Run(PAYING.policy, Limits(10**9))
    run.follow(trace)
    marked = sum(line.first or False for line in trace)
    assert 0 < marked < 300
    assert sum(block.sessions or 0 for block in run.uses.blocks.values()) == marked


def test_what_was_read_of_a_vault_is_a_trace(tmp_path: Path) -> None:
    with sync.open(home=str(tmp_path), embedder={"kind": "none"}) as memos:
        (id,) = memos.remember("Ada likes green tea.", tags=["tea"]).ids
        memos.recall("tea")
        memos.update(id, text="Ada likes black tea and nothing else.")
        memos.get(id)
        trace = record(memos)
    assert [(line.what, line.version, line.labels) for line in trace] == [
        ("memory", 1, ("tea",)),
        ("use", 1, ("tea",)),
        ("memory", 2, ("tea",)),
        ("use", 1, ("tea",)),
    ]
    assert trace[0].tokens < trace[2].tokens
    assert [line.first for line in trace if line.what == "use"] == [True, False]
    assert Run(Recent(), Limits(10**9)).follow(trace).uses == 2


def test_policies_are_compared_on_the_reads_of_a_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scheduler", "--vault", str(tmp_path), "--budget", "0.6"])
    monkeypatch.setenv("MEMOS_EMBEDDER__KIND", "none")
    main()
    assert capsys.readouterr().out == "nothing was read yet\n"
    with sync.open(home=str(tmp_path)) as memos:
        for text in ("Ada likes green tea.", "Ben moved to Lisbon."):
            (id,) = memos.remember(text).ids
            for _ in range(5):
                memos.get(id)
    main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (len(ENTRANTS) + 1)
    assert lines[0].startswith("built apart, LRU, as in textbooks: {'saved':")
    assert "who knows the future" in lines[-1]
