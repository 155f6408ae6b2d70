"""A program and a server: who may what, what is lost on the way, restarts, forks, and the end of a process."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from memos_mcp import (
    Client,
    Connected,
    Denied,
    InvalidInput,
    MemosError,
    Misconfigured,
    NotFound,
    Unavailable,
    connect,
)
from memos_mcp.settings import Settings
from tests.client_kinds import FREE, plain, secret_of, served
from tests.http_server import client as mcp_client
from tests.imports import IMPORTS
from tests.integration.test_http_stop import started

pytestmark = pytest.mark.anyio

HANG_UP = b""
SILENCE = b"silence"
QUIET = {"MEMOS_GRAPH__KIND": "none", "MEMOS_CONSOLIDATION__MODE": "off"}


@dataclass
class Fake:
    """The other side of the network: answers each request with the next of its answers."""

    answers: list[bytes]
    requests: int = 0
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(size[1]) if size else 0)
                self.requests += 1
                answer = self.answers.pop(0)
                if answer == SILENCE:
                    self.waiting.set()
                    await reader.read()
                    self.gone.set()
                if answer in (HANG_UP, SILENCE):
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


@asynccontextmanager
async def fake(*answers: bytes, seconds: float = 30) -> AsyncGenerator[tuple[Fake, Connected]]:
    serving = Fake([*answers])
    server = await asyncio.start_server(serving.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with anyio.fail_after(30):
        async with connect(f"http://127.0.0.1:{port}/mcp", token="memos_x", timeout=seconds) as connected:
            yield serving, connected
    server.close()


def answer(body: object, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "Content-Type": kind,
        "Content-Length": str(len(data)),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + data


def whole(result: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": {"result": result}}}


def refused(status: str, words: str, **headers: str) -> bytes:
    return answer({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": words}}, status, **headers)


PLACES = answer(whole([{"path": "user/ada", "memories": 3}]))
KEPT = answer(whole({"path": "user/ada", "ids": ["a"], "new": 1, "repeated": 0}))

Ask = Callable[[Client], Awaitable[object]]
AGAIN: list[Ask] = [
    lambda client: client.remember("tea", source="notes"),
    lambda client: client.put(None, "key", text="x", expect=1),
    lambda client: client.extend("a", timedelta(1)),
    lambda client: client.recall("tea"),
    lambda client: client.ask("tea"),
    lambda client: client.status(),
]
ONCE: list[Ask] = [
    lambda client: client.remember("tea"),
    lambda client: client.put(None, "key", text="x"),
    lambda client: client.feedback("a", good=True),
    lambda client: client.forget("a"),
    lambda client: client.forget_all(["a"]),
]


@pytest.mark.parametrize("ask", AGAIN)
async def test_what_may_be_asked_twice_is_asked_once_more_when_the_answer_is_lost(ask: Ask) -> None:
    async with fake(HANG_UP, HANG_UP) as (server, connected):
        with pytest.raises(Unavailable, match="did not answer"):
            await ask(connected.asynchronous)
        assert server.requests == 2
    async with fake(HANG_UP, PLACES) as (server, connected):
        assert (await connected.asynchronous.namespaces())[0].memories == 3


@pytest.mark.parametrize("ask", ONCE)
async def test_a_write_whose_answer_is_lost_is_never_sent_again(ask: Ask) -> None:
    async with fake(HANG_UP, KEPT) as (server, connected):
        with pytest.raises(Unavailable, match="may have been done: look before you repeat it"):
            await ask(connected.asynchronous)
        assert server.requests == 1


async def test_who_asks_too_often_waits_as_long_as_he_is_told() -> None:
    often = refused("429 Too Many Requests", "too many requests: call again in 0 s", Retry_After="0")
    async with fake(often, often, KEPT) as (server, connected):
        assert (await connected.asynchronous.remember("tea")).new == 1
        assert server.requests == 3
    later = refused("429 Too Many Requests", "too many requests: call again in 900 s", Retry_After="900")
    async with fake(later) as (_, connected):
        with pytest.raises(Unavailable, match="900 s; nothing was done"):
            await connected.asynchronous.remember("tea")


@pytest.mark.parametrize(
    ("sent", "expected", "words"),
    [
        (refused("401 Unauthorized", "this needs a valid token"), Denied, "needs a valid token"),
        (refused("403 Forbidden", "this needs a token with the scope write"), Denied, "scope write"),
        (refused("413 Too Long", "a request may have 4096 KiB"), InvalidInput, "4096 KiB"),
        (refused("503 Busy", "the token could not be checked"), Unavailable, "could not be checked"),
        (refused("400 Bad", "there is no tool 'api_write'"), Misconfigured, "no memos server for programs"),
        (answer(b"<html>", "502 Bad Gateway", "text/html"), Unavailable, "HTTP 502"),
        (answer(b"<html>", "404 Not Found", "text/html"), Misconfigured, "HTTP 404"),
        (answer(b"", "301 Moved", Location="https://example.org/mcp"), Misconfigured, "elsewhere"),
        (answer(b"[[[", "200 OK"), Misconfigured, "no memos server"),
        (answer(whole({"new": "many"})), Misconfigured, "same version on both sides"),
        (answer(b": ping\r\n\r\n", kind="text/event-stream"), Unavailable, "cut off"),
    ],
    ids=str,
)
async def test_what_is_no_answer_says_what_it_is(sent: bytes, expected: type[MemosError], words: str) -> None:
    async with fake(sent) as (server, connected):
        with pytest.raises(expected, match=words):
            await connected.asynchronous.remember("tea")
        assert server.requests == 1


async def test_an_answer_that_takes_long_comes_as_an_event() -> None:
    event = b": ping\r\n\r\nevent: message\r\ndata: " + json.dumps(whole([])).encode() + b"\r\n\r\n"
    async with fake(answer(event, kind="text/event-stream")) as (_, connected):
        assert await connected.asynchronous.namespaces() == ()


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with fake(SILENCE, seconds=0.1) as (server, connected):
        with pytest.raises(Unavailable, match=r"did not answer within 0\.1 s; it may have been done"):
            await connected.asynchronous.remember("tea", source="notes")
        await server.gone.wait()
        assert server.requests == 1


async def test_a_call_that_is_cancelled_ends_its_request_and_no_other() -> None:
    async with fake(SILENCE, PLACES) as (server, connected):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connected.asynchronous.recall, "tea")
            await server.waiting.wait()
            tasks.cancel_scope.cancel()
        await server.gone.wait()
        assert len(await connected.asynchronous.namespaces()) == 1


@pytest.mark.parametrize("how", ["asynchronous", "blocking"])
async def test_closing_tells_whoever_waits_and_whoever_comes_later(how: str) -> None:
    said: list[str] = []

    async def wait(connected: Connected) -> None:
        ask = connected.asynchronous.recall("tea")
        if how == "blocking":
            ask.close()
            ask = to_thread.run_sync(connected.blocking.recall, "tea")
        with pytest.raises(Unavailable) as ended:
            await ask
        said.append(str(ended.value))

    async with fake(SILENCE) as (server, connected):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, connected)
            await server.waiting.wait()
            await connected.aclose()
        assert "closed meanwhile" in said[0]
        for again in (connected.asynchronous.status(), to_thread.run_sync(connected.blocking.status)):
            with pytest.raises(Unavailable, match="is closed: connect again"):
                await again


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return plain(tmp_path_factory.mktemp("served"), http=FREE)


@pytest.fixture(scope="module")
def url(settings: Settings) -> Generator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def tokens(settings: Settings) -> Mapping[str, str]:
    people = ("ada", "ben")
    made = {
        f"{user} {scope}": secret_of(settings, scope=scope, user=user) for user in people for scope in ("read", "write")
    }
    return made | {"within": secret_of(settings, path="user/ada/work")}


async def test_a_token_opens_what_it_is_good_for(url: str, tokens: Mapping[str, str]) -> None:
    async with (
        connect(url, token=tokens["ada write"]) as ada,
        connect(url, token=tokens["ben write"]) as ben,
        connect(url, token=tokens["ada read"]) as reader,
        connect(url, token=tokens["within"]) as within,
        connect(url) as nobody,
        connect(url, token="memos_unknown") as unknown,
    ):
        (id,) = (await ada.asynchronous.remember("Ada hides the key under the pot.")).ids
        assert (await reader.asynchronous.get(id)).text.endswith("pot.")
        for other in (ben, within):
            with pytest.raises(NotFound):
                await other.asynchronous.get(id)
            assert not (await other.asynchronous.recall("Where is the key?")).cubes
        for write in (reader.asynchronous.remember("x"), reader.asynchronous.extend(id, timedelta(1))):
            with pytest.raises(Denied, match="scope write"):
                await write
        with pytest.raises(NotFound):
            await ben.asynchronous.extend(id, timedelta(1))
        for stranger in (nobody, unknown):
            with pytest.raises(Denied, match="valid token"):
                await stranger.asynchronous.status()


async def test_who_is_elsewhere_learns_nothing_of_the_machine(
    url: str, settings: Settings, tokens: Mapping[str, str]
) -> None:
    async with connect(url, token=tokens["ada write"]) as ada:
        status = await ada.asynchronous.status()
    assert status.vault == ""
    assert str(settings.home) not in repr(status)


async def test_what_is_too_large_for_models_is_not_for_programs(url: str, tokens: Mapping[str, str]) -> None:
    text = "ä" * 500_000
    async with connect(url, token=tokens["ada write"]) as ada:
        await ada.asynchronous.put(None, "long", text=text)
        assert (await ada.asynchronous.get(key="long")).text == text
        with pytest.raises(InvalidInput, match="4096 KiB"):
            await ada.asynchronous.put(None, "longer", data=["x" * 5_000_000])
        with pytest.raises(InvalidInput, match="2000 elements"):
            await ada.asynchronous.put(None, "many", data=[*range(3000)])


async def test_proxies_of_the_environment_are_not_asked(
    url: str, tokens: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with connect(url, token=tokens["ada read"]) as ada:
        assert (await ada.asynchronous.status()).user == "ada"


async def test_the_tools_of_programs_are_called_and_not_listed(url: str, tokens: Mapping[str, str]) -> None:
    async with mcp_client(url, tokens["ada write"]) as connected:
        assert not [tool.name for tool in (await connected.list_tools()).tools if tool.name.startswith("api_")]
        done: Any = await connected.call_tool("api_read", {"verb": "namespaces"})
        assert "result" in done.structured_content
        for tool, verb in (
            ("api_read", "remember"),
            ("api_write", "recall"),
            ("api_read", "aclose"),
            ("api_read", "__init__"),
        ):
            failed: Any = await connected.call_tool(tool, {"verb": verb, "arguments": {}})
            assert failed.is_error
            assert failed.structured_content["error"]["code"] == "invalid_input"
            assert "there is no verb" in failed.structured_content["error"]["message"]


async def test_a_server_for_chatgpt_serves_no_programs(tmp_path: Path) -> None:
    settings = plain(tmp_path, mcp={"toolset": "chatgpt"})
    with served(settings) as url:
        async with connect(url, token=await to_thread.run_sync(secret_of, settings)) as connected:
            with pytest.raises(Misconfigured, match="no memos server for programs"):
                await connected.asynchronous.status()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_server_that_was_killed_and_started_again_is_asked_as_before(tmp_path: Path) -> None:
    secret = secret_of(plain(tmp_path))
    with started(tmp_path, **QUIET) as (run, url), connect(url, token=secret) as connected:
        blocking = connected.blocking
        (id,) = blocking.remember("Ada likes tea").ids
        run.send_signal(signal.SIGKILL)
        run.wait()
        with pytest.raises(Unavailable, match="nothing was done"):
            blocking.remember("Ada likes coffee")
        with started(tmp_path, "--port", url.split(":")[2].partition("/")[0], **QUIET):
            assert blocking.get(id).text == "Ada likes tea"
            assert blocking.remember("Ada likes coffee").new == 1
            assert blocking.status().memories == 2


NEVER_CLOSED = """
import memos_mcp
memos = memos_mcp.connect({url!r}, token={secret!r})
print(memos.blocking.status().user)
"""
GARBAGE = """
import gc, threading, memos_mcp
memos = memos_mcp.connect({url!r}, token={secret!r})
print(memos.blocking.status().user)
del memos
gc.collect()
assert threading.active_count() == 1, threading.enumerate()
"""
FORKED = """
import os, sys, warnings, memos_mcp
warnings.simplefilter("ignore", DeprecationWarning)
memos = memos_mcp.connect({url!r}, token={secret!r})
memos.blocking.status()
child = os.fork()
assert memos.blocking.status().user == "ada"
if child == 0:
    memos.close()
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(memos.blocking.status().user)
"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [(NEVER_CLOSED, "ada"), (GARBAGE, "ada"), (FORKED, "7\nada")],
    ids=["open", "lost", "forked"],
)
def test_a_program_that_never_closes_ends_without_a_word(
    url: str, tokens: Mapping[str, str], script: str, expected: str
) -> None:
    if script == FORKED and sys.platform == "win32":
        pytest.skip("Windows does not fork")
    code = script.format(url=url, secret=tokens["ada read"])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": IMPORTS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, "")
