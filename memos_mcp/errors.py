"""Every error this project raises, as one tree.

MemosError
├── InvalidInput        the caller sent something we cannot accept
│   └── IllegalMove     the lifecycle has no such transition
├── NotFound            no such cube, version or path
├── Conflict            the cube changed since it was read          a retry can help
│   └── MergeConflict   two changes of it do not go together        somebody has to decide
├── Denied              governance said no
├── Unavailable         a backend did not answer                    a retry can help
├── Corrupt             stored bytes do not match what was written
└── Misconfigured       settings cannot work together
    └── MissingExtra    names the extra to install

`code` is stable and machine-readable; `apps/faults.py` alone maps it to an MCP error and an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class MemosError(Exception):
    """Root of the tree. The message says what happened, with the value, and what to do next."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class InvalidInput(MemosError):
    """The caller sent something that cannot be accepted; nothing was stored."""

    code = "invalid_input"


class IllegalMove(InvalidInput):
    """A memory in this state cannot make this move; nothing was changed."""

    code = "illegal_move"


class NotFound(MemosError):
    """There is no such memory, version or path for this caller."""

    code = "not_found"


class Conflict(MemosError):
    """The memory changed since it was read: read it again, then repeat the change."""

    code = "conflict"
    retryable = True


@dataclass(frozen=True, slots=True)
class Dispute:
    """What two changes made of one place (`line 3`, or a JSON pointer): data as JSON, empty if nothing is there."""

    at: str
    base: str
    yours: str
    theirs: str


class MergeConflict(Conflict):
    """The caller's change and one made since the version he read do not go together: nothing was written.

    `disputes` says where, and what each made of it; `version` is the current one. Decide, then repeat with it as base.
    """

    code = "merge_conflict"
    retryable = False

    def __init__(self, message: str, version: int, disputes: tuple[Dispute, ...]) -> None:
        super().__init__(message)
        self.version = version
        self.disputes = disputes


class Denied(MemosError):
    """Governance refused: the caller may not do this here. `rule` is the one that decided."""

    code = "denied"

    def __init__(self, message: str, rule: str = "path") -> None:
        super().__init__(message)
        self.rule = rule


class Unavailable(MemosError):
    """A backend did not answer, is busy, full or read-only; what was asked did not happen."""

    code = "unavailable"
    retryable = True


class Corrupt(MemosError):
    """Stored bytes are not what was written; nothing was overwritten."""

    code = "corrupt"


class Misconfigured(MemosError):
    """Settings are unknown, malformed or cannot work together."""

    code = "misconfigured"


class MissingExtra(Misconfigured):
    """An optional library is needed: the message names the command that installs it."""

    code = "missing_extra"

    def __init__(self, extra: str) -> None:
        super().__init__(f"this needs the extra {extra!r}: pip install 'memcube-mcp[{extra}]'")
        self.extra = extra
