"""The HTTP server as clients and strangers meet it: every tool and every route, with every kind of token."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import pytest
from mcp import MCPError
from mcp.types import TextContent
from pydantic import JsonValue

from memos_mcp import Caller, wiring
from memos_mcp.accesses import Access
from memos_mcp.apps.access import Tokens
from memos_mcp.apps.mcp_tools import TOOLS
from memos_mcp.settings import Settings
from tests.authorization_server import ISSUER, OTHER, Server, authorization_server, signed
from tests.http_server import HANDSHAKE, client, configured, headers, post, request, serving, token

pytestmark = pytest.mark.anyio

ARGUMENTS: dict[str, dict[str, JsonValue]] = {
    "remember": {"content": "tea"},
    "recall": {"question": "tea"},
    "get_memory": {"id": "nosuchid"},
    "update_memory": {"id": "nosuchid", "text": "tea"},
    "forget": {"id": "nosuchid"},
    "memory_history": {"id": "nosuchid"},
}
OTHERS: dict[str, dict[str, JsonValue]] = {
    "server/discover": {},
    "tools/list": {},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "memory://recent"},
    "prompts/list": {},
    "prompts/get": {"name": "recall", "arguments": {"topic": "tea"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "recall"},
        "argument": {"name": "topic", "value": ""},
    },
    "subscriptions/listen": {"notifications": {}},
    "no/such/method": {},
}
ROUTES = ["GET /mcp", "DELETE /mcp", "PUT /mcp", "OPTIONS /mcp", "GET /", "GET /mcp/", "GET /docs", "POST /healthz/x"]


@dataclass(frozen=True)
class Place:
    settings: Settings
    url: str
    http: httpx2.AsyncClient
    issuer: Server

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")

    async def token(self, **given: Any) -> str:
        return await token(self.settings, **given)

    async def call(self, secret: str, tool: str, **arguments: JsonValue) -> httpx2.Response:
        return await post(self.http, self.url, secret, "tools/call", {"name": tool, "arguments": arguments})

    async def told(self, secret: str, tool: str, **arguments: JsonValue) -> str:
        return (await self.call(secret, tool, **arguments)).json()["result"]["content"][0]["text"]


@pytest.fixture
def issuer() -> Generator[Server]:
    with authorization_server() as running:
        yield running


@pytest.fixture
async def place(tmp_path: Path, issuer: Server) -> AsyncGenerator[Place]:
    settings = configured(
        tmp_path, issuer=ISSUER, jwks_url=issuer.jwks_url, users={"1": "ada"}, rate=10_000, burst=10_000
    )
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        yield Place(settings, url, http, issuer)


async def outcomes(place: Place, secret: str) -> dict[str, httpx2.Response]:
    """What every tool, every other method of both eras and every route answers to this token."""
    found: dict[str, httpx2.Response] = {}
    for tool in TOOLS:
        found[tool.name] = await place.call(secret, tool.name, **ARGUMENTS.get(tool.name, {}))
        old: dict[str, JsonValue] = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool.name, "arguments": {}},
        }
        about = {**headers("tools/call", secret), "MCP-Protocol-Version": HANDSHAKE}
        found[f"{tool.name}, before 2026"] = await place.http.post(place.url, json=old, headers=about)
    for method, params in OTHERS.items():
        about = headers(method, secret, str(params.get("name") or params.get("uri") or ""))
        message = request(method, params)
        async with place.http.stream("POST", place.url, json=message, headers=about) as answer:
            if answer.status_code != 200 or "event-stream" not in answer.headers["content-type"]:
                await answer.aread()
            found[method] = answer
    for route in ROUTES:
        verb, path = route.split()
        about = headers("", secret) | {"MCP-Protocol-Version": HANDSHAKE}
        found[route] = await place.http.request(verb, place.base + path, headers=about)
    return found


async def stored(place: Place) -> int:
    async with wiring.open(place.settings) as memos:
        return (await memos.status()).memories


async def strangers(place: Place, tmp_path: Path) -> dict[str, str]:
    """Tokens that are not, or no longer, or not here, good for anything."""
    ledger = wiring.ledger(place.settings)
    ended = await Tokens(ledger).create("ended", user="ada", scope="admin", lasts=timedelta(microseconds=1))
    revoked = await Tokens(ledger).create("revoked", user="ada", scope="admin")
    await Tokens(ledger).revoke("revoked")
    await ledger.aclose()
    here = place.url
    return {
        "missing": "",
        "nonsense": "nonsense-7f",
        "huge": "a" * 20_000,
        "expired": ended.secret,
        "revoked": revoked.secret,
        "of another vault": await token(configured(tmp_path / "other"), "admin"),
        "JWT, expired": signed(aud=here, exp=1),
        "JWT for another server": signed(aud="http://127.0.0.1:1/mcp"),
        "JWT of another issuer": signed(aud=here, iss="https://evil.example.org"),
        "JWT with another key": signed(OTHER, aud=here),
    }


@pytest.mark.claim("5.5.1-03")
async def test_no_tool_and_no_route_answers_without_a_valid_token(place: Place, tmp_path: Path) -> None:
    for kind, secret in (await strangers(place, tmp_path)).items():
        for what, answer in (await outcomes(place, secret)).items():
            assert answer.status_code == 401, (kind, what)
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith("Bearer "), (kind, what)
            assert ('error="invalid_token"' in challenge) == (kind != "missing"), (kind, what)
            assert f'resource_metadata="{place.base}/.well-known/oauth-protected-resource/mcp"' in challenge
            assert not secret or secret not in answer.text + challenge
    assert await stored(place) == 0


async def test_a_token_does_what_its_scope_says_and_no_more(place: Place) -> None:
    held = {
        "ours, read": (await place.token(scope="read"), {"read"}),
        "ours, write": (await place.token(scope="write"), {"read", "write"}),
        "JWT, read": (signed(aud=place.url, scope="memos:read"), {"read"}),
        "JWT, without ours": (signed(aud=place.url, scope="openid write"), set[str]()),
        "JWT, admin": (signed(aud=place.url, scope="memos:admin"), {"read", "write", "admin"}),
    }
    needed = {tool.name: tool.scope for tool in TOOLS}
    assert set(needed.values()) == {"read", "write"}
    for kind, (secret, scopes) in held.items():
        for what, answer in (await outcomes(place, secret)).items():
            need = needed.get(what.partition(",")[0], "read")
            assert (answer.status_code == 403) == (need not in scopes), (kind, what, answer.status_code)
            assert answer.status_code != 401, (kind, what)
            if answer.status_code == 403:
                challenge = answer.headers["www-authenticate"]
                assert challenge.startswith(
                    f'Bearer error="insufficient_scope", scope="memos:{need}", resource_metadata='
                )


async def test_a_message_that_two_parsers_read_in_two_ways_is_not_a_way_around_the_scope(place: Place) -> None:
    secret = await place.token(scope="read")
    call = json.dumps(request("tools/call", {"name": "remember", "arguments": {"content": "tea"}}))
    listing = '"method": "tools/list", '
    twisted = [
        call.replace('"method"', listing + '"method"'),
        call.replace('"id": 1', '"id": 1, "x": "\\ud800"'),
        call.replace('"remember"', '"recall", "name": "remember"'),
        call.replace("remember", "\\u0072emember"),
        call.replace('"id": 1', '"id": 1, "x": NaN'),
        call.replace('"id": 1', '"id": 1, "x": ' + "[" * 250 + "]" * 250),
    ]
    bodies = [text.encode() for text in twisted] + [
        call.encode("utf-16"),
        call.encode("utf-32"),
        b"\xef\xbb\xbf" + call.encode(),
    ]
    for body in bodies:
        for about in (headers("tools/call", secret, "remember"), headers("tools/list", secret)):
            for version in ("2026-07-28", HANDSHAKE):
                answer = await place.http.post(
                    place.url, content=body, headers=about | {"MCP-Protocol-Version": version}
                )
                assert answer.status_code < 500
    assert await stored(place) == 0


async def test_the_principal_comes_from_the_token_and_arguments_only_narrow_it(place: Place) -> None:
    ada, ben = await place.token(user="ada"), await place.token(user="ben")
    work = await place.token(user="ada", path="user/ada/work")
    (key,) = (await place.call(ada, "remember", content="Ada likes green tea")).json()["result"]["structuredContent"][
        "ids"
    ]
    assert "Ada likes green tea" in await place.told(ada, "recall", question="tea")
    assert "0 of 0 memories under user/ben, shared, global" in await place.told(ben, "recall", question="tea")
    for path in ("user/ada", "user", "user/ben/../ada"):
        assert (await place.call(ben, "recall", question="tea", path=path)).json()["result"]["isError"]
        assert (await place.call(ben, "remember", content="tea", path=path)).json()["result"]["isError"]
    for tool in ("get_memory", "forget", "memory_history"):
        assert f"ben has no memory '{key}'" in await place.told(ben, tool, id=key)
        assert f"ada has no memory '{key}'" in await place.told(work, tool, id=key)
    assert "has no argument 'user'" in await place.told(ben, "recall", question="tea", user="ada")
    assert "0 of 0 memories under user/ada/work" in await place.told(work, "recall", question="tea")
    assert "may not read 'user/ada'" in await place.told(work, "recall", question="tea", path="user/ada")
    assert not (await place.call(work, "remember", content="Ada has a desk")).json()["result"]["isError"]
    assert "Ada has a desk" in await place.told(ada, "recall", question="desk", path="user/ada/work")


async def test_the_trace_named_in_a_header_is_that_of_the_request(place: Place) -> None:
    trace, secret = "4bf92f3577b34da6a3ce929d0e0e4736", await place.token(user="ada")
    message = request("tools/call", {"name": "recall", "arguments": {"question": "tea"}})
    about = headers("tools/call", secret, "recall")
    for parent in (f"00-{trace}-00f067aa0ba902b7-01", "of my own"):
        answer = await place.http.post(place.url, json=message, headers=about | {"traceparent": parent})
        assert answer.status_code == 200
    async with wiring.open(place.settings) as memos:
        ada = memos.acting_as(Caller("ada"))
        lines: tuple[Access, ...] = ()
        for _ in range(1000):  # the server writes its lines within 50 ms, after the answer
            lines = (await ada.audit.query(action="recall")).lines
            if len(lines) == 2:
                break
            await anyio.sleep(0.01)
        assert len(lines) == 2
        assert [each.verb for each in (await ada.audit.trace(trace)).steps] == ["recall"]


async def test_resources_and_completions_show_each_principal_his_own(place: Place) -> None:
    ada, ben = await place.token(user="ada"), await place.token(user="ben")
    kept = await place.call(ada, "remember", content="Ada likes green tea")
    (key,) = kept.json()["result"]["structuredContent"]["ids"]
    template: JsonValue = {"type": "ref/resource", "uri": "memory://{id}"}
    asks: list[tuple[str, dict[str, JsonValue]]] = [
        ("resources/list", {}),
        ("resources/read", {"uri": f"memory://{key}"}),
        ("resources/read", {"uri": "memory://recent"}),
        ("resources/read", {"uri": "memory://profile"}),
        ("completion/complete", {"ref": template, "argument": {"name": "id", "value": ""}}),
    ]

    async def answer(secret: str, method: str, params: dict[str, JsonValue]) -> str:
        about = headers(method, secret, str(params.get("uri", "")))
        return (await place.http.post(place.url, json=request(method, params), headers=about)).text

    for method, params in asks:
        assert key in await answer(ada, method, params) or "profile" in str(params)
        seen = await answer(ben, method, params)
        assert "green tea" not in seen
        assert key not in seen or f"has no memory '{key}'" in seen


async def test_a_jwt_is_a_user_of_its_own_unless_a_setting_names_a_local_one(place: Place) -> None:
    stranger, known = signed(aud=place.url, sub="ada"), signed(aud=place.url, sub="1")
    await place.call(await place.token(user="ada"), "remember", content="Ada likes green tea")
    assert "user/ada@login.example.org" in await place.told(stranger, "memory_status")
    assert "Ada likes green tea" not in await place.told(stranger, "recall", question="tea")
    assert "Ada likes green tea" in await place.told(known, "recall", question="tea")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_of_either_era_remembers_and_recalls(place: Place, mode: Literal["legacy", "auto"]) -> None:
    with anyio.fail_after(30):
        async with client(place.url, await place.token(), mode) as connected:
            assert connected.protocol_version == {"legacy": HANDSHAKE, "auto": "2026-07-28"}[mode]
            assert len((await connected.list_tools()).tools) == len(TOOLS)
            await connected.call_tool("remember", {"content": "Ada likes green tea"})
            (block,) = (await connected.call_tool("recall", {"question": "Which tea does Ada like?"})).content
            assert isinstance(block, TextContent)
            assert "Ada likes green tea" in block.text


async def test_a_session_belongs_to_the_token_that_opened_it(place: Place) -> None:
    ada, again, ben = await place.token(), await place.token(name="second"), await place.token(user="ben")
    hello = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    plain = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": HANDSHAKE}
    opened = await place.http.post(place.url, json=opening, headers=plain | {"Authorization": f"Bearer {ada}"})
    session = opened.headers["mcp-session-id"]
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    statuses = {}
    for name, secret in (("ada", ada), ("ada again", again), ("ben", ben)):
        about = plain | {"Authorization": f"Bearer {secret}", "Mcp-Session-Id": session}
        statuses[name] = (await place.http.post(place.url, json=listing, headers=about)).status_code
    assert statuses == {"ada": 200, "ada again": 404, "ben": 404}


async def test_a_token_revoked_in_a_session_is_refused_from_the_next_call_on(place: Place) -> None:
    secret = await place.token(name="laptop")
    async with client(place.url, secret, "legacy") as connected:
        await connected.list_tools()
        ledger = wiring.ledger(place.settings)
        await Tokens(ledger).revoke("laptop")
        await ledger.aclose()
        with pytest.raises(MCPError, match="needs a valid token"):
            await connected.call_tool("memory_status", {})


async def test_health_is_ok_and_says_nothing_else(place: Place) -> None:
    answer = await place.http.get(f"{place.base}/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (await place.http.post(f"{place.base}/healthz")).status_code == 405


async def test_the_metadata_says_where_tokens_come_from(place: Place) -> None:
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
        answer = await place.http.get(place.base + path)
        assert answer.json() == {
            "resource": place.url,
            "authorization_servers": [ISSUER],
            "scopes_supported": ["memos:read", "memos:write", "memos:admin"],
            "bearer_methods_supported": ["header"],
            "resource_name": "memos",
        }


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/.well-known/oauth-protected-resource", "/none"])
async def test_a_foreign_host_or_web_page_is_refused_on_every_route(place: Place, path: str) -> None:
    secret = await place.token()
    for wrong, status in [
        ({"Host": "evil.example.org"}, 421),
        ({"Host": "127.0.0.1.evil.example.org:80"}, 421),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
    ]:
        answer = await place.http.get(place.base + path, headers=wrong | {"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status, wrong
        assert "access-control-allow-origin" not in answer.headers
    good = await place.http.get(place.base + path, headers={"Origin": "http://localhost:6274"})
    assert good.status_code not in (403, 421)


async def test_a_vault_that_cannot_be_read_is_no_reason_to_let_anybody_in(place: Place) -> None:
    secret = await place.token()
    assert (await place.call(secret, "recall", question="tea")).status_code == 200  # it has started
    (place.settings.home / "memos.db").rename(place.settings.home / "away.db")
    answer = await place.call(secret, "recall", question="tea")
    assert answer.status_code == 503
    assert str(place.settings.home) not in answer.text
