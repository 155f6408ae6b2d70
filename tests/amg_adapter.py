"""memos as the Agent Memory Security Benchmark drives it: `remember`, `recall`, `context_reset`.

The benchmark calls by these names and reads `value` of the outcome, so nothing of it has to be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from memos_mcp import sync
from memos_mcp.cube import SourceClass
from memos_mcp.errors import NotFound
from memos_mcp.version import __version__

_SOURCES: Mapping[str, SourceClass] = {
    "external_tool": "tool",
    "user_input": "user",
    "agent_authored": "assistant",
    "system": "system",
}


class Outcome(StrEnum):
    """What became of a write, in the words of the benchmark."""

    STORED = "stored"
    REDACTED = "redacted"
    QUARANTINED = "quarantined"


class MemosAdapter:
    """A vault in `home`: hostile writes are quarantined, secrets masked, and what is read is screened once more."""

    name = "memos-mcp"
    version = __version__
    self_submission = False

    def __init__(self, home: Path) -> None:
        self._home = home

    def remember(self, key: str, value: object, *, source_class: str = "external_tool") -> Outcome:
        """Store the text of a value under a key."""
        text = value if isinstance(value, str) else str(value)
        with sync.open(home=self._home, user="ada") as memos:
            cube = memos.put(None, key, text=text, source_class=_SOURCES.get(source_class, "tool"))
        if cube.quarantined:
            return Outcome.QUARANTINED
        return Outcome.STORED if cube.text == text else Outcome.REDACTED

    def recall(self, key: str) -> str | None:
        """The text under a key unless it is in quarantine or looks hostile now."""
        with sync.open(home=self._home, user="ada") as memos:
            try:
                cube = memos.get(key=key)
            except NotFound:
                return None
        return None if cube.quarantined else cube.text

    def context_reset(self) -> None:
        """Nothing to clear: each call opens the vault anew."""
