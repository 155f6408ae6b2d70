"""Clients of both eras are told what changed, whoever changed it, and never of what they may not read."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent, Subscription

from memos_mcp import Memos, wiring
from memos_mcp.apps.access import Tokens
from memos_mcp.settings import Settings
from tests.http_server import MODERN, client, configured, headers, post, request, serving, token
from tests.imports import IMPORTS
from tests.integration.test_http_stop import ended, started

ROOT = Path(__file__).parents[2]
LIST = ResourcesListChanged()
RECENT, PROFILE = "memory://recent", "memory://profile"

pytestmark = pytest.mark.anyio


async def heard(listening: Subscription, count: int) -> set[ServerEvent]:
    found: set[ServerEvent] = set()
    with anyio.fail_after(5):
        async for event in listening:
            found.add(event)
            if len(found) == count:
                break
    return found


class Told:
    """The notifications that a client of before 2026 gets."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._rung = anyio.Event()

    async def __call__(self, message: Any) -> None:
        match message:
            case types.ResourceListChangedNotification():
                self.all.append("list")
            case types.ResourceUpdatedNotification(params=params):
                self.all.append(str(params.uri))
            case _:
                return
        self._rung.set()

    async def until(self, last: str) -> list[str]:
        with anyio.fail_after(5):
            while last not in self.all:
                await self._rung.wait()
                self._rung = anyio.Event()
        found, self.all = self.all, []
        return found


@asynccontextmanager
async def before_2026(url: str, secret: str, told: Told) -> AsyncGenerator[Client]:
    about = {"Authorization": f"Bearer {secret}"}
    async with (
        httpx2.AsyncClient(headers=about, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode="legacy", message_handler=told) as connected,
    ):
        yield connected


async def subscribe(connected: Client, uri: str) -> None:
    asked = types.SubscribeRequest(params=types.SubscribeRequestParams(uri=uri))
    await connected.session.send_request(asked, types.EmptyResult)


async def unsubscribe(connected: Client, uri: str) -> None:
    asked = types.UnsubscribeRequest(params=types.UnsubscribeRequestParams(uri=uri))
    await connected.session.send_request(asked, types.EmptyResult)


@asynccontextmanager
async def elsewhere(settings: Settings) -> AsyncGenerator[Memos]:
    """The vault as a command sees it that writes to it."""
    async with wiring.open(settings) as memos:
        yield memos


async def test_each_principal_hears_of_his_own_and_of_what_is_shared(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    ada, ben = await token(settings), await token(settings, user="ben")
    async with serving(settings) as url, client(url, ada) as adas, client(url, ben) as bens:
        kept = await adas.call_tool("remember", {"content": "Ada's locker is K-2047"})
        assert kept.structured_content is not None
        (key,) = kept.structured_content["ids"]
        mine = f"memory://{key}"
        async with (
            adas.listen(resources_list_changed=True, resource_subscriptions=[mine]) as hers,
            bens.listen(resources_list_changed=True, resource_subscriptions=[mine, RECENT, PROFILE]) as his,
        ):
            await adas.call_tool("update_memory", {"id": key, "text": "Ada's locker is K-3110"})
            assert await heard(hers, 1) == {ResourceUpdated(mine)}
            await adas.call_tool("forget", {"id": key, "confirm": True})
            assert await heard(hers, 2) == {ResourceUpdated(mine), LIST}
            await adas.call_tool("remember", {"content": "The office has a plant", "path": "shared/office"})
            assert await heard(his, 2) == {ResourceUpdated(RECENT), LIST}


async def test_what_another_process_writes_is_heard_too(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    secret = await token(settings)
    async with (
        serving(settings) as url,
        client(url, secret) as connected,
        elsewhere(settings) as memos,
        connected.listen(resources_list_changed=True, resource_subscriptions=[PROFILE]) as listening,
    ):
        await memos.remember("I prefer tea to coffee")
        assert await heard(listening, 2) == {ResourceUpdated(PROFILE), LIST}


async def test_a_session_of_before_2026_hears_of_the_list_it_asked_for_and_of_what_it_subscribed_to(
    tmp_path: Path,
) -> None:
    settings = configured(tmp_path)
    ada, ben = await token(settings), await token(settings, user="ben")
    hers, his = Told(), Told()
    async with (
        serving(settings) as url,
        before_2026(url, ada, hers) as adas,
        before_2026(url, ben, his) as bens,
        elsewhere(settings) as memos,
    ):
        can = adas.server_capabilities
        assert can
        assert can.resources == types.ResourcesCapability(subscribe=True, list_changed=True)
        assert can.tools == types.ToolsCapability(list_changed=False)
        (key,) = (await memos.remember("Ada's locker is K-2047")).ids
        mine = f"memory://{key}"
        await adas.list_resources()
        await subscribe(adas, mine)
        await bens.list_resources()
        with pytest.raises(MCPError, match="ben has no memory"):
            await subscribe(bens, mine)
        await memos.update(key, "Ada's locker is K-3110")
        assert await hers.until(mine) == [mine]
        await unsubscribe(adas, mine)
        await memos.update(key, "Ada's locker is K-1111")
        await memos.remember("Ada likes tea")
        assert await hers.until("list") == ["list"]
        await memos.remember("The office has a plant", path="shared/office")
        assert await his.until("list") == ["list"]


async def test_where_no_session_lasts_none_is_promised(tmp_path: Path) -> None:
    settings = configured(tmp_path, workers=2)
    secret = await token(settings)
    async with serving(settings) as url:
        async with client(url, secret, "legacy") as connected:
            can = connected.server_capabilities
            assert can
            assert can.resources == types.ResourcesCapability(subscribe=False, list_changed=False)
            await connected.list_resources()
            with pytest.raises(MCPError, match="Method not found"):
                await subscribe(connected, RECENT)
        async with client(url, secret) as connected:
            can = connected.server_capabilities
            assert can
            assert can.resources == types.ResourcesCapability(subscribe=True, list_changed=True)
            assert can.tools == types.ToolsCapability(list_changed=False)


async def test_what_is_acknowledged_is_what_will_be_told(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    secret = await token(settings)
    asked = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        method = "subscriptions/listen"
        message, about = request(method, {"notifications": {**asked}}), headers(method, secret)
        async with http.stream("POST", url, json=message, headers=about) as answer:
            lines = answer.aiter_lines()
            with anyio.fail_after(5):
                first = [await anext(lines), await anext(lines)]
        assert '"notifications":{"resourcesListChanged":true}' in first[1]
        many: dict[str, Any] = {"notifications": {"resourceSubscriptions": [f"memory://{i}" for i in range(1001)]}}
        refused = await post(http, url, secret, method, many)
        assert "may subscribe to 1000 resources" in refused.json()["error"]["message"]


async def test_a_listener_that_went_away_takes_no_place(tmp_path: Path) -> None:
    settings = configured(tmp_path, at_once=1)
    secret = await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        method = "subscriptions/listen"
        message, about = request(method, {"notifications": {"resourcesListChanged": True}}), headers(method, secret)
        async with http.stream("POST", url, json=message, headers=about) as answer:
            lines = answer.aiter_lines()
            with anyio.fail_after(5):
                await anext(lines)
            assert (await post(http, url, secret, "tools/list")).status_code == 429
        with anyio.fail_after(5):
            while (await post(http, url, secret, "tools/list")).status_code == 429:
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_over_stdio_a_client_hears_what_another_process_writes(tmp_path: Path, mode: Any) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": IMPORTS, "MEMOS_HOME": str(tmp_path), "MEMOS_USER": "ada"}
    command = StdioServerParameters(command=sys.executable, args=["-m", "memos_mcp"], env=env)
    told = Told()
    with anyio.fail_after(30):
        async with (
            Client(command, mode=mode, message_handler=told) as connected,
            elsewhere(configured(tmp_path)) as memos,
        ):
            if mode == "legacy":
                await connected.list_resources()
                await memos.remember("Ada likes tea")
                assert await told.until("list") == ["list"]
            else:
                async with connected.listen(resources_list_changed=True) as listening:
                    await memos.remember("Ada likes tea")
                    assert await heard(listening, 1) == {LIST}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_who_listens_is_told_when_the_server_stops_and_does_not_hold_it_up(tmp_path: Path) -> None:
    async def session(url: str, secret: str, stop: Any) -> None:
        with anyio.fail_after(8):  # less than the ten seconds of grace
            async with client(url, secret) as connected, connected.listen(resources_list_changed=True) as listening:
                stop(signal.SIGTERM)
                assert [event async for event in listening] == []

    async def a_token() -> str:
        return await token(configured(tmp_path))

    secret = anyio.run(a_token)
    with started(tmp_path) as (run, url):
        anyio.run(session, url, secret, run.send_signal)
        ended(run)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_whose_token_is_revoked_hears_no_more(tmp_path: Path, mode: str) -> None:
    settings = configured(tmp_path)
    secret, told = await token(settings, name="laptop"), Told()
    ledger = wiring.ledger(settings)
    async with serving(settings) as url, elsewhere(settings) as memos, client(url, await token(settings)) as other:
        if mode == "legacy":
            async with before_2026(url, secret, told) as connected:
                await connected.list_resources()
                await Tokens(ledger).revoke("laptop")
                async with other.listen(resources_list_changed=True) as listening:
                    for i in range(2):
                        await memos.remember(f"Ada has number {i}")
                        assert await heard(listening, 1) == {LIST}
                assert told.all == []
        else:
            async with client(url, secret) as connected, connected.listen(resources_list_changed=True) as listening:
                await Tokens(ledger).revoke("laptop")
                await memos.remember("Ada likes tea")
                with anyio.fail_after(5):
                    assert [event async for event in listening] == []
    await ledger.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows starts no workers this way")
def test_with_several_workers_the_user_is_asked_and_listeners_hear(tmp_path: Path) -> None:
    asked: list[str] = []

    async def yes(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"yes": True})

    async def session(url: str, secret: str) -> None:
        about = {"Authorization": f"Bearer {secret}", "Connection": "close"}  # each request may meet another worker
        async with (
            httpx2.AsyncClient(headers=about, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), elicitation_callback=yes, mode=MODERN) as connected,
            connected.listen(resources_list_changed=True) as listening,
        ):
            for i in range(4):
                kept = await connected.call_tool("remember", {"content": f"Ada has number {i}"})
                assert await heard(listening, 1) == {LIST}
                assert kept.structured_content is not None
                (key,) = kept.structured_content["ids"]
                gone = await connected.call_tool("forget", {"id": key})
                assert "Forgot" in str(gone.content)
                assert await heard(listening, 1) == {LIST}

    async def a_token() -> str:
        return await token(configured(tmp_path))

    secret = anyio.run(a_token)
    with started(tmp_path, "--workers", "2") as (run, url):
        anyio.run(session, url, secret)
        run.send_signal(signal.SIGTERM)
        ended(run)
    assert len(asked) == 4
