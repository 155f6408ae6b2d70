"""How this very program is started from anywhere: the installed scripts, or this Python with where the code is."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

CODE = Path(__file__).parents[2]
"""Where the packages are: a site-packages folder, or a clone."""


def server() -> tuple[list[str], dict[str, str]]:
    """The command that serves MCP over stdio, and the variables that it needs."""
    python = Path(sys.executable)
    if not _installed():
        return [str(python), "-m", "memos_mcp"], {"PYTHONPATH": _import_roots()}
    script = python.with_name(f"memos-mcp{python.suffix if python.suffix == '.exe' else ''}")
    return ([str(script)] if script.is_file() else [str(python), "-m", "memos_mcp"]), {}


def shell() -> str:
    """What `memos` stands for in a shell."""
    command = [sys.executable, "-m", "memos_mcp.apps.cli"]
    if not _installed():
        return shlex.join(["env", f"PYTHONPATH={_import_roots()}", *command])
    return "memos" if shutil.which("memos") else shlex.join(command)


def _installed() -> bool:
    return Path(sysconfig.get_path("purelib")) == CODE


def _import_roots() -> str:
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    ours = [str(CODE), str(CODE / "graph")]
    return os.pathsep.join(dict.fromkeys([*ours, *(str(Path(each).absolute()) for each in given)]))
