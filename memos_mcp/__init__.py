"""A memory operating system for language models: remember, recall, and govern what is remembered.

`open()` gives the asynchronous `Memos`; `memos_mcp.sync.open()` the same without an event loop.
"""

from memos_mcp.answers import Namespace, Page, Recall, Recalled, Remembered, Status
from memos_mcp.cube import Activation, MemCube, Parametric, Plaintext
from memos_mcp.errors import (
    Conflict,
    Corrupt,
    Denied,
    Dispute,
    IllegalMove,
    InvalidInput,
    MemosError,
    MergeConflict,
    Misconfigured,
    MissingExtra,
    NotFound,
    Unavailable,
)
from memos_mcp.interface import steps
from memos_mcp.interface.update import Edit
from memos_mcp.memos import Memos
from memos_mcp.ports import Caller
from memos_mcp.version import __version__
from memos_mcp.wiring import open

__all__ = [
    "Activation",
    "Caller",
    "Conflict",
    "Corrupt",
    "Denied",
    "Dispute",
    "Edit",
    "IllegalMove",
    "InvalidInput",
    "MemCube",
    "Memos",
    "MemosError",
    "MergeConflict",
    "Misconfigured",
    "MissingExtra",
    "Namespace",
    "NotFound",
    "Page",
    "Parametric",
    "Plaintext",
    "Recall",
    "Recalled",
    "Remembered",
    "Status",
    "Unavailable",
    "__version__",
    "open",
    "steps",
]
