"""Adapters on the disk: a folder each, named by the hash of its manifest, which has the hashes of its files.

A folder holds the two files that servers load and the manifest beside them. It is there whole or not at all, and what
is loaded is exactly what was hashed: nothing is read twice.
"""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from memos_mcp.cube import Governance, Parametric, Ref
from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, differing
from memos_mcp.infrastructure.parametric import folders
from memos_mcp.infrastructure.parametric.folders import (
    BLOB,
    MANIFEST,
    bytes_of,
    hash_of,
    placed,
    removed,
    settled,
    swept,
)
from memos_mcp.infrastructure.parametric.profile import (
    CONFIG,
    FILE,
    LORA,
    Config,
    cartridge_of,
    config_of,
    format_of,
    rank_of,
)
from memos_mcp.parametric import Budget, GateReport, Recipe, check_topic

_FILES = {FILE, CONFIG, MANIFEST}


class Manifest(BaseModel):
    """What an adapter says of itself: of which base and data, how it was trained, and who may use it.

    `data` is the hash of all pairs, `key` of the whole lesson, `log` the loss of each step. `parts` are the names of
    those that it was merged from, `lost` what the merging cost of the log-p per token. One that was trained elsewhere
    and adopted has no sources, so nothing is known of how it was trained either; then `data` is the hash of its file. A
    cartridge has a format of its own, the hash of the KV `block` that it began as, and tokens for its `rank`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["memos-lora/1", "memos-cartridge/1"] = LORA
    name: str
    base: Fingerprint
    data: str
    key: str
    sources: tuple[Ref, ...]
    files: dict[str, str]
    rank: int = Field(ge=1)
    recipe: Recipe | None = None
    budget: Budget | None = None
    log: tuple[float, ...] = ()
    report: GateReport | None = None
    rules: Governance
    parts: tuple[str, ...] = ()
    lost: float | None = None
    block: str = ""

    @model_validator(mode="after")
    def _accounted_for(self) -> Manifest:
        told = [each is not None for each in (self.recipe, self.budget, self.report)]
        if self.sources and not all(told):
            raise ValueError("an adapter with sources says how it was trained and what was measured")
        if not self.sources and (any(told) or self.log or self.parts or self.lost is not None):
            raise ValueError("an adapter without sources was adopted: nothing is known of how it was trained")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """An adapter that was read and found whole."""

    manifest: Manifest
    config: Config
    tensors: Mapping[str, Tensor]


class Shelf:
    """The adapters of a folder, which belongs to one process at a time. All of it blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, manifest: Manifest, config: Config, tensors: Mapping[str, Tensor]) -> Parametric:
        """Store an adapter, durably, unless it is there, and say how a memory holds it. Raises Unavailable.

        Files, format and rank of the manifest are those of what is stored.
        """
        data = {FILE: save(dict(tensors), {"format": "pt"}), CONFIG: config.model_dump_json(indent=1).encode()}
        files = {name: hash_of(each) for name, each in data.items()}
        manifest = manifest.model_copy(update={"files": files, "format": format_of(config), "rank": rank_of(config)})
        data[MANIFEST] = manifest.model_dump_json(indent=1).encode()
        adapter = payload(hash_of(data[MANIFEST]), manifest)
        if not self._whole(adapter):
            self.drop(adapter.blob)
            try:
                placed(self.path(adapter.blob), data, self.folder)
            except OSError as exc:
                raise _unavailable(self.path(adapter.blob), exc) from exc
        return adapter

    def read(self, adapter: Parametric, base: Fingerprint | None = None) -> Artefact:
        """An adapter, every byte of it compared, made for this base. Raises NotFound, Corrupt, InvalidInput."""
        found = self.manifest(adapter.blob)
        if (found.base.key, found.sources, found.name) != (adapter.fingerprint, adapter.sources, adapter.name):
            raise Corrupt(f"the adapter {adapter.blob} is not the one that the memory speaks of: train it again")
        if base is not None and found.base != base:
            what = ", ".join(differing(found.base, base))
            raise InvalidInput(
                f"the adapter {found.name} was trained for another model ({what} differ): train it again, "
                f"or open {found.base.model!r} as it was then"
            )
        folder = self.path(adapter.blob)
        data = {name: bytes_of(folder / name) for name in (FILE, CONFIG)}
        for name, each in data.items():
            if found.files.get(name) != hash_of(each):
                raise Corrupt(f"{folder / name} is not what was written: drop the adapter and train it again")
        try:
            parse = config_of if found.format == LORA else cartridge_of
            return Artefact(found, parse(data[CONFIG], str(folder / CONFIG)), load(data[FILE]))
        except SafetensorError as exc:
            raise Corrupt(f"{folder / FILE} is no safetensors file: {exc}") from exc

    def manifest(self, blob: str) -> Manifest:
        """What an adapter says of itself. Raises NotFound, Corrupt, InvalidInput (other files lie with it)."""
        folder = self.path(blob)
        try:
            lying = {each.name for each in folder.iterdir()}
        except OSError as exc:
            raise NotFound(f"there is no adapter {blob}: train it again from its sources") from exc
        if odd := lying ^ _FILES:
            raise InvalidInput(
                f"{folder} is not loaded: {', '.join(sorted(_FILES))} lie with an adapter and nothing else, and here "
                f"{', '.join(sorted(odd))} is too much or missing; drop it and train it again"
            )
        data = bytes_of(folder / MANIFEST)
        if hash_of(data) != blob:
            raise Corrupt(f"{folder / MANIFEST} is not what was written: drop the adapter and train it again")
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as exc:
            raise Corrupt(f"{folder / MANIFEST} cannot be read: train the adapter again") from exc

    def drop(self, blob: str) -> None:
        """Remove an adapter: after that there is no folder of this name. Raises Unavailable."""
        removed(self.path(blob), self.folder)

    def sweep(self) -> None:
        """Remove what was being written or removed when a process was killed. Nobody else may be writing."""
        swept(self.folder)

    def all(self) -> Iterator[tuple[str, Manifest]]:
        """Every adapter that can be read, by its hash."""
        for path in sorted(self.folder.glob("??/*")):
            blob = path.parent.name + path.name
            if BLOB.fullmatch(blob):
                try:
                    yield blob, self.manifest(blob)
                except (Corrupt, InvalidInput, NotFound):
                    continue

    def releases(self, topic: str) -> list[Parametric]:
        """The adapters of a topic, by version."""
        found = [payload(blob, its) for blob, its in self.all() if its.name.rpartition("@")[0] == topic]
        return sorted(found, key=lambda each: int(each.name.rpartition("@")[2]))

    def name(self, topic: str) -> str:
        """A name that no adapter ever had: `topic@version`. Raises InvalidInput for what servers cannot be told.

        Versions go up, and count over all topics: by topic they would tell that somebody else has the same.
        """
        check_topic(topic)
        place = self.folder / "names"
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            version = max((int(each.name) for each in place.rglob("*") if each.name.isdecimal()), default=0)
            while True:
                version += 1
                try:
                    os.close(os.open(place / str(version), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                except FileExistsError:
                    continue
                settled(place)
                return f"{topic}@{version}"
        except OSError as exc:
            raise _unavailable(place, exc) from exc

    def path(self, blob: str) -> Path:
        """The folder of an adapter, as a server is told it. Raises InvalidInput."""
        return folders.place_of(self.folder, blob)

    def keyed(self, key: str) -> Parametric | None:
        """The adapter of this lesson, if it was stored before: by who was killed before he could note it, too."""
        for blob, manifest in self.all():
            if manifest.key == key:
                return payload(blob, manifest)
        return None

    def _whole(self, adapter: Parametric) -> bool:
        try:
            self.read(adapter)
        except (Corrupt, InvalidInput, NotFound):
            return False
        return True


def payload(blob: str, manifest: Manifest) -> Parametric:
    """How a memory holds an adapter."""
    return Parametric(
        sources=manifest.sources,
        fingerprint=manifest.base.key,
        rank=manifest.rank,
        blob=blob,
        name=manifest.name,
        merged=manifest.parts,
    )


def place_of(blob: str) -> str:
    """What an adapter is called within a model: no dots, and nothing else is called so."""
    return f"memos{blob[:32]}"


def touched(sources: Collection[Ref], ids: Collection[str]) -> bool:
    """Is one of these memories among the sources, in whatever version?"""
    return any(each.id in ids for each in sources)


def _unavailable(place: Path, exc: OSError) -> Unavailable:
    return Unavailable(f"{place} could not be used: {exc.strerror}; see to the disk, then repeat")
