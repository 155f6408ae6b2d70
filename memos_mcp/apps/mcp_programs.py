"""The two tools of programs: any verb of `memos_mcp.client`, asked and answered as JSON, nothing cut."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, WithJsonSchema

from memos_mcp.apps.mcp_arguments import Plain
from memos_mcp.apps.mcp_hints import DELETES, READS
from memos_mcp.apps.mcp_whole import Whole
from memos_mcp.client.verbs import VERBS, read
from memos_mcp.errors import InvalidInput
from memos_mcp.memos import Memos
from memos_mcp.ports import Scope

Given = Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object"})]


class ApiRead(Plain):
    """For programs: a verb of memos_mcp.connect that only looks (recall, get, browse, …), answered whole."""

    name = "api_read"
    gives = Whole
    hints = READS
    scope = "read"
    for_programs = True

    verb: str
    arguments: Given = Field(default_factory=dict[str, JsonValue])

    async def call(self, memos: Memos) -> Whole:
        """Do it."""
        return await _done(memos, self.verb, self.arguments, self.scope)


class ApiWrite(Plain):
    """For programs: a verb of memos_mcp.connect that changes something (remember, put, forget, …), answered whole."""

    name = "api_write"
    gives = Whole
    hints = DELETES
    scope = "write"
    for_programs = True

    verb: str
    arguments: Given = Field(default_factory=dict[str, JsonValue])

    async def call(self, memos: Memos) -> Whole:
        """Do it. Nobody is asked whether he means it: who calls is a program."""
        return await _done(memos, self.verb, self.arguments, self.scope)


async def _done(memos: Memos, verb: str, arguments: dict[str, JsonValue], scope: Scope) -> Whole:
    known = [name for name, each in VERBS.items() if each.scope == scope]
    if verb not in known:
        raise InvalidInput(f"there is no verb {verb[:40]!r} here; there is {', '.join(known)}")
    return Whole(result=await VERBS[verb].run(memos, **read(verb, arguments)))
