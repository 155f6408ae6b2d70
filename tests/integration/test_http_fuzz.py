"""Whatever is sent: never a 5xx, never a traceback in an answer, and the server still serves."""

from __future__ import annotations

import json
import logging
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2
import pytest
from pydantic import JsonValue

from memos_mcp.apps.mcp_tools import TOOLS
from tests.http_server import HANDSHAKE, MODERN, configured, headers, post, request, serving, token

pytestmark = pytest.mark.anyio

METHODS = [
    *("tools/call", "tools/list", "initialize", "ping", "server/discover", "resources/read", "resources/list"),
    *("prompts/get", "prompts/list", "completion/complete", "subscriptions/listen", "notifications/cancelled"),
    *("notifications/initialized", "logging/setLevel", "", "x" * 5000, "tools\0call", "\ud800", "../../etc/passwd"),
]
VALUES: list[JsonValue] = [
    *(
        None,
        True,
        0,
        -1,
        1e308,
        2**63,
        10**30,
        "",
        "\0",
        "\ud800",
        "\U0001f370",
        "a" * 10_000,
        [],
        {},
        [[]],
        [*range(50)],
    ),
    *({"a": {"b": [1]}}, "'; DROP TABLE memory; --", "${7*7}", "../../etc/passwd", "user/ada", "NaN", {"__proto__": 1}),
    *(
        {"$ref": "#/$defs/x"},
        "memory://recent",
        "memory://\0/../x",
        "memory://" + "a" * 9000,
        "skill://x",
        {"type": "ref/prompt"},
    ),
]
VERSIONS = [MODERN, HANDSHAKE, "2025-03-26", "2024-11-05", "1999-01-01", "", "9" * 3000, "2026-07-28, 2025-11-25", "\t"]
PATHS = [
    *("/mcp", "/mcp/", "/mcp/../mcp", "/mcp%00", "/%6dcp", "//mcp", "/mcp?token=x", "/mcp#x", "/healthz", "/healthz/"),
    *("/.well-known/oauth-protected-resource", "/.well-known/../mcp", "/favicon.ico", "/" + "a" * 5000, "*", "mcp", ""),
    "http://evil.example.org/mcp",
]
VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "BREW", "get", "P\0ST", ""]


@dataclass(frozen=True)
class Wire:
    """What a request needs to be taken seriously."""

    secret: str
    host: str
    session: str


def a_message(dice: random.Random) -> dict[str, JsonValue]:
    """A message, mostly with something wrong in it."""
    name = dice.choice([*(tool.name for tool in TOOLS), "nosuch"])
    argument = dice.choice(["content", "question", "id", "path", "limit", "messages", "x"])
    message = request(dice.choice(METHODS), {"name": name, "arguments": {argument: dice.choice(VALUES)}})
    if dice.random() < 0.4:
        message[dice.choice(["jsonrpc", "id", "method", "params", "result", "error", "x"])] = dice.choice(VALUES)
    if dice.random() < 0.2:
        message.pop(dice.choice([*message]))
    params = message.get("params")
    if isinstance(params, dict) and dice.random() < 0.3:
        key = dice.choice(["_meta", "name", "arguments", "uri", "cursor", "protocolVersion", "requestState"])
        params[key] = dice.choice(VALUES)
    return message


def a_body(dice: random.Random, message: bytes) -> bytes:
    """The message, or what became of it."""
    at = dice.randrange(len(message))
    ways: list[Callable[[], bytes]] = [
        *[lambda: message] * 12,
        lambda: message[:at],
        lambda: message[:at] + dice.randbytes(8) + message[at:],
        lambda: b"[" + message + b"," + message + b"]",
        lambda: dice.randbytes(200),
        lambda: b"[" * 5000,
        lambda: b'{"a":' * 5000,
        lambda: b"",
        lambda: b"null",
        lambda: message.decode().encode("utf-16"),
        lambda: b"9" * 5000,
        lambda: message.replace(b'"id": 1', b'"id": ' + b"9" * 5000),
        lambda: message + b"\n" + message,
        lambda: b"x" * 40_000,
    ]
    return dice.choice(ways)()


def some_tokens(secret: str, dice: random.Random) -> list[bytes]:
    good = f"Bearer {secret}".encode()
    odd = [b"Bearer", b"Bearer ", b"Basic YWRhOng=", b"Bearer " + b"a" * 9000, b"Bearer \xff\xfe", b"Bearer memos_"]
    random_one = b"Bearer " + dice.randbytes(9).hex().encode()
    more = [b"", good[:-1], good + b" x", b"Bearer a.b.c", random_one, b"Bearer eyJhbGciOiJub25lIn0.e30."]
    return [*[good] * 60, b"bearer " + secret.encode(), *odd, *more]


def some_headers(dice: random.Random, wire: Wire, message: dict[str, JsonValue]) -> dict[bytes, bytes]:
    """Headers that fit the message in one era or the other, with one that does not now and then."""
    params = message.get("params")
    names = {"Mcp-Method": message.get("method"), "Mcp-Name": params.get("name") if isinstance(params, dict) else ""}
    about = {name.encode(): value.encode() for name, value in headers("tools/call").items()}
    for name, value in names.items():
        about[name.encode()] = re.sub(r"[^ -~]", "?", str(value))[:200].encode()
    about[b"Authorization"] = dice.choice(some_tokens(wire.secret, dice))
    era = dice.random()
    if era < 0.35:
        about |= {b"MCP-Protocol-Version": HANDSHAKE.encode(), b"Mcp-Session-Id": wire.session.encode()}
    elif era < 0.45:
        about[b"MCP-Protocol-Version"] = dice.choice(VERSIONS).encode()
    if dice.random() < 0.15:
        odd = [b"Host", b"Content-Length", b"Content-Type", b"Accept", b"Mcp-Session-Id", b"Last-Event-ID", b"Origin"]
        about[dice.choice([*about, *odd])] = dice.choice(
            [b"", b"x", b"-1", b"\x00", b"\xff", b"9" * 30, b"*/*", b"a\tb"]
        )
        about.pop(dice.choice([*about]))
    return about


def a_request(dice: random.Random, wire: Wire) -> bytes:
    """A request as bytes: mostly one that reaches the SDK, sometimes none at all."""
    if dice.random() < 0.03:
        return dice.randbytes(dice.randrange(1, 500))
    message = a_message(dice)
    body = a_body(dice, json.dumps(message).encode())
    given = {b"Host": wire.host.encode(), b"Content-Length": str(len(body)).encode(), b"Connection": b"close"}
    about = given | some_headers(dice, wire, message)
    verb, path = ("POST", "/mcp") if dice.random() < 0.85 else (dice.choice(VERBS), dice.choice(PATHS))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in about.items())
    return f"{verb} {path} HTTP/1.1\r\n".encode() + lines + b"\r\n" + body


async def a_session(http: httpx2.AsyncClient, url: str, secret: str) -> str:
    hello = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    about = headers("initialize", secret) | {"MCP-Protocol-Version": HANDSHAKE}
    return (await http.post(url, json=message, headers=about)).headers["mcp-session-id"]


async def answered(port: int, data: bytes) -> bytes:
    """What comes back until the server closes. One that waits for more is told that nothing comes."""
    received = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as wire:
        try:
            await wire.send(data)
            with anyio.move_on_after(1):
                received = await wire.receive()
            if not received:
                await wire.send_eof()
            with anyio.move_on_after(1):
                while True:
                    received += await wire.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
    return received


def checked(data: bytes, answer: bytes, *secrets: str) -> int:
    """The status of an answer, 0 if there was none; it is no 5xx and tells nothing of the inside."""
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
    assert status < 500, (data[:3000], answer)
    for leak in (b"Traceback", b"site-packages", b'File "', *(secret.encode() for secret in secrets)):
        assert leak not in answer, (data[:3000], answer)
    return status


# The SDK leaves it to the collector to close the streams of clients that went away.
@pytest.mark.filterwarnings("ignore:.*MemoryObject(Send|Receive)Stream:pytest.PytestUnraisableExceptionWarning")
async def test_five_hundred_malformed_requests_do_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = configured(tmp_path, rate=100_000, burst=100_000, body_kb=32)
    secret = await token(settings)
    dice = random.Random(7)
    statuses: Counter[int] = Counter()
    caplog.set_level(logging.WARNING)

    async with serving(settings) as url, httpx2.AsyncClient() as http:
        port = int(url.split(":")[2].split("/")[0])
        wire = Wire(secret, f"127.0.0.1:{port}", await a_session(http, url, secret))
        waiting = [a_request(dice, wire) for _ in range(600)]

        async def send() -> None:
            while waiting:
                data = waiting.pop()
                statuses[checked(data, await answered(port, data), secret[20:], str(tmp_path))] += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(16):
                tasks.start_soon(send)
        assert sum(statuses.values()) - statuses[0] > 500, statuses
        assert {200, 202, 400, 401, 404, 413, 421} <= set(statuses), statuses
        told = await post(http, url, secret, "tools/call", {"name": "memory_status", "arguments": {}})
        assert told.json()["result"]["structuredContent"]["user"] == "ada"
    ours = [record for record in caplog.records if record.name.startswith(("memos_mcp", "uvicorn"))]
    assert not [record for record in ours if record.levelno >= logging.ERROR]
    assert secret[20:] not in caplog.text
