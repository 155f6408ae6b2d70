"""Texts by which a model is kept as it was: given ones, or what it writes by itself, the same for a seed."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence

import torch

from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.asking import Asking
from memos_mcp.infrastructure.parametric.rows import Row

_TEXTS, _AT_ONCE, _LONG, _LONGEST = 64, 16, 32, 128


def texts(asking: Asking, given: Sequence[str]) -> tuple[Row, ...]:
    """Texts as rows of at most 128 tokens; those of less than two are left out."""
    rows = [(asking.start, *asking.plain(text))[:_LONGEST] for text in given]
    return tuple(Row(row, 1) for row in rows if len(row) > 1)


def written(adapted: Adapted, asking: Asking, seed: int) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """What the model writes when nothing is said, in two halves: to rehearse, and to measure by.

    Costs about as much as an answer of 32 tokens to 64 questions, read anew for each token.
    """
    drawing = torch.Generator().manual_seed(seed)
    rows = [row for _ in range(_TEXTS // _AT_ONCE) for row in _drawn(adapted, asking.start, drawing)]
    return tuple(rows[::2]), tuple(rows[1::2])


def _drawn(adapted: Adapted, start: int, drawing: torch.Generator) -> list[Row]:
    ids, mask = torch.full((_AT_ONCE, 1), start), torch.ones(_AT_ONCE, 1)
    with torch.inference_mode():
        for _ in range(_LONG):
            logits = adapted.logits(ids.to(adapted.model.device), mask.to(adapted.model.device), None)
            drawn = torch.multinomial(logits[:, -1].float().softmax(-1).cpu(), 1, generator=drawing)
            ids, mask = torch.cat([ids, drawn], 1), torch.cat([mask, torch.ones(_AT_ONCE, 1)], 1)
    return [Row(tuple(int(each) for each in row), 1) for row in ids.tolist()]
