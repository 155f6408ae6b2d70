"""Our own tokens: 256 random bits behind an id, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from memos_mcp.ports import SCOPES, Scope

PREFIX = "memos_"
"""What our tokens begin with, so that scanners for leaked secrets find them."""

_ID, _SECRET = 12, 43  # characters


def made() -> tuple[str, str, str]:
    """A token nobody has: its id, itself, and the hash to keep. It holds 256 random bits, so a plain hash is enough."""
    name, secret = secrets.token_hex(_ID // 2), secrets.token_urlsafe(32)
    return name, f"{PREFIX}{name}_{secret}", _hash(secret)


def id_of(token: str) -> str | None:
    """The id in one of our tokens; None if it is none of ours."""
    name, _, secret = token.removeprefix(PREFIX).partition("_")
    ours = token.startswith(PREFIX) and token.isascii() and len(name) == _ID and len(secret) == _SECRET
    return name if ours and name.isalnum() else None


def matches(token: str, kept: str) -> bool:
    """Is the hash that was kept the one of this token? Takes the same time whatever differs."""
    return hmac.compare_digest(_hash(token.removeprefix(PREFIX).partition("_")[2]), kept)


def levels(scope: Scope) -> tuple[Scope, ...]:
    """A scope with those that it includes."""
    return SCOPES[: SCOPES.index(scope) + 1]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
