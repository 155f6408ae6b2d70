"""Every tool of every toolset: described, annotated, portable, and closed to who came with too few scopes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from mcp import Client
from mcp.types import TextContent

from memos_mcp import Caller, wiring
from memos_mcp.apps.mcp import Transport, build
from memos_mcp.apps.mcp_arguments import Tool
from memos_mcp.apps.mcp_toolsets import offered, unlisted
from memos_mcp.errors import InvalidInput
from memos_mcp.ports import SCOPES
from memos_mcp.sections import Toolset

pytestmark = pytest.mark.anyio

TOOLSETS: tuple[Toolset, ...] = get_args(Toolset)
EVERY = list({tool.name: tool for name in TOOLSETS for tool in offered(name, local=True)}.values())
CEILINGS: dict[Toolset, int] = {"core": 2500, "full": 15_000, "chatgpt": 600, "client": 400}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "mcp-tools.md"


def within(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas in it."""
    if isinstance(schema, dict):
        found = cast("dict[str, Any]", schema)
        yield found
        for value in found.values():
            yield from within(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            yield from within(value)


def test_full_begins_with_core_and_the_order_stays() -> None:
    assert offered("full")[: len(offered("core"))] == offered("core")
    assert [tool.name for tool in offered("chatgpt")] == ["search", "fetch"]
    assert [tool.name for tool in offered("client")] == ["api_read", "api_write"]
    assert unlisted("core") == unlisted("full") == offered("client")
    assert unlisted("client") == unlisted("chatgpt") == ()
    for name in TOOLSETS:
        names = [tool.name for tool in offered(name, local=True)]
        assert len(set(names)) == len(names)
        assert offered(name, local=True) == offered(name, local=True)


def test_files_are_read_only_for_the_user_who_started_the_server() -> None:
    assert [t.name for t in offered("full", local=True) if t not in offered("full")] == ["import_memories"]
    assert offered("core", local=True) == offered("core")
    assert offered("chatgpt", local=True) == offered("chatgpt")


@pytest.mark.parametrize("toolset", TOOLSETS)
async def test_the_tools_of_a_toolset_are_listed_and_small(toolset: Toolset) -> None:
    async with Client(build(toolset=toolset)) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [tool.name for tool in offered(toolset, local=True)]
    whole = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    assert len(json.dumps(whole, separators=(",", ":"), ensure_ascii=False)) / 4 <= CEILINGS[toolset]


@pytest.mark.parametrize("tool", EVERY, ids=lambda tool: tool.name)
def test_a_tool_is_described_in_a_way_that_every_client_reads(tool: type[Tool]) -> None:
    assert re.fullmatch(r"[a-z_]{3,40}", tool.name)
    assert tool.__doc__
    assert len(tool.__doc__) < 600
    schema = tool.schema_of_arguments()
    properties = schema["properties"]
    assert isinstance(properties, dict)
    for each in within(schema):
        assert not each.keys() & {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "const"}, each
    for name, each in properties.items():
        assert isinstance(each, dict)
        assert each["type"] in ("string", "integer", "number", "boolean", "array", "object"), name
    assert schema["additionalProperties"] is False
    assert all(each["$ref"].startswith("#/$defs/") for each in within(tool.gives.model_json_schema()) if "$ref" in each)


@pytest.mark.parametrize("tool", EVERY, ids=lambda tool: tool.name)
def test_what_a_tool_does_agrees_with_its_hints_and_its_scope(tool: type[Tool]) -> None:
    hints = tool.hints
    assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
    if hints.read_only_hint:
        assert tool.scope == "read"
        assert not hints.destructive_hint
    else:
        assert tool.scope in ("write", "admin")
    deletes = tool.name.startswith(("forget", "erase", "compress")) or tool.name in ("memory", "api_write")
    assert hints.destructive_hint == deletes


@pytest.mark.parametrize("tool", EVERY, ids=lambda tool: tool.name)
def test_an_unknown_argument_is_refused_by_every_tool(tool: type[Tool]) -> None:
    with pytest.raises(InvalidInput, match=rf"^{tool.name} has no argument 'colour'; it takes"):
        tool.read({"colour": "green"})


@pytest.mark.parametrize("toolset", TOOLSETS)
async def test_who_came_with_too_few_scopes_is_refused_by_every_tool(toolset: Toolset, tmp_path: Path) -> None:
    for number in range(len(SCOPES)):
        caller = Caller("ada", scopes=SCOPES[:number])
        server = build(
            lambda: wiring.open(home=tmp_path, user="ada"),
            transport=Transport(local=True, who=lambda _, caller=caller: caller),
            toolset=toolset,
        )
        async with Client(server) as client:
            for tool in offered(toolset, local=True):
                if tool.scope in caller.scopes:
                    continue
                result = await client.call_tool(tool.name, {})
                (block,) = result.content
                assert isinstance(block, TextContent)
                assert result.is_error
                assert f"came without the scope {tool.scope!r}" in block.text


def test_the_page_names_the_further_tools_with_their_arguments() -> None:
    section = PAGE.read_text("utf-8").split("\n## Toolsets\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", section, re.MULTILINE))
    further = [tool for tool in EVERY if tool not in offered("core")]
    assert list(rows) == [tool.name for tool in further]
    for tool in further:
        assert set(re.findall(r"`(\w+)`", rows[tool.name])) == set(tool.model_fields), tool.name
