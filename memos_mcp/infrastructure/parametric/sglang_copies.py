"""The folders from which a server reads adapters: copies, each under a name that nobody guesses and none has twice.

A server that unloaded an adapter loads it again from its folder when it is asked by name: so a copy goes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.parametric.folders import placed, removed, swept
from memos_mcp.late import late

_PART = late(r"[0-9a-f]{32}")


class Copies:
    """All copies of one folder, which no other vault uses. All of it blocks."""

    def __init__(self, folder: Path, seen_as: str | None = None) -> None:
        """`seen_as` is what the servers call the folder, where that is something else than here."""
        self._folder = folder.expanduser().absolute()
        self._seen_as = (seen_as or str(self._folder)).rstrip("/")

    def seen(self, part: str) -> str:
        """The path of a copy, as a server is told it."""
        return f"{self._seen_as}/{part}"

    def place(self, part: str, files: Mapping[str, bytes]) -> None:
        """Write a copy, whole or not at all. Raises Unavailable."""
        try:
            # who may enter the folder around a copy may be the user of a server
            placed(self._folder / part, files, self._folder, mode=0o750)
        except OSError as exc:
            raise Unavailable(f"{self._folder} takes no adapter: {exc.strerror}; free some room, then repeat") from exc

    def has(self, part: str) -> bool:
        """Whether a copy is there. Raises Unavailable."""
        return part in self.all()

    def remove(self, part: str) -> None:
        """Remove a copy; one that is not there is no error. Raises Unavailable."""
        if part:
            removed(self._folder / part, self._folder)

    def all(self) -> list[str]:
        """The names of all copies. Raises Unavailable."""
        try:
            return sorted(each.name for each in self._folder.iterdir() if _PART.fullmatch(each.name))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise Unavailable(f"{self._folder} cannot be looked through: {exc.strerror}") from exc

    def sweep(self) -> None:
        """Remove what was being written or removed when a process was killed."""
        swept(self._folder)
