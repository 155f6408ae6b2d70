# pyright: reportMissingModuleSource=false
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.activation.fingerprint import Mismatch
from memos_mcp.infrastructure.activation.opening import opened
from tests import kv_models
from tests.imports import IMPORTS
from tests.kv_backends import KEY, QUESTION

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "answer-from-a-kv-cache.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as transformers stores one."""
    place = tmp_path / "models" / "qwen3-0.6b"
    kv_models.model("qwen3").save_pretrained(str(place))
    kv_models.tokenizer().save_pretrained(str(place))
    return place


async def test_a_model_of_a_folder_answers_and_finds_its_blocks_again(folder: Path, tmp_path: Path) -> None:
    its = await opened(str(folder), tmp_path / "kv")
    activation = await its.warm([KEY])
    said = await its.generate(activation, QUESTION, limit=8)
    again = await opened(str(folder), tmp_path / "kv")
    assert await again.generate(activation, QUESTION, limit=8) == said
    assert await again.warm([KEY]) == activation
    await again.aclose()


async def test_what_is_said_before_the_memories_is_part_of_what_a_block_belongs_to(
    folder: Path, tmp_path: Path
) -> None:
    activation = await (await opened(str(folder), tmp_path / "kv")).warm([KEY])
    other = await opened(str(folder), tmp_path / "kv", header="Known is:\n\n<memories>")
    assert other.seam.rendered("", "").partition("Known is:\n\n<memories>")[1]
    with pytest.raises(Mismatch, match="template was"):
        await other.generate(activation, QUESTION)


async def test_a_model_that_is_not_here_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="'owner/never-downloaded' cannot be used on 'cpu'"):
        await opened("owner/never-downloaded", tmp_path)


async def test_pickled_weights_are_not_read(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Misconfigured, match="cannot be used"):
        await opened(str(folder), tmp_path / "kv")


def test_the_example_of_the_page_runs(folder: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    env = {"PYTHONPATH": IMPORTS, "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r" \d+ \d+$", done.stdout, re.MULTILINE)
    assert folder.is_dir()
