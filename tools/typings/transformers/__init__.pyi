from collections.abc import Callable, Mapping, Sequence
from typing import Self

from torch import Tensor, device, dtype
from torch.nn import Module

__version__: str

class PreTrainedConfig:
    model_type: str
    is_encoder_decoder: bool
    num_hidden_layers: int
    num_attention_heads: int
    hidden_size: int
    vocab_size: int
    def get_text_config(self, decoder: bool = ...) -> PreTrainedConfig: ...

class LlamaConfig(PreTrainedConfig):
    def __init__(self, **values: object) -> None: ...

class Qwen3Config(PreTrainedConfig):
    def __init__(self, **values: object) -> None: ...

class MistralConfig(PreTrainedConfig):
    def __init__(self, **values: object) -> None: ...

class GPTNeoXConfig(PreTrainedConfig):
    def __init__(self, **values: object) -> None: ...

class GPT2Config(PreTrainedConfig):
    def __init__(self, **values: object) -> None: ...

class GenerationConfig:
    eos_token_id: int | Sequence[int] | None

class DynamicLayer:
    keys: Tensor | None
    values: Tensor | None
    def __init__(self) -> None: ...
    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None: ...
    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]: ...

class DynamicCache:
    layers: list[DynamicLayer]
    def __init__(self, *, config: PreTrainedConfig | None = ...) -> None: ...

class Output:
    logits: Tensor

class PreTrainedModel(Module):
    config: PreTrainedConfig
    generation_config: GenerationConfig | None
    device: device
    dtype: dtype
    @property
    def active_adapters(self) -> Sequence[str] | Callable[[], Sequence[str]]: ...
    def __init__(self, config: PreTrainedConfig) -> None: ...
    def eval(self) -> Self: ...
    def to(self, to: str | dtype) -> Self: ...
    def get_decoder(self) -> PreTrainedModel: ...
    def save_pretrained(self, folder: str) -> None: ...
    def generate(
        self,
        ids: Tensor,
        *,
        max_new_tokens: int,
        do_sample: bool,
        pad_token_id: int,
        eos_token_id: int = ...,
        attention_mask: Tensor = ...,
        adapter_names: Sequence[str] = ...,
        past_key_values: DynamicCache = ...,
    ) -> Tensor: ...
    def __call__(
        self,
        *,
        input_ids: Tensor,
        position_ids: Tensor | None = ...,
        attention_mask: Tensor | None = ...,
        past_key_values: DynamicCache | None = ...,
        use_cache: bool = ...,
        logits_to_keep: int = ...,
    ) -> Output: ...

class LlamaForCausalLM(PreTrainedModel): ...
class Qwen3ForCausalLM(PreTrainedModel): ...
class MistralForCausalLM(PreTrainedModel): ...
class GPTNeoXForCausalLM(PreTrainedModel): ...
class GPT2LMHeadModel(PreTrainedModel): ...

class PreTrainedTokenizerBase:
    chat_template: str | None
    bos_token_id: int | None
    def apply_chat_template(
        self, conversation: Sequence[Mapping[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str: ...
    def save_pretrained(self, folder: str) -> object: ...

class PreTrainedTokenizerFast(PreTrainedTokenizerBase):
    def __init__(self, *, tokenizer_object: object, bos_token: str, eos_token: str, pad_token: str) -> None: ...

class AutoModelForCausalLM:
    @staticmethod
    def from_pretrained(
        name: str,
        *,
        revision: str,
        dtype: str,
        local_files_only: bool,
        use_safetensors: bool,
        trust_remote_code: bool,
    ) -> PreTrainedModel: ...

class AutoTokenizer:
    @staticmethod
    def from_pretrained(
        name: str, *, revision: str, local_files_only: bool, trust_remote_code: bool
    ) -> PreTrainedTokenizerBase: ...
