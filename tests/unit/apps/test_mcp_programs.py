"""The two tools of programs, in process: whatever is sent, an answer or an error that can be raised again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError

from memos_mcp import wiring
from memos_mcp.apps.mcp import build
from memos_mcp.client.faces import Client as Faces
from memos_mcp.client.verbs import VERBS
from memos_mcp.ports import SCOPES
from tests.client_kinds import plain
from tests.openai_server import said, serving

pytestmark = pytest.mark.anyio

ROUNDS = 400
ODD: list[Any] = [
    *(None, True, 0, -1, 1e308, 2**70, "", "\u2028", "a" * 5_000, [], {}, [[]], [1, "a", None]),
    *("user/ada", "user/eve", "../../etc", "tag:", "2026-01-01", {"moment": "never"}, {"moment": "2026-01-01"}, "P1D"),
    *(
        "fact",
        ["fact"],
        {"text": "x"},
        {"role": "user", "content": "x"},
        {"start": None},
        ["x"] * 200,
        {"id": {"a": 1}},
    ),
]


async def test_whatever_is_sent_is_answered_or_refused_in_words(tmp_path: Path) -> None:
    with serving(said("Noted.")) as model:
        settings = plain(tmp_path, chat={"url": model.url, "model": "m"})
        async with Client(build(lambda: wiring.open(settings), toolset="client")) as client:
            await rounds(client)


async def rounds(client: Client) -> None:
    """Ask whatever the dice say."""
    dice = random.Random(7)
    refused = 0
    for _ in range(ROUNDS):
        verb = dice.choice([*VERBS, "update", "aclose", "__class__", ""])
        takes = list(vars(Faces)[verb].__annotations__) if verb in VERBS else ["id"]
        names = [name for name in takes if name not in ("return", "seconds")]
        given = {name: dice.choice(ODD) for name in dice.sample(names, dice.randint(0, min(3, len(names))))}
        scope = VERBS[verb].scope if verb in VERBS else "read"
        done: Any = await client.call_tool(f"api_{scope}", {"verb": verb, "arguments": given})
        if not done.is_error:
            assert "result" in done.structured_content
            continue
        refused += 1
        error = done.structured_content["error"]
        assert error["code"] in ("invalid_input", "not_found", "denied", "conflict"), (verb, given, error)
        assert error["message"]
    assert 50 < refused < ROUNDS


async def test_no_tool_of_programs_is_there_over_stdio_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with Client(build(lambda: wiring.open(plain(tmp_path)))) as client:
        with pytest.raises(MCPError, match="there is no tool 'api_read'"):
            await client.call_tool("api_read", {"verb": "status"})


def test_a_verb_of_a_client_needs_what_it_does() -> None:
    assert {each.scope for each in VERBS.values()} < set(SCOPES)
    assert [name for name, each in VERBS.items() if each.scope == "write"] == [
        "remember",
        "feedback",
        "put",
        "forget",
        "forget_all",
        "extend",
    ]
