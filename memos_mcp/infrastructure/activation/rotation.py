"""Keys moved to other positions: a rotary embedding is a rotation, so the one that is missing is applied on top."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.caches import decoder, taken

_FIXED = ("default", "linear", "llama3", "yarn")  # kinds whose frequencies do not hang on the length
_TRIED = 64  # positions
_ROUNDING = 0.05  # of the largest key: bf16 needs 0.02, a wrong way of turning gives 1


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a model turns keys with their position: `frequencies` of the pairs (i, i + n) of the first 2n dimensions.

    What lies behind these dimensions does not turn, and values do not either.
    """

    frequencies: Tensor

    def turn(self, start: int, count: int, by: int) -> Turn:
        """From the places of so many tokens from `start` to those `by` places later.

        The angles are those of the model, with its rounding to float32 (at place 3,000 it is off by 2e-4); what is
        between two of them is computed in float64, as R(p + d) = R(d)·R(p) (RoFormer, arXiv 2104.09864).
        """
        places = torch.arange(start, start + count, device=self.frequencies.device)[:, None].float()
        frequencies = self.frequencies.float()
        angles = ((places + by) * frequencies).double() - (places * frequencies).double()
        return Turn(angles.cos(), angles.sin())


@dataclass(frozen=True, slots=True)
class Turn:
    """The way of tokens from some places to others, for the keys of every layer.

    Turn the original each time: 50 turns of a turn in bf16 are off by 0.3, one by 0.05.
    """

    cos: Tensor
    sin: Tensor

    def of(self, keys: Tensor) -> Tensor:
        """Keys of shape (KV heads, tokens, dimensions) at the other places, rounded once to the type that they have."""
        size = self.cos.shape[-1]
        first, second, rest = keys.double().split([size, size, keys.shape[-1] - 2 * size], dim=-1)
        turned = first * self.cos - second * self.sin, second * self.cos + first * self.sin, rest
        return torch.cat(turned, dim=-1).to(keys.dtype)


def rotation_of(model: PreTrainedModel) -> Rotation:
    """How this model turns its keys, tried out on it with a few tokens. Raises InvalidInput if it does otherwise.

    So do models with learnt or no positions, interleaved pairs, several bases, or a base that hangs on the length.
    """
    found = [each for name, each in model.named_buffers() if name.split(".")[-1] == "inv_freq"]
    parameters: Mapping[str, object] = getattr(model.config, "rope_parameters", None) or {}
    kind = parameters.get("rope_type", "default")
    if kind not in _FIXED or not found or any(not torch.equal(each, found[0]) for each in found):
        raise _refused(model)
    rotation = Rotation(found[0])
    near, far = _keys(model, 0), _keys(model, _TRIED)
    turn = rotation.turn(0, near[0].shape[1], _TRIED)
    for here, there in zip(near, far, strict=True):
        scale = max(float(there.abs().max()), 1e-6)
        if float((turn.of(here) - there).abs().max()) > _ROUNDING * scale:
            raise _refused(model)
    return rotation


def _keys(model: PreTrainedModel, start: int) -> list[Tensor]:
    cache = DynamicCache(config=model.config)
    ids = torch.arange(1, 5, device=model.device)[None]
    places = torch.arange(start, start + ids.shape[1], device=model.device)[None]
    with torch.inference_mode():
        decoder(model)(input_ids=ids, position_ids=places, past_key_values=cache, use_cache=True)
    return taken(cache)[0]


def _refused(model: PreTrainedModel) -> InvalidInput:
    return InvalidInput(
        f"blocks of a {model.config.model_type} model with these positions cannot be moved: warm the memories "
        "together, in the order in which they are wanted"
    )
