"""What the settings of the HTTP server allow, and what its limits answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from pydantic import JsonValue

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.apps.door import caller_of, is_loopback
from memos_mcp.apps.http import address, app, ready
from memos_mcp.apps.limits import SESSIONS
from memos_mcp.apps.mcp import Transport, build
from memos_mcp.errors import Misconfigured
from tests.http_server import HANDSHAKE, MODERN, configured, headers, post, serving, token

pytestmark = pytest.mark.anyio

OUTSIDE = {"host": "0.0.0.0", "url": "https://memory.example.org/mcp"}  # noqa: S104 refused, or only checked


@pytest.mark.parametrize(
    ("http", "says"),
    [
        ({"host": "0.0.0.0"}, "set http.url to the address they use"),  # noqa: S104
        ({"host": "::"}, "set http.url"),
        ({"host": "memory.example.org"}, "set http.url"),
        ({**OUTSIDE, "open_on_loopback": True}, "open_on_loopback"),
        (OUTSIDE, "there is no way to say who calls"),
    ],
)
async def test_another_address_is_refused_unless_it_is_known_who_calls(
    tmp_path: Path, http: dict[str, Any], says: str
) -> None:
    with pytest.raises(Misconfigured, match=says):
        await ready(configured(tmp_path, **http))


async def test_another_address_is_fine_with_a_token_or_an_authorization_server(tmp_path: Path) -> None:
    with_issuer = configured(tmp_path, **OUTSIDE, issuer="https://a.example.org", jwks_url="https://a.example.org/k")
    assert await ready(with_issuer) == 0
    settings = configured(tmp_path, **OUTSIDE)
    await token(settings)
    assert await ready(settings) == 1
    assert app(settings)


async def test_on_this_machine_a_server_without_tokens_starts_and_lets_nobody_in(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    assert await ready(settings) == 0
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        assert (await post(http, url, "", "tools/list")).status_code == 401


@pytest.mark.parametrize(
    ("http", "says"),
    [
        ({"issuer": "https://a"}, "belong together"),
        ({"jwks_url": "https://a"}, "belong together"),
        ({"url": "memory.example.org"}, "must begin with https://"),
        ({"origins": ["*"]}, "must name each web page"),
        ({"port": 70000}, "http.port"),
        ({"workers": 0}, "http.workers"),
        ({"rates": 1}, "unknown setting 'http.rates'"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(tmp_path: Path, http: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured, match=says):
        configured(tmp_path, **http)


def test_the_address_is_the_one_that_clients_know() -> None:
    assert address(configuration.Http()) == "http://127.0.0.1:8765/mcp"
    assert address(configuration.Http(host="::1", port=1)) == "http://[::1]:1/mcp"
    assert address(configuration.Http(url="https://a.example.org/m/mcp")) == "https://a.example.org/m/mcp"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_these_addresses_belong_to_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", ""])  # noqa: S104
def test_these_do_not(host: str) -> None:
    assert not is_loopback(host)


async def test_where_it_is_open_whoever_calls_from_this_machine_is_the_local_user(tmp_path: Path) -> None:
    settings = configured(tmp_path, open_on_loopback=True)
    ben = await token(settings, user="ben")
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        call: dict[str, JsonValue] = {"name": "memory_status", "arguments": {}}
        told = [(await post(http, url, secret, "tools/call", call)).text for secret in ("", ben)]
        assert "for ada" in told[0]
        assert "for ben" in told[1]
        assert (await post(http, url, "wrong", "tools/list")).status_code == 401
        for passed_on in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            about = headers("tools/list") | {passed_on: "10.0.0.1"}
            assert (await http.post(url, json={}, headers=about)).status_code == 401


@pytest.mark.claim("5.4.2-16")
async def test_who_sends_too_much_is_told_when_to_come_back_and_others_are_served(tmp_path: Path) -> None:
    settings = configured(tmp_path, rate=0.1, burst=3)
    ada, ben = await token(settings), await token(settings, user="ben")
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        answers = [await post(http, url, ada, "tools/list") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["retry-after"]) == 10
        assert "call again in 10 s" in answers[3].json()["error"]["message"]
        assert (await post(http, url, ben, "tools/list")).status_code == 200


async def test_what_is_too_big_is_refused_before_it_is_read(tmp_path: Path) -> None:
    settings = configured(tmp_path, body_kb=64, items=100)
    secret = await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient() as http:

        def call(content: JsonValue, name: str = "content") -> dict[str, JsonValue]:
            arguments: dict[str, JsonValue] = {name: content}
            return {"name": "remember", "arguments": arguments}

        async def parts() -> AsyncGenerator[bytes]:
            for _ in range(100):
                yield b" " * 1000

        assert (await post(http, url, secret, "tools/call", call("a" * 70_000))).status_code == 413
        about = headers("tools/call", secret, "remember")
        assert (await http.post(url, content=parts(), headers=about)).status_code == 413
        turns: list[JsonValue] = [{"content": str(i)} for i in range(101)]
        refused = await post(http, url, secret, "tools/call", call(turns, "messages"))
        assert refused.status_code == 413
        assert "100 elements: send it in parts" in refused.json()["error"]["message"]
        assert (await post(http, url, secret, "tools/call", call(turns[:100], "messages"))).status_code == 200
        told = await post(http, url, secret, "tools/call", {"name": "memory_status", "arguments": {}})
        assert told.json()["result"]["structuredContent"]["memories"] == 100


async def test_an_answer_that_is_too_long_is_not_given(tmp_path: Path) -> None:
    settings = configured(tmp_path, result_kb=1)
    secret = await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        kept: dict[str, JsonValue] = {"name": "remember", "arguments": {"content": "tea " * 400}}
        await post(http, url, secret, "tools/call", kept)
        asked: dict[str, JsonValue] = {"name": "recall", "arguments": {"question": "tea"}}
        result = (await post(http, url, secret, "tools/call", asked)).json()["result"]
        assert result["isError"]
        assert "Ask again for less" in result["content"][0]["text"]


async def test_a_web_page_that_is_named_may_call_and_no_other(tmp_path: Path) -> None:
    page = "https://chat.example.org"
    settings = configured(tmp_path, origins=[page])
    secret = await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,mcp-method"}
        for origin, status in ((page, 200), ("https://evil.example.org", 403), ("http://localhost:1", 400)):
            preflight = await http.options(url, headers=asks | {"Origin": origin})
            assert preflight.status_code == status
            allowed = {page: page}.get(origin)
            assert preflight.headers.get("access-control-allow-origin") == allowed
            answer = await http.post(url, json={}, headers=headers("tools/list", secret) | {"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed
        refused = await http.post(url, json={}, headers={"Origin": page})
        assert refused.status_code == 401
        assert "www-authenticate" in refused.headers["access-control-expose-headers"].lower()


async def test_headers_that_decide_stand_there_once(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    secret = await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        for name in ("Authorization", "Origin", "Content-Type"):
            doubled = [*headers("tools/list", secret).items(), ("Origin", "http://localhost"), (name, "x")]
            answer = await http.post(url, content=b"{}", headers=doubled)
            assert answer.status_code == 400, name


async def test_no_token_reaches_a_log_or_an_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = configured(tmp_path)
    good, bad = await token(settings), (await token(configured(tmp_path / "other")))
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        for secret in (good, bad, "a.b.c", good[:-1]):
            for name in ("recall", "nosuch"):
                answer = await post(http, url, secret, "tools/call", {"name": name, "arguments": {"question": "x"}})
                assert secret[20:] not in answer.text + str(answer.headers) or len(secret) < 20
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any(record.name == "memos_mcp.apps.access" for record in ours)
    for record in ours:
        for secret in (good, bad):
            assert secret[20:60] not in record.getMessage() + str(vars(record))


async def test_a_call_that_did_not_come_through_the_door_is_nobodys(tmp_path: Path) -> None:
    async with Client(
        build(lambda: wiring.open(home=tmp_path, user="ada"), transport=Transport(who=caller_of))
    ) as connected:
        result = await connected.call_tool("memory_status", {})
    assert result.is_error
    assert "nobody is calling" in str(result.content)


HELLO: dict[str, JsonValue] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


async def test_a_principal_keeps_so_many_sessions_and_an_ended_one_makes_room(tmp_path: Path) -> None:
    settings = configured(tmp_path, rate=10_000, burst=10_000)
    ada, ben = await token(settings), await token(settings, user="ben")
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False, timeout=30) as http:

        async def hello(secret: str) -> httpx2.Response:
            return await http.post(url, json=HELLO, headers=headers("", secret) | {"MCP-Protocol-Version": HANDSHAKE})

        opened = [await hello(ada) for _ in range(SESSIONS)]
        assert {answer.status_code for answer in opened} == {200}
        refused = await hello(ada)
        assert refused.status_code == 429
        assert "end one (DELETE) before the next" in refused.json()["error"]["message"]
        assert (await hello(ben)).status_code == 200
        assert (await post(http, url, ada, "tools/list")).status_code == 200
        about = headers("", ada) | {
            "MCP-Protocol-Version": HANDSHAKE,
            "Mcp-Session-Id": opened[0].headers["mcp-session-id"],
        }
        await http.delete(url, headers=about)
        with anyio.fail_after(5):
            while (await hello(ada)).status_code == 429:
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("version", [MODERN, HANDSHAKE, ""])
@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", -32700), (b"", -32700), (b"[]", -32600), (b"{}", -32600), (b'{"jsonrpc": "1.0", "id": 1}', -32600)],
)
async def test_what_is_no_message_is_refused_in_our_words(tmp_path: Path, version: str, body: bytes, code: int) -> None:
    settings = configured(tmp_path)
    secret = await token(settings)
    about = {name: value for name, value in headers("", secret).items() if name != "MCP-Protocol-Version"}
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            url, content=body, headers=about | ({"MCP-Protocol-Version": version} if version else {})
        )
        assert answer.status_code == 400
        assert "pydantic" not in answer.text
        assert len(answer.text) < 200
        if version != MODERN:
            assert answer.json()["error"]["code"] == code
