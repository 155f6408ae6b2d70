"""What a tool can tell the client of its call, in both eras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from mcp import Client
from mcp.types import ToolAnnotations

from memos_mcp import Memos, wiring
from memos_mcp.apps import mcp
from memos_mcp.apps.mcp_answers import Answer
from memos_mcp.apps.mcp_arguments import Flag, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from tests.http_server import client, configured, serving, token

pytestmark = pytest.mark.anyio


class Counted(Answer):
    """How far it counted."""

    upto: int


class Count(Tool):
    """Count to three."""

    name = "count"
    gives = Counted
    hints = ToolAnnotations(read_only_hint=True)
    scope = "read"
    meta: ClassVar[Mapping[str, Any]] = {"example.org/shown": True}

    aloud: Flag = True

    async def run(self, memos: Memos, peer: Peer) -> Counted | Question:
        """Count."""
        for i in range(3):
            await peer.progress(i + 1, 3, "counting")
        return Counted(upto=3 if self.aloud else 0)


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(toolset: str, *, local: bool) -> tuple[type[Tool], ...]:
        return (Count,)

    monkeypatch.setattr(mcp, "offered", offered)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("over", ["memory", "http"])
async def test_a_tool_tells_how_far_it_is_while_it_works(
    tmp_path: Path, over: str, mode: Literal["legacy", "auto"]
) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async def count(connected: Client) -> None:
        (tool,) = (await connected.list_tools()).tools
        assert tool.meta == {"example.org/shown": True}
        result = await connected.call_tool("count", {}, progress_callback=hear)
        assert result.structured_content == {"upto": 3}
        assert heard == [(1, 3, "counting"), (2, 3, "counting"), (3, 3, "counting")]
        assert not (await connected.call_tool("count", {})).is_error  # who did not ask is not told
        assert len(heard) == 3

    settings = configured(tmp_path)
    if over == "memory":
        async with Client(mcp.build(lambda: wiring.open(settings)), mode=mode) as connected:
            await count(connected)
    else:
        async with serving(settings) as url, client(url, await token(settings), mode) as connected:
            await count(connected)


@pytest.mark.parametrize(
    ("given", "says"),
    [("true", 3), ("FALSE", 0), (False, 0), ("yes", "aloud must be true or false, not the text 'yes'"), (1, "not 1")],
)
async def test_a_flag_is_true_or_false_in_any_writing(tmp_path: Path, given: Any, says: int | str) -> None:
    async with Client(mcp.build(lambda: wiring.open(configured(tmp_path)))) as connected:
        result = await connected.call_tool("count", {"aloud": given})
    assert str(says) in str(result.content)
    assert result.is_error == isinstance(says, str)
