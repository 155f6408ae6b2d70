"""How texts stand in a question to a chat model: as data between tags, a JSON object a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from memos_mcp.interface.rewriting import LONGEST
from memos_mcp.interface.screening import masked, secrets_of


def framed(tag: str, each: Iterable[Mapping[str, JsonValue]]) -> str:
    """The objects between the tags, one a line."""
    return "\n".join((f"<{tag}>", *map(as_line, each), f"</{tag}>"))


def as_line(of: Mapping[str, JsonValue]) -> str:
    """JSON, in which nothing that was said can close the tag around it."""
    return json.dumps(of, ensure_ascii=False).replace("<", "\\u003c")


def shown(text: str) -> str:
    """What may be sent of what was said: its beginning, without secrets."""
    return without_secrets(text)[:LONGEST]


def without_secrets(text: str) -> str:
    """What may be sent of a text that is needed whole."""
    return masked(text, secrets_of(text))
