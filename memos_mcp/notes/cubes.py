"""Files as memories: each one is put under its key, and every edit is a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from memos_mcp.answers import Page
from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import NotFound
from memos_mcp.notes.files import File
from memos_mcp.notes.names import can_be_said

_PAGE = 100


class Held(Protocol):
    """What files need of `Memos.quarantine`."""

    async def list(self, path: str, *, limit: int, after: int) -> Page:
        """Memories in quarantine, newest first."""
        ...


class Store(Protocol):
    """What files need of `Memos`, word for word."""

    @property
    def quarantine(self) -> Held:
        """What is kept from recall."""
        ...

    async def get(self, *, path: str, key: str) -> MemCube:
        """The memory with this key. Raises NotFound."""
        ...

    async def browse(self, path: str, *, limit: int, after: int) -> Page:
        """Memories newest first."""
        ...

    async def put(self, path: str, key: str, *, text: str, source_class: Literal["assistant"], expect: int) -> MemCube:
        """Store a text under a key. Raises Conflict."""
        ...

    async def update(
        self, id: str, text: str, *, source_class: Literal["assistant"], expect: int, reason: str
    ) -> MemCube:
        """Write a new version. Raises Conflict, NotFound."""
        ...

    async def forget_all(self, ids: Sequence[str], *, reason: str) -> object:
        """Forget them, all or none. Raises NotFound."""
        ...

    async def rename(self, keys: Mapping[str, str], *, path: str, reason: str) -> object:
        """Give them other keys, all or none. Raises NotFound, Conflict."""
        ...


class CubeFiles:
    """The memories with a key and a text at one path. Anything else there is no file and stays as it is.

    What is written comes from the model (source class `assistant`), so what looks hostile goes to quarantine.
    """

    def __init__(self, memos: Store, path: str) -> None:
        self._memos = memos
        self._path = path

    async def find(self, key: str) -> File | None:
        """The file with this key. Cost: one look-up."""
        try:
            return _file(await self._memos.get(path=self._path, key=key))
        except NotFound:
            return None

    async def all(self) -> list[File]:
        """Every file, newest first, those in quarantine last. Cost: about 35 µs a file."""
        found = list[File]()
        for pages in (self._memos.browse, self._memos.quarantine.list):
            after = -1
            while after:
                page = await pages(self._path, limit=_PAGE, after=max(after, 0))
                found += [file for cube in page.cubes if cube.path in page.paths and (file := _file(cube))]
                after = page.after
        return found

    async def add(self, key: str, text: str) -> File:
        """Version 1 of a file. Raises Conflict if the key is in use."""
        cube = await self._memos.put(self._path, key, text=text, source_class="assistant", expect=0)
        return File(key, text, cube.id, cube.version, held=bool(cube.quarantined))

    async def edit(self, file: File, text: str, why: str) -> None:
        """The next version. Raises Conflict, NotFound."""
        await self._memos.update(file.id, text, source_class="assistant", expect=file.version, reason=why)

    async def remove(self, files: Sequence[File], why: str) -> None:
        """Forget all versions of all of them. Raises NotFound."""
        await self._memos.forget_all([file.id for file in files], reason=why)

    async def rename(self, keys: Mapping[str, str], why: str) -> None:
        """The next version of each, under its new key. Raises NotFound, Conflict."""
        await self._memos.rename(keys, path=self._path, reason=why)


def _file(cube: MemCube) -> File | None:
    match cube:
        case MemCube(key=str(key), payload=Plaintext(text=text, data=None)) if can_be_said(key):
            return File(key, text, cube.id, cube.version, held=bool(cube.quarantined))
        case _:
            return None
