"""MemGovernance: who may read and write where. Pure decisions; every verb passes through here.

A caller owns `user/<self>/…` and shares `shared/…` and `global/…` with everybody (long paper §5.4.1: private, shared
and global layers). A caller that came with fewer scopes, or is kept within a path, may do only that: arguments narrow
what is open, and never widen it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from memos_mcp.cube import Governance
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.infrastructure.decisions import Reading, decided, names_of
from memos_mcp.namespaces import Defaults
from memos_mcp.ports import Caller, Scope, Where

MAX_PATH = 512
_MAX_LABEL = 128
_SHARED = ("shared", "global")
_NO_RULES = Governance()
_NO_DEFAULTS = Defaults()


def check_path(path: str) -> str:
    """The path in canonical form (NFC, no slash at either end). Raises InvalidInput."""
    clean = unicodedata.normalize("NFC", path).strip().strip("/")
    if len(clean) > MAX_PATH:
        raise InvalidInput(f"the path is {len(clean)} characters long; at most {MAX_PATH} are allowed")
    for label in clean.split("/"):
        if not label or label.strip() != label or label in (".", "..") or len(label) > _MAX_LABEL:
            raise InvalidInput(f"{path!r} is not a path: use labels joined by '/', such as 'user/ada/projects'")
        if not label.isprintable() or "\\" in label:
            raise InvalidInput(f"the path {path!r} holds characters that cannot stand in a label")
    return clean


def root_of(path: str) -> str:
    """The partition of a path: its first two labels (`user/ada`, `shared/team`), or `global`."""
    labels = path.split("/", 2)
    return labels[0] if labels[0] == "global" else "/".join(labels[:2])


def home(caller: Caller) -> str:
    """The path a caller writes to when none is said."""
    return check_path(caller.within) if caller.within else _own(caller)


def check_scope(caller: Caller, scope: Scope) -> None:
    """Did the caller come to do this? Raises Denied."""
    if scope not in caller.scopes:
        raise Denied(f"{caller.user} came without the scope {scope!r}; use a token that has it", "scope")


def check_write(caller: Caller, path: str) -> str:
    """The canonical path if the caller may write there. Raises InvalidInput, Denied."""
    check_scope(caller, "write")
    return _allowed(caller, path, "write to")


def writable(caller: Caller, path: str, now: datetime, defaults: Defaults) -> str:
    """The canonical path if the caller may store memories there, as its namespaces say. Raises InvalidInput, Denied."""
    check_scope(caller, "write")
    clean = check_path(path)
    decision = decided(caller, "write", clean, _NO_RULES, now, defaults.above(clean))
    if decision.allowed:
        return clean
    _allowed(caller, clean, "write to")
    known = _beneath(clean, _own(caller)) or sees(caller, clean, now, defaults)
    why = decision.why if known else f"it is not open to {caller.user}"
    raise Denied(f"{caller.user} may not write to {clean!r}: {why}", decision.rule)


def sees(caller: Caller, path: str, now: datetime, defaults: Defaults) -> bool:
    """May the caller know what is at the path, but for what memories there say themselves?"""
    return decided(caller, "read", path, _NO_RULES, now, defaults.above(path)).allowed


def readable(
    caller: Caller,
    path: str | None,
    now: datetime,
    granted: Sequence[str] = (),
    defaults: Defaults = _NO_DEFAULTS,
) -> Where:
    """What a question of the caller searches: beneath `path`, or all the caller may read. Raises Denied.

    `granted` are the private paths of others that hold memories which are open to him; to these come the namespaces
    whose rules let him in.
    """
    check_scope(caller, "read")
    permit = Reading(caller, now, defaults)
    others = _of_others(caller, granted, now, defaults) if not caller.within else []
    if path is None and not caller.within:
        return Where((_own(caller), *_SHARED, *others), permit=permit)
    clean = check_path(path or caller.within)
    beneath = [each for each in others if _beneath(each, clean)]
    if not is_open(caller, clean) and any(_beneath(clean, each) for each in others if each not in granted):
        return Where((clean,), permit=permit)
    if beneath and not is_open(caller, clean):
        return Where(tuple(beneath), permit=permit)
    return Where((_allowed(caller, clean, "read"),), permit=permit)


def _of_others(caller: Caller, granted: Sequence[str], now: datetime, defaults: Defaults) -> list[str]:
    """The topmost private places of others where something may be open to him."""
    named = defaults.naming(names_of(caller))
    let_in = [
        path
        for path in named
        if decided(caller, "read", path, _NO_RULES, now, defaults.above(path)).rule not in ("denied", "scope")
    ]
    every = dict.fromkeys((*granted, *let_in))
    found = [path for path in every if path.startswith("user/") and not is_open(caller, path)]
    return [path for path in found if not any(path != top and _beneath(path, top) for top in found)]


def check_read(caller: Caller, path: str) -> str:
    """The canonical path if it is open to the caller as a whole. Raises InvalidInput, Denied."""
    check_scope(caller, "read")
    return _allowed(caller, path, "read")


def _own(caller: Caller) -> str:
    if "/" in caller.user:
        raise InvalidInput(f"{caller.user!r} cannot be a user's name: it holds a '/'")
    return check_path(f"user/{caller.user}")


def is_open(caller: Caller, path: str) -> bool:
    """Is the path open to the caller as a whole?"""
    if caller.within and not _beneath(path, check_path(caller.within)):
        return False
    return path.split("/", 1)[0] in _SHARED or _beneath(path, _own(caller))


def _beneath(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")


def _allowed(caller: Caller, path: str, what: str) -> str:
    clean = check_path(path)
    if not is_open(caller, clean):
        places = f"{caller.within}/…" if caller.within else f"{_own(caller)}/…, shared/… and global/…"
        said = f"{caller.user} may not {what} {clean!r}; open {'is' if caller.within else 'are'} {places}"
        raise Denied(said, "namespace" if caller.within else "path")
    return clean
