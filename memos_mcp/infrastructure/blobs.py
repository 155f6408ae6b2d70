"""Content-addressed files: a blob is named by its SHA-256, so it never changes and is checked whenever it is read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.late import late

_NAME = late(r"[0-9a-f]{64}")
_MAKING = ".making-"


class Blobs:
    """The bytes that cubes name, one file `ab/cdef…` each; safe to share between any number of processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._working = CapacityLimiter(4)

    async def put(self, data: bytes) -> str:
        """Store bytes, durably, and return their name; those that are there already are left alone.

        Raises Unavailable; then there is no half a file.
        """
        return await to_thread.run_sync(self._put, data, limiter=self._working)

    async def put_file(self, write: Callable[[Path], None]) -> str:
        """Store what `write` puts into the file that it is given, as `put` does, but without all bytes in memory."""
        return await to_thread.run_sync(self._put_file, write, limiter=self._working)

    async def get(self, name: str) -> bytes:
        """The bytes of this name. Raises NotFound, Corrupt if they changed on the disk, Unavailable."""
        return await to_thread.run_sync(self._get, name, limiter=self._working)

    async def file(self, name: str) -> Path:
        """The file of this name, its bytes compared first: for what is mapped into memory. Raises as `get`."""
        return await to_thread.run_sync(self._whole, name, limiter=self._working)

    async def has(self, name: str) -> bool:
        """Is there such a blob? Its bytes are not looked at. Raises Unavailable."""
        return await to_thread.run_sync(self._has, name, limiter=self._working)

    async def drop(self, name: str) -> None:
        """Remove a blob; one that is not there is no error. Raises Unavailable."""
        await to_thread.run_sync(self._drop, name, limiter=self._working)

    async def sweep(self, before: float) -> None:
        """Remove what a writer of `put_file` that was killed left, unless it was written to since then.

        Nobody else may be writing so long. Raises Unavailable.
        """
        await to_thread.run_sync(self._sweep, before, limiter=self._working)

    async def names(self) -> list[str]:
        """The names of all blobs, sorted. Raises Unavailable."""
        return await to_thread.run_sync(self._names, limiter=self._working)

    def _put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        file = self._file(name)
        with contextlib.suppress(NotFound, Corrupt):  # a damaged one is written anew
            self._get(name)
            return name
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(file, data)
        except OSError as exc:
            raise _unavailable(file, exc, "stored") from exc
        return name

    def _put_file(self, write: Callable[[Path], None]) -> str:
        file = self.folder
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(prefix=_MAKING, dir=self.folder)  # readable by its owner only
            os.close(handle)
            file = Path(made)
            try:
                write(file)
                name = _digest(file)
                return self._adopt(file, name)
            finally:
                file.unlink(missing_ok=True)
        except OSError as exc:
            raise _unavailable(file, exc, "stored") from exc

    def _adopt(self, made: Path, name: str) -> str:
        file = self._file(name)
        with contextlib.suppress(NotFound, Corrupt):  # a damaged one is replaced
            self._whole(name)
            return name
        with made.open("rb") as f:
            os.fsync(f.fileno())
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made.chmod(0o600)
        made.replace(file)
        _settle(file.parent)
        return name

    def _write(self, file: Path, data: bytes) -> None:
        handle, made = tempfile.mkstemp(prefix=".", dir=file.parent)  # readable by its owner only
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            Path(made).replace(file)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
        _settle(file.parent)

    def _get(self, name: str) -> bytes:
        file = self._file(name)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no blob {name} in {self.folder}") from None
        except OSError as exc:
            raise _unavailable(file, exc, "read") from exc
        if hashlib.sha256(data).hexdigest() != name:
            raise _changed(file)
        return data

    def _whole(self, name: str) -> Path:
        file = self._file(name)
        try:
            found = _digest(file)
        except FileNotFoundError:
            raise NotFound(f"there is no blob {name} in {self.folder}") from None
        except OSError as exc:
            raise _unavailable(file, exc, "read") from exc
        if found != name:
            raise _changed(file)
        return file

    def _has(self, name: str) -> bool:
        file = self._file(name)
        try:
            return file.is_file()
        except OSError as exc:
            raise _unavailable(file, exc, "looked for") from exc

    def _drop(self, name: str) -> None:
        file = self._file(name)
        try:
            file.unlink(missing_ok=True)
        except OSError as exc:
            raise _unavailable(file, exc, "removed") from exc

    def _sweep(self, before: float) -> None:
        for file in self.folder.glob(f"{_MAKING}*"):
            try:
                if file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise _unavailable(file, exc, "removed") from exc

    def _names(self) -> list[str]:
        try:
            found = [path.parent.name + path.name for path in self.folder.glob("??/*")]
        except OSError as exc:
            raise _unavailable(self.folder, exc, "listed") from exc
        return sorted(name for name in found if _NAME.fullmatch(name))

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"{name[:80]!r} is not the name of a blob: that is 64 hexadecimal digits")
        return self.folder / name[:2] / name[2:]


def _digest(file: Path) -> str:
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _settle(folder: Path) -> None:
    """The entries of a folder are on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _changed(file: Path) -> Corrupt:
    return Corrupt(f"the blob {file} is not what was written; put its bytes again or restore it from a backup")


def _unavailable(file: Path, exc: OSError, done: str) -> Unavailable:
    advice = "free some room, then repeat" if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "try again"
    return Unavailable(f"{file} could not be {done}: {exc.strerror}; {advice}")
