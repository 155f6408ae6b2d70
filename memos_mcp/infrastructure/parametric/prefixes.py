"""A cartridge: keys and values that stand before whatever is asked, and can learn. As CARTRIDGE of peft lays it out."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.activation.caches import filled
from memos_mcp.infrastructure.parametric.profile import CartridgeConfig

TENSOR = "prompt_embeddings"


class Prefix:
    """Of a row for each token: keys and values of all layers. The first stays as it was, as models lean on it."""

    def __init__(self, config: CartridgeConfig, tensors: Mapping[str, Tensor], model: PreTrainedModel) -> None:
        """Raises Corrupt for tensors of another size."""
        its = tensors.get(TENSOR)
        width = 2 * config.num_layers * config.token_dim
        if its is None or len(tensors) != 1 or tuple(its.shape) != (config.num_virtual_tokens, width):
            shapes = ", ".join(f"{name} of {tuple(each.shape)}" for name, each in sorted(tensors.items()))
            raise Corrupt(f"the cartridge holds {shapes}, not {config.num_virtual_tokens} tokens of {width} numbers")
        self.tokens = config.num_virtual_tokens
        self._model = model
        self._shape = (config.num_virtual_tokens, 2 * config.num_layers, config.num_attention_heads, config.head_dim)
        placed = its.detach().float().to(model.device)
        self._frozen = placed[: config.num_frozen_tokens].clone()
        self.learnt = placed[config.num_frozen_tokens :].clone()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """As its file holds them."""
        return {TENSOR: torch.cat((self._frozen, self.learnt)).detach().cpu().contiguous()}

    def cache(self, rows: int) -> DynamicCache:
        """What so many rows go on after; training reaches through it."""
        whole = torch.cat((self._frozen, self.learnt)).to(self._model.dtype)
        layers = whole.reshape(*self._shape).permute(1, 2, 0, 3)
        keys, values = range(0, self._shape[1], 2), range(1, self._shape[1], 2)
        return filled(self._model, [layers[at] for at in keys], [layers[at] for at in values], rows)

    def seen(self, mask: Tensor) -> Tensor:
        """The mask of rows that go on after it."""
        return torch.cat((mask.new_ones(mask.shape[0], self.tokens), mask), 1)


def packed(keys: Sequence[Tensor], values: Sequence[Tensor]) -> dict[str, Tensor]:
    """Keys and values of each layer, of shape (heads, tokens, dimensions), as a file holds them; copied."""
    layers = [each for pair in zip(keys, values, strict=True) for each in pair]
    stacked = torch.stack(layers).float().permute(2, 0, 1, 3)
    return {TENSOR: stacked.reshape(stacked.shape[0], -1).contiguous().clone()}
