"""A call that is given up was done whole or not at all: in both eras, over HTTP and stdio, whenever it is given up."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from pydantic import JsonValue

from memos_mcp import Memos, wiring
from memos_mcp.apps.mcp import build
from tests.http_server import HANDSHAKE, client, configured, headers, request, serving, token
from tests.integration.test_mcp_stdio import LONGEST, started

MANY = 1000
MOMENTS = [0.0, 0.005, 0.02, 0.04, 0.06, 0.08, 0.12]  # seconds after which a call is given up; it takes about 0.1

pytestmark = pytest.mark.anyio


def turns(name: str) -> dict[str, JsonValue]:
    return {"messages": [{"content": f"{name} said number {i}"} for i in range(MANY)]}


async def all_or_nothing(memos: Memos, tries: int) -> int:
    """How many of the tries were done, none of them by half."""
    stored = (await memos.status()).memories
    assert stored % MANY == 0
    assert stored <= MANY * tries
    searched = (await memos.recall("number 999", limit=50)).searched
    assert searched % MANY == 0
    assert searched >= stored  # one that was given up may still have been done
    return stored // MANY


@asynccontextmanager
async def watching(home: Path) -> AsyncGenerator[Memos]:
    async with wiring.open(configured(home)) as memos:
        yield memos


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_that_cancels(tmp_path: Path, mode: Literal["legacy", "auto"]) -> None:
    settings = configured(tmp_path)
    async with watching(tmp_path) as memos:
        async with Client(build(lambda: wiring.open(settings)), mode=mode) as connected:
            for i, moment in enumerate(MOMENTS):
                with anyio.move_on_after(moment):
                    await connected.call_tool("remember", turns(f"try {i}"))
                await connected.call_tool("memory_status", {})
                await all_or_nothing(memos, i + 1)
            await connected.call_tool("remember", turns("last"))
        assert await all_or_nothing(memos, len(MOMENTS) + 1) >= 1


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_over_http_that_cancels(tmp_path: Path, mode: Literal["legacy", "auto"]) -> None:
    settings = configured(tmp_path)
    secret = await token(settings)
    async with watching(tmp_path) as memos:
        async with serving(settings) as url, client(url, secret, mode) as connected:
            for i, moment in enumerate(MOMENTS):
                with anyio.move_on_after(moment):
                    await connected.call_tool("remember", turns(f"try {i}"))
                await all_or_nothing(memos, i + 1)
            assert not (await connected.call_tool("remember", turns("last"))).is_error
        assert await all_or_nothing(memos, len(MOMENTS) + 1) >= 1


@pytest.mark.parametrize("version", ["2026-07-28", HANDSHAKE])
async def test_a_client_over_http_that_hangs_up(tmp_path: Path, version: str) -> None:
    settings = configured(tmp_path, workers=2 if version == HANDSHAKE else 1)  # without a session: no greeting needed
    secret = await token(settings)
    async with watching(tmp_path) as memos:
        async with serving(settings) as url:
            for i, moment in enumerate(MOMENTS):
                message = request("tools/call", {"name": "remember", "arguments": turns(f"try {i}")})
                about = headers("tools/call", secret, "remember") | {"MCP-Protocol-Version": version}
                async with httpx2.AsyncClient(trust_env=False) as http:
                    with anyio.move_on_after(moment):
                        await http.post(url, json=message, headers=about)
                await all_or_nothing(memos, i + 1)
        await all_or_nothing(memos, len(MOMENTS))


async def test_a_call_that_waits_for_the_user_is_given_up_without_a_trace(tmp_path: Path) -> None:
    asked = anyio.Event()

    async def silent(context: Any, params: Any) -> Any:
        asked.set()
        await anyio.sleep_forever()

    async with watching(tmp_path) as memos:
        (key,) = (await memos.remember("Ada likes tea")).ids
        server = build(lambda: wiring.open(configured(tmp_path)))
        async with Client(server, mode="legacy", elicitation_callback=silent) as connected:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connected.call_tool, "forget", {"id": key})
                await asked.wait()
                tasks.cancel_scope.cancel()
            assert (await memos.get(key)).text == "Ada likes tea"
            with pytest.raises(MCPError):
                await connected.call_tool("forget", {"id": key}, read_timeout_seconds=0.2)
        assert (await memos.get(key)).text == "Ada likes tea"


@pytest.mark.parametrize("ended_by", ["its input", "a signal"])
def test_a_server_over_stdio_that_ends_in_the_middle(tmp_path: Path, ended_by: str) -> None:
    if ended_by == "a signal" and sys.platform == "win32":
        pytest.skip("Windows has no such signals")
    done = 0
    for i in range(3):
        with started(tmp_path, MEMOS_EMBEDDER__KIND="none") as process:
            if i:  # the vault is open
                process.call("memory_status")
            process.send("tools/call", {"name": "remember", "arguments": turns(f"try {i}")})
            if ended_by == "a signal":
                process.running.send_signal(signal.SIGTERM)
                assert process.running.wait(LONGEST) == 0
                said = process.running.stderr.read().decode() if process.running.stderr else ""
            else:
                said = process.end()
            assert "Traceback" not in said

        async def look(tries: int) -> int:
            async with watching(tmp_path) as memos:
                return await all_or_nothing(memos, tries)

        now = anyio.run(look, i + 1)
        assert now >= done
        done = now


def test_a_client_that_sends_half_a_call_changes_nothing(tmp_path: Path) -> None:
    with started(tmp_path, MEMOS_EMBEDDER__KIND="none") as process:
        call = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "remember"}})
        assert process.running.stdin is not None
        process.running.stdin.write(call[:-20].encode())
        process.end()

    async def look() -> int:
        async with watching(tmp_path) as memos:
            return (await memos.status()).memories

    assert anyio.run(look) == 0
