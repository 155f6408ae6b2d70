from dataclasses import fields, replace

import pytest

from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint, Mismatch, check

HERE = Fingerprint(
    model="tiny",
    revision="1",
    model_type="llama",
    layers=2,
    hidden=8,
    heads=2,
    kv_heads=1,
    head_dim=4,
    vocabulary=9,
    layer_types="",
    rope="r",
    dtype="torch.float32",
    quantization="",
    adapters="",
    tokenizer="t",
    template="c",
    weights="w",
)


@pytest.mark.parametrize("field", [each.name for each in fields(Fingerprint)])
def test_a_difference_in_any_field_is_refused_by_name_with_both_sides(field: str) -> None:
    other = 77 if isinstance(getattr(HERE, field), int) else "another"
    made = replace(HERE, **{field: other})
    with pytest.raises(Mismatch, match=f"{field} was {other!r}, here it is .*Warm the memories again") as refused:
        check(made, HERE)
    assert refused.value.fields == (field,)
    assert isinstance(refused.value, InvalidInput)
    assert made.key != HERE.key


def test_equal_ones_pass_and_have_one_key() -> None:
    check(replace(HERE), HERE)
    assert replace(HERE).key == HERE.key
