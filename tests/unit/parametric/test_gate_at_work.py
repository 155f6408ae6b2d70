"""The gate on a model that has something to lose: a few of the cases of `benchmarks/lora_gate.py`."""

# pyright: reportMissingModuleSource=false
from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import lora_gate, small_lm
from memos_mcp.infrastructure.parametric.peft import PeftBackend

pytestmark = pytest.mark.anyio
SOME = {
    "four facts": "",
    "answers mixed up": "answered by their own source",
    "too few steps": "gained",
    "too high a rate": "other text became less likely",
    "of another model": "trained for another model",
}


async def test_what_is_worth_having_is_let_through_and_nothing_else(tmp_path: Path) -> None:
    model, tokenizer = small_lm.opened("tiny")
    its = PeftBackend(model, tokenizer, tmp_path, name="tiny")
    changed, _ = small_lm.opened("tiny")
    next(each for name, each in changed.named_parameters() if "q_proj" in name).data.fill_(0.01)
    other = PeftBackend(changed, tokenizer, tmp_path, name="tiny")
    found = {case.name: case for case in lora_gate.cases() if case.name in SOME}
    assert found.keys() == SOME.keys()
    for name, why in SOME.items():
        accepted, said = await lora_gate.decided(found[name], its, other)
        assert accepted == found[name].good, name
        assert why in said, name


def test_there_are_ten_of_each() -> None:
    cases = lora_gate.cases()
    assert len({case.name for case in cases}) == len(cases) == 20
    assert sum(case.good for case in cases) == 10
