"""The layers of the paper hold: import-linter's contracts, run as in `make check`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.claim("4.3-01")
def test_no_layer_imports_one_above_it() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--contract", "layers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
