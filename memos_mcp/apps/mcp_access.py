"""The tools of `full` for who may use a memory or a namespace: see its rules, ask why somebody may, change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from memos_mcp.apps.mcp_answers import Answer, clipped
from memos_mcp.apps.mcp_arguments import Flag, MaybeFlag, MaybeNumber, MaybeWhole, Moment, Names, Plain, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.apps.mcp_hints import READS, REPEATS
from memos_mcp.apps.mcp_tools import Path
from memos_mcp.cube import Governance
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.governance import check_path
from memos_mcp.memos import Memos
from memos_mcp.namespaces import Default
from memos_mcp.ports import Revision

_WORDS = 160  # characters of the memory that the user is asked about
_SHOWN = 20  # changes of rules


class Change(BaseModel):
    """A change of rules."""

    at: str
    by: str
    reason: str = ""

    @classmethod
    def of(cls, revision: Revision) -> Change:
        """As it is told."""
        return cls(at=f"{revision.at:%Y-%m-%dT%H:%M:%SZ}", by=clipped(revision.by), reason=clipped(revision.reason))


class Rules(Answer):
    """The rules of a memory, or those that memories at a path inherit; who changed them, and what they mean."""

    id: str = ""
    path: str = ""
    inherited: tuple[str, ...] = ()
    owner: str = ""
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    read_only: bool = False
    contexts: tuple[str, ...] = ()
    expires_at: str = ""
    priority: int = 0
    decay: float | None = None
    changes: tuple[Change, ...] = ()
    allowed: str = Field(default="", description="yes or no, to who was asked about")
    why: str = ""

    @classmethod
    def of(cls, id: str, rules: Governance) -> Rules:
        """The rules alone."""
        return cls(
            id=id,
            owner=rules.owner,
            readers=rules.readers,
            writers=rules.writers,
            denied=rules.denied,
            read_only=rules.read_only,
            contexts=rules.contexts,
            expires_at=f"{rules.expires_at:%Y-%m-%dT%H:%M:%SZ}" if rules.expires_at else "",
            priority=rules.priority,
            decay=rules.decay,
        )

    @classmethod
    def inherited_at(cls, path: str, found: Sequence[Default]) -> Rules:
        """The rules of a namespace, and of those above it."""
        own = next((each.rules for each in found if each.path == path), Governance())
        above = (cls.of("", each.rules).model_copy(update={"path": each.path}) for each in found if each.path != path)
        return cls.of("", own).model_copy(update={"path": path, "inherited": tuple(map(str, above))})

    def __str__(self) -> str:
        lists = (("readers", self.readers), ("writers", self.writers), ("denied", self.denied))
        said = [f"{name} {', '.join(names)}" for name, names in lists if names]
        said += ["read-only"] if self.read_only else []
        said += [f"only in {', '.join(self.contexts)}"] if self.contexts else []
        if self.path:
            return "\n".join((*self.inherited, f"{self.path}: {'; '.join(said) or 'no rules of its own'}"))
        said += [f"expires {self.expires_at}"] if self.expires_at else []
        said += [f"priority {self.priority}"] if self.priority else []
        said += [f"decay {self.decay:g} a day"] if self.decay is not None else []
        rules = "; ".join(said) or "no rules of its own: what its path says"
        decided = f" {self.allowed}: {self.why}." if self.allowed else ""
        changes = "".join(
            f"\n{each.at} changed by {each.by}{f' ({each.reason})' if each.reason else ''}" for each in self.changes
        )
        return f"[{self.id}] belongs to {self.owner or 'nobody'}; {rules}.{decided}{changes}"


class GetAccess(Plain):
    """Show who may use a memory and who changed that; with act, whether somebody may, and by which rule.

    With path: what memories there inherit.
    """

    name = "get_access"
    gives = Rules
    hints = READS
    scope = "read"

    id: str = ""
    path: Path = ""
    act: Annotated[
        Literal["", "read", "write", "govern"], WithJsonSchema({"type": "string", "enum": ["read", "write", "govern"]})
    ] = ""
    user: str = ""
    roles: Names = None
    context: Annotated[Names, Field(description="kind:value")] = None

    async def call(self, memos: Memos) -> Rules:
        """Look."""
        if _place(self):
            return await _inherited(memos, self.path)
        rules = Rules.of(self.id, await memos.acl.show(self.id))
        if not self.act:
            return rules.model_copy(update={"changes": await self._changes(memos)})
        decision = await memos.acl.explain(
            self.id, self.act, user=self.user or None, roles=self.roles or (), context=self.context or ()
        )
        return rules.model_copy(update={"allowed": "yes" if decision.allowed else "no", "why": decision.why})

    async def _changes(self, memos: Memos) -> tuple[Change, ...]:
        if not (await memos.acl.explain(self.id, "govern")).allowed:
            return ()
        return tuple(Change.of(each) for each in (await memos.acl.report(self.id))[-_SHOWN:])


class SetAccess(Tool):
    """Change who may use a memory, or all at a path: only what is given; an empty list clears it.

    Only when the user asks to.
    """

    name = "set_access"
    gives = Rules
    hints = REPEATS
    scope = "write"

    id: str = ""
    path: Path = ""
    readers: Annotated[Names, Field(description="users, role:name, or * for everybody")] = None
    writers: Names = None
    denied: Annotated[Names, Field(description="counts before all others")] = None
    read_only: MaybeFlag = None
    contexts: Annotated[
        Names,
        Field(description="kind:value, such as application:clinic, hours:8-18; from-web:name: who may, of the web"),
    ] = None
    expires_at: Moment = None
    never_expires: Flag = False
    priority: Annotated[MaybeWhole, Field(description="-10 to 10; of equals the higher first")] = None
    decay: Annotated[MaybeNumber, Field(description="share lost per unused day")] = None
    reason: str = ""
    confirm: Annotated[Flag, Field(description="the user has said yes to letting others in")] = False

    async def run(self, memos: Memos, peer: Peer) -> Rules | Question:
        """Change them; who lets others in is asked first, as a memory that others read cannot be called back."""
        if self.expires_at and self.never_expires:
            raise InvalidInput("set_access: give either expires_at or never_expires")
        place = _place(self)
        if place and (self.expires_at or self.never_expires or self.priority is not None or self.decay is not None):
            raise InvalidInput("set_access: a namespace has no end, priority or decay; memories have, or a policy")
        others = [*(self.readers or ()), *(self.writers or ())]
        if others:
            match peer.agreed(await self._question(memos, others), confirm=self.confirm):
                case Question() as asked:
                    return asked
                case False:
                    return await self._shown(memos)
                case True:
                    pass
        if place:
            await memos.acl.set_rules(
                place,
                readers=self.readers,
                writers=self.writers,
                denied=self.denied,
                read_only=self.read_only,
                contexts=self.contexts,
                reason=self.reason,
            )
            return await self._shown(memos)
        await memos.acl.change(
            [self.id],
            readers=self.readers,
            writers=self.writers,
            denied=self.denied,
            read_only=self.read_only,
            contexts=self.contexts,
            expires_at="never" if self.never_expires else self.expires_at,
            priority=self.priority,
            decay=self.decay,
            reason=self.reason,
        )
        return await self._shown(memos)

    async def _shown(self, memos: Memos) -> Rules:
        if self.path:
            return await _inherited(memos, self.path)
        return Rules.of(self.id, await memos.acl.show(self.id))

    async def _question(self, memos: Memos, others: list[str]) -> Question:
        if self.path:
            await memos.acl.rules(self.path)  # who may not look is refused before anybody is asked
            return Question(f"Let {', '.join(others)} use all memories at and beneath {self.path!r}?", "Let them")
        cube = await memos.get(self.id)
        words = "in quarantine" if cube.quarantined else clipped(cube.text, _WORDS) or cube.key or "no text"
        return Question(f"Let {', '.join(others)} use memory [{cube.id}]? It says: {words!r}.", "Let them")


def _place(tool: GetAccess | SetAccess) -> str:
    """The path it is about, empty if it is about a memory. Raises InvalidInput if it is about neither or both."""
    if bool(tool.id) == bool(tool.path):
        raise InvalidInput(f"{tool.name} needs either the id of a memory or the path of a namespace")
    return tool.path


async def _inherited(memos: Memos, path: str) -> Rules:
    return Rules.inherited_at(check_path(path), await memos.acl.rules(path))
