"""Answers after a block, a token at a time: the most likely one, until the model ends or the limit is there."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from memos_mcp.infrastructure.activation.blocks import Block
from memos_mcp.infrastructure.activation.caches import filled


class Answering:
    """A run of one or several questions at once. It has a cache of its own and only reads the block.

    Questions are padded to one length on the left, behind the memories: each token keeps the position it would have
    alone.
    """

    def __init__(self, model: PreTrainedModel, block: Block | None, questions: Sequence[Sequence[int]]) -> None:
        self._model, self._known = model, len(block.ids) if block is not None else 0
        rows, width = len(questions), max(map(len, questions))
        self._cache = (
            filled(model, block.keys, block.values, rows) if block is not None else DynamicCache(config=model.config)
        )
        gaps = torch.tensor([width - len(each) for each in questions], device=model.device)
        ids = [[0] * (width - len(each)) + list(each) for each in questions]
        self._next = torch.tensor(ids, device=model.device)
        order = torch.arange(width, device=model.device)[None] - gaps[:, None]
        self._places = (self._known + order).clamp(min=0)
        seen = torch.cat((torch.ones(rows, self._known, device=model.device), order >= 0), 1).long()
        self._seen = seen if bool((gaps > 0).any()) else None
        self._ends = ends(model)
        self.open = [True] * rows

    def step(self) -> list[int | None]:
        """The next token of each question, None where the answer is over. The first one reads the questions."""
        with torch.inference_mode():
            logits = self.logits()
            chosen = logits.argmax(-1)
        said = [int(each) for each in chosen.tolist()]
        self.open = [is_open and token not in self._ends for is_open, token in zip(self.open, said, strict=True)]
        self._next = chosen[:, None]
        self._places = self._places[:, -1:] + 1
        if self._seen is not None:
            self._seen = torch.cat((self._seen, self._seen.new_ones(len(said), 1)), 1)
        return [token if is_open else None for is_open, token in zip(self.open, said, strict=True)]

    def logits(self) -> Tensor:
        """What the model makes of the tokens that are next, of the last of each row."""
        made = self._model(
            input_ids=self._next,
            position_ids=self._places,
            attention_mask=self._seen,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return made.logits[:, -1]


def ends(model: PreTrainedModel) -> frozenset[int]:
    """The tokens by which this model ends an answer."""
    config = model.generation_config
    given = config.eos_token_id if config is not None else None
    if given is None:
        return frozenset()
    return frozenset([given] if isinstance(given, int) else given)
