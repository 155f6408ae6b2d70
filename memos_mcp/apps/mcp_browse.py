"""The memory browser as an MCP App: a page that a host with this extension shows where `list_memories` answered.

Everybody else sees the text of the tool and never the address of the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, client_supports_apps

EXTENSION = EXTENSION_ID
"""What a server and a client call this extension in their capabilities."""
URI = "ui://memos/browse.html"
OPENED_BY = "list_memories"
"""The tool whose answer it shows. Not `recall`: a model calls it with nearly every question of its user."""

_FILE = Path(__file__).parent / "browse" / "browse.html"
_META: dict[str, Any] = {
    # No domain may be reached, nothing is embedded: the page is one file, and talks to its host alone.
    "ui": {
        "csp": {"connectDomains": [], "resourceDomains": [], "frameDomains": [], "baseUriDomains": []},
        "prefersBorder": True,
    }
}
_FRESH = 3_600_000  # ms
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)

RESOURCE = types.Resource(
    uri=URI,
    name="browse",
    title="Memory browser",
    description="A page in the chat that shows, finds, corrects and forgets memories.",
    mime_type=APP_MIME_TYPE,
    _meta=_META,
)


def serve(server: Server[Any]) -> None:
    """Let the server say that some of its tools have a page."""
    server.extensions[EXTENSION] = {}


def read() -> types.ReadResourceResult:
    """The page, with the domains its host may let it reach: none."""
    content = types.TextResourceContents(uri=URI, mime_type=APP_MIME_TYPE, text=_page(), _meta=_META)
    return types.ReadResourceResult(contents=[content], ttl_ms=_FRESH, cache_scope="public")


def shown_by(context: ServerRequestContext[Any]) -> bool:
    """Has the client of this request said that it shows such pages?"""
    return client_supports_apps(context)


def opening(tools: Iterable[types.Tool]) -> list[types.Tool]:
    """The tools as a client sees them that shows the page: one of them says where it is."""
    address = {"ui": {"resourceUri": URI}}
    return [
        tool.model_copy(update={"meta": (tool.meta or {}) | address}) if tool.name == OPENED_BY else tool
        for tool in tools
    ]


@cache
def _page() -> str:
    """The file, with a policy of its own: no script and no style runs but those that it was shipped with."""
    page = _FILE.read_text(encoding="utf-8")
    hashes = {name: _hash(text) for name, text in _INLINE.findall(page)}
    policy = (
        f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
