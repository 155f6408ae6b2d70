"""Models of a few thousand random weights, of three architectures, with a tokenizer of bytes and short pieces."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

torch.set_num_threads(1)  # more threads only wait for each other with models this small

ARCHITECTURES = ("llama", "qwen3", "gpt_neox")
WORDS = 400

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_CORPUS = (
    "Ada is allergic to peanuts and likes green tea.",
    "Ben moved to Lisbon in March; his sister stayed in Porto.",
    "The ferry leaves at nine, and the key lies under the red pot.",
)


def tokenizer(chat: str | None = CHAT, corpus: Sequence[str] = _CORPUS) -> PreTrainedTokenizerBase:
    """Bytes, with pieces of a few letters; `chat` is its template."""
    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS - 4,
        special_tokens=["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(corpus, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.chat_template = chat
    return fast


def model(architecture: str = "llama", *, seed: int = 7, layers: int = 3, **more: object) -> PreTrainedModel:
    """Random weights, large enough that the words of a prompt matter; it never ends an answer by itself."""
    torch.manual_seed(seed)
    shape = {
        "vocab_size": WORDS,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "initializer_range": 0.15,
        "max_position_embeddings": 4096,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    match architecture:
        case "llama":
            made = LlamaForCausalLM(LlamaConfig(**{**shape, "num_key_value_heads": 2, **more}))
        case "qwen3":
            made = Qwen3ForCausalLM(Qwen3Config(**{**shape, "num_key_value_heads": 2, "head_dim": 32, **more}))
        case "mistral":
            made = MistralForCausalLM(
                MistralConfig(**{**shape, "num_key_value_heads": 2, "sliding_window": None, **more})
            )
        case _:
            made = GPTNeoXForCausalLM(GPTNeoXConfig(**{**shape, **more}))
    return made.eval()
