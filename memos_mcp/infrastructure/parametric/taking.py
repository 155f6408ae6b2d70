"""An adapter as it lies on the disk, read once, every byte compared, without torch: what a server is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from memos_mcp.cube import Parametric, Ref
from memos_mcp.errors import Corrupt, InvalidInput
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.parametric.folders import MANIFEST, bytes_of, hash_of, place_of
from memos_mcp.infrastructure.parametric.profile import CONFIG, FILE, LORA, AdapterConfig, config_of
from memos_mcp.infrastructure.parametric.weights import Pair, agree, pairs_of
from memos_mcp.late import late

_NAMED = late(r"[a-z0-9][a-z0-9_-]{0,63}@[0-9]{1,9}")


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    format: str = LORA
    name: str
    base: Fingerprint
    sources: tuple[Ref, ...]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """An adapter that is whole: its name, `topic@version`, and the two files that servers load."""

    name: str
    config: AdapterConfig
    pairs: tuple[Pair, ...]
    files: Mapping[str, bytes] = field(repr=False)


def taken(folder: Path, adapter: Parametric) -> Taken:
    """Read an adapter from where it was trained to. Raises NotFound, Corrupt, InvalidInput, Unavailable."""
    place = place_of(folder, adapter.blob)
    data = bytes_of(place / MANIFEST)
    if hash_of(data) != adapter.blob:
        raise Corrupt(f"{place / MANIFEST} is not what was written: drop the adapter and train it again")
    try:
        manifest = _Manifest.model_validate_json(data)
    except ValidationError as exc:
        raise Corrupt(f"{place / MANIFEST} cannot be read: train the adapter again") from exc
    if (manifest.base.key, manifest.sources) != (adapter.fingerprint, adapter.sources):
        raise Corrupt(f"the adapter {adapter.blob} is not the one that the memory speaks of: train it again")
    if manifest.format != LORA:
        raise InvalidInput(
            f"{manifest.name} is no LoRA adapter, its format is {manifest.format!r}: SGLang cannot load it; "
            "answer with it in process"
        )
    if not _NAMED.fullmatch(manifest.name):
        raise InvalidInput(f"{manifest.name[:80]!r} is no name that a server can be told: it is like tea@3")
    files = {name: bytes_of(place / name) for name in (FILE, CONFIG)}
    for name, each in files.items():
        if manifest.files.get(name) != hash_of(each):
            raise Corrupt(f"{place / name} is not what was written: drop the adapter and train it again")
    config = config_of(files[CONFIG], str(place / CONFIG))
    pairs = pairs_of(files[FILE], str(place / FILE))
    agree(pairs, config, str(place))
    return Taken(manifest.name, config, pairs, files)
