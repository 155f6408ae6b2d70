"""Forgetting what was trained without the model that it was trained for: adapters and half-trained things, as files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.infrastructure.parametric.folders import BLOB, MANIFEST, bytes_of, hash_of, place_of, removed, swept

SOURCES = "sources.json"
"""What a training says of where it learns from."""
REFS: TypeAdapter[tuple[Ref, ...]] = TypeAdapter(tuple[Ref, ...])
"""How it says so."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    sources: tuple[Ref, ...]


def retired(folder: Path, ids: Collection[str]) -> dict[str, str]:
    """Remove what was trained from a memory with one of these ids, and what does not say from which.

    The names of the adapters that are gone, by hash; empty where it is not known. Raises Unavailable.
    """
    swept(folder)
    gone: dict[str, str] = {}
    for blob in _blobs(folder):
        said = _said(folder, blob)
        if said is None or any(ref.id in ids for ref in said.sources):
            removed(place_of(folder, blob), folder)
            gone[blob] = said.name if said else ""
    for training in (folder / "training").glob("*"):
        sources = _learnt(training)
        if sources is None or any(ref.id in ids for ref in sources):
            shutil.rmtree(training, ignore_errors=True)
    return gone


def unnamed(folder: Path, kept: Collection[str], age: float) -> list[str]:
    """The adapters beside these, by hash, that are so many seconds old."""
    found = ((blob, place_of(folder, blob)) for blob in _blobs(folder) if blob not in kept)
    return [blob for blob, place in found if _age(place) > age]


def aimless(folder: Path, age: float) -> list[Path]:
    """The trainings that do not say where they learn from, and are so many seconds old: no memory can end them."""
    found = [each for each in (folder / "training").glob("*") if not (each / SOURCES).exists()]
    return [each for each in found if _age(each) > age]


def size(folder: Path, blob: str) -> int:
    """What an adapter takes, in bytes; 0 if it is not there. Raises InvalidInput."""
    return sum(each.stat().st_size for each in place_of(folder, blob).glob("*"))


def _age(place: Path) -> float:
    """In seconds; 0 for what is gone already."""
    try:
        return time.time() - place.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _blobs(folder: Path) -> Iterator[str]:
    names = (path.parent.name + path.name for path in sorted(folder.glob("??/*")))
    return (name for name in names if BLOB.fullmatch(name))


def _said(folder: Path, blob: str) -> _Said | None:
    try:
        data = bytes_of(place_of(folder, blob) / MANIFEST)
        return _Said.model_validate_json(data) if hash_of(data) == blob else None
    except (NotFound, InvalidInput, ValidationError):
        return None


def _learnt(training: Path) -> tuple[Ref, ...] | None:
    try:
        return REFS.validate_json((training / SOURCES).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
