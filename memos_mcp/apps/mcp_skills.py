"""The skill that tells a model when to use memory, served as the Skills extension of MCP says (SEP-2640).

A client of the extension lists it with its digest; for every other one its file is a resource like any other.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mcp import MCPError, types
from mcp.server import Server, ServerRequestContext
from pydantic import BaseModel, Field

EXTENSION = "io.modelcontextprotocol/skills"
"""What a server calls this extension in its capabilities."""
SCHEME = "skill://"
NAME = "use-memory"
URI = f"{SCHEME}{NAME}/SKILL.md"

_FILE = Path(__file__).parent / "skills" / NAME / "SKILL.md"
_MARKDOWN = "text/markdown"
_FRESH = 3_600_000  # ms


class File(BaseModel):
    """A file of a skill, and how to know that it came whole."""

    uri: str
    digest: str
    size: int


class Skill(BaseModel):
    """A skill, as it is listed."""

    uri: str
    frontmatter: dict[str, str]
    resources: tuple[File, ...]


class _Kept(types.CacheableResult):
    ttl_ms: int = _FRESH
    cache_scope: Literal["public", "private"] = "public"
    result_type: str = "complete"


class Listed(_Kept):
    """The answer of skills/list."""

    skills: tuple[Skill, ...]


class Got(_Kept):
    """The answer of skills/get."""

    skill: Skill


class Asked(types.RequestParams):
    """What skills/get takes."""

    uri: str = Field(max_length=1000)


def serve(server: Server[Any]) -> None:
    """Give the server the methods of the extension, and let it say so."""
    server.extensions[EXTENSION] = {}
    server.add_request_handler("skills/list", types.PaginatedRequestParams, _list)
    server.add_request_handler("skills/get", Asked, _get)


@cache
def resource() -> types.Resource:
    """The file of the skill, as resources/list shows it."""
    about = _frontmatter(_text())
    return types.Resource(
        uri=URI,
        name=about["name"],
        title="When and how to use this memory",
        description=about["description"],
        mime_type=_MARKDOWN,
        size=len(_text().encode()),
    )


def read() -> types.ReadResourceResult:
    """The file, byte for byte as its digest says."""
    content = types.TextResourceContents(uri=URI, mime_type=_MARKDOWN, text=_text())
    return types.ReadResourceResult(contents=[content], ttl_ms=_FRESH, cache_scope="public")


def listed() -> Listed:
    """Every skill of this server."""
    return Listed(skills=(_skill(),))


def got(asked: Asked) -> Got:
    """The skill at this address. Raises MCPError (-32602) if none is there."""
    if asked.uri != URI:
        raise MCPError(types.INVALID_PARAMS, f"no skill is served at {asked.uri[:80]!r}; this server has {URI}")
    return Got(skill=_skill())


async def _list(_: ServerRequestContext[Any], params: types.PaginatedRequestParams) -> Listed:
    return listed()


async def _get(_: ServerRequestContext[Any], params: Asked) -> Got:
    return got(params)


@cache
def _skill() -> Skill:
    data = _text().encode()
    file = File(uri=URI, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", size=len(data))
    return Skill(uri=URI, frontmatter=_frontmatter(_text()), resources=(file,))


@cache
def _text() -> str:
    return _FILE.read_bytes().decode()  # not read_text: a line end that is changed changes the digest


def _frontmatter(text: str) -> dict[str, str]:
    """Its `name: value` lines. A test holds the file to plain values, which YAML reads as the same texts."""
    _, head, _ = text.split("---\n", 2)
    return dict(line.split(": ", 1) for line in head.splitlines())
