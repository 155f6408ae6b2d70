"""The fingerprint of a model as it stands in memory: what it is called, how it is built, and a probe of its weights."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, hashed
from memos_mcp.infrastructure.activation.seam import Seam

_SAMPLES = 256  # of each tensor, evenly spread: 10 ms for 300 tensors; training changes nearly all of them


def fingerprint(model: PreTrainedModel, seam: Seam, name: str, revision: str) -> Fingerprint:
    """Everything that keys and values hang on. Costs some ten milliseconds."""
    config = model.config.get_text_config(decoder=True)
    heads = int(config.num_attention_heads)
    return Fingerprint(
        model=name,
        revision=revision,
        model_type=str(config.model_type),
        layers=int(config.num_hidden_layers),
        hidden=int(config.hidden_size),
        heads=heads,
        kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        head_dim=int(getattr(config, "head_dim", None) or config.hidden_size // heads),
        vocabulary=int(config.vocab_size),
        layer_types=hashed(getattr(config, "layer_types", None)),
        rope=_rope(model, getattr(config, "rope_parameters", None)),
        dtype=str(model.dtype),
        quantization=hashed(_plain(getattr(model.config, "quantization_config", None))),
        adapters=_adapters(model),
        tokenizer=seam.tokens,
        template=seam.template,
        weights=probe(parameter for name, parameter in model.named_parameters() if "lora_" not in name),
    )


def probe(tensors: Iterable[Tensor]) -> str:
    """A hash of the shapes of tensors and of samples of their values."""
    hashing = hashlib.sha256()
    samples: list[Tensor] = []
    for tensor in tensors:
        flat = tensor.detach().reshape(-1)
        hashing.update(str(tuple(tensor.shape)).encode())
        samples.append(flat[:: max(1, flat.shape[0] // _SAMPLES)][: _SAMPLES + 1].float())
    if samples:
        hashing.update(torch.cat(samples).cpu().numpy().tobytes())
    return hashing.hexdigest()


def _rope(model: PreTrainedModel, parameters: object) -> str:
    used = [each for name, each in model.named_buffers() if name.split(".")[-1] == "inv_freq"]
    return hashed([_plain(parameters), [each.float().tolist() for each in used]])


def _adapters(model: PreTrainedModel) -> str:
    """Those that take part now: names, configurations and all their tensors."""
    configured: Mapping[str, object] = getattr(model, "peft_config", None) or {}
    if not configured or any(getattr(module, "disable_adapters", False) is True for module in model.modules()):
        return ""
    names = _active(model)
    hashing = hashlib.sha256()
    for key, tensor in model.named_parameters():
        if any(part in names for part in key.split(".")):
            hashing.update(key.encode())
            hashing.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return hashed([names, [str(_plain(configured[name])) for name in names], hashing.hexdigest()])


def _active(model: PreTrainedModel) -> list[str]:
    active: Sequence[str] | Callable[[], Sequence[str]] = model.active_adapters  # a method, but not where peft wraps it
    return sorted(active() if callable(active) else active)


def _plain(value: object) -> object:
    to_dict = getattr(value, "to_dict", None)
    return to_dict() if callable(to_dict) else value
