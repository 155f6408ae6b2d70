"""Runs a notebook: its cells of code, in order, in a fresh namespace and a process of its own.

`python -m tests.notebooks FILE` is that process; `run` starts it. Cells may `await`: all share one event loop.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType

from tests.imports import IMPORTS

ROOT = Path(__file__).resolve().parents[1]


def cells(file: Path) -> list[str]:
    """The code of a notebook. Raises ValueError if there is none, or if outputs were saved with it."""
    found = [cell for cell in json.loads(file.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    if not found or any(cell["outputs"] for cell in found):
        raise ValueError(f"{file.name} has no code, or outputs that nobody checks: clear them")
    return ["".join(cell["source"]) for cell in found]


def run(file: Path, home: Path) -> str:
    """What a notebook prints, with the vault in a folder. Raises CalledProcessError if a cell fails."""
    env = {**os.environ, "MEMOS_HOME": str(home), "PYTHONPATH": os.pathsep.join((str(ROOT), IMPORTS))}
    command = [sys.executable, "-m", "tests.notebooks", str(file)]
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def _executed(file: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for number, code in enumerate(cells(file), 1):
        made = compile(code, f"{file.name}, cell {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = FunctionType(made, names)()  # a coroutine if the cell awaits
        if inspect.isawaitable(waiting):
            await waiting


if __name__ == "__main__":
    asyncio.run(_executed(Path(sys.argv[1])))
