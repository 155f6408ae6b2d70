from collections.abc import Sequence

from torch import Tensor

class AdamW:
    param_groups: list[dict[str, float]]
    state: dict[Tensor, dict[str, Tensor]]
    def __init__(self, parameters: Sequence[Tensor], *, lr: float, weight_decay: float) -> None: ...
    def zero_grad(self) -> None: ...
    def step(self) -> None: ...
