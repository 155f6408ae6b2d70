"""Processes for tests that kill them: forked from one that has imported already what they need.

Each is a process of its own in all that such a test asks about: its memory, threads, files and locks, and its end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import anyio

import memos_mcp

LONGEST = 300  # seconds, on a machine that has much else to do
ROOT = Path(__file__).parents[1]


class Child:
    """A process that runs a function of a module with JSON values; killed at the end of its block, if not before."""

    def __init__(self, work: Callable[..., Awaitable[None]], *arguments: Path | str | int) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed at the end of the block
        self._code: int | None = None
        given, self._told = _pipe()
        self.said, saying = _pipe()
        self._news, telling = _pipe()
        plain = [str(each) if isinstance(each, Path) else each for each in arguments]
        message = json.dumps([work.__module__, work.__name__, *plain]).encode()
        with given, saying, telling, _one_asks:
            socket.send_fds(_zygote(), [message], [file.fileno() for file in (given, saying, self._errors, telling)])
            self._pid = int(self._news.readline())
        self._timer = threading.Timer(LONGEST, self.kill)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self.ended()
        for file in (self._told, self.said, self._news, self._errors):
            file.close()

    def tell(self, line: str) -> None:
        """Write it a line."""
        self._told.write(line + "\n")
        self._told.flush()

    def line(self) -> str:
        """Return the next line that it said, with its end; empty if there is none any more."""
        return self.said.readline()

    def rest(self) -> list[str]:
        """Return the whole lines that it still said until it ended; it ended well, or was killed."""
        lines = self.said.readlines()
        assert self.ended() in (0, -signal.SIGKILL), self.errors()
        return [line for line in lines if line.endswith("\n")]

    def kill(self) -> None:
        """End it as `kill -9` does, unless it has ended."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def hang_up(self) -> None:
        """Write it no more."""
        self._told.close()

    def ended(self) -> int:
        """Wait for its end: 0, 1 after an error, or less than 0: the signal that ended it."""
        if self._code is None:
            self._code = int(self._news.readline())
            self._timer.cancel()
        return self._code

    def errors(self) -> str:
        """Return what it complained of until it ended."""
        self.ended()
        self._errors.seek(0)
        return self._errors.read()


_one_asks = threading.Lock()


def _pipe() -> tuple[IO[str], IO[str]]:
    reading, writing = os.pipe()
    return os.fdopen(reading, encoding="utf-8"), os.fdopen(writing, "w", encoding="utf-8")


_started: list[subprocess.Popen[bytes]] = []


def end() -> None:
    """End the process that is forked, if there is one."""
    if _started:
        _zygote().close()
        _zygote.cache_clear()
        _started.pop().wait()


@cache
def _zygote() -> socket.socket:
    """Start the process that is forked, once for each process that runs tests; it ends when nobody can ask it."""
    ours, its = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forks", str(its.fileno())],
        cwd=ROOT,
        pass_fds=[its.fileno()],
        env={name: value for name, value in os.environ.items() if not name.startswith("MEMOS_")}
        | {"OPENBLAS_NUM_THREADS": "1"},  # a process with threads had better not fork
    )
    its.close()
    _started.append(process)
    return ours


async def use() -> None:
    """Remember and recall something once: what is first loaded or built then is there in whatever is forked."""
    quiet: dict[str, Any] = {"embedder": {"kind": "none"}, "consolidation": {"mode": "off"}}
    with tempfile.TemporaryDirectory() as home:
        async with memos_mcp.open(home=home, user="ada", **quiet) as memos:
            await memos.remember("Ada likes green tea")
            await memos.recall("What does Ada like?")


def alone() -> None:
    """Wait for the end of all threads but this one: a child has none of them."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()


def serve(asked: socket.socket) -> None:
    """Fork a child for whoever asks, and tell him how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    ended, ending = os.pipe()
    os.set_blocking(ending, False)
    signal.set_wakeup_fd(ending)
    tellings: dict[int, int] = {}
    with selectors.DefaultSelector() as events:
        events.register(asked, selectors.EVENT_READ)
        events.register(ended, selectors.EVENT_READ)
        while True:
            for event, _ in events.select():
                if event.fd == ended:
                    os.read(ended, 4096)
                    _bury(tellings)
                    continue
                message, files, *_ = socket.recv_fds(asked, 65_536, 4)
                if not message:
                    return
                _fork(json.loads(message), files, tellings)


def _fork(work: list[str], files: list[int], tellings: dict[int, int]) -> None:
    module = import_module(work[0])
    gc.freeze()
    pid = os.fork()
    if not pid:
        _be_child(getattr(module, work[1]), work[2:], files, max(*files, *tellings.values()))
    for file in files[:3]:
        os.close(file)
    tellings[pid] = files[3]
    os.write(files[3], f"{pid}\n".encode())


def _be_child(work: Callable[..., Awaitable[None]], arguments: list[str], files: list[int], last: int) -> None:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        os.closerange(3, last + 1)
        anyio.run(work, *arguments)
        sys.stdout.flush()
        code = 0
    except BaseException:  # noqa: BLE001 whatever it is, it ends here and not in the process that was forked
        traceback.print_exc()
    finally:
        os._exit(code)


def _bury(tellings: dict[int, int]) -> None:
    while tellings:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        file = tellings.pop(pid)
        with contextlib.suppress(BrokenPipeError), os.fdopen(file, "w") as telling:
            telling.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    anyio.run(use)
    alone()
    serve(socket.socket(fileno=int(sys.argv[1])))
