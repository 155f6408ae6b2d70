"""The six commands of the memory tool, over anything that keeps files: what they answer, refuse and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from memos_mcp.errors import Conflict, InvalidInput, NotFound
from memos_mcp.notes.names import ROOT, Place, above, check_length, place
from memos_mcp.notes.texts import inserted, listed, numbered, replaced

_ATTEMPTS = 100  # each time another change went through, so only a crowd comes near
_LOOKS = 5  # at all files, for the same reason


@dataclass(frozen=True, slots=True)
class File:
    """One version of one file; `id` stays when it is edited. What is `held` is in quarantine."""

    key: str
    text: str
    id: str
    version: int
    held: bool = False


class Files(Protocol):
    """Where files are kept. Every method is all or nothing."""

    async def find(self, key: str) -> File | None:
        """The file with this key."""
        ...

    async def all(self) -> Sequence[File]:
        """Every file."""
        ...

    async def add(self, key: str, text: str) -> File:
        """A new file. Raises Conflict if the key is in use."""
        ...

    async def edit(self, file: File, text: str, why: str) -> None:
        """A new version of a file. Raises Conflict if this is not its newest version, NotFound if it is gone."""
        ...

    async def remove(self, files: Sequence[File], why: str) -> None:
        """Forget files, all or none. Raises NotFound if one is gone."""
        ...

    async def rename(self, keys: Mapping[str, str], why: str) -> None:
        """Give files other keys, all or none. Raises NotFound if one is gone, Conflict if a new key is in use."""
        ...


class Folder:
    """The tree below /memories. Directories are what the keys of files say: one without files is not there.

    What a command refuses, it refuses with a MemosError in the words of Anthropic's own tool; nothing is written then.
    `budget` is how many tokens a view may have; what is cut says how to go on.
    """

    def __init__(self, files: Files, *, budget: int | None = None) -> None:
        self._files = files
        self._budget = budget

    async def view(self, path: str, view_range: Sequence[int] | None = None) -> str:
        """A file with line numbers, or a directory two levels deep. Raises InvalidInput, NotFound."""
        at = place(path)
        file = await self._files.find(at.key) if at.key else None
        if file:
            _check_shown(at, file)
            return numbered(at, file.text, view_range, self._budget)
        inside = [(name, f.text) for f in await self._files.all() if (name := at.beneath(f.key)) is not None]
        if at.key and not inside:
            raise _missing(at)
        return listed(at, inside, self._budget)

    async def create(self, path: str, text: str) -> str:
        """A new file; those that exist are never overwritten. Raises InvalidInput."""
        at = place(path)
        taken = f"File {path} already exists"
        files = await self._all(at)
        if not at.key or self._at(at, files):
            raise InvalidInput(taken)
        self._check_open(at, files)
        try:
            await self._files.add(at.key, text)
        except Conflict as exc:
            raise InvalidInput(taken) from exc
        return f"File created successfully at: {path}"

    async def str_replace(self, path: str, old: str, new: str) -> str:
        """Replace a text that stands in a file exactly once. Raises InvalidInput, NotFound."""
        at = place(path)
        return await self._edited(at, lambda text: replaced(at, text, old, new), "memory tool: str_replace")

    async def insert(self, path: str, after: int, more: str) -> str:
        """Insert a text after a line of a file; 0 is its beginning. Raises InvalidInput, NotFound."""
        at = place(path)
        return await self._edited(at, lambda text: inserted(at, text, after, more), "memory tool: insert")

    async def delete(self, path: str) -> str:
        """Forget a file, or a directory with everything in it. Raises InvalidInput, NotFound."""
        at = place(path)
        if not at.key:
            raise InvalidInput(f"Cannot delete the {ROOT} directory itself")
        for _ in range(_LOOKS):
            files = self._at(at, await self._all(at))
            if not files:
                raise NotFound(f"The path {path} does not exist")
            with suppress(NotFound):
                await self._files.remove(files, "memory tool: delete")
                return f"Successfully deleted {path}"
        raise _busy(at)

    async def rename(self, old_path: str, new_path: str) -> str:
        """Give a file another name, or all files of a directory another place. Raises InvalidInput, NotFound."""
        old, new = place(old_path), place(new_path)
        if not old.key:
            raise InvalidInput(f"Cannot rename the {ROOT} directory itself")
        for _ in range(_LOOKS):
            keys = await self._renamed(old, new)
            with suppress(Conflict, NotFound):
                await self._files.rename(keys, "memory tool: rename")
                return f"Successfully renamed {old_path} to {new_path}"
        raise InvalidInput(f"The destination {new_path} already exists")

    async def clear(self) -> str:
        """Forget every file."""
        while files := await self._files.all():
            with suppress(NotFound):
                await self._files.remove(files, "memory tool: clear")
        return "All memory cleared"

    async def _edited(self, at: Place, change: Callable[[str], tuple[str, str]], why: str) -> str:
        """Change the newest version, again and again: somebody else may have been faster. Gives the answer."""
        file = await self._file(at)
        for _ in range(_ATTEMPTS):
            _check_shown(at, file)
            text, answer = change(file.text)
            with suppress(Conflict, NotFound):
                await self._files.edit(file, text, why)
                return answer
            newer = await self._files.find(at.key)
            if newer is None:
                raise NotFound(f"The file {at.said} no longer exists (may have been deleted or renamed concurrently).")
            file = newer
        raise _busy(at)

    async def _file(self, at: Place) -> File:
        file = await self._files.find(at.key) if at.key else None
        if file is None:
            if not at.key or self._at(at, await self._files.all()):
                raise InvalidInput(f"The path {at.said} is not a file.")
            raise _missing(at)
        return file

    async def _renamed(self, old: Place, new: Place) -> dict[str, str]:
        """The keys that change, and what they become. Raises InvalidInput, NotFound."""
        files = await self._all(old)
        if not new.key or self._at(new, files):
            raise InvalidInput(f"The destination {new.said} already exists")
        moving = self._at(old, files)
        if not moving:
            raise NotFound(f"The path {old.said} does not exist")
        if old.beneath(new.key):
            raise InvalidInput(f"Cannot move {old.said} into itself")
        self._check_open(new, [file for file in files if file.key != old.key])
        return {file.key: check_length(new.key + file.key.removeprefix(old.key), new.said) for file in moving}

    async def _all(self, at: Place) -> list[File]:
        """Every file, and the one at this place, which may be kept from lists."""
        files = [*await self._files.all()]
        if at.key and all(file.key != at.key for file in files) and (file := await self._files.find(at.key)):
            files.append(file)
        return files

    def _at(self, at: Place, files: Iterable[File]) -> list[File]:
        """The file of that name; if there is none, all files beneath."""
        here = [file for file in files if file.key == at.key or at.beneath(file.key) is not None]
        return [file for file in here if file.key == at.key] or here

    def _check_open(self, at: Place, files: Iterable[File]) -> None:
        """Raise InvalidInput if a directory that it would be in is a file."""
        if blocking := set(above(at.key)).intersection(file.key for file in files):
            raise InvalidInput(f"The path {ROOT}/{min(blocking)} is a file: {at.said} cannot be in it.")


def _check_shown(at: Place, file: File) -> None:
    """Raise InvalidInput for a file whose words could give orders: it is listed, and can be moved and deleted."""
    if file.held:
        raise InvalidInput(
            f"The file {at.said} is in quarantine because it looks hostile: only the user may release it."
        )


def _missing(at: Place) -> NotFound:
    return NotFound(f"The path {at.said} does not exist. Please provide a valid path.")


def _busy(at: Place) -> Conflict:
    return Conflict(f"The file {at.said} is being changed by others all the time: try again later.")
