"""The page on MCP tools names every tool with all its arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mcp import Client

from memos_mcp.apps.mcp import build

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "mcp-tools.md"


@pytest.mark.anyio
async def test_the_page_lists_the_tools_as_they_are() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", PAGE.read_text("utf-8").split("\n## ")[0], re.MULTILINE))
    async with Client(build()) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(rows) == list(tools)
    for name, tool in tools.items():
        assert set(re.findall(r"`(\w+)`", rows[name])) == set(tool.input_schema["properties"]), name
