"""The tools of `full` for the access log: who asked for what, and what is read most."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from memos_mcp.accesses import Access, Hot
from memos_mcp.apps.mcp_answers import Answer, clipped
from memos_mcp.apps.mcp_arguments import Limit, MaybeKind, Moment, Plain
from memos_mcp.apps.mcp_hints import READS
from memos_mcp.apps.mcp_tools import Path
from memos_mcp.memos import Memos

_ITEMS = 10  # memories of a line
_LONGEST = 160


class Seen(BaseModel):
    """A line of the access log."""

    id: str
    at: str
    user: str
    action: str
    outcome: str
    why: str = ""
    path: str = ""
    memories: tuple[str, ...] = Field(default=(), description="id@version")
    more: int = 0
    request: str = Field(default="", description="the call it was part of")
    stages: tuple[str, ...] = ()

    @classmethod
    def of(cls, line: Access, *, whole: bool = False) -> Seen:
        """As it is told."""
        return cls(
            id=line.id,
            at=f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
            user=clipped(line.user),
            action=line.verb,
            outcome=line.outcome,
            why=line.rule,
            path=clipped(line.path, _LONGEST),
            memories=tuple(f"{item.id}@{item.version}" for item in line.items[:_ITEMS]),
            more=max(len(line.items) - _ITEMS, 0),
            request=line.request if line.request != line.id else "",
            stages=tuple(f"{each.name} {each.number if each.ok else 'failed'}" for each in line.stages if whole),
        )

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        where = f" at {self.path}" if self.path else ""
        memories = f": {' '.join(self.memories)}" if self.memories else ""
        more = f" and {self.more} more" if self.more else ""
        return f"{self.at} {self.user} {self.action} {self.outcome}{why}{where}{memories}{more} [{self.id}]{self._of()}"

    def _of(self) -> str:
        of = f" of request {self.request}" if self.request else ""
        return of + (f": {', '.join(self.stages)}" if self.stages else "")


class Seens(Answer):
    """The answer of query_audit."""

    accesses: tuple[Seen, ...]
    cursor: str = Field(default="", description="pass it to go on")

    def __str__(self) -> str:
        more = [f"More: query_audit with cursor={self.cursor}"] if self.cursor else []
        return "\n".join((f"{len(self.accesses)} accesses, newest first.", *map(str, self.accesses), *more))


class Warm(BaseModel):
    """A memory or a path, and how much it is read."""

    id: str = ""
    path: str
    reads: int
    heat: float = Field(description="reads, halved with each week without one")
    last_read_at: str

    @classmethod
    def of(cls, hot: Hot) -> Warm:
        """As it is told."""
        return cls(
            id=hot.id,
            path=clipped(hot.path, _LONGEST),
            reads=hot.reads,
            heat=round(hot.heat, 2),
            last_read_at=f"{hot.last_read_at:%Y-%m-%dT%H:%M:%SZ}",
        )

    def __str__(self) -> str:
        what = f"[{self.id}] {self.path}" if self.id else self.path
        return f"{what}: heat {self.heat}, {self.reads} reads, last {self.last_read_at}"


class Warmest(Answer):
    """The answer of audit_hotspots."""

    memories: tuple[Warm, ...] = ()
    paths: tuple[Warm, ...] = ()

    def __str__(self) -> str:
        return "\n".join(("The most read, hottest first.", *map(str, self.paths), *map(str, self.memories)))


class QueryAudit(Plain):
    """Show who asked for what in this memory, newest first: the user's accesses, and all to his own memories."""

    name = "query_audit"
    gives = Seens
    hints = READS
    scope = "read"

    id: Annotated[str, Field(description="only to this memory")] = ""
    caller: str = ""
    action: Annotated[str, Field(description="such as recall, get, acl.change")] = ""
    outcome: Annotated[
        Literal["", "allowed", "denied", "missing", "failed"],
        WithJsonSchema({"type": "string", "enum": ["allowed", "denied", "missing", "failed"]}),
    ] = ""
    request: Annotated[str, Field(description="only what was part of it, with its stages")] = ""
    path: Path = ""
    kind: MaybeKind = None
    since: Moment = None
    until: Moment = None
    limit: Limit = 20
    cursor: str = ""

    async def call(self, memos: Memos) -> Seens:
        """One page."""
        page = await memos.audit.query(
            since=self.since,
            until=self.until,
            caller=self.caller,
            action=self.action,
            outcome=self.outcome,
            path=self.path or None,
            kind=self.kind,
            id=self.id or None,
            request=self.request or None,
            limit=self.limit,
            after=self.cursor,
        )
        return Seens(accesses=tuple(Seen.of(line, whole=bool(self.request)) for line in page.lines), cursor=page.after)


class AuditHotspots(Plain):
    """Show which of the user's memories are read most these days, and their paths."""

    name = "audit_hotspots"
    gives = Warmest
    hints = READS
    scope = "read"

    path: Path = ""
    limit: Limit = 10

    async def call(self, memos: Memos) -> Warmest:
        """Look."""
        found = await memos.audit.hotspots(self.path or None, limit=self.limit)
        return Warmest(memories=tuple(map(Warm.of, found.memories)), paths=tuple(map(Warm.of, found.namespaces)))
