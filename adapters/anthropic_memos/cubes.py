"""Files as memories: each one is put under its key, and every edit is a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anthropic_memos.files import File
from anthropic_memos.names import can_be_said
from memos_mcp import MemCube, NotFound, Plaintext, sync

_PAGE = 100


class CubeFiles:
    """The memories with a key and a text at one path. Anything else there is no file and stays as it is."""

    def __init__(self, memos: sync.Memos, path: str) -> None:
        self._memos = memos
        self._path = path

    def find(self, key: str) -> File | None:
        """The file with this key. Cost: one look-up."""
        try:
            return _file(self._memos.get(path=self._path, key=key))
        except NotFound:
            return None

    def all(self) -> list[File]:
        """Every file, newest first. Cost: about 35 µs a file."""
        files, after = list[File](), 0
        while True:
            page = self._memos.browse(self._path, limit=_PAGE, after=after)
            files += [file for cube in page.cubes if cube.path in page.paths and (file := _file(cube))]
            if not (after := page.after):
                return files

    def add(self, key: str, text: str) -> File:
        """Version 1 of a file. Raises Conflict if the key is in use."""
        cube = self._memos.put(self._path, key, text=text, expect=0)
        return File(key, text, cube.id, cube.version)

    def edit(self, file: File, text: str, why: str) -> None:
        """The next version. Raises Conflict, NotFound."""
        self._memos.update(file.id, text, expect=file.version, reason=why)

    def remove(self, files: Sequence[File], why: str) -> None:
        """Forget all versions of all of them. Raises NotFound."""
        self._memos.forget_all([file.id for file in files], reason=why)

    def rename(self, keys: Mapping[str, str], why: str) -> None:
        """The next version of each, under its new key. Raises NotFound, Conflict."""
        self._memos.rename(keys, path=self._path, reason=why)


def _file(cube: MemCube) -> File | None:
    match cube:
        case MemCube(key=str(key), payload=Plaintext(text=text, data=None)) if can_be_said(key):
            return File(key, text, cube.id, cube.version)
        case _:
            return None
