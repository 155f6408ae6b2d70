"""Questions with their answers, and plain texts, as rows of ids in one batch; and how likely a model finds them."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.asking import Asks

_AT_ONCE = 8  # rows: what is expected after each token of them takes their length times the vocabulary


@dataclass(frozen=True, slots=True)
class Row:
    """Ids, of which the first `given` are not judged."""

    ids: tuple[int, ...]
    given: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of one length: padded at their ends. `judged` says which tokens count; the first never does."""

    ids: Tensor
    mask: Tensor
    judged: Tensor


def row_of(asks: Asks, question: str, answer: str) -> Row:
    """A question and its answer as ids. Raises InvalidInput if one of them is empty."""
    asked = asks.question(question)
    return Row((*asked, *asks.answer(answer)), len(asked))


def batch(rows: Sequence[Row], device: str) -> Batch:
    """Rows side by side."""
    longest = max(len(row.ids) for row in rows)
    ids = [[*row.ids, *[0] * (longest - len(row.ids))] for row in rows]
    mask = [[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]
    judged = [[float(max(1, row.given) <= at < len(row.ids)) for at in range(longest)] for row in rows]
    place = torch.device(device)
    return Batch(torch.tensor(ids, device=place), torch.tensor(mask, device=place), torch.tensor(judged, device=place))


def likelihoods(logits: Tensor, its: Batch) -> Tensor:
    """The log-p of each judged token; zero where none is."""
    found = logits[:, :-1].float().log_softmax(-1).gather(-1, its.ids[:, 1:, None])[:, :, 0]
    return found * its.judged[:, 1:]


def divergence(base: Tensor, now: Tensor, its: Batch) -> Tensor:
    """The mean KL(base ‖ now) over judged tokens."""
    was, here = base[:, :-1].float().log_softmax(-1), now[:, :-1].float().log_softmax(-1)
    each = (was.exp() * (was - here)).sum(-1) * its.judged[:, 1:]
    return each.sum() / its.judged[:, 1:].sum().clamp(min=1.0)


def scores(adapted: Adapted, rows: Sequence[Row], name: str | None) -> list[float]:
    """Log-p per judged token of each row. Costs one reading of all rows."""
    found: list[float] = []
    for at in range(0, len(rows), _AT_ONCE):
        its = batch(rows[at : at + _AT_ONCE], str(adapted.model.device))
        with torch.inference_mode():
            each = likelihoods(adapted.logits(its.ids, its.mask, name), its).sum(-1)
            found += (each / its.judged[:, 1:].sum(-1).clamp(min=1.0)).tolist()
    return found


def loss(adapted: Adapted, rows: Sequence[Row], name: str | None) -> float:
    """The loss per judged token of all rows together."""
    weights = [max(1, len(row.ids) - max(1, row.given)) for row in rows]
    told = zip(scores(adapted, rows, name), weights, strict=True)
    return -sum(score * weight for score, weight in told) / sum(weights)
