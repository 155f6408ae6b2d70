"""Lines that the SDK's parser refuses: each gets an answer, none reaches a tool."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import pytest
from mcp import types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from memos_mcp.apps.mcp_stdio import relay

pytestmark = pytest.mark.anyio

CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"remember","arguments":{"content":"%s"}}}'


def read(line: str) -> SessionMessage | Exception:
    """What the SDK's transport makes of a line."""
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError as exc:
        return exc


async def relayed(*lines: str) -> tuple[list[SessionMessage | Exception], list[types.JSONRPCMessage]]:
    """What is passed on, and what is answered at once."""
    answers: list[types.JSONRPCMessage] = []

    async def items() -> AsyncGenerator[SessionMessage | Exception]:
        for line in lines:
            yield read(line)

    async def answer(message: SessionMessage) -> None:
        answers.append(message.message)

    send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](len(lines))
    await relay(items(), send, answer)
    async with receive:
        return [item async for item in receive], answers


async def test_messages_are_passed_on_and_empty_lines_dropped() -> None:
    passed, answers = await relayed(CALL % "tea", "", " \n")
    assert len(passed) == 1
    assert answers == []


async def test_half_a_character_in_an_argument_is_left_to_the_checks_of_the_tool() -> None:
    ((message,), answers) = await relayed(CALL % r"\ud800")
    assert answers == []
    assert isinstance(message, SessionMessage)
    assert isinstance(message.message, types.JSONRPCRequest)
    assert message.message.params == {"name": "remember", "arguments": {"content": "\ud800"}}


@pytest.mark.parametrize(
    ("line", "key", "code", "said"),
    [
        ("garbage", None, types.PARSE_ERROR, "not JSON"),
        ("[" * 100_000, None, types.PARSE_ERROR, "not JSON"),
        ("[1]", None, types.INVALID_REQUEST, "not a JSON-RPC 2.0 message"),
        ('{"id": 7}', 7, types.INVALID_REQUEST, "not a JSON-RPC 2.0 message"),
        (r'{"id": 7, "x": "\ud800"}', 7, types.INVALID_REQUEST, "not a JSON-RPC 2.0 message"),
        (r'{"id": "\ud800", "x": 1}', None, types.INVALID_REQUEST, "not a JSON-RPC 2.0 message"),
        (r'{"jsonrpc":"2.0","id":"\ud800","method":"ping"}', None, types.INVALID_REQUEST, "half a surrogate pair"),
        (r'{"jsonrpc":"2.0","id":7,"method":"\ud800"}', None, types.INVALID_REQUEST, "half a surrogate pair"),
        (r'{"jsonrpc":"2.0","method":"\ud800"}', None, types.INVALID_REQUEST, "half a surrogate pair"),
    ],
)
async def test_a_line_that_is_no_message_is_answered_by_an_error(
    line: str, key: int | None, code: int, said: str
) -> None:
    passed, (answer,) = await relayed(line)
    assert passed == []
    assert isinstance(answer, types.JSONRPCError)
    assert (answer.id, answer.error.code) == (key, code)
    assert said in answer.error.message
    answer.model_dump_json()
