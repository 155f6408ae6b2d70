"""The models folder: one folder for each model, with its files and a manifest of what they are."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from memos_mcp.errors import InvalidInput, Misconfigured, NotFound, Unavailable

MANIFEST = "model.json"
GRAPH = "onnx/model.onnx"
REST = "onnx/model.onnx_data"  # where a graph of more than 2 GB keeps its weights
TOKENIZER = "tokenizer.json"

Pooling = Literal["mean", "cls"]

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


class Manifest(BaseModel):
    """What a model is and which bytes it consists of. `revision`: of the weights it was made from.

    `files` maps each file that decides what comes out to its SHA-256.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    source: str
    revision: str
    files: Mapping[str, str]
    dimension: int
    pieces: int
    pooling: Pooling
    normalised: bool = True

    @property
    def id(self) -> str:
        """The id of its vectors."""
        return identity(self.name, self.files, self.pooling, self.pieces)


def identity(name: str, files: Mapping[str, str], pooling: Pooling, pieces: int) -> str:
    """The name and a short hash of all that decides what comes out: `all-MiniLM-L6-v2@89dfd72e`."""
    parts = "\n".join([*(files[each] for each in sorted(files)), pooling, str(pieces)])
    return f"{name}@{hashlib.sha256(parts.encode()).hexdigest()[:8]}"


def checked_name(name: str) -> str:
    """The name of a model, such as `bge-small` or `BAAI/bge-small`. Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of a model; write NAME or OWNER/NAME")
    return name


def digest(file: Path) -> str:
    """SHA-256 of a file in hexadecimal; 90 MB take about 60 ms where the processor helps."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that decide what comes out of a model. Raises Misconfigured, Unavailable."""
    names = (GRAPH, REST, TOKENIZER) if (folder / REST).exists() else (GRAPH, TOKENIZER)
    try:
        return {name: digest(folder / name) for name in names}
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise Misconfigured(
            f"there is no model in {folder}: {exc.filename} is missing; run `memos model install`"
        ) from exc
    except OSError as exc:
        raise Unavailable(f"the model {folder} cannot be read: {exc.strerror}") from exc


def manifest(folder: Path) -> Manifest | None:
    """The manifest of a model; None if somebody else put the folder there. Raises Misconfigured, Unavailable."""
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as exc:
        raise Misconfigured(f"{file} is damaged; run `memos model install` for this model again") from exc
    except OSError as exc:
        raise Unavailable(f"{file} cannot be read: {exc.strerror}") from exc


def make_room(shelf: Path) -> None:
    """The folder of all models; the data folder around it, if there is none yet, is its owner's only.

    Raises Unavailable.
    """
    try:
        shelf.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shelf.mkdir(exist_ok=True)
    except OSError as exc:
        raise Unavailable(f"the models folder {shelf} cannot be made ({exc.strerror}); set MEMOS_MODELS") from exc


@contextmanager
def staged(folder: Path) -> Generator[Path]:
    """An empty folder that becomes `folder` at the end, replacing it, or vanishes on any error. Raises Unavailable."""
    part = _aside(folder)
    try:
        part.mkdir(parents=True)
        yield part
        for file in part.rglob("*"):
            _sync(file)
        _replace(folder, part)
    except OSError as exc:
        raise Unavailable(f"the model folder {folder} cannot be written: {exc.strerror or exc}") from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)


def models(shelf: Path) -> list[tuple[Path, Manifest]]:
    """The models that were installed here, by name. Raises Misconfigured, Unavailable."""
    folders = sorted(file.parent for form in ("*", "*/*") for file in shelf.glob(f"{form}/{MANIFEST}"))
    found = [(folder, manifest(folder)) for folder in folders if not folder.name.startswith(".")]
    return [(folder, each) for folder, each in found if each is not None]


def remove(shelf: Path, name: str) -> int:
    """Delete a model; how many bytes that freed. Raises InvalidInput, NotFound, Unavailable."""
    folder = shelf / checked_name(name)
    if not (folder / MANIFEST).is_file():
        raise NotFound(f"there is no model {name!r} in {shelf}; `memos model list` shows those there are")
    freed = size(folder)
    try:
        gone = folder.rename(_aside(folder))
        shutil.rmtree(gone)
    except OSError as exc:
        raise Unavailable(f"{folder} cannot be deleted: {exc.strerror}") from exc
    if folder.parent != shelf:
        with suppress(OSError):  # other models of that owner stay
            folder.parent.rmdir()
    return freed


def size(folder: Path) -> int:
    """How many bytes the files of a folder have."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")


def _replace(folder: Path, made: Path) -> None:
    old = _aside(folder)
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
