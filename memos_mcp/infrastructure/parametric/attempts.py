"""What is kept of trainings: where one stands, so that it goes on after a kill -9, and what was measured at its end.

A checkpoint is a safetensors file named by its step and hash: one that was damaged is passed over.
"""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from memos_mcp.cube import Ref
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, hashed
from memos_mcp.infrastructure.parametric.retiring import REFS, SOURCES
from memos_mcp.parametric import Figures, Lesson

logger = logging.getLogger(__name__)

_MEASURED = "measured.json"


class Measured(BaseModel):
    """What a training came to: its figures, the loss of each step, and its adapter (empty: not kept)."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    figures: Figures
    losses: tuple[float, ...]
    blob: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How far a training had come: `seconds` of its budget are used up."""

    state: Mapping[str, Tensor]
    losses: tuple[float, ...]
    seconds: float


def key_of(lesson: Lesson, base: Fingerprint) -> str:
    """The same for the same lesson and base: what is trained under it is the same. The topic is part of it."""
    data = data_of(lesson)
    recipe = {**asdict(lesson.recipe), **asdict(lesson.budget)}
    texts = [lesson.topic, list(lesson.rehearsal), list(lesson.control), lesson.rules.model_dump(mode="json")]
    return hashed([base.key, data, recipe, texts])


def data_of(lesson: Lesson) -> str:
    """A hash of all pairs, in order."""
    return hashed([[each.question, each.answer, each.source.model_dump(), each.held_out] for each in lesson.pairs])


class Attempts:
    """The trainings of a folder, one for each key. All of it blocks; raises Unavailable if the disk does not serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, key: str, sources: Collection[Ref]) -> None:
        """Note from what is going to be learnt, before anything of it is kept."""
        self._write(key, SOURCES, REFS.dump_json(tuple(sources)))

    def keep(self, key: str, standing: Standing) -> None:
        """Keep where a training stands, in place of where it stood."""
        label = json.dumps({"losses": standing.losses, "seconds": standing.seconds})
        data = save(dict(standing.state), {"memos-lora-training": label})
        name = f"{len(standing.losses):06}-{hashlib.sha256(data).hexdigest()}.safetensors"
        self._write(key, name, data)
        for older in self._points(key):
            if older.name != name:
                older.unlink(missing_ok=True)

    def standing(self, key: str) -> Standing | None:
        """Where a training stood, if something whole was kept of it."""
        for path in self._points(key):
            data = path.read_bytes()
            if path.stem.split("-")[-1] != hashlib.sha256(data).hexdigest():
                logger.warning("a checkpoint is damaged and passed over", extra={"training": key})
                continue
            try:
                return _standing(data)
            except (SafetensorError, ValueError, KeyError):
                continue
        return None

    def measured(self, key: str) -> Measured | None:
        """What it came to, if it came to its end."""
        try:
            return Measured.model_validate_json((self.folder / key / _MEASURED).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def finish(self, key: str, measured: Measured) -> None:
        """Note what it came to. The checkpoint is of no more use after that."""
        self._write(key, _MEASURED, measured.model_dump_json().encode())
        for path in self._points(key):
            path.unlink(missing_ok=True)

    def _points(self, key: str) -> list[Path]:
        return sorted((self.folder / key).glob("*-*.safetensors"), reverse=True)

    def _write(self, key: str, name: str, data: bytes) -> None:
        place = self.folder / key
        made = place / f".{name}"
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with made.open("wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
            made.replace(place / name)
        except OSError as exc:
            raise Unavailable(f"{place} could not be written: {exc.strerror}; free some room, then repeat") from exc


def _standing(data: bytes) -> Standing:
    label = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["memos-lora-training"]
    said = json.loads(label)
    return Standing(load(data), tuple(map(float, said["losses"])), float(said["seconds"]))
