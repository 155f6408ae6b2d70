"""Blocks and the caches of transformers: which models keep theirs as plain keys and values, and the way in and out."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, DynamicLayer, PreTrainedModel

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.blocks import Block


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


def filled(model: PreTrainedModel, keys: Sequence[Tensor], values: Sequence[Tensor], rows: int = 1) -> DynamicCache:
    """A cache that goes on after these keys and values, in so many rows; nothing is copied, and nothing written to."""
    cache = DynamicCache(config=model.config)
    for layer, its_keys, its_values in zip(cache.layers, keys, values, strict=True):
        layer.lazy_initialization(its_keys[None], its_values[None])
        layer.keys = its_keys[None].expand(rows, -1, -1, -1)  # `update` joins it with what is new, in new memory
        layer.values = its_values[None].expand(rows, -1, -1, -1)
    return cache


def prefilled(
    model: PreTrainedModel, ids: Sequence[int], before: Block | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """Keys and values of each layer after the model read these ids, behind those of a block that it has read."""
    cache = filled(model, before.keys, before.values) if before is not None else DynamicCache(config=model.config)
    with torch.inference_mode():
        decoder(model)(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
    return taken(cache)


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
