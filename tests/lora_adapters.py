"""Adapters with random weights, as training leaves them on the disk, made without torch: the same for the same seed."""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memos_mcp.cube import Parametric, Ref
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.parametric.folders import MANIFEST
from memos_mcp.infrastructure.parametric.profile import CONFIG, FILE


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama."""

    layers: int = 2
    hidden: int = 16
    inner: int = 24
    keys: int = 8  # of all heads

    @property
    def sides(self) -> dict[str, tuple[int, int]]:
        """What goes into each projection, and what comes out."""
        attention = {
            "q_proj": (self.hidden, self.hidden),
            "k_proj": (self.hidden, self.keys),
            "v_proj": (self.hidden, self.keys),
            "o_proj": (self.hidden, self.hidden),
        }
        mlp = {
            "gate_proj": (self.hidden, self.inner),
            "up_proj": (self.hidden, self.inner),
            "down_proj": (self.inner, self.hidden),
        }
        return {f"self_attn.{name}": each for name, each in attention.items()} | {
            f"mlp.{name}": each for name, each in mlp.items()
        }


SMALL = Shape()
OF_THE_TINY_LLAMA = Shape(layers=4, hidden=256, inner=512, keys=128)


def base(model: str = "tiny") -> Fingerprint:
    """The fingerprint of a model that needs not exist."""
    return Fingerprint(model, "", "llama", 2, 16, 2, 1, 8, 64, "", "", "float32", "", "", "t", "c", "w", "memos-lora/1")


def tensors(shape: Shape, rank: int, seed: int) -> dict[str, tuple[list[int], list[float]]]:
    """What a file holds: a size and the numbers of each matrix."""
    dice = random.Random(seed)
    found: dict[str, tuple[list[int], list[float]]] = {}
    for layer in range(shape.layers):
        for module, (width, out) in shape.sides.items():
            name = f"base_model.model.model.layers.{layer}.{module}.lora_"
            bound = 1 / math.sqrt(width)
            found[f"{name}A.weight"] = ([rank, width], [dice.uniform(-bound, bound) for _ in range(rank * width)])
            found[f"{name}B.weight"] = ([out, rank], [dice.gauss(0, 0.2) for _ in range(out * rank)])
    return found


def safetensors(found: dict[str, tuple[list[int], list[float]]]) -> bytes:
    """A file of them."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, (size, numbers) in found.items():
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {"dtype": "F32", "shape": size, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    return len(told).to_bytes(8, "little") + told + data


def config(rank: int = 8, **changed: Any) -> dict[str, Any]:
    """An `adapter_config.json` of the portable profile, but for what is changed."""
    modules = [name.rpartition(".")[2] for name in SMALL.sides]
    said = {"base_model_name_or_path": "tiny", "peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none"}
    return {**said, "r": rank, "lora_alpha": 2 * rank, "target_modules": modules, "inference_mode": True, **changed}


def written(
    folder: Path,
    name: str,
    weights: bytes,
    settings: dict[str, Any],
    of: Fingerprint | None = None,
    sources: tuple[Ref, ...] = (),
) -> Parametric:
    """An adapter on the disk, hashed as it is, right or wrong."""
    model = of or base()
    files = {FILE: weights, CONFIG: json.dumps(settings).encode()}
    sources = sources or (Ref(id=f"of-{name[:40]}", version=1),)
    manifest = {
        "format": "memos-lora/1",
        "name": name,
        "base": asdict(model),
        "sources": [each.model_dump() for each in sources],
        "files": {each: hashlib.sha256(data).hexdigest() for each, data in files.items()},
    }
    files[MANIFEST] = json.dumps(manifest).encode()
    blob = hashlib.sha256(files[MANIFEST]).hexdigest()
    place = folder / blob[:2] / blob[2:]
    place.mkdir(parents=True)
    for each, data in files.items():
        (place / each).write_bytes(data)
    return Parametric(sources=sources, fingerprint=model.key, rank=int(settings.get("r", 8)), blob=blob)


def made(folder: Path, name: str = "tea@1", *, seed: int = 1, rank: int = 8, shape: Shape = SMALL) -> Parametric:
    """An adapter that every server loads."""
    return written(folder, name, safetensors(tensors(shape, rank, seed)), config(rank))
