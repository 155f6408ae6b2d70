"""The ternary check: may this caller do this to this memory in this context (MemGovernance, long paper §5.5.1)? Pure.

One function decides, by the first rule that applies; every verb, lane and door asks it. Rules that forbid come before
those that allow.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

from memos_mcp.branching import is_over
from memos_mcp.cube import Governance, SourceClass
from memos_mcp.namespaces import Default, Defaults
from memos_mcp.ports import Caller, Scope

Act = Literal["read", "write", "govern"]
"""`write` changes what a memory says, `govern` who may use it, and whether it stays."""
EVERYBODY = "*"
_NEEDS: dict[Act, Scope] = {"read": "read", "write": "write", "govern": "write"}
_SHARED = ("shared", "global")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As conditions name them, from Monday."""
ACTS: tuple[Act, ...] = get_args(Act)
SOURCES: tuple[SourceClass, ...] = get_args(SourceClass)
_FROM = "from-"
_FIELDS = {
    "read-only": "read_only",
    "writer": "writers",
    "reader": "readers",
}
"""By the rule that decides, what says so."""
_TRACED = frozenset({*_FIELDS, "denied", "context", "provenance"})
_NO_DEFAULTS = Defaults()


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, the rule that decided, and what it says here."""

    allowed: bool
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a caller may read at a moment: the permit that lanes and the vault ask."""

    caller: Caller
    now: datetime = field(compare=False)
    defaults: Defaults = _NO_DEFAULTS

    @property
    def key(self) -> Hashable:
        """Conditions on the clock know days and hours."""
        return self.caller, self.defaults.digest, self.now.weekday(), self.now.hour

    def allows(self, path: str, rules: Governance) -> bool:
        """Whether he may read such a memory."""
        return decided(self.caller, "read", path, rules, self.now, self.defaults.above(path)).allowed


def decided(
    caller: Caller, act: Act, path: str, own: Governance, now: datetime, defaults: Sequence[Default] = ()
) -> Decision:
    """Decide. `own` are the rules of the memory, `defaults` those of the namespaces above it, from the top."""
    rules = effective(path, own, defaults) if defaults else own
    found = _forbidden(caller, act, path, rules, now) or _allowed(caller, act, path, rules)
    if found is None:
        return Decision(False, "private", f"{path} is not open to {caller.user}")
    return _traced(found, caller, path, own, defaults) if defaults else found


def _traced(found: Decision, caller: Caller, path: str, own: Governance, defaults: Sequence[Default]) -> Decision:
    """With the namespace that said so, if it was not the memory itself."""

    def says(rules: Governance) -> bool:
        match found.rule:
            case "denied":
                return not {*rules.denied}.isdisjoint(names_of(caller))
            case "provenance":
                return _closed(rules.contexts, own.came_from, caller) is not None
            case "context":
                return any(not about_sources(each) for each in rules.contexts)
            case _:
                return bool(getattr(rules, _FIELDS[found.rule]))

    if found.rule not in _TRACED or says(own):
        return found
    whence = next(each.path for each in reversed(defaults) if is_beneath(path, each.path) and says(each.rules))
    return replace(found, why=f"{found.why}, as {whence} says")


def effective(path: str, own: Governance, defaults: Sequence[Default]) -> Governance:
    """The rules of a memory with those it inherits: what it says itself counts, but nobody denied above gets in."""
    rules = own
    for default in reversed(defaults):
        if is_beneath(path, default.path):
            above = default.rules
            rules = rules.model_copy(
                update={
                    "readers": rules.readers or above.readers,
                    "writers": rules.writers or above.writers,
                    "contexts": _conditions(rules.contexts, above.contexts),
                    "denied": tuple(dict.fromkeys((*rules.denied, *above.denied))),
                    "read_only": rules.read_only or above.read_only,
                }
            )
    return rules


def _conditions(own: Sequence[str], above: Sequence[str]) -> tuple[str, ...]:
    """Contexts of the nearest that names any; of each class of sources, the names of the nearest that names some."""
    asked = [each for each in own if not about_sources(each)] or [each for each in above if not about_sources(each)]
    named = [each for each in own if about_sources(each)]
    kinds = {parted(each)[0] for each in named}
    return (*asked, *named, *(each for each in above if about_sources(each) and parted(each)[0] not in kinds))


def about_sources(condition: str) -> bool:
    """Does it say who may use what comes from a class of sources, and nothing of the context?"""
    return condition.startswith(_FROM)


def parted(condition: str) -> tuple[str, str]:
    """Kind and value. Those of a class of sources are names, and may hold a colon."""
    kind, _, value = condition.partition(":") if about_sources(condition) else condition.rpartition(":")
    return kind, value


def is_beneath(path: str, top: str) -> bool:
    """Is a path the other or beneath it?"""
    return path == top or path.startswith(f"{top}/")


def names_of(caller: Caller) -> tuple[str, ...]:
    """How rules may call him: by his name, by a role of his, or as everybody."""
    return (caller.user, *(f"role:{role}" for role in caller.roles), EVERYBODY)


def owned_by(user: str, path: str, rules: Governance) -> bool:
    """Is the memory his: in his home, or in a shared place and stored by him?"""
    home = path.split("/", 2)[:2]
    return home == ["user", user] or (path.split("/", 1)[0] in _SHARED and rules.owner == user)


def sees_all(caller: Caller, path: str, rules: Governance, roles: Sequence[str] = ()) -> bool:
    """Does who may read a memory see its personal data: as owner, as a named writer, or in one of these roles?"""
    names = names_of(caller)
    return (
        owned_by(caller.user, path, rules) or any(n in rules.writers for n in names) or bool({*roles} & {*caller.roles})
    )


def fits(conditions: Sequence[str], context: Sequence[str], now: datetime) -> str | None:
    """The kind of condition that a context does not meet; None if it meets all.

    A condition is `kind:value`; of those of a kind one must hold. `hours:08-18` and `days:mon-fri` are asked of the
    clock (UTC), `from-web:ada` of the memory and the caller, which is not done here, every other of the context.
    """
    kinds: dict[str, list[str]] = {}
    for condition in conditions:
        kind, value = parted(condition)
        if about_sources(condition):
            continue
        kinds.setdefault(kind, []).append(value)
    for kind, values in kinds.items():
        match kind:
            case "hours":
                met = any(_within_hours(value, now.hour) for value in values)
            case "days":
                met = any(_within_days(value, now.weekday()) for value in values)
            case _:
                met = any((f"{kind}:{value}" if kind else value) in context for value in values)
        if not met:
            return kind or "context"
    return None


def _forbidden(caller: Caller, act: Act, path: str, rules: Governance, now: datetime) -> Decision | None:
    if is_over(path):
        return Decision(False, "private", f"{path} is not open to {caller.user}")
    if _NEEDS[act] not in caller.scopes:
        return Decision(False, "scope", f"{caller.user} came without the scope {_NEEDS[act]!r}")
    if caller.within and not is_beneath(path, caller.within):
        return Decision(False, "namespace", f"{caller.user} is kept to {caller.within}")
    denied = [name for name in names_of(caller) if name in rules.denied]
    if denied and not owned_by(caller.user, path, rules):
        return Decision(False, "denied", f"the memory is denied to {denied[0]}")
    if act == "govern":
        return None
    if rules.expires_at is not None and now >= rules.expires_at:
        return Decision(False, "expired", f"it expired on {rules.expires_at:%Y-%m-%d %H:%M} UTC")
    unmet = fits(rules.contexts, caller.context, now)
    if unmet is not None:
        return Decision(False, "context", f"it may be used only where {unmet} is one of {_listed(rules, unmet)}")
    closed = _closed(rules.contexts, rules.came_from, caller)
    if closed is not None:
        names = ", ".join(value for kind, value in map(parted, rules.contexts) if kind == f"{_FROM}{closed}")
        return Decision(False, "provenance", f"what comes from a source of class {closed} is for {names} alone")
    if act == "write" and rules.read_only:
        return Decision(False, "read-only", "it is read-only")
    return None


def _closed(conditions: Sequence[str], classes: Sequence[SourceClass], caller: Caller) -> SourceClass | None:
    """A class of sources that the memory comes from and that is kept for others; None if there is none."""
    if not conditions:
        return None
    given = [parted(each) for each in conditions if about_sources(each)]
    for each in classes if given else ():
        names = [value for kind, value in given if kind == f"{_FROM}{each}"]
        if names and not {*names}.intersection(names_of(caller)):
            return each
    return None


def _allowed(caller: Caller, act: Act, path: str, rules: Governance) -> Decision | None:
    if owned_by(caller.user, path, rules):
        return Decision(True, "owner", f"it belongs to {caller.user}")
    names = names_of(caller)
    listed: tuple[tuple[str, Sequence[str]], ...] = (("writer", rules.writers), ("reader", rules.readers))
    for role, those in listed if act == "read" else listed[:1] if act == "write" else ():
        found = [name for name in names if name in those]
        if found:
            return Decision(True, role, f"{found[0]} is a {role} of it")
    if path.split("/", 1)[0] in _SHARED and _is_open(act, rules):
        return Decision(True, "shared", f"{path} is open to everybody")
    return None


def _is_open(act: Act, rules: Governance) -> bool:
    """In a shared place: does the memory say nothing of who may do this?"""
    if act == "read":
        return not rules.readers
    restricted = bool(rules.readers or rules.writers)
    return not restricted if act == "write" else not (restricted or rules.denied or rules.contexts or rules.read_only)


def _listed(rules: Governance, kind: str) -> str:
    own = [value for its, value in map(parted, rules.contexts) if (its or "context") == kind]
    return ", ".join(own)


def _within_hours(value: str, hour: int) -> bool:
    first, _, last = value.partition("-")
    start, end = int(first), int(last)
    return start <= hour < end if start <= end else hour >= start or hour < end


def _within_days(value: str, day: int) -> bool:
    first, _, last = value.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return start <= day <= end if start <= end else day >= start or day <= end
