"""A memory operating system for language models: remember, recall, and govern what is remembered.

`open()` gives the asynchronous `Memos`; `memos_mcp.sync.open()` the same without an event loop. `connect` gives the
verbs that a program needs over either, or over the URL of a server: it is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from memos_mcp.answers import Answer, Namespace, Page, Recall, Recalled, Remembered, Status
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

if TYPE_CHECKING:
    from memos_mcp.client import BlockingClient, Client, Connected, connect

__all__ = [
    "Activation",
    "Answer",
    "BlockingClient",
    "Caller",
    "Client",
    "Conflict",
    "Connected",
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
    "connect",
    "open",
    "steps",
]
_OF_CLIENT = ("BlockingClient", "Client", "Connected", "connect")


def __getattr__(name: str) -> object:
    if name not in _OF_CLIENT:
        raise AttributeError(f"module 'memos_mcp' has no attribute {name!r}")
    from memos_mcp import client

    return getattr(client, name)
