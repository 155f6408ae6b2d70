from collections.abc import Sequence

from transformers import PreTrainedModel

class LoraConfig:
    def __init__(self, *, r: int, target_modules: Sequence[str], task_type: str) -> None: ...

def get_peft_model(model: PreTrainedModel, config: LoraConfig) -> PreTrainedModel: ...
