"""The six commands of the memory tool, over anything that keeps files: what they answer, refuse and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from anthropic_memos.names import ROOT, Place, above, check_length, place
from anthropic_memos.texts import inserted, listed, numbered, replaced
from memos_mcp import Conflict, InvalidInput, NotFound

_ATTEMPTS = 100  # each time another change went through, so only a crowd comes near
_LOOKS = 5  # at all files, for the same reason


@dataclass(frozen=True, slots=True)
class File:
    """One version of one file; `id` stays when it is edited."""

    key: str
    text: str
    id: str
    version: int


class Files(Protocol):
    """Where files are kept. Every method is all or nothing."""

    def find(self, key: str) -> File | None:
        """The file with this key."""
        ...

    def all(self) -> Sequence[File]:
        """Every file."""
        ...

    def add(self, key: str, text: str) -> File:
        """A new file. Raises Conflict if the key is in use."""
        ...

    def edit(self, file: File, text: str, why: str) -> None:
        """A new version of a file. Raises Conflict if this is not its newest version, NotFound if it is gone."""
        ...

    def remove(self, files: Sequence[File], why: str) -> None:
        """Forget files, all or none. Raises NotFound if one is gone."""
        ...

    def rename(self, keys: Mapping[str, str], why: str) -> None:
        """Give files other keys, all or none. Raises NotFound if one is gone, Conflict if a new key is in use."""
        ...


class Folder:
    """The tree below /memories. Directories are what the keys of files say: one without files is not there.

    What a command refuses, it refuses with a MemosError in the words of Anthropic's own tool; nothing is written then.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def view(self, path: str, view_range: Sequence[int] | None = None) -> str:
        """A file with line numbers, or a directory two levels deep. Raises InvalidInput, NotFound."""
        at = place(path)
        file = self._files.find(at.key) if at.key else None
        if file:
            return numbered(at, file.text, view_range)
        inside = [(name, f.text) for f in self._files.all() if (name := at.beneath(f.key)) is not None]
        if at.key and not inside:
            raise _missing(at)
        return listed(at, inside)

    def create(self, path: str, text: str) -> str:
        """A new file; those that exist are never overwritten. Raises InvalidInput."""
        at = place(path)
        taken = f"File {path} already exists"
        files = self._files.all()
        if not at.key or self._at(at, files):
            raise InvalidInput(taken)
        self._check_open(at, files)
        try:
            self._files.add(at.key, text)
        except Conflict as exc:
            raise InvalidInput(taken) from exc
        return f"File created successfully at: {path}"

    def str_replace(self, path: str, old: str, new: str) -> str:
        """Replace a text that stands in a file exactly once. Raises InvalidInput, NotFound."""
        at, why = place(path), "memory tool: str_replace"
        for file in self._versions(at):
            text, answer = replaced(at, file.text, old, new)
            if self._edited(file, text, why):
                return answer
        raise _busy(at)

    def insert(self, path: str, after: int, more: str) -> str:
        """Insert a text after a line of a file; 0 is its beginning. Raises InvalidInput, NotFound."""
        at, why = place(path), "memory tool: insert"
        for file in self._versions(at):
            text, answer = inserted(at, file.text, after, more)
            if self._edited(file, text, why):
                return answer
        raise _busy(at)

    def delete(self, path: str) -> str:
        """Forget a file, or a directory with everything in it. Raises InvalidInput, NotFound."""
        at = place(path)
        if not at.key:
            raise InvalidInput(f"Cannot delete the {ROOT} directory itself")
        for _ in range(_LOOKS):
            files = self._at(at, self._files.all())
            if not files:
                raise NotFound(f"The path {path} does not exist")
            with suppress(NotFound):
                self._files.remove(files, "memory tool: delete")
                return f"Successfully deleted {path}"
        raise _busy(at)

    def rename(self, old_path: str, new_path: str) -> str:
        """Give a file another name, or all files of a directory another place. Raises InvalidInput, NotFound."""
        old, new = place(old_path), place(new_path)
        if not old.key:
            raise InvalidInput(f"Cannot rename the {ROOT} directory itself")
        for _ in range(_LOOKS):
            keys = self._renamed(old, new)
            with suppress(Conflict, NotFound):
                self._files.rename(keys, "memory tool: rename")
                return f"Successfully renamed {old_path} to {new_path}"
        raise InvalidInput(f"The destination {new_path} already exists")

    def clear(self) -> str:
        """Forget every file."""
        while files := self._files.all():
            with suppress(NotFound):
                self._files.remove(files, "memory tool: clear")
        return "All memory cleared"

    def _renamed(self, old: Place, new: Place) -> dict[str, str]:
        """The keys that change, and what they become. Raises InvalidInput, NotFound."""
        files = self._files.all()
        if not new.key or self._at(new, files):
            raise InvalidInput(f"The destination {new.said} already exists")
        moving = self._at(old, files)
        if not moving:
            raise NotFound(f"The path {old.said} does not exist")
        if old.beneath(new.key):
            raise InvalidInput(f"Cannot move {old.said} into itself")
        self._check_open(new, [file for file in files if file.key != old.key])
        return {file.key: check_length(new.key + file.key.removeprefix(old.key), new.said) for file in moving}

    def _versions(self, at: Place) -> Iterable[File]:
        """The file as it is now, again and again: somebody else may have been faster."""
        file = self._files.find(at.key) if at.key else None
        if file is None:
            if not at.key or self._at(at, self._files.all()):
                raise InvalidInput(f"The path {at.said} is not a file.")
            raise _missing(at)
        for _ in range(_ATTEMPTS):
            yield file
            file = self._files.find(at.key)
            if file is None:
                raise NotFound(f"The file {at.said} no longer exists (may have been deleted or renamed concurrently).")

    def _edited(self, file: File, text: str, why: str) -> bool:
        try:
            self._files.edit(file, text, why)
        except (Conflict, NotFound):
            return False
        return True

    def _at(self, at: Place, files: Iterable[File]) -> list[File]:
        """The file of that name; if there is none, all files beneath."""
        here = [file for file in files if file.key == at.key or at.beneath(file.key) is not None]
        return [file for file in here if file.key == at.key] or here

    def _check_open(self, at: Place, files: Iterable[File]) -> None:
        """Raise InvalidInput if a directory that it would be in is a file."""
        if blocking := set(above(at.key)).intersection(file.key for file in files):
            raise InvalidInput(f"The path {ROOT}/{min(blocking)} is a file: {at.said} cannot be in it.")


def _missing(at: Place) -> NotFound:
    return NotFound(f"The path {at.said} does not exist. Please provide a valid path.")


def _busy(at: Place) -> Conflict:
    return Conflict(f"The file {at.said} is being changed by others all the time: try again later.")
