"""The tools that the conformance suite calls by name: each kind of content, and each thing a call may do besides."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from mcp import MCPError, types
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import PromptsListChanged, ServerEvent, ToolsListChanged
from mcp.shared.message import ServerMessageMetadata
from pydantic import JsonValue

Context = ServerRequestContext[Any]
Answer = types.CallToolResult | types.InputRequiredResult
Schema = dict[str, JsonValue]
Publish = Callable[[ServerEvent], Awaitable[None]]

_PAUSE = 0.05  # seconds between two messages, as the suite asks


@dataclass(frozen=True, slots=True)
class Tool:
    """What a name does; `takes` is the schema of its arguments."""

    name: str
    call: Callable[[Context, types.CallToolRequestParams], Awaitable[Answer]]
    takes: Schema

    def described(self) -> types.Tool:
        """As clients see it."""
        return types.Tool(
            name=self.name, description=f"Asked for by the conformance suite: {self.name}", input_schema=self.takes
        )


def tools(publish: Publish) -> list[Tool]:
    """All but those that ask back. `publish` tells those who listen that a list has changed."""
    return [
        *(_fixed(name, content) for name, content in _CONTENTS.items()),
        Tool("test_error_handling", _fails, _takes()),
        _logging("test_tool_with_logging", _PAUSE),
        _logging("test_logging_tool", 0),  # nobody hears it: the suite waits for half a second at most
        Tool("test_tool_with_progress", _progresses, _takes()),
        Tool("test_sampling", _samples, _takes("prompt")),
        Tool("test_elicitation", _elicits, _takes("message")),
        Tool("test_elicitation_sep1034_defaults", _elicits_defaults, _takes()),
        Tool("test_elicitation_sep1330_enums", _elicits_choices, _takes()),
        Tool("test_reconnection", _hangs_up, _takes()),
        Tool("test_missing_capability", _needs_sampling, _takes()),
        _publishing("test_trigger_tool_change", publish, ToolsListChanged()),
        _publishing("test_trigger_prompt_change", publish, PromptsListChanged()),
        _fixed("test_custom_headers", [text("The header said the same.")], _HEADED),
        _fixed("json_schema_2020_12_tool", [text("The schema came through.")], _RICH),
    ]


def text(said: str) -> types.TextContent:
    """A block of text."""
    return types.TextContent(type="text", text=said)


def answered(said: str) -> types.CallToolResult:
    """An answer of one line."""
    return types.CallToolResult(content=[text(said)])


def image() -> types.ImageContent:
    """One red pixel."""
    return types.ImageContent(type="image", data=PIXEL, mime_type="image/png")


def _takes(*names: str) -> Schema:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": [*names]}


def _fixed(name: str, content: list[types.ContentBlock], takes: Schema | None = None) -> Tool:
    async def call(context: Context, params: types.CallToolRequestParams) -> Answer:
        return types.CallToolResult(content=content)

    return Tool(name, call, takes or _takes())


def _publishing(name: str, publish: Publish, event: ServerEvent) -> Tool:
    async def call(context: Context, params: types.CallToolRequestParams) -> Answer:
        await publish(event)
        return answered("Told those who listen.")

    return Tool(name, call, _takes())


async def _fails(context: Context, params: types.CallToolRequestParams) -> Answer:
    return types.CallToolResult(content=[text("This tool intentionally returns an error for testing")], is_error=True)


def _logging(name: str, pause: float) -> Tool:
    async def call(context: Context, params: types.CallToolRequestParams) -> Answer:
        for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await context.session.send_log_message("info", line, related_request_id=context.request_id)  # pyright: ignore[reportDeprecated] what the suite asks for
            await anyio.sleep(pause)
        return answered("Logged three lines.")

    return Tool(name, call, _takes())


async def _progresses(context: Context, params: types.CallToolRequestParams) -> Answer:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100)
        await anyio.sleep(_PAUSE)
    return answered("Reported three times.")


async def _samples(context: Context, params: types.CallToolRequestParams) -> Answer:
    asked = types.SamplingMessage(role="user", content=text(str((params.arguments or {}).get("prompt"))))
    result = await context.session.send_request(
        types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[asked], max_tokens=100)),
        types.CreateMessageResult,
        metadata=ServerMessageMetadata(related_request_id=context.request_id),
    )
    return answered(f"LLM response: {result.content.text if isinstance(result.content, types.TextContent) else ''}")


async def _elicits(context: Context, params: types.CallToolRequestParams) -> Answer:
    schema = _form(
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    result = await _asked(context, str((params.arguments or {}).get("message")), schema)
    return answered(f"User response: {result}")


async def _elicits_defaults(context: Context, params: types.CallToolRequestParams) -> Answer:
    schema = _form(
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return answered(f"Elicitation completed: {await _asked(context, 'Is this right?', schema)}")


async def _elicits_choices(context: Context, params: types.CallToolRequestParams) -> Answer:
    options: list[JsonValue] = ["option1", "option2", "option3"]
    titled: list[JsonValue] = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in _COUNTED]
    schema = _form(
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={
            "type": "string",
            "enum": [f"opt{n}" for n, _ in _COUNTED],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return answered(f"Elicitation completed: {await _asked(context, 'Which ones?', schema)}")


async def _asked(context: Context, message: str, schema: Schema) -> str:
    result = await context.session.elicit_form(message, schema, context.request_id)
    return f"action={result.action}, content={result.content}"


def _form(**properties: JsonValue) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties]}


async def _hangs_up(context: Context, params: types.CallToolRequestParams) -> Answer:
    """Close the stream if this server can take it up again; ours keeps no events, so it cannot."""
    if context.close_sse_stream is not None:
        await context.close_sse_stream()
    return answered("Still here.")


async def _needs_sampling(context: Context, params: types.CallToolRequestParams) -> Answer:
    needed = types.ClientCapabilities(sampling=types.SamplingCapability())
    if not context.session.check_client_capability(needed):
        about = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "this tool needs a client with sampling",
            about.model_dump(by_alias=True, mode="json", exclude_none=True),
        )
    return answered("The client can sample.")


def _pixel() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def _silence() -> str:
    form = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 38, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 2)
    return base64.b64encode(form + b"\0\0").decode()


PIXEL = _pixel()

_COUNTED = ((1, "First"), (2, "Second"), (3, "Third"))
_CONTENTS: dict[str, list[types.ContentBlock]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [types.AudioContent(type="audio", data=_silence(), mime_type="audio/wav")],
    "test_embedded_resource": [
        types.EmbeddedResource(
            type="resource",
            resource=types.TextResourceContents(
                uri="test://embedded-resource", mime_type="text/plain", text="This is an embedded resource content."
            ),
        )
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        types.EmbeddedResource(
            type="resource",
            resource=types.TextResourceContents(
                uri="test://mixed-content-resource", mime_type="application/json", text='{"test":"data","value":123}'
            ),
        ),
    ],
}
_HEADED: Schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
_RICH: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "place", "type": "object", "properties": {"city": {"type": "string"}}}},
    "properties": {
        "address": {"$ref": "#/$defs/address"},
        "by": {"enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"by": {"const": "phone"}}, "required": ["by"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
