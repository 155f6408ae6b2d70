"""A model with adapters beside its weights: none, or one for each row of a batch. What peft does is done here."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import assert_never

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from transformers import PreTrainedModel

from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.parametric.prefixes import Prefix
from memos_mcp.infrastructure.parametric.profile import AdapterConfig, CartridgeConfig, Config

_BASE = "__base__"
_HEADS = frozenset({"lm_head", "embed_out", "score"})


class Adapted:
    """The model and what is attached to it. For one thread at a time; which adapter is used is said with each call."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model.eval()
        self.targets = targets(model)
        for _, parameter in model.named_parameters():
            parameter.requires_grad_(False)
        self._peft: PeftModel | None = None
        self._prefixes: dict[str, Prefix] = {}
        self._learner, self._learning = "", list[Tensor]()
        self._on: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that is attached."""
        return (*(self._peft.peft_config if self._peft is not None else ()), *self._prefixes)

    def prefixed(self, name: str | None) -> bool:
        """Is this a cartridge, behind which questions are asked?"""
        return name in self._prefixes

    def per_rank(self) -> int:
        """Bytes that an adapter takes for each rank, in the file."""
        modules = [module for name, module in self.model.named_modules() if _leaf(name) in self.targets]
        return sum(4 * sum(_shape(module)) for module in modules if isinstance(module, nn.Linear))

    def add(self, name: str, config: Config, tensors: Mapping[str, Tensor] | None = None) -> None:
        """Attach an adapter, of these weights or of ones that change nothing. Raises Corrupt if they do not fit.

        A cartridge is nothing without weights.
        """
        match config:
            case AdapterConfig():
                self._add(name, config, tensors)
            case CartridgeConfig():
                self._prefixes[name] = Prefix(config, tensors or {}, self.model)
            case _:
                assert_never(config)

    def _add(self, name: str, config: AdapterConfig, tensors: Mapping[str, Tensor] | None) -> None:
        made = LoraConfig(
            r=config.r,
            lora_alpha=config.lora_alpha,
            target_modules=list(config.target_modules),
            lora_dropout=config.lora_dropout,
            bias=config.bias,
            task_type=config.task_type,
        )
        if self._peft is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers 5.23 by an old name
                self._peft = get_peft_model(self.model, made, adapter_name=name)
        else:
            self._peft.add_adapter(name, made)
        self._peft.eval()
        if tensors is not None:
            self._fill(self._peft, name, tensors)
        self._off()

    def remove(self, name: str) -> None:
        """Detach it; with the last one the model has its own modules again."""
        if name not in self.names:
            return
        if name == self._learner:
            self._learner, self._learning = "", []
        if self._prefixes.pop(name, None) is not None or self._peft is None:
            return
        if len(self._peft.peft_config) == 1:
            self.model = self._peft.unload()
            self._peft, self._on = None, None
            return
        keep = next(each for each in self._peft.peft_config if each != name)
        self._peft.set_adapter(keep)
        self._peft.delete_adapter(name)
        self._off()

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The weights of an adapter, under the names of its file."""
        if name in self._prefixes:
            return self._prefixes[name].tensors
        if self._peft is None:
            return {}
        found = get_peft_model_state_dict(self._peft, adapter_name=name)
        return {key: value.detach().float().cpu().contiguous() for key, value in sorted(found.items())}

    def trainable(self, name: str) -> list[tuple[str, Tensor]]:
        """Its parameters, by name, and only they learn."""
        prefix = self._prefixes.get(name)
        named = [("prefix", prefix.learnt)] if prefix is not None else self.model.named_parameters()
        found = [(key, each) for key, each in named if prefix is not None or name in key.split(".")]
        self._learner, self._learning = name, [each for _, each in found]
        self._learn()
        return sorted(found, key=lambda each: each[0])

    def logits(self, ids: Tensor, mask: Tensor, name: str | None) -> Tensor:
        """What the model expects after each token of each row, with an adapter or with none."""
        prefix = self._prefixes.get(name or "")
        if prefix is None:
            self._switch(name)
            return self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        self._switch(None)
        its, seen = prefix.cache(ids.shape[0]), prefix.seen(mask)
        return self.model(input_ids=ids, attention_mask=seen, past_key_values=its, use_cache=True).logits

    def generated(self, ids: Tensor, mask: Tensor, names: Sequence[str | None], *, end: int, limit: int) -> Tensor:
        """The likeliest continuation of each row, each with its own adapter."""
        peft = self._peft if any(names) else None
        generate = partial(
            peft.generate if peft is not None else self.model.generate,
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=end,
        )
        with torch.inference_mode():
            self._switch(next((each for each in names if each), None))
            if peft is None:
                return generate(ids, attention_mask=mask)
            return generate(ids, attention_mask=mask, adapter_names=[each or _BASE for each in names])

    def continued(self, ids: Tensor, mask: Tensor, name: str, *, end: int, limit: int) -> Tensor:
        """The likeliest continuation of each row, all behind one cartridge."""
        prefix = self._prefixes[name]
        with torch.inference_mode():
            self._switch(None)
            return self.model.generate(
                ids,
                attention_mask=prefix.seen(mask),
                past_key_values=prefix.cache(ids.shape[0]),
                max_new_tokens=limit,
                do_sample=False,
                eos_token_id=end,
                pad_token_id=end,
            )

    def sum_of(self, names: Sequence[str], made: str) -> None:
        """Attach the sum of adapters as one of their ranks together: exact in what each adds, not in what it means."""
        if self._peft is not None:
            self._peft.base_model.add_weighted_adapter(list(names), [1.0] * len(names), made, combination_type="cat")
            self._off()

    def _fill(self, peft: PeftModel, name: str, tensors: Mapping[str, Tensor]) -> None:
        wanted = {key: tuple(value.shape) for key, value in get_peft_model_state_dict(peft, adapter_name=name).items()}
        given = {key: tuple(value.shape) for key, value in tensors.items()}
        if wanted != given:
            self.remove(name)
            odd = sorted(key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key))
            raise Corrupt(f"the adapter does not fit the model: {odd[0]} and {len(odd) - 1} more of its tensors differ")
        set_peft_model_state_dict(peft, dict(tensors), adapter_name=name)

    def _switch(self, name: str | None) -> None:
        """Costs a walk through all modules, so it is left as it is until another one is asked for."""
        if self._peft is None or name == self._on:
            return
        if name is None:
            self._off()
            return
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(name)
        self._on = name
        self._learn()

    def _off(self) -> None:
        self._on = None
        if self._peft is not None:
            self._peft.base_model.disable_adapter_layers()
            self._learn()

    def _learn(self) -> None:
        """Only what is trained: of itself peft lets whatever it switches on learn, and nothing that it switches off."""
        for _, each in self.model.named_parameters():
            each.requires_grad_(False)
        for each in self._learning:
            each.requires_grad_(True)


def targets(model: PreTrainedModel) -> tuple[str, ...]:
    """The linear modules of its layers, by their last name: the same for every adapter of a model."""
    found = {_leaf(name) for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    return tuple(sorted(found - _HEADS))


def _leaf(name: str) -> str:
    return name.removesuffix(".base_layer").rsplit(".", 1)[-1]


def _shape(module: nn.Linear) -> tuple[int, int]:
    return module.in_features, module.out_features
