"""MemGovernance: who may read and write where. Pure decisions; every verb passes through here.

A caller owns `user/<self>/…` and shares `shared/…` and `global/…` with everybody (long paper §5.4.1: private, shared
and global layers).
"""

from __future__ import annotations

import unicodedata

from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.ports import Caller, Where

MAX_PATH = 512
_MAX_LABEL = 128
_SHARED = ("shared", "global")


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
    if "/" in caller.user:
        raise InvalidInput(f"{caller.user!r} cannot be a user's name: it holds a '/'")
    return check_path(f"user/{caller.user}")


def check_write(caller: Caller, path: str) -> str:
    """The canonical path if the caller may write there. Raises InvalidInput, Denied."""
    return _allowed(caller, path, "write to")


def readable(caller: Caller, path: str | None) -> Where:
    """What a question of the caller searches: beneath `path`, or all the caller may read. Raises Denied."""
    if path is None:
        return Where(paths=(home(caller), *_SHARED))
    return Where(paths=(_allowed(caller, path, "read"),))


def may_read(caller: Caller, path: str) -> bool:
    """Is a memory at this canonical path open to the caller?"""
    mine = home(caller)
    return path == mine or path.startswith(mine + "/") or path.split("/", 1)[0] in _SHARED


def _allowed(caller: Caller, path: str, what: str) -> str:
    clean = check_path(path)
    if not may_read(caller, clean):
        raise Denied(f"{caller.user} may not {what} {clean!r}; open are {home(caller)}/…, shared/… and global/…")
    return clean
