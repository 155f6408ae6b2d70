# pyright: reportMissingModuleSource=false
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import peft
import pytest
import torch
from transformers import PreTrainedModel

from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, Mismatch
from memos_mcp.infrastructure.activation.transformers import TransformersBackend
from tests import kv_models
from tests.kv_backends import KEY, QUESTION, backend, block

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),  # peft asks for it
]


def made_as(**more: object) -> Callable[[Path], TransformersBackend]:
    return lambda folder: backend(folder, kv_models.model(**more))  # pyright: ignore[reportArgumentType]


def said_to_be(**values: object) -> Callable[[Path], TransformersBackend]:
    def other(folder: Path) -> TransformersBackend:
        model = kv_models.model()
        for name, value in values.items():
            setattr(model.config, name, value)
        return backend(folder, model)

    return other


def adapted(model: PreTrainedModel) -> PreTrainedModel:
    settings = peft.LoraConfig(r=2, target_modules=["k_proj"], task_type="CAUSAL_LM")
    return peft.get_peft_model(model, settings)


THETA = {"rope_type": "default", "rope_theta": 500.0}

OTHERS: dict[str, Callable[[Path], TransformersBackend]] = {
    "model": lambda folder: backend(folder, name="another"),
    "revision": lambda folder: backend(folder, revision="2"),
    "model_type": lambda folder: backend(folder, kv_models.model("mistral")),
    "layers": made_as(layers=2),
    "hidden": made_as(hidden_size=32),
    "heads": made_as(num_attention_heads=2, head_dim=16),
    "kv_heads": made_as(num_key_value_heads=4),
    "head_dim": made_as(head_dim=8),
    "vocabulary": made_as(vocab_size=kv_models.WORDS + 1),
    "layer_types": said_to_be(layer_types=["full_attention"] * 3),
    "rope": made_as(rope_parameters=THETA),
    "dtype": lambda folder: backend(folder, kv_models.model().to(torch.bfloat16)),
    "quantization": said_to_be(quantization_config={"quant_method": "fp8"}),
    "adapters": lambda folder: backend(folder, adapted(kv_models.model())),
    "tokenizer": lambda folder: backend(folder, tokenizer=kv_models.tokenizer(corpus=("Only this.",))),
    "template": lambda folder: backend(folder, tokenizer=kv_models.tokenizer(kv_models.CHAT.replace("\n", " "))),
    "weights": made_as(seed=8),
}


def test_every_field_has_a_case_here_but_the_format() -> None:
    assert set(OTHERS) | {"format"} == {each.name for each in fields(Fingerprint)}


@pytest.mark.parametrize("field", OTHERS)
async def test_a_block_made_with_another_is_refused_and_the_field_named(field: str, tmp_path: Path) -> None:
    activation = await backend(tmp_path).warm([KEY])
    other = OTHERS[field](tmp_path)
    with pytest.raises(Mismatch, match=rf"{field} was .*Warm the memories again") as refused:
        await other.generate(activation, QUESTION, limit=4)
    assert field in refused.value.fields
    again = await other.warm([KEY])
    assert again.fingerprint != activation.fingerprint
    assert (await other.generate(again, QUESTION, limit=4)).made == 4


async def test_a_block_of_another_format_is_refused(tmp_path: Path) -> None:
    its = backend(tmp_path)
    made = await block(its, await its.warm([KEY]))
    old = replace(made.header.fingerprint, format="memos-kv/0")
    header = made.header.model_copy(update={"fingerprint": old})
    name = await its.stock.keep(replace(made, header=header))
    with pytest.raises(Mismatch) as refused:
        await its.stock.get(name, made.header.fingerprint)
    assert refused.value.fields == ("format",)


async def test_another_base_of_the_positions_is_seen_though_the_weights_are_the_same(tmp_path: Path) -> None:
    activation = await backend(tmp_path).warm([KEY])
    with pytest.raises(Mismatch) as refused:
        await OTHERS["rope"](tmp_path).generate(activation, QUESTION)
    assert refused.value.fields == ("rope",)


async def test_an_adapter_that_is_put_on_or_changed_later_is_seen(tmp_path: Path) -> None:
    its = backend(tmp_path, adapted(kv_models.model()))
    activation = await its.warm([KEY])
    before = (await its.generate(activation, QUESTION, limit=8)).text
    weights = next(each for name, each in its.network.named_parameters() if "lora_B" in name)
    with torch.inference_mode():
        weights.add_(0.5)
    with pytest.raises(Mismatch) as refused:
        await its.generate(activation, QUESTION)
    assert refused.value.fields == ("adapters",)
    with torch.inference_mode():
        weights.add_(-0.5)
    assert (await its.generate(activation, QUESTION, limit=8)).text == before


async def test_weights_that_change_while_the_model_is_open_are_seen(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    with torch.inference_mode():
        for _, weights in its.network.named_parameters():
            weights.add_(0.001)
    with pytest.raises(Mismatch) as refused:
        await its.generate(activation, QUESTION)
    assert refused.value.fields == ("weights",)


async def test_the_same_model_opened_again_has_the_same_fingerprint(tmp_path: Path) -> None:
    one = await backend(tmp_path).warm([KEY])
    assert await backend(tmp_path).warm([KEY]) == one
