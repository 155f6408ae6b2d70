"""Serving over standard input and output: ends with the input or a signal, and answers what the SDK cannot read."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp import types
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails


async def serve(server: Server[Any]) -> None:
    """Serve one client until its input ends, or until SIGINT or SIGTERM: then the process exits with 0.

    Either way a write in progress is finished first.
    """
    async with stdio_server() as (lines, answers), lines:
        relayed, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay, lines, relayed, answers.send)
            if sys.platform != "win32":
                tasks.start_soon(_wait_for_a_signal, tasks.cancel_scope.cancel)
            await server.run(messages, answers, server.create_initialization_options())
            tasks.cancel_scope.cancel()
            return
        # Stopped by a signal: everything is closed, but the SDK's thread still waits in read(2), which nothing ends.
        sys.stderr.flush()
        os._exit(0)


async def _wait_for_a_signal(stop: Callable[[], None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stop()
            return


async def relay(
    lines: AsyncIterable[SessionMessage | Exception],
    relayed: MemoryObjectSendStream[SessionMessage | Exception],
    answer: Callable[[SessionMessage], Awaitable[None]],
) -> None:
    """Pass messages on. A line that is none gets an answer too: left alone, its sender would wait for ever."""
    async with relayed:
        async for item in lines:
            message = _read_again(item) if isinstance(item, ValidationError) else item
            if isinstance(message, types.JSONRPCError):
                await answer(SessionMessage(message))
            elif message is not None:
                await relayed.send(message)


def _read_again(refused: ValidationError) -> SessionMessage | types.JSONRPCError | None:
    """The line as Python reads JSON: half a surrogate pair in an argument is refused by its name later."""
    error = refused.errors()[0]
    line = error["input"]
    if error["type"] != "json_invalid" or not isinstance(line, str):
        return _refused(types.INVALID_REQUEST, "JSON, but not a JSON-RPC 2.0 message", *refused.errors())
    if not line.strip():
        return None
    try:
        value: JsonValue = json.loads(line)
    except (ValueError, RecursionError):
        return _refused(types.PARSE_ERROR, "not JSON")
    try:
        message = types.jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ValidationError as exc:
        return _refused(types.INVALID_REQUEST, "JSON, but not a JSON-RPC 2.0 message", *exc.errors())
    if not isinstance(message, types.JSONRPCRequest) or not _is_unicode(_envelope(message)):
        return _refused(types.INVALID_REQUEST, "not Unicode: it holds half a surrogate pair")
    return SessionMessage(message)


def _envelope(message: types.JSONRPCRequest) -> dict[str, object]:
    """What the SDK may repeat in an answer: everything but the arguments of a tool."""
    params = {name: value for name, value in (message.params or {}).items() if name != "arguments"}
    return {"id": message.id, "method": message.method, "params": params}


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(code: int, why: str, *errors: ErrorDetails) -> types.JSONRPCError:
    """The answer to a line that is no message, with its id where one can be found."""
    parts: list[JsonValue] = [error["input"] for error in errors]
    found = next((part["id"] for part in parts if isinstance(part, dict) and "id" in part), None)
    usable = found if isinstance(found, int) or (isinstance(found, str) and _is_unicode(found)) else None
    error = types.ErrorData(code=code, message=f"this line is {why}; it was ignored")
    return types.JSONRPCError(jsonrpc="2.0", id=usable, error=error)
