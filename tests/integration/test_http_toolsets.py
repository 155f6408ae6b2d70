"""Every tool of every toolset over HTTP: none without a token, none with a token whose scope is too low."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import get_args

import httpx2
import pytest
from pydantic import JsonValue

from memos_mcp.apps.mcp_toolsets import offered, unlisted
from memos_mcp.ports import SCOPES
from memos_mcp.sections import Toolset
from memos_mcp.settings import Mcp, Settings
from tests.http_server import client, configured, post, serving, token

pytestmark = pytest.mark.anyio


@pytest.fixture(params=get_args(Toolset))
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return configured(tmp_path).model_copy(update={"mcp": Mcp(toolset=request.param)})


@pytest.fixture
async def url(settings: Settings) -> AsyncGenerator[str]:
    async with serving(settings) as address:
        yield address


async def test_a_token_calls_the_tools_of_its_scope_and_nobody_calls_one_without(settings: Settings, url: str) -> None:
    secrets = {scope: await token(settings, scope) for scope in SCOPES}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        for tool in (*offered(settings.mcp.toolset), *unlisted(settings.mcp.toolset)):
            called: dict[str, JsonValue] = {"name": tool.name, "arguments": {}}
            for secret in ("", "memos_nobody"):
                assert (await post(http, url, secret, "tools/call", called)).status_code == 401, tool.name
            for number, (scope, secret) in enumerate(secrets.items()):
                answer = await post(http, url, secret, "tools/call", called)
                allowed = tool.scope in SCOPES[: number + 1]
                assert answer.status_code == (200 if allowed else 403), (tool.name, scope)


async def test_no_tool_over_http_reads_files_of_the_server(settings: Settings, url: str) -> None:
    async with client(url, await token(settings, "admin")) as connected:
        names = [tool.name for tool in (await connected.list_tools()).tools]
    assert names == [tool.name for tool in offered(settings.mcp.toolset)]
    assert "import_memories" not in names
