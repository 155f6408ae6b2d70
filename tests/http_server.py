"""The HTTP server in the process of a test, on a real socket: what is between a client and the vault is all there."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import JsonValue

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.apps.access import Tokens
from memos_mcp.apps.http import app
from memos_mcp.ports import Scope
from memos_mcp.settings import Settings

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"


def configured(home: Path, **http: Any) -> Settings:
    """Settings of a server whose local user is ada."""
    return configuration.load(home=home, user="ada", embedder={"kind": "none"}, http=http)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[str]:
    """Serve until the end of the block; the address of /mcp."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind((settings.http.host, 0))
        listening.listen()
        port = listening.getsockname()[1]
        settings = settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})
        config = uvicorn.Config(
            app(settings), log_config=None, ws="none", proxy_headers=False, timeout_graceful_shutdown=5
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listening])
            try:
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                server.should_exit = True


async def token(
    settings: Settings, scope: Scope = "write", *, user: str = "ada", path: str = "", name: str = ""
) -> str:
    """A new token of the vault."""
    ledger = wiring.ledger(settings)
    made = await Tokens(ledger).create(name or f"{user} {scope} {path}", user=user, scope=scope, path=path)
    await ledger.aclose()
    return made.secret


@asynccontextmanager
async def client(url: str, secret: str = "", mode: Literal["legacy", "auto"] = "auto") -> AsyncGenerator[Client]:
    """The SDK's client, with a token."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as connected,
    ):
        yield connected


def request(method: str, params: Mapping[str, JsonValue] | None = None, *, id: int = 1) -> dict[str, JsonValue]:
    """A message of the 2026-07-28 era."""
    about: dict[str, JsonValue] = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**(params or {}), "_meta": about}}


def headers(method: str, secret: str = "", name: str = "") -> dict[str, str]:
    """The headers that belong to such a message."""
    given = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": method,
    }
    return given | ({"Mcp-Name": name} if name else {}) | ({"Authorization": f"Bearer {secret}"} if secret else {})


async def post(
    http: httpx2.AsyncClient, url: str, secret: str, method: str, params: Mapping[str, JsonValue] | None = None
) -> httpx2.Response:
    """Send one message of the 2026-07-28 era."""
    name = str((params or {}).get("name", ""))
    return await http.post(url, json=request(method, params), headers=headers(method, secret, name))
