"""Every error this project raises, as one tree.

MemosError
├── InvalidInput        the caller sent something we cannot accept
│   └── IllegalMove     the lifecycle has no such transition
├── NotFound            no such cube, version or path
├── Conflict            the cube changed since it was read          a retry can help
├── Denied              governance said no
├── Unavailable         a backend did not answer                    a retry can help
├── Corrupt             stored bytes do not match what was written
└── Misconfigured       settings cannot work together
    └── MissingExtra    names the extra to install

`code` is stable and machine-readable; `apps/faults.py` alone maps it to an MCP error and an exit code.
"""

from __future__ import annotations

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
