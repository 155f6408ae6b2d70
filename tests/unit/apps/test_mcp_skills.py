"""The skill, as a client of the Skills extension gets it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from mcp import Client, MCPError, types

from memos_mcp import wiring
from memos_mcp.apps import mcp_skills
from memos_mcp.apps.mcp import build
from memos_mcp.apps.mcp_tools import TOOLS

pytestmark = pytest.mark.anyio


def text() -> str:
    (content,) = mcp_skills.read().contents
    assert isinstance(content, types.TextResourceContents)
    assert content.mime_type == "text/markdown"
    return content.text


def test_the_entry_of_the_skill_is_what_its_file_says() -> None:
    (skill,) = mcp_skills.listed().skills
    assert skill == mcp_skills.got(mcp_skills.Asked(uri="skill://use-memory/SKILL.md")).skill
    (file,) = skill.resources
    assert (file.uri, file.size) == (skill.uri, len(text().encode()))
    assert file.digest == f"sha256:{hashlib.sha256(text().encode()).hexdigest()}"
    assert skill.frontmatter["name"] == skill.uri.split("/")[-2] == "use-memory"
    shown = mcp_skills.resource()
    assert (shown.name, shown.description) == (skill.frontmatter["name"], skill.frontmatter["description"])


def test_the_front_matter_is_plain_text_that_yaml_reads_as_the_same_words() -> None:
    head = text().split("---\n")[1].splitlines()
    assert [line.partition(":")[0] for line in head] == ["name", "description"]
    for line in head:
        name, _, value = line.partition(": ")
        assert re.fullmatch(r"[A-Za-z][^#:\"'{}\[\]&*!|>%@`]*[^\s:]", value), name
    assert 1 <= len(head[1].removeprefix("description: ")) <= 1024


def test_the_skill_names_no_tool_that_is_not_there() -> None:
    known = {tool.name for tool in TOOLS}
    named = set(re.findall(r"`([a-z]+_[a-z_]+|recall|remember|forget)`", text()))
    assert named
    assert named - {"said_at", "expect_version"} <= known


def test_a_skill_that_is_not_there_is_an_error_of_the_arguments() -> None:
    for uri in ("skill://use-memory", "skill://other/SKILL.md", "memory://recent", ""):
        with pytest.raises(MCPError, match="no skill is served at") as caught:
            mcp_skills.got(mcp_skills.Asked(uri=uri))
        assert caught.value.error.code == types.INVALID_PARAMS


async def test_a_client_lists_reads_and_verifies_the_skill(tmp_path: Path) -> None:
    async with Client(build(lambda: wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}))) as client:
        assert client.server_capabilities.extensions is not None
        assert client.server_capabilities.extensions[mcp_skills.EXTENSION] == {}
        asked = types.Request[types.PaginatedRequestParams, str](
            method="skills/list", params=types.PaginatedRequestParams()
        )
        found = await client.session.send_request(asked, mcp_skills.Listed)
        assert (found.cache_scope, found.result_type) == ("public", "complete")
        (file,) = found.skills[0].resources
        (content,) = (await client.read_resource(file.uri)).contents
        assert isinstance(content, types.TextResourceContents)
        assert file.digest == f"sha256:{hashlib.sha256(content.text.encode()).hexdigest()}"
        shown = [each.name for each in (await client.list_resources()).resources if each.uri == file.uri]
        assert shown == ["use-memory"]
