"""`python -m benchmarks`: every benchmark, small, its results kept apart from the full ones."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SMALL = {
    "recall": ["--sizes", "1000", "5000", "--neighbours", "5", "--rounds", "60"],
    "surface": ["--n", "200", "--cold-runs", "3", "--multi", "10"],
    "crash": ["--kills", "3"],
    "http": ["--seconds", "3", "--clients", "4", "--memories", "200"],
    "client": ["--memories", "200", "--calls", "30"],
    "langchain": ["--memories", "200", "--calls", "30"],
    "audit": ["--size", "1000", "--rounds", "100", "--lines", "20000"],
    "watermark": ["--rounds", "2"],
    "privacy": [],
    "understanding": [],
    "scheduler": ["--uses", "500", "--short"],
    "llama_index": ["--memories", "200", "--rounds", "30"],
    "retrieval": [],  # the project's own questions
}


def main() -> None:
    """Run each in a process of its own and stop at the first that fails."""
    with tempfile.TemporaryDirectory(prefix="memos-bench-") as folder:
        for name, options in SMALL.items():
            out = str(Path(folder) / f"{name}.json")
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options, "--out", out], check=True)


if __name__ == "__main__":
    main()
