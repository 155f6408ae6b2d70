"""MemosError → what somebody outside Python sees: the text of an MCP error and an exit code. The only such mapping."""

from __future__ import annotations

from dataclasses import dataclass

from memos_mcp.errors import MemosError

LONGEST = 1000
"""Characters of an error text at most: it goes into the context of a model."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a kind of error looks from outside: the exit code of a command, and the next step for a model."""

    exit_code: int
    next_step: str


_SETTINGS = "Nothing was changed. Tell the user: `memos doctor` shows each setting and where it comes from."

FAULTS = {
    "error": Fault(1, "Nothing is known about the cause; tell the user."),
    "invalid_input": Fault(2, "Nothing was changed: correct the arguments and call again."),
    "illegal_move": Fault(2, "Nothing was changed: get_memory shows its state; choose a move that this state allows."),
    "not_found": Fault(3, "Call recall or list_memories to find the right id."),
    "conflict": Fault(4, "Nothing was changed: read it again with get_memory, then repeat."),
    "merge_conflict": Fault(4, "Nothing was changed: settle each, then repeat with the current version as base."),
    "denied": Fault(5, "Nothing was changed: choose another path; memory_status names those that are open."),
    "unavailable": Fault(6, "Call again in a moment; tell the user if it goes on."),
    "corrupt": Fault(7, "Do not try to repair it. Tell the user: `memos doctor` shows the damage."),
    "misconfigured": Fault(8, _SETTINGS),
    "missing_extra": Fault(8, _SETTINGS),
}
"""By the code of the error."""


def exit_code(error: MemosError) -> int:
    """The exit code of a command that ended with this error."""
    return FAULTS[error.code].exit_code


_ELSEWHERE = {
    "error": "Something went wrong",
    "unavailable": "The memory does not answer now, and nothing was changed. Call again in a moment",
    "corrupt": "The memory is damaged and nothing was changed. Do not try to repair it",
    "misconfigured": "The memory server is not set up right and nothing was changed",
    "missing_extra": "The memory server lacks a library and nothing was changed",
}
_ITS_LOG = "Tell the user: who runs the server finds the cause in its log."


def told(error: MemosError, *, local: bool = True) -> str:
    """What a model reads: what happened, then what to do. Never more than a paragraph, always valid Unicode.

    Who is not `local` learns nothing of the machine: what is wrong with it stands in the log.
    """
    if not local and error.code in _ELSEWHERE:
        return f"{_ELSEWHERE[error.code]}. {_ITS_LOG}"
    message = str(error).encode("utf-8", "backslashreplace").decode()
    if len(message) > LONGEST:
        message = message[:LONGEST] + "…"
    end = "" if message.endswith((".", "!", "?")) else "."
    return f"{message}{end} {FAULTS[error.code].next_step}"


def exact(error: MemosError, *, local: bool = True) -> dict[str, str]:
    """What a program reads: the code, and the words without advice for models; as discreet as what a model reads."""
    hidden = not local and error.code in _ELSEWHERE
    words = f"{_ELSEWHERE[error.code]}: who runs the server finds the cause in its log" if hidden else str(error)
    return {"code": error.code, "message": words.encode("utf-8", "backslashreplace").decode()}
