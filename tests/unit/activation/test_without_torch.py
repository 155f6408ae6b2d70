import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from memos_mcp.errors import MissingExtra
from memos_mcp.infrastructure.activation.opening import opened


@pytest.mark.skipif(find_spec("torch") is None, reason="activation memory in process needs torch: make kv")
def test_the_tests_of_activation_memory_run_where_torch_is() -> None:
    assert find_spec("transformers") is not None


@pytest.mark.anyio
async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"memcube-mcp\[kv\]"):
        await opened("a/model", tmp_path)
