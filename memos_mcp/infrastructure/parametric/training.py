"""One adapter while it learns: answers only, held near the base on other text; the same to the bit for a seed."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import utils
from torch.optim import AdamW

from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.profile import Config
from memos_mcp.infrastructure.parametric.rows import Row, batch, divergence, likelihoods
from memos_mcp.parametric import Recipe

_WARMING = 0.05  # of all steps
_LAST = 0.1  # of the rate, at the last step
_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Material:
    """What is learnt, what has to stay as it is, and with which weights it begins: None for random ones."""

    answers: tuple[Row, ...]
    rehearsal: tuple[Row, ...]
    begun: Mapping[str, Tensor] | None = None


class Training:
    """The steps of one training. What a step does hangs on the seed and its number alone, so it can go on anywhere."""

    def __init__(
        self, adapted: Adapted, name: str, config: Config, material: Material, recipe: Recipe, steps: int
    ) -> None:
        self.done, self.losses = 0, list[float]()
        self.steps, self.name, self.config = steps, name, config
        self._adapted, self._material, self._recipe = adapted, material, recipe
        adapted.remove(name)
        adapted.add(name, config, material.begun)
        self._parameters = adapted.trainable(name)
        if material.begun is None:
            self._begin()
        self._adam = AdamW([each for _, each in self._parameters], lr=recipe.rate, weight_decay=0.0)

    @property
    def over(self) -> bool:
        """Is there nothing left to do, or nothing to be gained any more?"""
        return self.done >= self.steps or (bool(self.losses) and not math.isfinite(self.losses[-1]))

    def step(self) -> None:
        """Learn from one batch."""
        picked = random.Random(f"{self._recipe.seed}:{self.done}")  # noqa: S311 (has to be repeatable)
        for group in self._adam.param_groups:
            group["lr"] = self._recipe.rate * self._share()
        total = self._learnt(picked)
        if self._recipe.kl and self._material.rehearsal:
            total = total + self._kept(picked) * self._recipe.kl
        self._adam.zero_grad()
        total.backward()
        utils.clip_grad_norm_([each for _, each in self._parameters], _NORM)
        self._adam.step()
        self.done += 1
        self.losses.append(round(float(total.detach()), 6))

    def state(self) -> dict[str, Tensor]:
        """Weights and what the optimiser remembers: all that the next step hangs on."""
        found = dict[str, Tensor]()
        for key, parameter in self._parameters:
            found[f"weight.{key}"] = parameter.detach()
            found |= {f"{part}.{key}": value for part, value in self._adam.state.get(parameter, {}).items()}
        return {key: value.detach().clone().contiguous().cpu() for key, value in found.items()}

    def restore(self, state: Mapping[str, Tensor], losses: Sequence[float]) -> None:
        """Go on from there."""
        for key, parameter in self._parameters:
            parameter.data.copy_(state[f"weight.{key}"])
            its = {part: state.get(f"{part}.{key}") for part in ("step", "exp_avg", "exp_avg_sq")}
            self._adam.state[parameter] = {part: value.clone() for part, value in its.items() if value is not None}
        self.losses, self.done = list(losses), len(losses)

    def leave(self) -> None:
        """Take the adapter off the model."""
        self._adapted.remove(self.name)

    def _begin(self) -> None:
        """One half random, the other zero: it changes nothing yet. peft's own draw would take it from what ran before.

        Drawn on the CPU, so that a device does not matter.
        """
        drawing = torch.Generator().manual_seed(self._recipe.seed)
        for key, parameter in self._parameters:
            if ".lora_A." in key:
                drawn = torch.randn(*parameter.shape, generator=drawing) / math.sqrt(parameter.shape[-1])
                parameter.data.copy_(drawn)
            else:
                parameter.data.fill_(0.0)

    def _share(self) -> float:
        warm = max(1, round(self.steps * _WARMING))
        if self.done < warm:
            return (self.done + 1) / warm
        return 1 - (1 - _LAST) * (self.done - warm) / max(1, self.steps - warm)

    def _learnt(self, picked: random.Random) -> Tensor:
        rows = self._material.answers
        its = batch(_some(rows, self._recipe.batch, picked), str(self._adapted.model.device))
        found = likelihoods(self._adapted.logits(its.ids, its.mask, self.name), its)
        return found.sum() * -1.0 / its.judged[:, 1:].sum()

    def _kept(self, picked: random.Random) -> Tensor:
        rows = self._material.rehearsal
        its = batch(_some(rows, max(1, self._recipe.batch // 2), picked), str(self._adapted.model.device))
        with torch.no_grad():
            base = self._adapted.logits(its.ids, its.mask, None)
        return divergence(base, self._adapted.logits(its.ids, its.mask, self.name), its)


def _some(rows: Sequence[Row], count: int, picked: random.Random) -> list[Row]:
    return picked.sample(rows, min(count, len(rows)))
