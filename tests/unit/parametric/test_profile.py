from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.parametric.profile import cartridge_of, config_of, foreign, rank_within

PLAIN: dict[str, JsonValue] = {
    "base_model_name_or_path": "tiny",
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 8,
    "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
}


def test_plain_lora_is_taken() -> None:
    assert config_of(json.dumps(PLAIN).encode(), "here").target_modules == ("q_proj", "v_proj")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_rslora", True),
        ("use_dora", True),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("rank_pattern", {"q_proj": 4}),
        ("alpha_pattern", {"q_proj": 4}),
        ("peft_type", "IA3"),
        ("lora_alpha", 100),
        ("target_modules", []),
        ("auto_mapping", {"base_model_class": "Evil"}),
    ],
)
def test_what_some_server_would_load_wrongly_is_refused_by_name(field: str, value: JsonValue) -> None:
    with pytest.raises(InvalidInput, match=r"here is no adapter that every server loads alike: "):
        config_of(json.dumps(PLAIN | {field: value}).encode(), "here")


def test_of_what_peft_wrote_elsewhere_only_what_has_no_effect_is_left_out() -> None:
    idle: dict[str, JsonValue] = {"auto_mapping": None, "loftq_config": {}, "lora_bias": False, "revision": "main"}
    begun: dict[str, JsonValue] = {"init_lora_weights": True, "inference_mode": False, "lora_dropout": 0.1}
    found = foreign(json.dumps(PLAIN | idle | begun).encode(), "mine", "here")
    assert found == config_of(json.dumps(PLAIN | {"base_model_name_or_path": "mine"}).encode(), "here")
    for odd in ({"init_lora_weights": "olora"}, {"lora_bias": True}, {"exclude_modules": ["q_proj"]}):
        with pytest.raises(InvalidInput, match=next(iter(odd))):
            foreign(json.dumps(PLAIN | odd).encode(), "mine", "here")


def test_a_cartridge_is_not_mistaken_for_an_adapter_nor_an_adapter_for_one() -> None:
    said: dict[str, JsonValue] = {
        "base_model_name_or_path": "tiny",
        "peft_type": "CARTRIDGE",
        "num_virtual_tokens": 9,
        "num_layers": 2,
        "num_attention_heads": 2,
        "token_dim": 32,
    }
    assert cartridge_of(json.dumps(said).encode(), "here").head_dim == 16
    with pytest.raises(InvalidInput, match="peft_type: Input should be 'LORA'"):
        config_of(json.dumps(said).encode(), "here")
    with pytest.raises(InvalidInput, match="no cartridge that can be answered with"):
        cartridge_of(json.dumps(PLAIN).encode(), "here")
    for odd in ({"num_virtual_tokens": 1}, {"token_dim": 33}, {"num_frozen_tokens": 0}, {"modules_to_save": ["x"]}):
        with pytest.raises(InvalidInput, match="here is no cartridge"):
            cartridge_of(json.dumps(said | odd).encode(), "here")


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no adapter"):
        config_of(b"\x80\x04", "here")


def test_the_highest_rank_is_taken_that_keeps_to_both_limits() -> None:
    assert rank_within(32, 10**9, 1000) == 32
    assert rank_within(31, 10**9, 1000) == 16
    assert rank_within(32, 8_000, 1000) == 8


@pytest.mark.parametrize(("rank", "size"), [(7, 10**9), (32, 7_999)])
def test_where_none_fits_it_is_said_what_would(rank: int, size: int) -> None:
    with pytest.raises(InvalidInput, match="one of rank 8 takes 8,000 bytes"):
        rank_within(rank, size, 1000)
