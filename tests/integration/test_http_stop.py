"""`memos serve` as a process: it stops when it is told to, finishes what it began, and may be several."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from pydantic import JsonValue

from memos_mcp import wiring
from memos_mcp.settings import Settings
from tests.http_server import HANDSHAKE, client, configured, headers, request, token
from tests.imports import IMPORTS

ROOT = Path(__file__).parents[2]
LONGEST = 60  # seconds
COMMAND = "import typer; from memos_mcp.apps.cli_serve import serve; typer.run(serve)"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@contextmanager
def started(home: Path, *options: str, **more: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A server process and its address."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    env = kept | {"PYTHONPATH": IMPORTS, "HOME": str(home), "MEMOS_HOME": str(home), "MEMOS_USER": "ada", **more}
    command = [sys.executable, "-c", COMMAND, "--port", "0", *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=env | {"MEMOS_EMBEDDER__KIND": "none"}
    ) as run:
        timer = threading.Timer(LONGEST, run.kill)
        timer.start()
        try:
            assert run.stderr is not None
            line = run.stderr.readline()
            assert "serving MCP at " in line, line + run.stderr.read()
            yield run, line.split("serving MCP at ")[1].split(";")[0]
        finally:
            timer.cancel()
            run.kill()


def ended(run: subprocess.Popen[str]) -> str:
    """What it still says; it must have ended well."""
    assert run.wait(LONGEST) == 0
    assert run.stderr is not None
    said = run.stderr.read()
    assert "Traceback" not in said
    return said


def told(url: str, secret: str, tool: str, **arguments: JsonValue) -> dict[str, Any]:
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=LONGEST)
    body = json.dumps(request("tools/call", {"name": tool, "arguments": arguments}))
    connection.request("POST", "/mcp", body, headers("tools/call", secret, tool))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["result"]["structuredContent"]


def refused(url: str) -> bool:
    """Does nobody listen there?"""
    host, port = url.split("/")[2].split(":")
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex((host, int(port))) == errno.ECONNREFUSED


def test_workers_end_with_the_process_that_started_them_though_it_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as (run, url):
        secret = anyio.run(a_token, tmp_path)[1]
        assert told(url, secret, "remember", content="Ada likes tea.")["new"] == 1
        run.kill()
        run.wait(LONGEST)
        until = time.monotonic() + LONGEST
        while not refused(url):
            assert time.monotonic() < until, "a worker still holds the port"
            time.sleep(0.1)


async def a_token(home: Path) -> tuple[Settings, str]:
    settings = configured(home)
    return settings, await token(settings)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_under_way_is_finished_when_the_server_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    settings, secret = anyio.run(a_token, tmp_path)
    turns: list[JsonValue] = [{"content": f"turn {i}"} for i in range(1000)]
    body = json.dumps(request("tools/call", {"name": "remember", "arguments": {"messages": turns}})).encode()
    with started(tmp_path) as (run, url):
        host = url.split("/")[2]
        with socket.create_connection((host.split(":")[0], int(host.split(":")[1])), LONGEST) as wire:
            about = headers("tools/call", secret, "remember") | {"Host": host, "Content-Length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in about.items())
            wire.sendall(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body[:1000])
            told(url, secret, "memory_status")  # a later connection is served: the first one is under way
            run.send_signal(number)
            until_refused(host)
            wire.sendall(body[1000:])
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            assert answer.status == 200
            assert json.loads(answer.read())["result"]["structuredContent"]["new"] == 1000
        ended(run)

    async def count() -> int:
        async with wiring.open(settings) as memos:
            return (await memos.status()).memories

    assert anyio.run(count) == 1000


def until_refused(host: str) -> None:
    """Wait until the server takes no new connection."""
    name, port = host.split(":")
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            socket.create_connection((name, int(port)), LONGEST).close()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_clients_that_stay_connected_do_not_keep_the_server_from_stopping(
    tmp_path: Path, mode: Literal["legacy", "auto"]
) -> None:
    _, secret = anyio.run(a_token, tmp_path)

    async def session(url: str, run: subprocess.Popen[str]) -> None:
        with anyio.fail_after(8):  # less than the ten seconds of grace
            async with client(url, secret, mode) as connected:
                await connected.call_tool("memory_status", {})
                run.send_signal(signal.SIGTERM)
                await anyio.to_thread.run_sync(run.wait)

    with started(tmp_path) as (run, url):
        anyio.run(session, url, run)
        ended(run)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_several_processes_serve_one_vault_in_either_era(tmp_path: Path, mode: Literal["legacy", "auto"]) -> None:
    _, secret = anyio.run(a_token, tmp_path)

    async def session(url: str) -> None:
        async with client(url, secret, mode) as connected:
            assert connected.protocol_version == {"legacy": HANDSHAKE, "auto": "2026-07-28"}[mode]
            for i in range(5):
                assert not (await connected.call_tool("remember", {"content": f"Ada has number {i}"})).is_error
                found = await connected.call_tool("recall", {"question": "number"})
                assert f"{i + 1} of {i + 1} memories" in str(found.content)

    with started(tmp_path, "--workers", "2") as (run, url):
        anyio.run(session, url)
        run.send_signal(signal.SIGTERM)
        ended(run)


def test_what_cannot_be_is_said_in_a_line(tmp_path: Path) -> None:
    with started(tmp_path) as (run, url):
        assert run.stderr is not None
        assert "no token yet; `memos token create NAME --scope write` makes one" in run.stderr.readline()
        port = url.split(":")[2].split("/")[0]
        for options, code, says in [
            (["--port", port], 6, "cannot be listened on"),
            (["--host", "0.0.0.0", "--port", "0"], 8, "set http.url to the address they use"),  # noqa: S104
            (["--host", "no.such.invalid", "--port", "0"], 8, "set http.url"),
        ]:
            env = {**os.environ, "PYTHONPATH": IMPORTS, "MEMOS_HOME": str(tmp_path)}
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, *options],
                capture_output=True,
                text=True,
                env=env,
                check=False,
                timeout=30,
            )
            assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
            assert says in done.stderr
        run.send_signal(signal.SIGINT)
        assert ended(run) == ""
