"""Which names mean the same entity: said by somebody, and taken back without a trace in what memories say."""

from __future__ import annotations

from dataclasses import replace

from memos_mcp.errors import Denied, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.drawing import entity_node
from memos_mcp.infrastructure.identities import KIND, Same, may_know, same_id, same_in
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound

_LONGEST = 128


class Identities:
    """Merges of entities by their names. A recall that names one of them finds what names the others.

    A merge holds for whoever may read at its path, in the root of the path; no memory and no edge is changed by it.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def merge(self, name: str, into: str, *, path: str | None = None, reason: str = "") -> Same:
        """Say that `name` is another name of what is known as `into`; the path is his own unless given.

        Said again, it stands again. Whether any memory has such a name is not asked. Raises InvalidInput, Denied.
        """
        home, why = self._on.writable(path), checks.check_reason(reason)
        self._check_branch()
        name, into = _name(name), _name(into)
        if entity_node(name) == entity_node(into):
            raise InvalidInput(f"{name!r} and {into!r} are one name already: case, accents and signs do not count")
        same = Same(same_id(home, name, into), home, name, into, self._on.caller.user, self._on.clock(), why)
        return await self._write(same)

    async def take_back(self, id: str, *, reason: str = "") -> Same:
        """Let two names be two again; who said what, and when, is kept. Raises NotFound, Denied."""
        why, same = checks.check_reason(reason), await self._own(id)
        if not same.stands:
            return same
        now = self._on.clock()
        return await self._write(replace(same, back_by=self._on.caller.user, back_at=now, back_why=why))

    async def drop(self, id: str) -> Same:
        """Take a merge back and keep nothing of it, neither names nor reasons. Raises NotFound, Denied."""
        same = await self._own(id)
        await self._on.vault.ledger.write(KIND, same.key, None)
        return same

    async def merges(self, path: str | None = None, *, taken_back: bool = False) -> tuple[Same, ...]:
        """The merges that hold for him beneath a path, above it and at it, by path; on request those that do no more.

        Raises InvalidInput, Denied.
        """
        where = await self._on.readable(path)
        notes = await self._on.vault.ledger.list(KIND)
        found = (same_in(note) for note in notes if may_know(where, note.key.rpartition("\n")[0]))
        return tuple(same for same in found if same.stands or taken_back)

    async def _own(self, id: str) -> Same:
        """A merge that he may know of, and may change. Raises NotFound, Denied, InvalidInput."""
        self._check_branch()
        known = await self.merges(taken_back=True)
        found = next((same for same in known if same.id == checks.check_id(id)), None)
        if found is None:
            raise NotFound(f"{self._on.caller.user} has no merge {id!r}; list the merges to find its id")
        self._on.writable(found.path)
        return found

    async def _write(self, same: Same) -> Same:
        revision = await self._on.vault.ledger.write(KIND, same.key, same.value)
        return replace(same, revision=revision)

    def _check_branch(self) -> None:
        governance.check_scope(self._on.caller, "write")
        if self._on.branch_at:
            raise Denied("a branch has no merges of its own: merge in the original", "branch")


def _name(name: str) -> str:
    text = " ".join(name.split())
    if len(text) > _LONGEST or not text.isprintable() or not any(sign.isalnum() for sign in text):
        raise InvalidInput(f"a name has 1 to {_LONGEST} printable characters, with a letter or a digit among them")
    return text
