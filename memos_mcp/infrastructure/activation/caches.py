"""Blocks and the caches of transformers: which models keep theirs as plain keys and values, and the way in and out."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from anyio import CapacityLimiter
from torch import Tensor
from transformers import DynamicCache, DynamicLayer, PreTrainedModel

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.blocks import Block

SLICE = 1024
"""Tokens that are read in one go: how true progress is, and how long a reader that is called off goes on.

6,000 tokens in slices of 512 take a tenth more time than in one go, in slices of 1,024 no more (50 M parameters)."""


def storable(model: PreTrainedModel) -> None:
    """Raises InvalidInput unless every layer of the model keeps keys and values of every token.

    Sliding windows forget, states of linear attention do not tell tokens apart, and an encoder has a cache of its own.
    """
    config = model.config
    if config.is_encoder_decoder:
        raise _refused(model, "it is an encoder with a decoder")
    layers = DynamicCache(config=config).layers
    odd = sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
    if odd:
        raise _refused(model, f"it has layers of the kind {', '.join(odd)}")
    count = config.get_text_config(decoder=True).num_hidden_layers
    if len(layers) != count:
        raise _refused(model, f"{len(layers)} of its {count} layers keep anything")


def window_of(model: PreTrainedModel) -> int | None:
    """The tokens that a model was made for; None if it does not say."""
    most = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    return int(most) if most else None


def busy(limiter: CapacityLimiter) -> float:
    """What is computed or waits for it, for each that may be at once."""
    now = limiter.statistics()
    return (now.borrowed_tokens + now.tasks_waiting) / now.total_tokens


def filled(model: PreTrainedModel, keys: Sequence[Tensor], values: Sequence[Tensor], rows: int = 1) -> DynamicCache:
    """A cache that goes on after these keys and values, in so many rows; nothing is copied, and nothing written to."""
    cache = DynamicCache(config=model.config)
    for layer, its_keys, its_values in zip(cache.layers, keys, values, strict=True):
        layer.lazy_initialization(its_keys[None], its_values[None])
        layer.keys = its_keys[None].expand(rows, -1, -1, -1)  # `update` joins it with what is new, in new memory
        layer.values = its_values[None].expand(rows, -1, -1, -1)
    return cache


class Reading:
    """A model that reads ids, `SLICE` of them at a time, behind those of a block that it has read.

    `tokens` were read so far, in `seconds`, those of the block not counted. The result is that of one go.
    """

    def __init__(self, model: PreTrainedModel, ids: Sequence[int], before: Block | None = None) -> None:
        self._model, self._ids = model, ids
        self._before = before
        self._at = len(before.ids) if before is not None else 0
        self._cache = (
            filled(model, before.keys, before.values) if before is not None else DynamicCache(config=model.config)
        )
        self.tokens, self.seconds = 0, 0.0

    @property
    def over(self) -> bool:
        """Is there nothing left to read?"""
        return self._at + self.tokens >= len(self._ids)

    def step(self) -> int:
        """Read the next slice: how many tokens stand in the cache then."""
        start = self._at + self.tokens
        some = self._ids[start : start + SLICE]
        began = time.perf_counter()
        with torch.inference_mode():
            ids = torch.tensor([some], device=self._model.device)
            decoder(self._model)(input_ids=ids, past_key_values=self._cache, use_cache=True)
        if (keys := self._cache.layers[-1].keys) is not None:
            keys[0, 0, -1, 0].tolist()  # waits for the device
        self.tokens += len(some)
        self.seconds += time.perf_counter() - began
        return start + len(some)

    def taken(self) -> tuple[list[Tensor], list[Tensor]]:
        """Keys and values of each layer, in memory that nothing else uses."""
        keys, values = taken(self._cache)
        if self._before is None or self.tokens:
            return keys, values
        return [each.clone() for each in keys], [each.clone() for each in values]


def taken(cache: DynamicCache) -> tuple[list[Tensor], list[Tensor]]:
    """Keys and values of each layer, of the only row."""
    keys: list[Tensor] = []
    values: list[Tensor] = []
    for layer in cache.layers:
        if layer.keys is None or layer.values is None:
            raise InvalidInput("a layer of the model kept nothing: its memories cannot be kept as KV")
        keys.append(layer.keys[0])
        values.append(layer.values[0])
    return keys, values


def decoder(model: PreTrainedModel) -> PreTrainedModel:
    """The model without its head over the vocabulary, which a block does not need."""
    return model.get_decoder()


def _refused(model: PreTrainedModel, why: str) -> InvalidInput:
    return InvalidInput(
        f"the memories of a {model.config.model_type} model cannot be kept as KV: {why}. Use a model with full "
        "attention in every layer, or answer from plain text"
    )
