# pyright: reportMissingModuleSource=false
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.parametric.opening import opened
from tests import kv_models
from tests.imports import IMPORTS
from tests.lora_lessons import lesson, let_through

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "train-an-adapter.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as transformers stores one."""
    place = tmp_path / "models" / "qwen3-0.6b"
    kv_models.model("qwen3", layers=1).save_pretrained(str(place))
    kv_models.tokenizer().save_pretrained(str(place))
    return place


async def test_a_model_of_a_folder_finds_its_adapters_again(folder: Path, tmp_path: Path) -> None:
    its = await opened(str(folder), tmp_path / "adapters")
    assert its.model == "qwen3-0.6b"
    adapter = (await its.train(lesson(steps=3), let_through)).adapter
    assert adapter
    again = await opened(str(folder), tmp_path / "adapters")
    await again.attach(adapter)
    await again.aclose()
    assert again.adapted.names == ()


async def test_a_model_that_is_not_here_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="'owner/never-downloaded' cannot be used on 'cpu'"):
        await opened("owner/never-downloaded", tmp_path)


async def test_pickled_weights_are_not_read(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Misconfigured, match="cannot be used"):
        await opened(str(folder), tmp_path / "adapters")


def test_the_example_of_the_page_runs(folder: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    env = {"PYTHONPATH": IMPORTS, "PATH": "", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "40 of 40" in done.stdout
    assert "held-out" in done.stdout
    assert folder.is_dir()
