"""The server as a host starts it: a process of its own, standard input and output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent
from pydantic import JsonValue

from tests.imports import IMPORTS

ROOT = Path(__file__).parents[2]
LONGEST = 60  # seconds


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    ours = {"PYTHONPATH": IMPORTS, "PYTHONWARNINGS": "error", "HOME": str(home)}
    return kept | ours | {"MEMOS_HOME": str(home), "MEMOS_USER": "ada"} | more


def server(home: Path, **more: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=["-m", "memos_mcp"], env=environment(home, **more))


class Process:
    """The server and its wire, without any client in between."""

    def __init__(self, running: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self.running, self._said = running, said
        self._last = 0

    def send(self, method: str, params: Mapping[str, JsonValue] | None = None, *, raw: str = "") -> None:
        self._last += 1
        message = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params or {}}
        assert self.running.stdin is not None
        self.running.stdin.write((raw or json.dumps(message)).encode() + b"\n")
        self.running.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.running.stdout is not None
        return json.loads(self.running.stdout.readline() or "{}")

    def start(self) -> None:
        about: JsonValue = {"name": "test", "version": "1"}
        self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about})
        assert self.answer()["result"]["serverInfo"]["name"] == "memos"
        self.send("", raw='{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def call(self, tool: str, **arguments: JsonValue) -> dict[str, Any]:
        self.send("tools/call", {"name": tool, "arguments": arguments})
        return self.answer()["result"]

    def end(self) -> str:
        """Close its input; what it wrote to standard error."""
        self.running.communicate(timeout=LONGEST)
        assert self.running.returncode == 0, self.said()
        return self.said()

    def said(self) -> str:
        """What it wrote to standard error."""
        self._said.seek(0)
        return self._said.read().decode()


@contextmanager
def started(home: Path, *options: str, **more: str) -> Generator[Process]:
    command = [sys.executable, *options, "-m", "memos_mcp"]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as said,  # a pipe that nobody reads would hold up what says much
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, env=environment(home, **more)) as running,
    ):
        timer = threading.Timer(LONGEST, running.kill)
        timer.start()
        try:
            process = Process(running, said)
            process.start()
            yield process
        finally:
            timer.cancel()
            running.kill()


async def text_of(client: Client, tool: str, **arguments: JsonValue) -> str:
    (block,) = (await client.call_tool(tool, arguments)).content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_of_either_era_remembers_and_recalls(tmp_path: Path, mode: Literal["legacy", "auto"]) -> None:
    with anyio.fail_after(LONGEST):
        async with Client(server(tmp_path), mode=mode) as client:
            assert client.protocol_version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
            assert len((await client.list_tools()).tools) == 8
            stored = await client.call_tool("remember", {"content": "Ada likes green tea"})
            assert not stored.is_error
            assert "Ada likes green tea" in await text_of(client, "recall", question="Which tea does Ada like?")
            assert "it takes question" in await text_of(client, "recall", questoin="tea")
        async with Client(server(tmp_path), mode=mode) as client:
            assert "Ada likes green tea" in await text_of(client, "recall", question="Which tea does Ada like?")


@pytest.mark.anyio
async def test_two_processes_whose_first_call_is_a_write_start_at_once_and_lose_nothing(tmp_path: Path) -> None:
    async def host(name: str) -> None:
        async with Client(server(tmp_path)) as client:
            for i in range(10):
                result = await client.call_tool("remember", {"content": f"{name} wrote number {i}"})
                assert not result.is_error, result.content

    with anyio.fail_after(LONGEST):
        async with anyio.create_task_group() as tasks:
            for name in ("Ada", "Ben"):
                tasks.start_soon(host, name)
        async with Client(server(tmp_path)) as client:
            assert "20 of 20" in await text_of(client, "recall", question="who wrote a number?", limit=50, budget=8000)


def test_tools_are_listed_before_anything_heavy_is_imported_and_the_folder_touched(tmp_path: Path) -> None:
    with started(tmp_path, "-X", "importtime") as process:
        process.send("tools/list")
        assert len(process.answer()["result"]["tools"]) == 8
        said = process.end()
    imported = {line.rsplit("|", 1)[-1].strip() for line in said.splitlines()}
    assert "mcp.server" in imported
    assert not imported & {"numpy", "typer", "rich", "sqlite3", "memos_mcp.infrastructure.storage.sqlite"}
    assert list(tmp_path.iterdir()) == []


def test_with_a_corrupt_vault_tools_are_listed_and_the_first_call_says_what_is_wrong(tmp_path: Path) -> None:
    vault = tmp_path / "memos.db"
    vault.write_bytes(b"not a database" * 1000)
    with started(tmp_path) as process:
        process.send("tools/list")
        assert len(process.answer()["result"]["tools"]) == 8
        result = process.call("remember", content="tea")
        said = process.end()
    assert result["isError"]
    assert f"the vault {vault} is damaged" in result["content"][0]["text"]
    assert "Tell the user: `memos doctor`" in result["content"][0]["text"]
    assert said.startswith("memos-mcp: ERROR: a tool could not use the memory tool='remember' why=")
    assert vault.read_bytes() == b"not a database" * 1000


def test_with_wrong_settings_tools_are_listed_and_the_first_call_says_what_is_wrong(tmp_path: Path) -> None:
    with started(tmp_path, MEMOS_COLOUR="blue") as process:
        process.send("tools/list")
        assert len(process.answer()["result"]["tools"]) == 8
        result = process.call("memory_status")
    assert result["isError"]
    assert result["content"][0]["text"].startswith("unknown variable MEMOS_COLOUR; known are")


@pytest.mark.parametrize("content", [r"a\ud800b", r"\udc00", r"a\u0000b"])
def test_half_a_character_and_nul_are_refused_and_change_nothing(tmp_path: Path, content: str) -> None:
    wire = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"remember","arguments":{"content":"%s"}}}'
    with started(tmp_path) as process:
        process.send("", raw=wire % content)
        refused = process.answer()
        assert refused["id"] == 7
        assert refused["result"]["isError"]
        assert refused["result"]["content"][0]["text"].startswith("remember: content holds")
        assert process.call("memory_status")["structuredContent"]["memories"] == 0
        assert process.end() == ""


def test_a_line_that_is_no_message_is_answered_and_the_next_one_served(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        process.send("", raw="no message")
        assert process.answer()["error"]["code"] == -32700
        assert process.call("memory_status")["structuredContent"]["user"] == "ada"
        assert process.end() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_quietly(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        assert not process.call("remember", content="tea")["isError"]
        process.running.send_signal(number)
        assert process.running.wait(LONGEST) == 0
        assert process.said() == ""


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_while_it_writes(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        for i in range(60):
            process.send("tools/call", {"name": "remember", "arguments": {"content": f"tea number {i}"}})
        kept = [process.answer()["result"]["structuredContent"]["ids"][0] for _ in range(20)]
        process.running.kill()
        process.running.wait()
    with started(tmp_path) as process:
        assert not any(process.call("get_memory", id=key)["isError"] for key in kept)
        assert process.call("memory_status")["structuredContent"]["memories"] >= 20
        assert process.end() == ""


def test_the_command_explains_itself(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "memos_mcp", *words]
        env = environment(tmp_path)
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=LONGEST)

    assert "an MCP client starts it" in run("--help").stdout
    assert run("serve").returncode == 2
