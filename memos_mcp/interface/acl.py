"""Who may use a memory: shown, changed, explained, and reported (MemGovernance, long paper §5.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from memos_mcp.cube import Governance, MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.decisions import ACTS, DAYS, Act, Decision
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.ports import Caller, Change, Revision

_MOST_NAMES = 256
_LONGEST = 128
_HOURS = re.compile(r"([01]?\d|2[0-4])-([01]?\d|2[0-4])")
_SPAN = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?")


@recorded("acl.")
class Acl:
    """The rules of memories. Hangs off `Memos.acl`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def show(self, id: str) -> Governance:
        """The rules of a memory. Raises NotFound."""
        return (await self._on.own(id)).governance

    async def change(
        self,
        ids: Sequence[str],
        *,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        denied: Sequence[str] | None = None,
        read_only: bool | None = None,
        contexts: Sequence[str] | None = None,
        expires_at: datetime | Literal["never"] | None = None,
        reason: str = "",
    ) -> tuple[MemCube, ...]:
        """Change what is given of the rules of memories, all of them or, on an error, none; the rest stays.

        Names are users, `role:<name>`, or `*` for everybody. A context is `kind:value`, such as `application:clinic`;
        `hours:08-18` and `days:mon-fri` are asked of the clock (UTC). No version is written. Takes effect at once, in
        every process. Raises NotFound, Denied, InvalidInput.
        """
        new: dict[str, object] = {}
        for name, given in (("readers", readers), ("writers", writers), ("denied", denied)):
            if given is not None:
                new[name] = check_names(given)
        if contexts is not None:
            new["contexts"] = check_conditions(contexts)
        if read_only is not None:
            new["read_only"] = read_only
        if expires_at is not None:
            new["expires_at"] = None if expires_at == "never" else checks.check_moment(expires_at, "expires_at")
        if not new:
            raise InvalidInput("say what is to change: readers, writers, denied, read_only, contexts or expires_at")
        why = checks.check_reason(reason)
        changes: list[Change] = []
        for old in await self._on.governed_ones(ids):
            rules = old.governance.model_copy(update=new)
            cube = old.model_copy(update={"governance": rules})
            if rules != old.governance:
                changes.append(Change("govern", old.id, cube, reason=why))
        events = await self._on.commit(*changes) if changes else ()
        return tuple(event.cube for event in events if event.cube)

    async def explain(
        self,
        id: str,
        act: Act = "read",
        *,
        user: str | None = None,
        roles: Sequence[str] = (),
        context: Sequence[str] = (),
        at: datetime | None = None,
    ) -> Decision:
        """May somebody do this to a memory, and by which rule? Of others than himself a caller asks what he governs.

        Raises NotFound, Denied, InvalidInput.
        """
        if act not in ACTS:
            raise InvalidInput(f"an act is one of {', '.join(ACTS)}, not {act!r}")
        cube = await self._on.own(id)
        caller, now = self._on.caller, at or self._on.clock()
        if user is not None or roles:
            self._on.check("govern", cube)
            caller = Caller(user or caller.user, tuple(roles), tuple(context))
        elif context:
            caller = replace(caller, context=tuple(context))
        return replace(self._on, caller=caller, clock=lambda: now).would(act, cube)

    async def report(
        self, id: str | None = None, *, path: str | None = None, limit: int = 1000
    ) -> tuple[Revision, ...]:
        """Every change of rules, of one memory or of all beneath a path, oldest first: who, when, from what to what.

        Only of memories that the caller governs. Raises NotFound, InvalidInput, Denied.
        """
        checks.check_range("limit", limit, 10_000)
        if id is not None:
            self._on.check("govern", await self._on.own(id))
            return tuple(await self._on.vault.revisions(subject=id, limit=limit))
        where = await self._on.readable(path)
        found = await self._on.vault.revisions(paths=where.paths, limit=limit)
        return tuple(each for each in found if self._on.governs(each.path, each.rules))


def check_names(given: Sequence[str]) -> tuple[str, ...]:
    """Users, roles, or everybody. Raises InvalidInput."""
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if not name.strip() or len(name) > _LONGEST or not name.isprintable() or name in ("role:", ":"):
            raise InvalidInput(f"{name[:40]!r} names nobody: give a user, role:<name>, or *")
    if len(names) > _MOST_NAMES:
        raise InvalidInput(f"at most {_MOST_NAMES} names are kept in a rule: give them a role")
    return tuple(dict.fromkeys(name.strip() for name in names))


def check_conditions(given: Sequence[str]) -> tuple[str, ...]:
    """Contexts that a memory may be used in. Raises InvalidInput."""
    conditions = [given] if isinstance(given, str) else list(given)
    for condition in conditions:
        kind, _, value = condition.rpartition(":")
        if not value.strip() or len(condition) > _LONGEST or not condition.isprintable():
            raise InvalidInput(f"{condition[:40]!r} is no context: write kind:value, such as application:clinic")
        if kind == "hours" and not _HOURS.fullmatch(value):
            raise InvalidInput(f"{condition!r}: hours are like hours:08-18, in UTC")
        if kind == "days" and not _SPAN.fullmatch(value):
            raise InvalidInput(f"{condition!r}: days are like days:mon-fri")
    return tuple(dict.fromkeys(conditions))


def check_roles(given: Sequence[str]) -> tuple[str, ...]:
    """Roles somebody has, without `role:`. Raises InvalidInput."""
    for role in given:
        if role.startswith("role:") or role == "*":
            raise InvalidInput(f"{role[:40]!r} is no role: give its bare name, such as nurse")
    return check_names(given)


def check_contexts(given: Sequence[str]) -> tuple[str, ...]:
    """What somebody calls for. Raises InvalidInput."""
    for each in given:
        if each.partition(":")[0] in ("hours", "days"):
            raise InvalidInput(f"{each[:40]!r} is asked of the clock; nobody can bring it along")
    return check_conditions(given)
