"""What is one request over MCP: all that a message asks for, under the id of its client's trace if it names one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult

from memos_mcp.interface.recording import request

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_NAME = "traceparent"


async def as_one(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Middleware: every message is a request."""
    with request(_of_client(ctx)):
        return await call_next(ctx)


def _of_client(context: ServerRequestContext[Any, Any]) -> str:
    """The trace that `_meta` of the message names, or a header of HTTP."""
    meta = cast("Mapping[str, object]", context.meta or {})
    headers: Mapping[str, str] = getattr(context.request, "headers", {})
    return trace_of(meta.get(_NAME)) or trace_of(headers.get(_NAME))


def trace_of(traceparent: object) -> str:
    """The id of a trace (W3C Trace Context §3.2); empty if it is not one that is well-formed."""
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return found[1] if found else ""
