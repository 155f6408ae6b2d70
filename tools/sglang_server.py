"""A real SGLang server on a machine without a GPU: installed once from the package index, bound to 127.0.0.1.

    tools/python -m tools.sglang_server start 30000 ~/sglang [FLAG…]     with a tiny model made here, or --model-path
    tools/python -m tools.sglang_server stop ~/sglang
    tools/python -m tools.sglang_server install                          only what a start needs

The first start downloads 2.9 GB into an environment of its own, 5.3 GB of disk, as its pins and ours exclude each
other. A flag of SGLang given here wins over the one set here.
"""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tools.env import CannotSetUp, alone, finished, why
from tools.neo4j_server import free_port

VERSION = "0.5.21"
PINS = Path(__file__).with_name("sglang-pins.txt")
LAUNCHER = Path(__file__).with_name("sglang_launcher.py")
_MODEL = Path(__file__).with_name("sglang_model.py")
_started: dict[int, subprocess.Popen[bytes]] = {}  # by this process; others are stopped by their number
_START_WITHIN = 240
_STOP_WITHIN = 20
# --max-total-tokens or it takes nearly all memory, --sleep-on-idle or it burns a core; pages of one token, as larger
# ones need a kernel of a GPU.
_FLAGS = """--host 127.0.0.1 --device cpu --attention-backend torch_native --sampling-backend pytorch
--cuda-graph-backend-decode disabled --cuda-graph-backend-prefill disabled --skip-server-warmup --sleep-on-idle
--max-total-tokens 6000 --enable-metrics --enable-cache-report --enable-session-radix-cache""".split()
_LOADS = re.compile(r"/\S+/sglang_loads_\S+")


def home() -> Path:
    """The folder of its environment, named after a hash of the pins and the Python."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "memos-mcp"
    parts = [PINS.read_text("utf-8"), sys.version, sys.base_prefix]
    return cache / f"sglang-{VERSION}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:12]}"


def installed() -> bool:
    """Can a server be started without downloading anything."""
    return finished(home())


def install() -> Path:
    """The Python of its environment, built now unless an earlier call did; says how far it is. Raises CannotSetUp."""
    folder = home()
    if not finished(folder):
        with alone(folder):
            if not finished(folder):
                _build(folder)
    return folder / "bin" / "python"


def model(shape: str = "tiny") -> Path:
    """The folder of a Llama with random weights and a tokenizer, made now unless an earlier call did."""
    python = install()
    folder = home() / f"model-{shape}-{hashlib.sha256(_MODEL.read_bytes()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        with alone(folder):
            if not (folder / "ready").exists():
                made = subprocess.run(
                    [python, "-I", _MODEL, folder, shape],
                    capture_output=True,
                    text=True,
                    check=False,
                    env=_environment(),
                )
                if made.returncode:
                    raise CannotSetUp(f"the model could not be made: {_end(made.stderr)}")
                (folder / "ready").touch()
    return folder


def start(port: int, folder: Path, flags: Sequence[str] = ()) -> str:
    """Start a server that keeps its log in a folder and wait until it is well; its address. Raises CannotSetUp."""
    folder = folder.expanduser().absolute()
    if pid_of(folder) is not None:
        raise CannotSetUp(f"a server runs on {folder} already; `stop {folder}` ends it")
    if _listens(port):
        raise CannotSetUp(f"something listens on port {port} already: name another one")
    python = install()
    chosen = [] if "--model-path" in flags else ["--model-path", str(model())]
    folder.mkdir(parents=True, exist_ok=True)
    sockets = Path(tempfile.mkdtemp(prefix="sglang.", dir="/tmp"))  # the path of a socket is short
    (folder / "sockets").write_text(str(sockets), "utf-8")
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [python, LAUNCHER, f"--folder={folder}", *_FLAGS, *chosen, "--port", str(port), *flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
            env=_environment() | {"TMPDIR": str(sockets)},
        )
    _started[server.pid] = server
    (folder / "pid").write_text(str(server.pid), "ascii")
    until = time.monotonic() + _START_WITHIN
    while not _healthy(port):
        if server.poll() is not None or time.monotonic() > until:
            _finish(server.pid, at_once=True)  # its workers outlive a leader that failed
            stop(folder)
            raise CannotSetUp(f"SGLang did not start: {_end(log.read_text('utf-8', 'replace'))} (more in {log})")
        time.sleep(0.2)
    return f"http://127.0.0.1:{port}"


def stop(folder: Path, *, at_once: bool = False) -> None:
    """Stop the server of a folder if it runs, `at_once` as a loss of power would, and take away what it leaves."""
    folder = folder.expanduser().absolute()
    pid = pid_of(folder)
    if pid is not None:
        _finish(pid, at_once=at_once)
    if (folder / "sockets").exists():
        shutil.rmtree((folder / "sockets").read_text("utf-8"), ignore_errors=True)
    for name in ("pid", "sockets"):
        (folder / name).unlink(missing_ok=True)


def pid_of(folder: Path) -> int | None:
    """The process of the server on a folder; a number that another process has by now is none."""
    file = folder / "pid"
    pid = int(file.read_text("ascii")) if file.exists() else 0
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        return None
    return pid if pid and f"--folder={folder}" in words else None


def cpu_seconds(folder: Path) -> float:
    """What the processes of the server on a folder have used of the processor."""
    ticks = 0
    for pid in _group(pid_of(folder.expanduser().absolute()) or -1):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _build(folder: Path) -> None:
    if not sys.platform.startswith("linux"):
        raise CannotSetUp("SGLang runs on Linux alone: use another machine or a container, see docs/how-to/sglang.md")
    if find_spec("ensurepip") is None:
        raise CannotSetUp(f"{sys.executable} cannot make environments; install its venv package (Debian: python3-venv)")
    print(
        f"memos: installing SGLang {VERSION} into {folder} (2.9 GB to download, a few minutes, once)", file=sys.stderr
    )
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, symlinks=True, with_pip=True)
    pip = [folder / "bin" / "python", "-I", "-m", "pip", "install", "--no-input", "--progress-bar=off", "--no-deps"]
    log = folder.with_suffix(".log")
    total = len(PINS.read_text("utf-8").splitlines())
    fetched = 0
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen([*pip, "-r", PINS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running,
    ):
        for line in running.stdout or ():
            output.write(line)
            if line.startswith("Collecting "):
                fetched += 1
                _say(f"memos: {fetched} of {total}: {line.split()[1]}", brief=fetched % 20 != 0)
            elif line.startswith("Installing "):
                _say("memos: all fetched, unpacking", brief=False)
    if running.returncode:
        raise CannotSetUp(f"pip could not install SGLang: {why(log.read_text('utf-8'))} (more in {log})")
    (folder / "ready").touch()


def _say(text: str, *, brief: bool) -> None:
    """A line of progress, over the last one in a terminal; elsewhere those that are not brief."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="" if brief else "\n", file=sys.stderr, flush=True)
    elif not brief:
        print(text, file=sys.stderr, flush=True)


def _environment() -> dict[str, str]:
    """Of this process, without what leads to other libraries or to a download."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SGLANG_"))}
    caches = home() / "caches"
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait by spinning take ten times as long beside other work
        "PYTHONNOUSERSITE": "1",
        "SGLANG_CACHE_DIR": str(caches / "sglang"),
        "TORCH_EXTENSIONS_DIR": str(caches / "torch"),
    }


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _group(leader: int) -> list[int]:
    """The processes of a group that have not ended; those that wait to be noticed have."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _parent, group = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(group) == leader and state != "Z":
                found.append(int(folder.name))
    return found


def _finish(leader: int, *, at_once: bool) -> None:
    """End all processes of a server, then take away the tables in shared memory that they leave however they end."""
    left = _shared(leader)
    until = time.monotonic() + (0 if at_once else _STOP_WITHIN)
    with suppress(ProcessLookupError):  # it may end by itself at any moment
        if not at_once:
            os.kill(leader, signal.SIGTERM)
        while _group(leader):
            if time.monotonic() >= until:
                os.killpg(leader, signal.SIGKILL)
            time.sleep(0.1)
    if (ours := _started.pop(leader, None)) is not None:
        ours.wait()
    for each in left:
        each.unlink(missing_ok=True)


def _shared(leader: int) -> set[Path]:
    """The tables in shared memory that the processes of a server hold."""
    found: set[Path] = set()
    for pid in _group(leader):
        try:
            found |= {Path(path) for path in _LOADS.findall(Path(f"/proc/{pid}/maps").read_text("utf-8", "replace"))}
        except OSError:
            continue
    return found


def _end(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Ignore import error" not in line]
    told = [line for line in lines if re.match(r"\w*(Error|Exception)\b", line)]
    return (told or lines or ["it said nothing"])[-1][:300]


def main(arguments: list[str]) -> None:
    """Do what the command line asks."""
    match arguments:
        case ["install"]:
            print(install())
        case ["start", port, folder, *flags] if port.isdigit():
            print(start(int(port) or free_port(), Path(folder), flags))
        case ["stop", folder]:
            stop(Path(folder))
        case _:
            sys.exit("usage: tools/python -m tools.sglang_server install|start PORT FOLDER [FLAG…]|stop FOLDER")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CannotSetUp as exc:
        sys.exit(f"memos: {exc}")
