"""Who shares a cached prefix with whom: the keys that a server keeps it under, and the test that it does. Pure.

Both keys are made here, of a secret that only this system has: a client of ours can neither name nor guess one.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Literal

from memos_mcp.errors import Misconfigured
from memos_mcp.late import late

_LEAST: Final = 16
_SCHEME: Final = "sglang:"
_HASH: Final = late(r"[0-9a-f]{64}")
State = Literal["untested", "on", "off", "broken"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a cached prefix is kept under: `salt` of the tenant, `extra` of the version."""

    salt: str
    extra: str

    @property
    def fingerprint(self) -> str:
        """What a block is known by."""
        return f"{_SCHEME}{self.extra}"

    @property
    def session(self) -> str:
        """What pins it: told by the fingerprint, so that any process can end it."""
        return f"mem:{self.extra[:32]}"


class Keys:
    """Makes the keys of tenants and versions. Does not show its secret."""

    def __init__(self, secret: str) -> None:
        """Raises Misconfigured."""
        if len(secret) < _LEAST:
            raise Misconfigured(f"the secret that keeps tenants apart needs {_LEAST} characters or more: make one anew")
        self._secret = secret.encode()

    def of(self, tenant: str, version: str) -> Key:
        """The same for the same, of a length that tells nothing."""
        return Key(self._made("tenant", tenant), self._made("version", tenant, version))

    def _made(self, *parts: str) -> str:
        framed = b"".join(len(part := each.encode()).to_bytes(8, "big") + part for each in parts)
        return hmac.new(self._secret, framed, hashlib.sha256).hexdigest()


def session_of(fingerprint: str) -> str | None:
    """The session that pins the block of a fingerprint; None if it is of another backend."""
    extra = fingerprint.removeprefix(_SCHEME)
    return Key("", extra).session if _HASH.fullmatch(extra) and extra != fingerprint else None


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whether prefixes may be shared on a server, and why not.

    `on`: it keeps tenants and versions apart. `off`: it caches nothing, so that there is nothing to share. `broken`: it
    gave one tenant the tokens of another, and gets no memory any more.
    """

    state: State = "untested"
    why: str = "nothing was asked of the server yet"


def judged(fresh: int, again: int, other: int, changed: int) -> Sharing:
    """What four requests with one text show: new, repeated, of another tenant, of another version, in cached tokens."""
    seen = f"({fresh}, {again}, {other} and {changed} cached tokens where 0, some, 0 and 0 are right)"
    if fresh or other or changed:
        return Sharing("broken", f"the server does not keep tenants and versions apart {seen}")
    if not again:
        return Sharing("off", f"the server keeps no prefixes {seen}: start it with its radix cache")
    return Sharing("on", "the server keeps tenants and versions apart")
