"""Who may use a memory: shown, changed, explained, and reported (MemGovernance, long paper §5.5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from memos_mcp.cube import Governance, MemCube
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import ACTS, DAYS, SOURCES, Act, Decision, about_sources, is_beneath, parted
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.late import late
from memos_mcp.namespaces import Default, Ruling
from memos_mcp.ports import Caller, Change, Revision

_MOST_NAMES = 256
_LONGEST = 128
_TOP = 10
_HOURS = late(r"([01]?\d|2[0-4])-([01]?\d|2[0-4])")
_NO_RULES = Governance()
_CHANGED = ("readers", "writers", "denied", "read_only", "contexts", "expires_at", "priority", "decay")
_FROM = frozenset(f"from-{each}" for each in SOURCES)
_SPAN = late(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?")


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
        expires_at: datetime | timedelta | Literal["never"] | None = None,
        priority: int | None = None,
        decay: float | Literal["policy"] | None = None,
        reason: str = "",
    ) -> tuple[MemCube, ...]:
        """Change what is given of the rules of memories, all of them or, on an error, none; the rest stays.

        Names are users, `role:<name>`, or `*` for everybody. A context is `kind:value`, such as `application:clinic`;
        `hours:08-18` and `days:mon-fri` are asked of the clock (UTC); `from-web:role:editor` lets only editors use what
        is from the web, its owner included. `priority` (-10 to 10) puts one of several equal memories first and keeps
        it longer; `decay` is the share of its strength lost per day without use (0 to 1; "policy": as the policy says).
        They end at the time `expires_at`, so long from now, or never. No version is written. Takes effect at once, in
        every process. Raises NotFound, Denied, InvalidInput.
        """
        new = _checked(readers, writers, denied, read_only, contexts)
        if expires_at is not None:
            new["expires_at"] = _end(expires_at, self._on.clock())
        new |= _weighed(priority, decay)
        if not new:
            raise InvalidInput(f"say what is to change: {', '.join(_CHANGED[:-1])} or {_CHANGED[-1]}")
        why = checks.check_reason(reason)
        changes: list[Change] = []
        for old in await self._on.governed_ones(ids):
            rules = old.governance.model_copy(update=new)
            cube = old.model_copy(update={"governance": rules})
            if rules != old.governance:
                changes.append(Change("govern", old.id, cube, reason=why))
        events = await self._on.commit(*changes) if changes else ()
        return tuple(event.cube for event in events if event.cube)

    async def rules(self, path: str | None = None) -> tuple[Default, ...]:
        """The rules of namespaces that memories at a path inherit: of those above it and its own, from the top.

        Raises InvalidInput, Denied.
        """
        place = governance.check_path(path or self._on.home)
        if not self._on.sees(place) and not self._rules_over(place):
            governance.check_read(self._on.caller, place)
            raise Denied(f"{self._on.caller.user} may not read {place!r}: it is not open to him", "private")
        return tuple(
            each for each in self._on.defaults.above(place) if self._on.sees(each.path) or self._rules_over(each.path)
        )

    async def set_rules(
        self,
        path: str,
        *,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        denied: Sequence[str] | None = None,
        read_only: bool | None = None,
        contexts: Sequence[str] | None = None,
        reason: str = "",
    ) -> Default:
        """Change what is given of the rules of a namespace; the rest stays, and what is empty says nothing.

        Every memory at or beneath the path inherits them, as does who stores new ones there: what a memory says itself
        counts first, but who is denied anywhere above does not get in. Takes effect at once, in every process. A
        namespace of one's own (`user/<name>`) is ruled by oneself, any other takes the scope `admin`.
        Raises InvalidInput, Denied, Conflict.
        """
        place, why = governance.check_path(path), checks.check_reason(reason)
        new = _checked(readers, writers, denied, read_only, contexts)
        if not new:
            raise InvalidInput("say what is to change: readers, writers, denied, read_only or contexts")
        governance.check_write(self._on.caller, place)
        if not self._rules_over(place):
            raise Denied(f"the rules of {place!r} take the scope 'admin': use a token that has it", "scope")
        old = self._on.defaults.rules.get(place, _NO_RULES)
        rules = old.model_copy(update=new)
        if rules != old:
            by = self._on.caller.user
            await self._on.vault.namespaces.rule(place, rules, was=old, caller=by, reason=why)
        return Default(place, rules)

    def _rules_over(self, path: str) -> bool:
        """May he decide about a namespace, now and whatever its rules say?"""
        caller = self._on.caller
        own = is_beneath(path, f"user/{caller.user}")
        needed = "write" if own else "admin"
        return needed in caller.scopes and governance.is_open(caller, path)

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

        Those of namespaces are among them, with an empty id; of one memory, those of the namespaces it is in. Only of
        what the caller decides about. Raises NotFound, InvalidInput, Denied.
        """
        checks.check_range("limit", limit, 10_000)
        if id is not None:
            cube = await self._on.own(id)
            self._on.check("govern", cube)
            found = await self._on.vault.revisions(subject=id, limit=limit)
            above = [each for each in await self._rulings() if is_beneath(cube.path, each.path)]
        else:
            where = await self._on.readable(path)
            found = await self._under(where.paths, limit)
            above = [each for each in await self._rulings() if any(is_beneath(each.path, top) for top in where.paths)]
        return tuple(sorted([*found, *above], key=lambda each: each.seq)[:limit])

    async def _under(self, paths: Sequence[str], limit: int) -> Sequence[Revision]:
        """Of the memories that he governs; those of others take no room, or they would be counted."""
        asked = limit
        while True:
            found = await self._on.vault.revisions(paths=paths, limit=asked)
            own = [each for each in found if self._on.governs(each.path, each.rules)]
            if len(own) >= limit or len(found) < asked:
                return own[:limit]
            asked *= 4

    async def _rulings(self) -> list[Revision]:
        """The changes of rules of the namespaces that he decides about."""
        rulings = [each for each in await self._on.vault.namespaces.rulings() if self._rules_over(each.path)]
        return list(_revisions(rulings, self._on.defaults.rules))


def _checked(
    readers: Sequence[str] | None,
    writers: Sequence[str] | None,
    denied: Sequence[str] | None,
    read_only: bool | None,
    contexts: Sequence[str] | None,
) -> dict[str, object]:
    """What is given of rules. Raises InvalidInput."""
    new: dict[str, object] = {}
    for name, given in (("readers", readers), ("writers", writers), ("denied", denied)):
        if given is not None:
            new[name] = check_names(given)
    if contexts is not None:
        new["contexts"] = check_conditions(contexts)
    if read_only is not None:
        new["read_only"] = read_only
    return new


def _end(given: datetime | timedelta | Literal["never"], now: datetime) -> datetime | None:
    """When memories end; a moment may be over. Raises InvalidInput."""
    match given:
        case "never":
            return None
        case timedelta():
            return checks.check_end(given, now)
        case _:
            return checks.check_moment(given, "expires_at")


def _weighed(priority: int | None, decay: float | Literal["policy"] | None) -> dict[str, object]:
    """What is given of how a memory stands among others. Raises InvalidInput."""
    new: dict[str, object] = {}
    if priority is not None:
        if priority not in range(-_TOP, _TOP + 1):
            raise InvalidInput(f"a priority is a whole number from {-_TOP} to {_TOP}, not {priority!r}")
        new["priority"] = int(priority)
    if decay is not None:
        if decay != "policy" and (isinstance(decay, str) or not 0 <= decay <= 1):
            raise InvalidInput(f"a decay is the share of its strength lost per day, 0 to 1, not {decay!r}")
        new["decay"] = None if decay == "policy" else decay
    return new


def _revisions(rulings: Sequence[Ruling], now: Mapping[str, Governance]) -> Iterator[Revision]:
    """Each with what was there before it."""
    before: dict[str, Governance] = {}
    for each in rulings:
        old = before.get(each.path, _NO_RULES)
        yield Revision(
            each.seq, each.at, "", each.path, each.by, each.reason, old, each.rules, now.get(each.path, _NO_RULES)
        )
        before[each.path] = each.rules


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
        kind, value = parted(condition)
        if not value.strip() or len(condition) > _LONGEST or not condition.isprintable():
            raise InvalidInput(f"{condition[:40]!r} is no context: write kind:value, such as application:clinic")
        if about_sources(condition) and (kind not in _FROM or value == "role:"):
            say = f"from-<class>:<name>, the class one of {', '.join(SOURCES)}, the name a user, role:<name>, or *"
            raise InvalidInput(f"{condition[:60]!r} says not who may use what comes from where: write {say}")
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
        if about_sources(each):
            raise InvalidInput(f"{each[:40]!r} is asked of a memory; nobody can bring it along")
        if each.partition(":")[0] in ("hours", "days"):
            raise InvalidInput(f"{each[:40]!r} is asked of the clock; nobody can bring it along")
    return check_conditions(given)
