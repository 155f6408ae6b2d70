"""The adapters that every server loads alike: plain LoRA in safetensors. What is beyond that is refused. Pure.

Beside them the cartridge, which no server loads: it is marked by its format, and answered with in process.

SGLang scales by alpha/rank whatever `use_rslora` says and vLLM refuses biases and DoRA: an adapter that asks for more
would be loaded and be silently wrong.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from memos_mcp.errors import InvalidInput

RANKS = (8, 16, 32)
FILE, CONFIG = "adapter_model.safetensors", "adapter_config.json"
LORA, CARTRIDGE = "memos-lora/1", "memos-cartridge/1"
"""The formats of manifests."""
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_OF_NO_EFFECT = frozenset(
    "base_model_name_or_path inference_mode lora_dropout megatron_core peft_version qalora_group_size revision".split()
)
"""What peft writes of how an adapter was trained, or of what is off: it changes nothing of how one is used."""
_BEGUN = (True, False, "gaussian")  # others, as pissa, are made for a base whose weights were changed


class AdapterConfig(BaseModel):
    """An `adapter_config.json` of the portable profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    base_model_name_or_path: str
    peft_type: Literal["LORA"] = "LORA"
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"
    r: int = Field(ge=1, le=256)
    lora_alpha: int
    target_modules: tuple[str, ...] = Field(min_length=1, strict=False)
    lora_dropout: float = 0.0
    bias: Literal["none"] = "none"
    use_rslora: Literal[False] = False
    use_dora: Literal[False] = False
    modules_to_save: None = None
    rank_pattern: dict[str, int] = Field(default_factory=dict[str, int], max_length=0)
    alpha_pattern: dict[str, int] = Field(default_factory=dict[str, int], max_length=0)
    fan_in_fan_out: Literal[False] = False
    inference_mode: Literal[True] = True

    @model_validator(mode="after")
    def _scaled(self) -> AdapterConfig:
        if self.lora_alpha not in (2 * self.r, self.r):
            raise ValueError("lora_alpha is neither twice the rank, as of one that was trained, nor equal, as of a sum")
        return self


class CartridgeConfig(BaseModel):
    """An `adapter_config.json` of a cartridge, as peft reads it. `token_dim` is of all KV heads of a layer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    base_model_name_or_path: str
    peft_type: Literal["CARTRIDGE"] = "CARTRIDGE"
    task_type: Literal["CAUSAL_LM"] = "CAUSAL_LM"
    num_virtual_tokens: int = Field(ge=2)
    num_frozen_tokens: Literal[1] = 1
    num_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    token_dim: int = Field(ge=1)
    num_transformer_submodules: Literal[1] = 1
    inference_mode: Literal[True] = True

    @model_validator(mode="after")
    def _divided(self) -> CartridgeConfig:
        if self.token_dim % self.num_attention_heads:
            raise ValueError("token_dim is no multiple of num_attention_heads")
        return self

    @property
    def head_dim(self) -> int:
        """Numbers of a key or a value."""
        return self.token_dim // self.num_attention_heads


Config = AdapterConfig | CartridgeConfig


def format_of(config: Config) -> str:
    """The format of a manifest beside it."""
    return LORA if isinstance(config, AdapterConfig) else CARTRIDGE


def rank_of(config: Config) -> int:
    """How large it is: the rank of an adapter, the tokens of a cartridge."""
    return config.r if isinstance(config, AdapterConfig) else config.num_virtual_tokens


def config_of(data: bytes, where: str) -> AdapterConfig:
    """What a configuration says. Raises InvalidInput: what of it is not portable."""
    try:
        return AdapterConfig.model_validate_json(data)
    except ValidationError as exc:
        raise InvalidInput(f"{where} is no adapter that every server loads alike: {_faults(exc)}") from exc


def cartridge_of(data: bytes, where: str) -> CartridgeConfig:
    """What the configuration of a cartridge says. Raises InvalidInput."""
    try:
        return CartridgeConfig.model_validate_json(data)
    except ValidationError as exc:
        raise InvalidInput(f"{where} is no cartridge that can be answered with: {_faults(exc)}") from exc


def foreign(data: bytes, base: str, where: str) -> AdapterConfig:
    """What the configuration of an adapter that peft wrote elsewhere says, as one for this base. Raises InvalidInput.

    What has no effect is left out; whatever else is not of the profile is refused by its name.
    """
    try:
        said = _OBJECT.validate_json(data)
    except ValidationError as exc:
        raise InvalidInput(f"{where} is no object of JSON: save the adapter with peft") from exc
    if said.get("init_lora_weights") in _BEGUN:
        del said["init_lora_weights"]
    asked = AdapterConfig.model_fields
    kept: dict[str, JsonValue] = {
        key: value for key, value in said.items() if key not in _OF_NO_EFFECT and (value or key in asked)
    }
    kept["base_model_name_or_path"] = base
    return config_of(_OBJECT.dump_json(kept), where)


def rank_within(rank: int, size: int, per_rank: int) -> int:
    """The highest rank that keeps to both limits, at `per_rank` bytes each. Raises InvalidInput if none does."""
    fitting = [each for each in RANKS if each <= rank and each * per_rank <= size]
    if not fitting:
        raise InvalidInput(
            f"no adapter fits: ranks are {', '.join(map(str, RANKS))}, at most {rank}, and one of rank {RANKS[0]} "
            f"takes {RANKS[0] * per_rank:,} bytes of {size:,}; allow more of either"
        )
    return max(fitting)


def _faults(exc: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors()[:4])
