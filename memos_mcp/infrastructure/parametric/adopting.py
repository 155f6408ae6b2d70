"""An adapter that somebody else trained, taken in: read once, compared with the model, kept like any other.

Nothing is known of what it was trained from, so it has no sources: it goes when it is dropped, never by a source.
"""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from memos_mcp.cube import Governance, Parametric
from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.activation.fingerprint import hashed
from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.artefacts import Manifest
from memos_mcp.infrastructure.parametric.folders import bytes_of, hash_of
from memos_mcp.infrastructure.parametric.learning import Place
from memos_mcp.infrastructure.parametric.profile import CONFIG, FILE, AdapterConfig, foreign

_NAME = "memosadopted"
_LYING = frozenset((FILE, CONFIG))
_BESIDE = frozenset(("README.md",))
_MOST_SAID = 2**20  # bytes of a configuration, and of the names in a file of tensors
_KINDS = (torch.float32, torch.float16, torch.bfloat16)


def adopted(at: Place, folder: Path, topic: str, rules: Governance) -> Parametric:
    """The adapter of a folder that peft wrote, stored; the same one again is what it became the first time.

    Raises NotFound, InvalidInput (other files, links, not of the portable profile, not for this model), Corrupt,
    Unavailable.
    """
    _lying(folder)
    config = foreign(_read(folder / CONFIG, _MOST_SAID), at.base.model, str(folder / CONFIG))
    if strange := sorted(set(config.target_modules) - set(at.adapted.targets)):
        raise InvalidInput(
            f"{folder} adapts {', '.join(strange)}, which {at.base.model} does not have: it is not for it"
        )
    data = _read(folder / FILE, config.r * at.adapted.per_rank() + _MOST_SAID)
    tensors = _tensors(data, folder / FILE)
    _fitted(at.adapted, config, tensors, folder)
    its = hash_of(data)
    key = hashed(["adopted", at.base.key, topic, its, config.model_dump(mode="json"), rules.model_dump(mode="json")])
    known = at.shelf.keyed(key)
    if known is not None:
        return known
    manifest = Manifest(
        name=at.shelf.name(topic), base=at.base, data=its, key=key, sources=(), files={}, rank=config.r, rules=rules
    )
    return at.shelf.keep(manifest, config, tensors)


def _lying(folder: Path) -> None:
    try:
        found = {each.name for each in folder.iterdir()}
    except FileNotFoundError as exc:
        raise NotFound(f"there is no folder {folder}: name the one that has {CONFIG}") from exc
    except OSError as exc:
        raise InvalidInput(f"{folder} cannot be looked through: {exc.strerror}; name a folder with {CONFIG}") from exc
    if odd := (found - _BESIDE) ^ _LYING:
        raise InvalidInput(
            f"{folder} is not taken in: {CONFIG}, {FILE} and at most a README.md lie there, and "
            f"{', '.join(sorted(odd))} is too much or missing"
        )


def _read(path: Path, most: int) -> bytes:
    try:
        size = path.lstat().st_size
    except OSError as exc:
        raise Unavailable(f"{path} could not be read: {exc.strerror}; try again") from exc
    if size > most:
        raise InvalidInput(f"{path} has {size:,} bytes, an adapter of its rank for this model at most {most:,}")
    return bytes_of(path)


def _tensors(data: bytes, path: Path) -> Mapping[str, Tensor]:
    try:
        found = load(data)
    except SafetensorError as exc:
        raise Corrupt(f"{path} is no safetensors file: {exc}") from exc
    for name, each in found.items():
        if each.dtype not in _KINDS or not bool(torch.isfinite(each).all()):
            raise InvalidInput(f"{path} is not taken in: {name} holds something else than finite numbers")
    return {name: each.float() for name, each in sorted(found.items())}


def _fitted(adapted: Adapted, config: AdapterConfig, tensors: Mapping[str, Tensor], folder: Path) -> None:
    try:
        adapted.add(_NAME, config, tensors)
    except Corrupt as exc:
        raise InvalidInput(f"{folder} was made for a model of other sizes: {exc}") from exc
    adapted.remove(_NAME)
