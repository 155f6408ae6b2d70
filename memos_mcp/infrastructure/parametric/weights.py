"""The tensors of an adapter, by the header of their file: names, sizes, and whether they fit a model. Pure.

SGLang looks at neither when it loads an adapter: what does not fit ends the whole server when it is first used, and
half a group of projections is used wrongly without a word.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from memos_mcp.errors import Corrupt, InvalidInput
from memos_mcp.infrastructure.parametric.profile import AdapterConfig
from memos_mcp.late import late

_NAME = late(r"(.+\.layers\.(\d+)\..*?)\b(\w+)\.lora_([AB])\.weight")
_HEADER = 32_000_000
_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_TOGETHER = (("q_proj", "v_proj"), ("v_proj", "q_proj"), ("k_proj", "q_proj"), ("up_proj", "gate_proj"))
"""SGLang joins these projections, and leaves out what has no first one: `lora.py`, `normalize_*_proj`."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class Sizes(BaseModel):
    """What the configuration of a model says of its sizes; None: nothing."""

    model_config = ConfigDict(frozen=True)

    hidden_size: int | None = None
    intermediate_size: int | None = None
    num_hidden_layers: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The two matrices beside one projection: what goes in, the rank of both, what comes out."""

    layer: int
    module: str
    width: int
    rank: int
    out: int


def pairs_of(data: bytes, where: str) -> tuple[Pair, ...]:
    """What a file of safetensors holds. Raises Corrupt (no such file), InvalidInput (something else than LoRA)."""
    found: defaultdict[tuple[str, int, str], dict[str, list[int]]] = defaultdict(dict)
    for name, entry in _entries(data, where).items():
        match = _NAME.fullmatch(name)
        if match is None or len(entry.shape) != 2:
            raise InvalidInput(f"{where} holds {name[:120]!r}, which is no part of a plain LoRA: train it anew")
        at, layer, module, side = match.groups()
        found[at, int(layer), module][side] = entry.shape
    pairs: list[Pair] = []
    for (at, layer, module), sides in found.items():
        if sides.keys() != {"A", "B"} or sides["A"][0] != sides["B"][1]:
            raise InvalidInput(f"{where} has only half of {at}{module}: train it anew")
        pairs.append(Pair(layer, module, sides["A"][1], sides["A"][0], sides["B"][0]))
    if not pairs:
        raise InvalidInput(f"{where} holds nothing: train the adapter anew")
    return tuple(pairs)


def agree(pairs: tuple[Pair, ...], config: AdapterConfig, where: str) -> None:
    """Raises InvalidInput unless the tensors are what their configuration says, in each layer that has any."""
    modules = frozenset(config.target_modules)
    for module, needed in _TOGETHER:
        if module in modules and needed not in modules:
            raise InvalidInput(
                f"{where} adapts {module} without {needed}, which SGLang would leave out: train it with both"
            )
    layers: defaultdict[int, list[str]] = defaultdict(list)
    for pair in pairs:
        layers[pair.layer].append(pair.module)
        if pair.rank != config.r:
            raise InvalidInput(f"{where} says rank {config.r}, but {pair.module} of layer {pair.layer} has {pair.rank}")
    for layer, found in layers.items():
        if sorted(found) != sorted(modules):
            raise InvalidInput(
                f"{where} names {', '.join(sorted(modules))}, but layer {layer} has others: train it anew"
            )


def fit(pairs: tuple[Pair, ...], sizes: Sizes, name: str) -> None:
    """Raises InvalidInput for tensors that a model of these sizes has no place for."""
    hidden, inner = sizes.hidden_size, sizes.intermediate_size
    wide: Mapping[str, tuple[int | None, int | None]] = {
        "q_proj": (hidden, None),
        "k_proj": (hidden, None),
        "v_proj": (hidden, None),
        "o_proj": (None, hidden),
        "gate_proj": (hidden, inner),
        "up_proj": (hidden, inner),
        "down_proj": (inner, hidden),
    }
    for pair in pairs:
        width, out = wide.get(pair.module, (None, None))
        outside = sizes.num_hidden_layers is not None and pair.layer >= sizes.num_hidden_layers
        if outside or (width is not None and width != pair.width) or (out is not None and out != pair.out):
            raise InvalidInput(
                f"the adapter {name} was made for a model of other sizes than the one that SGLang runs: "
                "train it for that"
            )


def _entries(data: bytes, where: str) -> dict[str, _Entry]:
    size = int.from_bytes(data[:8], "little")
    start = 8 + size
    if len(data) < 8 or size > _HEADER or start > len(data):
        raise Corrupt(f"{where} is no safetensors file: train the adapter again")
    try:
        raw = TypeAdapter(dict[str, object]).validate_python(json.loads(data[8:start]))
        raw.pop("__metadata__", None)
        found = {name: _Entry.model_validate_json(json.dumps(entry)) for name, entry in raw.items()}
    except (ValueError, ValidationError, RecursionError) as exc:
        raise Corrupt(f"{where} has a header that cannot be read: train the adapter again") from exc
    at = 0
    for entry in sorted(found.values(), key=lambda each: each.data_offsets):
        begin, end = entry.data_offsets
        if begin != at or end - begin != _BYTES.get(entry.dtype, 0) * math.prod(entry.shape) or end == begin:
            raise Corrupt(f"{where} does not hold what its header says: train the adapter again")
        at = end
    if at != len(data) - start:
        raise Corrupt(f"{where} does not end where its header says: train the adapter again")
    return found
