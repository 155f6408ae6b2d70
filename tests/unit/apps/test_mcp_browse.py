"""The page of the memory browser, as a client gets it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Literal, get_args

import pytest
from mcp import Client, types
from mcp.client.extension import ClientExtension, advertise

from memos_mcp import wiring
from memos_mcp.apps import mcp_browse
from memos_mcp.apps.mcp import build
from memos_mcp.apps.mcp_tools import Forget, GetMemory, ListMemories, MemoryHistory, Recall, UpdateMemory
from memos_mcp.cube import Kind

pytestmark = pytest.mark.anyio

SHOWS_PAGES = advertise("io.modelcontextprotocol/ui", {"mimeTypes": ["text/html;profile=mcp-app"]})
SHOWS_OTHERS = advertise("io.modelcontextprotocol/ui", {"mimeTypes": ["text/plain"]})


def page() -> str:
    (content,) = mcp_browse.read().contents
    assert isinstance(content, types.TextResourceContents)
    return content.text


async def test_the_page_is_one_small_file_that_asks_for_nothing() -> None:
    assert len(page().encode()) < 25_000
    assert not re.search(
        r"""(?:src|href)=|@import|url\(|https?://(?!\[)|fetch\(|innerHTML|insertAdjacentHTML""", page()
    )


async def test_the_policy_in_the_page_admits_its_own_script_and_style_alone() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page())
    assert policy
    assert "unsafe" not in policy[1]
    assert "default-src 'none'" in policy[1]
    for name in ("script", "style"):
        (inline,) = re.findall(rf"<{name}>(.*?)</{name}>", page(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy[1]


async def test_the_host_is_told_that_no_domain_may_be_reached() -> None:
    (content,) = mcp_browse.read().contents
    assert content.mime_type == "text/html;profile=mcp-app"
    assert content.meta == mcp_browse.RESOURCE.meta
    assert content.meta is not None
    assert set(map(len, content.meta["ui"]["csp"].values())) == {0}


async def test_the_page_offers_every_kind_and_calls_tools_with_arguments_they_take() -> None:
    (options,) = re.findall(r'<select id="kind">(.*?)</select>', page(), re.DOTALL)
    assert re.findall(r"<option>(\w+)", options) == [*get_args(Kind)]
    for tool, given in [
        (Recall, {"question": "tea", "path": "user/ada", "limit": 50, "budget": 8000}),
        (ListMemories, {"path": "user/ada", "kind": "fact", "cursor": "3"}),
        (GetMemory, {"id": "x", "version": 1, "offset": 3, "budget": 8000}),
        (UpdateMemory, {"id": "x", "text": "tea", "expect_version": 1, "reason": "edited"}),
        (Forget, {"id": "x", "confirm": True, "reason": "forgotten"}),
        (MemoryHistory, {"id": "x", "cursor": "3"}),
    ]:
        tool.read(given)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_only_a_client_that_shows_pages_sees_where_the_page_is(
    tmp_path: Path, mode: Literal["legacy", "auto"]
) -> None:
    async def seen(*extensions: ClientExtension) -> tuple[dict[str, object], list[str], bool]:
        server = build(lambda: wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}))
        async with Client(server, mode=mode, extensions=extensions) as client:
            tools = await client.list_tools()
            pages = [each.uri for each in (await client.list_resources()).resources if each.uri.startswith("ui:")]
            (content,) = (await client.read_resource("ui://memos/browse.html")).contents
            assert isinstance(content, types.TextResourceContents)
            assert content.text == page()
            return {tool.name: tool.meta for tool in tools.tools if tool.meta}, pages, tools.cache_scope == "public"

    public = mode == "auto"
    assert await seen() == await seen(SHOWS_OTHERS) == ({}, [], public)
    page_of = {"list_memories": {"ui": {"resourceUri": "ui://memos/browse.html"}}}
    assert await seen(SHOWS_PAGES) == (page_of, ["ui://memos/browse.html"], False)
