"""An independent referee: the Agent Memory Security Benchmark (OWASP ASI06) grades memos."""

from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.amg_adapter import MemosAdapter

pytest.importorskip("agent_memory_guard.bench", reason="needs the referee: pip install agent-memory-guard==0.3.3")


def test_the_benchmark_gives_memos_the_best_grade_without_a_false_alarm(tmp_path: Path) -> None:
    harness: Any = import_module("agent_memory_guard.bench.harness")
    scoring: Any = import_module("agent_memory_guard.bench.scoring")
    homes = count()
    report = harness.run_suite(lambda: MemosAdapter(tmp_path / str(next(homes))))
    card = scoring.score_report(report)
    assert [run.scenario_id for run in report.runs if not run.passed] == []
    assert (card.grade.value, card.critical_breaches, card.false_positives) == ("A", 0, 0)
