import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from memos_mcp.errors import MissingExtra
from memos_mcp.infrastructure.parametric.opening import opened


@pytest.mark.skipif(find_spec("peft") is None, reason="parametric memory in process needs peft: make kv")
def test_the_tests_of_parametric_memory_run_where_peft_is() -> None:
    assert find_spec("torch") is not None


@pytest.mark.anyio
async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"memcube-mcp\[lora\]"):
        await opened("a/model", tmp_path)
