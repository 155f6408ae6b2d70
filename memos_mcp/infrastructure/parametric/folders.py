"""Adapters as folders of a few files: written whole or not at all, read once, gone at once. Without torch."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from memos_mcp.errors import InvalidInput, NotFound, Unavailable
from memos_mcp.late import late

MANIFEST = "memos.json"
BLOB = late(r"[0-9a-f]{64}")


def place_of(folder: Path, blob: str) -> Path:
    """Where an adapter lies. Raises InvalidInput."""
    if not BLOB.fullmatch(blob):
        raise InvalidInput(f"{blob[:80]!r} is not the name of a blob: that is 64 hexadecimal digits")
    return folder / blob[:2] / blob[2:]


def placed(place: Path, files: Mapping[str, bytes], within: Path, mode: int = 0o700) -> None:
    """Write a folder, durably, whole or not at all. Raises OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".making-", dir=within))
    try:
        for name, data in files.items():
            with (made / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        settled(made)
        made.chmod(mode)
        made.rename(place)
        settled(place.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def removed(place: Path, within: Path) -> None:
    """Remove a folder, which is there whole until it is gone; one that is not there is no error. Raises Unavailable."""
    try:
        if not place.exists():
            return
        gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=within))
        try:
            with suppress(FileNotFoundError):  # somebody else was faster
                place.rename(gone / "it")
        finally:
            shutil.rmtree(gone)
        settled(place.parent)
    except OSError as exc:
        raise Unavailable(f"{place} could not be removed: {exc.strerror}; see to the disk, then repeat") from exc


def swept(folder: Path) -> None:
    """Remove what was being written or removed when a process was killed. Nobody else may be writing."""
    for each in folder.glob(".[mg]*-*"):
        shutil.rmtree(each, ignore_errors=True)


def bytes_of(path: Path) -> bytes:
    """What a file of an adapter holds. Raises InvalidInput (a link), NotFound, Unavailable."""
    try:
        if path.is_symlink():
            raise InvalidInput(f"{path} is a link: only what was written there is loaded")
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise NotFound(f"there is no {path}: train the adapter again from its sources") from exc
    except OSError as exc:
        raise Unavailable(f"{path} could not be read: {exc.strerror}; try again") from exc


def hash_of(data: bytes) -> str:
    """By which files and manifests are named."""
    return hashlib.sha256(data).hexdigest()


def settled(folder: Path) -> None:
    """The entries of a folder are on the disk, too. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
