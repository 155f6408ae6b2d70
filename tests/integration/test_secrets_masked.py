"""No secret stands in a log, an error, an answer or the output of `memos doctor`, however much is logged."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import JsonValue

from memos_mcp import settings as configuration
from memos_mcp.apps.http import app
from memos_mcp.errors import Misconfigured
from memos_mcp.settings import Settings
from tests.authorization_server import ISSUER, authorization_server, signed
from tests.http_server import HANDSHAKE, configured, headers, post, request, serving, token
from tests.imports import IMPORTS

ROOT = Path(__file__).parents[2]
SECRETS = {
    "key of the chat server": "sk-chat-5f3b9a7c2e1d4f60",
    "key of the embedding server": "sk-embed-91c0d7e8a2b34f56",
    "password of the graph": "hunter2-of-the-graph",
    "password of an address": "hunter2-in-an-address",
    "password in a header": "hunter2-in-a-header",
    "what is no token": "memos_nosuchid_9e8d7c6b5a4f3e2d1c0b",
}

pytestmark = pytest.mark.anyio


def within(text: str, secrets: dict[str, str]) -> list[str]:
    """Which of the secrets stand in a text, in clear or as a header writes them, whole or broken into lines."""
    text = "".join(text.split())
    forms = {name: (value, base64.b64encode(f"ada:{value}".encode()).decode()) for name, value in secrets.items()}
    return [name for name, written in forms.items() if any(form in text for form in written)]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, with its data and tracebacks."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def written(log: pytest.LogCaptureFixture) -> str:
    format = logging.Formatter("%(message)s")
    return "\n".join(f"{format.format(record)} {vars(record)!r}" for record in log.records)


@asynccontextmanager
async def answering(settings: Settings) -> AsyncGenerator[tuple[str, httpx2.AsyncClient]]:
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        yield url, http


def calls(secret: str) -> list[tuple[str, dict[str, str], bytes]]:
    """Requests that work, and requests that fail in all the ways there are, each with this in its header."""
    good = json.dumps(request("tools/call", {"name": "memory_status", "arguments": {}})).encode()
    wrong = json.dumps(request("tools/call", {"name": "nosuchtool", "arguments": {"a": 1}})).encode()
    now, before = headers("tools/call", secret, "memory_status"), headers("", secret)
    before["MCP-Protocol-Version"] = HANDSHAKE
    return [
        ("POST", now, good),
        ("POST", now, wrong),
        ("POST", now, b"{" + good),
        ("POST", now | {"Mcp-Session-Id": "x"}, good),
        ("POST", now | {"Host": "evil.example.org"}, good),
        ("POST", now | {"MCP-Protocol-Version": "1999-01-01"}, good),
        ("POST", before, good),
        ("POST", before, b"[]"),
        ("POST", before | {"Mcp-Session-Id": "nosuch"}, good),
        ("POST", now | {"Content-Type": "text/plain"}, good),
        ("GET", before, b""),
        ("DELETE", before, b""),
        ("PUT", now, good),
    ]


async def test_what_is_sent_to_prove_who_calls_stands_nowhere(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    with authorization_server() as issuer:
        settings = configured(tmp_path, issuer=ISSUER, jwks_url=issuer.jwks_url, rate=10_000, burst=10_000)
        async with answering(settings) as (url, http):
            basic = base64.b64encode(f"ada:{SECRETS['password in a header']}".encode()).decode()
            shown = {
                "token": await token(settings),
                "what is no token": SECRETS["what is no token"],
                "JWT": signed(aud=url),
                "JWT for others": signed(aud="https://other.example.org"),
                "JWT, expired": signed(aud=url, exp=1),
            }
            said = ""
            for secret in (*shown.values(), "a" * 9000):
                for verb, about, body in calls(secret):
                    answer = await http.request(verb, url, headers=about, content=body)
                    said += f"{answer.status_code} {answer.headers} {answer.text}\n"
            about = headers("tools/list") | {"Authorization": f"Basic {basic}"}
            said += (await http.post(url, json=request("tools/list"), headers=about)).text
            issuer.answer(b"no keys")
            said += (await post(http, url, signed(aud=url), "tools/list")).text
    assert "503" in said or "200" in said
    assert within(said, SECRETS | shown) == []
    logged = written(log).replace("a" * 9000, "HUGE")
    assert within(logged, SECRETS | shown) == []
    assert "HUGE" not in logged
    for name, secret in shown.items():
        assert secret[-20:] not in logged + said, f"a part of: {name}"


async def test_keys_of_the_settings_stand_nowhere(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    given: dict[str, Any] = {
        "reader": {"kind": "openai", "model": "m", "key": SECRETS["key of the chat server"], "timeout_s": 1},
        "embedder": {"kind": "openai", "model": "m", "key": SECRETS["key of the embedding server"], "timeout_s": 1},
    }
    for part in given.values():
        part["url"] = "http://127.0.0.1:1/v1"  # nobody answers there
    server = {"url": "bolt://127.0.0.1:1", "password": SECRETS["password of the graph"], "timeout_s": 1}
    given["graph"] = {"kind": "neo4j", **server}
    settings = configuration.load(home=tmp_path, user="ada", **given)
    assert within(repr(settings) + str(settings) + settings.model_dump_json(), SECRETS) == []
    secret = await token(settings)
    async with answering(settings) as (url, http):
        arguments: dict[str, JsonValue] = {"content": "Ada likes tea"}
        said = (await post(http, url, secret, "tools/call", {"name": "remember", "arguments": arguments})).text
        said += (await post(http, url, secret, "tools/call", {"name": "memory_status", "arguments": {}})).text
    assert within(said, SECRETS) == []
    assert within(written(log), SECRETS) == []
    assert "127.0.0.1:1/" not in said


ADDRESSES = ["reader.url", "embedder.url", "graph.url", "http.jwks_url", "http.issuer", "http.url"]


def with_password(name: str) -> dict[str, Any]:
    """Settings that hold a password where the address of a server should stand."""
    section, key = name.split(".")
    given: dict[str, dict[str, Any]] = {"http": {}, "reader": {}, "embedder": {}, "graph": {}}
    if name in ("http.issuer", "http.jwks_url"):
        given["http"] = {"issuer": "https://a.example.org", "jwks_url": "https://a.example.org/keys"}
    given[section][key] = f"https://ada:{SECRETS['password of an address']}@a.example.org/v1"
    if section != "http":
        given[section] |= {"kind": "neo4j"} if section == "graph" else {"kind": "openai", "model": "m"}
    return given


@pytest.mark.parametrize("name", ADDRESSES)
async def test_a_password_in_an_address_is_refused_or_stands_nowhere(
    tmp_path: Path, log: pytest.LogCaptureFixture, name: str
) -> None:
    settings = configuration.load(home=tmp_path, user="ada", **with_password(name))
    if name.startswith("http."):
        with pytest.raises(Misconfigured, match="holds a name or a password") as caught:
            app(settings)
        assert within(str(caught.value), SECRETS) == []
        return
    secret = await token(settings)
    async with answering(settings) as (url, http):
        arguments: dict[str, JsonValue] = {"content": "Ada likes tea"}
        said = (await post(http, url, secret, "tools/call", {"name": "remember", "arguments": arguments})).text
        said += (await post(http, url, secret, "tools/call", {"name": "memory_status", "arguments": {}})).text
    assert "password" in said or "not set up right" in said
    assert within(said, SECRETS) == []
    assert within(written(log), SECRETS) == []


def doctor(home: Path, *options: str, **variables: str) -> str:
    """What `memos doctor` writes, and how it ended."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    env = kept | {"PYTHONPATH": IMPORTS, "HOME": str(home), "MEMOS_HOME": str(home), "MEMOS_USER": "ada"}
    command = [sys.executable, "-m", "memos_mcp.apps.cli", "doctor", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=env | variables, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("broken", [False, True])
def test_doctor_shows_settings_without_what_is_secret(tmp_path: Path, options: list[str], broken: bool) -> None:
    keys = {
        "MEMOS_READER__KEY": SECRETS["key of the chat server"],
        "MEMOS_EMBEDDER__KEY": SECRETS["key of the embedding server"],
        "MEMOS_GRAPH__PASSWORD": SECRETS["password of the graph"],
    }
    (tmp_path / "memos.toml").write_text("oops = \n" if broken else f'[reader]\nkey = "{keys["MEMOS_READER__KEY"]}"\n')
    assert within(doctor(tmp_path, *options, **keys), SECRETS) == []
    assert within(doctor(tmp_path, *options), SECRETS) == []


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_doctor_shows_addresses_without_their_passwords(tmp_path: Path, options: list[str]) -> None:
    address = f"https://ada:{SECRETS['password of an address']}@a.example.org/v1"
    lines = [f'{name.replace("http.", "")} = "{address}"' for name in ADDRESSES if name.startswith("http.")]
    models = [f'[{section}]\nurl = "{address}"' for section in ("reader", "embedder", "graph")]
    (tmp_path / "memos.toml").write_text("\n".join(["[http]", *lines, *models]))
    said = doctor(tmp_path, *options)
    assert "://…@a.example.org/v1" in "".join(said.split()).replace("\\u2026", "…")
    assert within(said, SECRETS) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEMOS_READER__TIMEOUT_S", SECRETS["key of the chat server"]),
        ("MEMOS_HTTP", json.dumps({"issuer": f"https://ada:{SECRETS['password of an address']}@a", "port": "x"})),
        ("MEMOS_READER", json.dumps({"key": [SECRETS["key of the chat server"]]})),
        ("MEMOS_READER", '{"key": "' + SECRETS["key of the chat server"]),
    ],
)
def test_an_error_of_the_settings_does_not_repeat_what_was_given(tmp_path: Path, variable: str, value: str) -> None:
    for options in ([], ["--json"]):
        assert within(doctor(tmp_path, *options, **{variable: value}), SECRETS) == []
