"""Blocks that were read apart, joined: each turned to where it stands, and what differs most computed anew.

Every block was read right behind the same head, so the first is exact and each later one lacks only what it would have
seen of those before it. Recomputing a share of its tokens brings that back (CacheBlend, arXiv 2405.16444): those whose
keys and values differ most in the second layer, the first that depends on other tokens, run through all layers again.
"""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers import DynamicCache, DynamicLayer, PreTrainedModel

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.blocks import Block, Header
from memos_mcp.infrastructure.activation.caches import decoder
from memos_mcp.infrastructure.activation.rotation import Rotation

SHARE = 0.15
"""What CacheBlend recomputes; references across blocks need it, independent facts do well with 0."""

_MASKS = ("sdpa", "eager")  # kernels that take a mask of our own


def joined(
    blocks: Sequence[Block], rotation: Rotation
) -> tuple[tuple[int, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Ids, keys and values of the blocks one after the other, with one head. Raises InvalidInput.

    Each is turned from its original, where its sources begin behind the head. Costs as much as copying it.
    """
    head = _head(blocks)
    at = len(blocks[0].ids)
    ids, keys, values = list(blocks[0].ids), [[each] for each in blocks[0].keys], [[each] for each in blocks[0].values]
    for block in blocks[1:]:
        turn = rotation.turn(head, len(block.ids) - head, at - head)
        for layer in range(len(keys)):
            keys[layer].append(turn.of(block.keys[layer][:, head:]))
            values[layer].append(block.values[layer][:, head:])
        ids += block.ids[head:]
        at += len(block.ids) - head
    return tuple(ids), tuple(torch.cat(each, 1) for each in keys), tuple(torch.cat(each, 1) for each in values)


def recomputed(model: PreTrainedModel, block: Block, exact: int, share: float) -> Block:
    """The block with that share of the tokens behind the first `exact` ones computed anew; 1.0: as if read in one go.

    Costs one layer over all of them and all layers over the share. Raises InvalidInput for a kernel of attention that
    takes no mask.
    """
    late = len(block.ids) - exact
    count = min(late, math.ceil(share * late))
    if count < 1 or len(block.keys) < 2:
        return block
    kernel = getattr(model.config, "_attn_implementation", "")
    if kernel not in _MASKS:
        raise InvalidInput(f"recomputing needs one of the kernels {_MASKS}, not {kernel!r}: open the model with one")
    device = model.device
    if count == late:
        places = torch.arange(exact, len(block.ids), device=device)
    else:
        places = exact + _deviations(model, block, exact).topk(count).indices.sort().values
    layers = [_Patched(keys[None], values[None], places) for keys, values in zip(block.keys, block.values, strict=True)]
    seen = torch.arange(len(block.ids), device=device) <= places[:, None]
    mask = torch.where(seen, 0.0, torch.finfo(model.dtype).min).to(model.dtype)[None, None]
    ids = torch.tensor(block.ids, device=device)[places][None]
    with torch.inference_mode():
        decoder(model)(
            input_ids=ids,
            position_ids=places[None],
            attention_mask=mask,
            past_key_values=_cache(layers),
            use_cache=True,
        )
    return replace(
        block, keys=tuple(each.full()[0] for each in layers), values=tuple(each.full()[1] for each in layers)
    )


def header(blocks: Sequence[Block], names: Sequence[str], share: float) -> Header:
    """What the joined block says of itself."""
    return Header(
        fingerprint=blocks[0].header.fingerprint,
        tenant=blocks[0].header.tenant,
        sources=tuple(source for block in blocks for source in block.header.sources),
        lengths=(blocks[0].header.lengths[0], *(length for block in blocks for length in block.header.lengths[1:])),
        joined=tuple(names),
        share=share,
    )


class _Reached(Exception):
    """The layer that was waited for has its keys and values; those behind it are not needed."""


class _Patched(DynamicLayer):
    """Keys and values of all tokens, of which some are replaced by what the model computes."""

    def __init__(self, keys: Tensor, values: Tensor, places: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values, self._places = keys, values, places

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: object, **_more: object
    ) -> tuple[Tensor, Tensor]:
        keys, values = self.full()
        self.keys = keys[None].index_copy(2, self._places, key_states)
        self.values = values[None].index_copy(2, self._places, value_states)
        return self.keys, self.values

    def full(self) -> tuple[Tensor, Tensor]:
        if self.keys is None or self.values is None:
            raise InvalidInput("a layer of the model kept nothing: its memories cannot be kept as KV")
        return self.keys[0], self.values[0]


class _Probe(DynamicLayer):
    """Takes the first keys and values that come, and ends the run."""

    taken: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: object, **_more: object
    ) -> tuple[Tensor, Tensor]:
        self.taken = key_states[0], value_states[0]
        raise _Reached


def _deviations(model: PreTrainedModel, block: Block, exact: int) -> Tensor:
    """How far the second layer's keys and values of each late token are from what they would be in one go.

    All tokens are read, up to there: without a mask of our own that is faster than the late ones alone.
    """
    cache = DynamicCache(config=model.config)
    probe = cache.layers[1] = _Probe()
    try:
        with torch.inference_mode():
            ids = torch.tensor([block.ids], device=model.device)
            decoder(model)(input_ids=ids, past_key_values=cache, use_cache=True)
    except _Reached:
        pass
    if probe.taken is None:
        raise InvalidInput("the model did not ask for its second layer: compose with share=0, or read in one go")
    keys, values = (each[:, exact:] for each in probe.taken)
    far = (keys - block.keys[1][:, exact:]).float().square() + (values - block.values[1][:, exact:]).float().square()
    return far.sum((0, 2))


def _cache(layers: Sequence[DynamicLayer]) -> DynamicCache:
    cache = DynamicCache()
    cache.layers = list(layers)
    return cache


def _head(blocks: Sequence[Block]) -> int:
    if not blocks:
        raise InvalidInput("there is nothing to join: name at least one block")
    head = blocks[0].header.lengths[0]
    start = blocks[0].ids[:head]
    for block in blocks:
        if block.header.joined:
            raise InvalidInput("a joined block is not joined again: name the blocks that it was made of")
        if block.header.fingerprint != blocks[0].header.fingerprint or block.ids[: block.header.lengths[0]] != start:
            raise InvalidInput("these blocks were read behind different heads: warm their memories again")
    return head
