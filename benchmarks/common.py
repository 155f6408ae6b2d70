"""What every benchmark does alike: figures, where they were taken, and the JSON that is kept."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

RESULTS = Path(__file__).resolve().parent / "results"


def spread(seconds: Sequence[float]) -> dict[str, JsonValue]:
    """Median, 95th percentile and extremes in milliseconds."""
    ordered = sorted(seconds)
    at95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    figures = {"p50": statistics.median(ordered), "p95": at95, "min": ordered[0], "max": ordered[-1]}
    return {name: round(value * 1000, 3) for name, value in figures.items()}


def machine() -> dict[str, JsonValue]:
    """What the figures were taken on."""
    load: list[JsonValue] = [round(x, 1) for x in os.getloadavg()] if hasattr(os, "getloadavg") else []
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "load": load,
    }


def keep(name: str, result: dict[str, JsonValue], out: Path | None = None) -> None:
    """Print the result as one JSON object, last, and keep it as benchmarks/results/NAME.json."""
    result = {"benchmark": name, **result, "machine": machine()}
    file = out or RESULTS / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    sys.stdout.write(json.dumps(result) + "\n")
