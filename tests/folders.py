"""The folder of notes for tests that do not wait: each command is done when it returns."""

from __future__ import annotations

from collections.abc import Sequence

from anthropic_memos.blocking import Blocking, ended
from memos_mcp import sync
from memos_mcp.notes import CubeFiles, Files, Folder


def files(memos: sync.Memos, path: str) -> CubeFiles:
    return CubeFiles(Blocking(memos), path)


class BlockingFolder:
    """As `Folder`, over a blocking Memos or over other files."""

    def __init__(self, memos: sync.Memos | Files, path: str = "") -> None:
        self._folder = Folder(files(memos, path) if isinstance(memos, sync.Memos) else memos)

    def view(self, path: str, view_range: Sequence[int] | None = None) -> str:
        return ended(self._folder.view(path, view_range))

    def create(self, path: str, text: str) -> str:
        return ended(self._folder.create(path, text))

    def str_replace(self, path: str, old: str, new: str) -> str:
        return ended(self._folder.str_replace(path, old, new))

    def insert(self, path: str, after: int, more: str) -> str:
        return ended(self._folder.insert(path, after, more))

    def delete(self, path: str) -> str:
        return ended(self._folder.delete(path))

    def rename(self, old_path: str, new_path: str) -> str:
        return ended(self._folder.rename(old_path, new_path))

    def clear(self) -> str:
        return ended(self._folder.clear())
