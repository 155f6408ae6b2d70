"""Writes a small Llama with random weights, its tokenizer and a chat template; runs in the environment of SGLang.

    python sglang_model.py FOLDER tiny|20m|135m

It answers nonsense, the same one each time. What is tested with it is a cache, not a model.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_WORDS = 4096
_MARKS = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
_SHAPES = {  # hidden, intermediate, layers, heads, KV heads, tokens at most, type of the numbers
    "tiny": (256, 512, 4, 4, 2, 8192, "bfloat16"),
    "20m": (384, 1024, 8, 6, 2, 16384, "float32"),
    "135m": (576, 1536, 30, 9, 3, 16384, "float32"),
}


def main(folder: Path, shape: str) -> None:
    """Write the model into a folder."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizer = _tokenizer(transformers)
    tokenizer.save_pretrained(folder)
    hidden, intermediate, layers, heads, kv_heads, most, numbers = _SHAPES[shape]
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=64,
        max_position_embeddings=most,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).to(getattr(torch, numbers)).save_pretrained(folder)


def _tokenizer(transformers: Any) -> Any:
    """Pieces of bytes, learnt from the texts of Python's own help."""
    tokenizers: Any = import_module("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=_WORDS,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(list(import_module("pydoc_data.topics").topics.values()), trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, **_MARKS)
    fast.chat_template = CHAT
    return fast


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
