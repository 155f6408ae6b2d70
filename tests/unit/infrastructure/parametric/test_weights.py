"""The header of an adapter says what it holds: what a server would use wrongly, or die of, is found before."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.errors import Corrupt, InvalidInput, MemosError
from memos_mcp.infrastructure.parametric.profile import config_of
from memos_mcp.infrastructure.parametric.weights import Sizes, agree, fit, pairs_of
from tests.lora_adapters import SMALL, Shape, config, safetensors, tensors

WHOLE = tensors(SMALL, 8, 1)
DATA = safetensors(WHOLE)


def portable(**changed: object) -> bytes:
    return json.dumps(config(8, **changed)).encode()


def test_what_training_left_is_read_and_agrees() -> None:
    pairs = pairs_of(DATA, "it")
    agree(pairs, config_of(portable(), "it"), "it")
    fit(pairs, Sizes(hidden_size=16, intermediate_size=24, num_hidden_layers=2), "tea@1")
    fit(pairs, Sizes(), "tea@1")
    assert len(pairs) == 14
    assert {(each.width, each.out) for each in pairs if each.module == "k_proj"} == {(16, 8)}


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        (Sizes(hidden_size=32), SMALL),
        (Sizes(hidden_size=16, intermediate_size=48), SMALL),
        (Sizes(hidden_size=16, num_hidden_layers=1), SMALL),
        (Sizes(hidden_size=16, intermediate_size=24, num_hidden_layers=2), Shape(inner=16)),
    ],
)
def test_a_model_of_other_sizes_is_told(sizes: Sizes, shape: Shape) -> None:
    with pytest.raises(InvalidInput, match="train it for that"):
        fit(pairs_of(safetensors(tensors(shape, 8, 1)), "it"), sizes, "tea@1")


@pytest.mark.parametrize(
    ("missing", "why"),
    [("q_proj", "k_proj without q_proj|v_proj without q_proj"), ("v_proj", "q_proj without"), ("gate_proj", "up_proj")],
)
def test_half_a_group_that_a_server_would_leave_out_is_refused(missing: str, why: str) -> None:
    rest = {name: each for name, each in WHOLE.items() if missing not in name}
    modules = [each for each in config()["target_modules"] if each != missing]
    with pytest.raises(InvalidInput, match=why):
        agree(pairs_of(safetensors(rest), "it"), config_of(portable(target_modules=modules), "it"), "it")


def test_what_the_configuration_does_not_say_is_refused() -> None:
    pairs = pairs_of(DATA, "it")
    for changed in ({"r": 16, "lora_alpha": 32}, {"target_modules": ["q_proj", "v_proj"]}):
        with pytest.raises(InvalidInput):
            agree(pairs, config_of(portable(**changed), "it"), "it")
    one_layer = {name: each for name, each in WHOLE.items() if "layers.1.mlp" not in name}
    with pytest.raises(InvalidInput, match="layer 1 has others"):
        agree(pairs_of(safetensors(one_layer), "it"), config_of(portable(), "it"), "it")


@pytest.mark.parametrize("name", ["base_model.model.lm_head.lora_A.weight", "model.layers.0.q_proj.weight", "x"])
def test_what_is_no_lora_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="no part of a plain LoRA"):
        pairs_of(safetensors({**WHOLE, name: ([1, 1], [0.0])}), "it")


def test_a_matrix_without_its_other_half_is_refused() -> None:
    rest = {name: each for name, each in WHOLE.items() if name != next(iter(WHOLE))}
    with pytest.raises(InvalidInput, match=r"only half of .*q_proj"):
        pairs_of(safetensors(rest), "it")
    with pytest.raises(InvalidInput, match="holds nothing"):
        pairs_of(safetensors({}), "it")


@given(cut=st.integers(0, len(DATA) - 1))
def test_a_file_that_was_cut_is_no_adapter(cut: int) -> None:
    with pytest.raises(Corrupt):
        pairs_of(DATA[:cut], "it")


@given(at=st.integers(0, 8 + int.from_bytes(DATA[:8], "little") - 1), byte=st.integers(0, 255))
def test_whatever_a_header_says_it_is_read_or_an_error_of_ours(at: int, byte: int) -> None:
    changed = DATA[:at] + bytes([byte]) + DATA[at + 1 :]
    with suppress(MemosError):
        pairs_of(changed, "it")


def test_a_header_that_claims_more_than_there_is_is_no_adapter() -> None:
    header = json.dumps({"a.layers.0.q_proj.lora_A.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8]}})
    with pytest.raises(Corrupt, match="does not hold what its header says"):
        pairs_of(len(header).to_bytes(8, "little") + header.encode() + b"\0" * 8, "it")
    with pytest.raises(Corrupt, match="no safetensors file"):
        pairs_of(b"\x80\x04\x95" + b"\0" * 40, "it")  # a pickle
    with pytest.raises(Corrupt, match="cannot be read"):
        pairs_of((2).to_bytes(8, "little") + b"[]", "it")
