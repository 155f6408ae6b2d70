# pyright: reportMissingModuleSource=false
import pytest
import torch
from torch import Tensor, nn
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.caches import taken
from memos_mcp.infrastructure.activation.rotation import Rotation, rotation_of
from tests import kv_models
from tests.kv_backends import prefilled

CLOSE = 1e-4
ARCHITECTURES = (*kv_models.ARCHITECTURES, "mistral")


def built_at(model: PreTrainedModel, ids: list[int], start: int) -> tuple[list[Tensor], list[Tensor]]:
    """Keys and values of a block that the model reads at these positions."""
    cache = DynamicCache(config=model.config)
    places = torch.arange(start, start + len(ids))[None]
    with torch.inference_mode():
        model(input_ids=torch.tensor([ids]), position_ids=places, past_key_values=cache, use_cache=True)
    return taken(cache)


class Halved(nn.Module):
    """Positions that grow half as fast as the frequencies say."""

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.register_buffer("inv_freq", frequencies)
        self.used = frequencies / 2

    def forward(self, _x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        angles = position_ids[..., None].float() * self.used
        doubled = torch.cat((angles, angles), -1)
        return doubled.cos(), doubled.sin()


def far(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("start", [1, 100, 700])  # at 3,000 the model itself is off by more: its angles are float32
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_block_turned_to_a_place_is_the_block_built_at_this_place(architecture: str, start: int) -> None:
    model, ids = kv_models.model(architecture), list(range(5, 69))
    keys, values = prefilled(model, ids)
    there, values_there = built_at(model, ids, start)
    turn = rotation_of(model).turn(0, len(ids), start)
    assert far([turn.of(each) for each in keys], there) <= CLOSE
    assert far(values, values_there) <= CLOSE
    assert far(keys, there) > 0.5


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 512,
        },
        {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 1024},
    ],
    ids=lambda rope: rope["rope_type"],
)
def test_scaled_frequencies_turn_as_well(rope: dict[str, object]) -> None:
    model, ids = kv_models.model(rope_parameters=rope), list(range(5, 37))
    turn = rotation_of(model).turn(0, len(ids), 500)
    assert far([turn.of(each) for each in prefilled(model, ids)[0]], built_at(model, ids, 500)[0]) <= CLOSE


def test_turning_once_is_closer_than_turning_many_times() -> None:
    """Why a block is always turned from its original."""
    model, ids = kv_models.model().to(torch.bfloat16), list(range(5, 69))
    rotation = rotation_of(model)
    keys, _ = prefilled(model, ids)
    whole = rotation.turn(0, len(ids), 700)
    exact, once = [whole.of(each.float()) for each in keys], [whole.of(each) for each in keys]
    for at in range(0, 700, 14):
        keys = [rotation.turn(at, len(ids), 14).of(each) for each in keys]
    assert far(once, exact) * 3 < far(keys, exact)


def test_what_lies_behind_the_turned_dimensions_stays_and_no_turn_is_no_change() -> None:
    rotation, keys = Rotation(torch.tensor([1.0, 0.1])), torch.randn(2, 3, 7)
    turned = rotation.turn(0, 3, 9).of(keys)
    assert torch.equal(turned[..., 4:], keys[..., 4:])
    assert not torch.equal(turned[..., :4], keys[..., :4])
    assert torch.equal(rotation.turn(5, 3, 0).of(keys), keys)


def test_positions_that_are_learnt_or_hang_on_the_length_are_refused() -> None:
    shape = {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128}
    with pytest.raises(InvalidInput, match=r"gpt2 model .* cannot be moved: warm the memories together"):
        rotation_of(GPT2LMHeadModel(GPT2Config(**shape)).eval())
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    with pytest.raises(InvalidInput, match="cannot be moved"):
        rotation_of(kv_models.model(rope_parameters=dynamic))


def test_a_model_that_turns_in_another_way_is_found_out_by_trying() -> None:
    model = kv_models.model()
    for name, used in model.named_buffers():
        if name.endswith("original_inv_freq"):
            assert used.shape == (8,)
        elif name.endswith("inv_freq"):
            model.get_decoder().add_module("rotary_emb", Halved(used))
    with pytest.raises(InvalidInput, match="cannot be moved"):
        rotation_of(model)
