"""The ledger of a store: small values that belong to it and are no memories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Note:
    """A value of the ledger. `revision` counts its changes, from 1."""

    kind: str
    key: str
    value: JsonValue
    revision: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A value to write together with something else; `expect` as in `write`."""

    kind: str
    key: str
    value: JsonValue
    expect: int | None = None


class Ledger(Protocol):
    """Small values that belong to a vault and are no memories: tokens (their hashes), keys, cursors."""

    async def read(self, kind: str, key: str) -> Note | None:
        """The value, as any process wrote it last. Raises Unavailable, Corrupt, as all of these."""
        ...

    async def write(self, kind: str, key: str, value: JsonValue, *, expect: int | None = None) -> int:
        """Write it; its revision. `expect` is the one that must be there (0: none), else Conflict; None removes it."""
        ...

    async def list(self, kind: str, prefix: str = "") -> list[Note]:
        """All of a kind whose keys begin so, by key."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...
