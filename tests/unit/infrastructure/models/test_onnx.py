import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memos_mcp.errors import Misconfigured, MissingExtra
from memos_mcp.infrastructure.models.onnx import OnnxEmbedder
from memos_mcp.infrastructure.models.shelf import Manifest, digests
from tests import tiny_models
from tests.tiny_models import TABLE, WORDS

pytestmark = pytest.mark.anyio

CLS, SEP = TABLE[WORDS.index("[CLS]")], TABLE[WORDS.index("[SEP]")]


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def mean(*words: str) -> NDArray[np.float32]:
    """What a mean of the vectors of these words is, with those that every text begins and ends with."""
    return unit(np.mean([CLS, *(TABLE[WORDS.index(word)] for word in words), SEP], axis=0))


async def embedded(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    return await OnnxEmbedder(folder, threads=1).embed(texts)


async def test_a_text_is_the_mean_of_its_pieces_and_padding_does_not_count(tmp_path: Path) -> None:
    found = await embedded(tiny_models.write(tmp_path / "tiny"), ["tea", "tea coffee ferry key", ""])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [mean("tea"), mean("tea", "coffee", "ferry", "key"), mean()], atol=1e-6)


async def test_words_of_content_are_told_one_by_one_with_the_text(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(tiny_models.write(tmp_path / "tiny"))
    texts = ["what is the tea", "", "tea coffee ferry key", "is it", "key " * 40, "key, tea"]
    read = await embedder.read(texts)
    np.testing.assert_array_equal(read.vectors, await embedder.embed(texts))
    assert [len(rows) for rows in read.words] == [1, 1, 4, 1, 30, 2]
    np.testing.assert_allclose(read.words[0], [unit(TABLE[WORDS.index("tea")])], atol=1e-6)
    np.testing.assert_allclose(read.words[5][1], unit(TABLE[WORDS.index("tea")]), atol=1e-6)


async def test_a_graph_that_tells_no_pieces_tells_no_words(tmp_path: Path) -> None:
    read = await OnnxEmbedder(tiny_models.write(tmp_path / "tiny", outputs=("sentence_embedding",))).read(["ferry"])
    assert (read.vectors.shape, list(read.words)) == ((1, 3), [])


async def test_many_texts_come_back_in_their_order(tmp_path: Path) -> None:
    texts = ["tea " * (place * 7 % 40) + "key" for place in range(120)]
    found = await embedded(tiny_models.write(tmp_path / "tiny"), texts)
    np.testing.assert_allclose(found, [mean(*text.split()) for text in texts], atol=1e-6)


async def test_no_texts_are_no_rows(tmp_path: Path) -> None:
    assert (await embedded(tiny_models.write(tmp_path / "tiny"), [])).shape == (0, 3)


async def test_half_a_surrogate_pair_is_a_character_like_another(tmp_path: Path) -> None:
    assert (await embedded(tiny_models.write(tmp_path / "tiny"), ["tea \ud83d"])).shape == (1, 3)


@pytest.mark.parametrize("config", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls", "include_prompt": True}])
async def test_a_model_that_says_so_is_pooled_by_its_first_piece(tmp_path: Path, config: dict[str, object]) -> None:
    folder = tiny_models.write(tmp_path / "tiny", settings={"1_Pooling/config.json": config})
    np.testing.assert_allclose(await embedded(folder, ["ferry"]), [unit(CLS)])


async def test_a_graph_that_pools_by_itself_is_taken_at_its_word(tmp_path: Path) -> None:
    outputs = ("last_hidden_state", "sentence_embedding")
    found = await embedded(tiny_models.write(tmp_path / "tiny", outputs=outputs), ["ferry"])
    np.testing.assert_allclose(found, [unit(SEP)])


async def test_the_pooler_of_bert_is_left_alone(tmp_path: Path) -> None:
    outputs = ("pooler_output", "last_hidden_state")
    found = await embedded(tiny_models.write(tmp_path / "tiny", outputs=outputs), ["ferry"])
    np.testing.assert_allclose(found, [mean("ferry")], atol=1e-6)


async def test_types_of_pieces_are_given_to_a_graph_that_asks_for_them(tmp_path: Path) -> None:
    inputs = ("input_ids", "attention_mask", "token_type_ids")
    found = await embedded(tiny_models.write(tmp_path / "tiny", inputs=inputs), ["ferry"])
    np.testing.assert_allclose(found, [mean("ferry")], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"sentence_bert_config.json": {"max_seq_length": 4}}, 2),
        ({"tokenizer_config.json": {"model_max_length": 5}}, 3),
        ({"sentence_bert_config.json": {"max_seq_length": 99}, "config.json": {"max_position_embeddings": 6}}, 4),
        ({"config.json": {"max_position_embeddings": 8, "model_type": "xlm-roberta"}}, 4),
        ({}, 254),
        ({"tokenizer_config.json": {"model_max_length": 10**30}}, 510),
    ],
)
async def test_of_a_long_text_as_much_is_read_as_the_model_takes(
    tmp_path: Path, settings: dict[str, object], kept: int
) -> None:
    folder = tiny_models.write(tmp_path / "tiny", settings=settings)
    found = await embedded(folder, ["tea " * kept + "key " * 600])
    np.testing.assert_allclose(found, [mean(*["tea"] * kept)], atol=1e-6)


async def test_ids_are_equal_where_vectors_are_comparable(tmp_path: Path) -> None:
    first = tiny_models.write(tmp_path / "a" / "tiny")
    same = tiny_models.write(tmp_path / "b" / "tiny")
    shorter = tiny_models.write(tmp_path / "c" / "tiny", settings={"sentence_bert_config.json": {"max_seq_length": 9}})
    other = tiny_models.write(tmp_path / "d" / "tiny")
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text().replace("tea", "chai"))
    ids = [(await OnnxEmbedder(folder).load())[0] for folder in (first, same, shorter, other)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(id.startswith("tiny@") and len(id) == len("tiny@") + 8 for id in ids)


async def test_the_dimension_is_that_of_the_vectors(tmp_path: Path) -> None:
    assert (await OnnxEmbedder(tiny_models.write(tmp_path / "tiny")).load())[1] == 3


async def test_a_closed_embedder_opens_again(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(tiny_models.write(tmp_path / "tiny"))
    first = await embedder.embed(["tea"])
    await embedder.aclose()
    np.testing.assert_array_equal(await embedder.embed(["tea"]), first)


async def test_a_folder_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no model in .*none.*memos model install"):
        await OnnxEmbedder(tmp_path / "none").load()


async def test_other_bytes_than_installed_are_refused_at_every_load(tmp_path: Path) -> None:
    folder = tiny_models.write(tmp_path / "tiny")
    written = Manifest(
        name="owner/tiny", source="", revision="", files=digests(folder), dimension=3, pieces=8, pooling="mean"
    )
    (folder / "model.json").write_text(written.model_dump_json())
    embedder = OnnxEmbedder(folder)
    assert (await embedder.load())[0] == written.id
    await embedder.aclose()
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + " ")
    with pytest.raises(Misconfigured, match=r"tokenizer.json is not what was installed; run `memos model install`"):
        await embedder.load()


@pytest.mark.parametrize(
    "name", ["onnx/model.onnx", "tokenizer.json", "config.json", "1_Pooling/config.json", "model.json"]
)
async def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    folder = tiny_models.write(tmp_path / "tiny", settings={"1_Pooling/config.json": {}})
    (folder / name).write_text("[what")
    with pytest.raises(Misconfigured, match=name):
        await OnnxEmbedder(folder).load()


async def test_a_model_that_needs_more_than_can_be_done_is_refused(tmp_path: Path) -> None:
    modules = [{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Dense"}]
    goes_on = tiny_models.write(tmp_path / "a", settings={"modules.json": modules})
    with pytest.raises(Misconfigured, match="Dense"):
        await OnnxEmbedder(goes_on).load()
    pools = tiny_models.write(tmp_path / "b", settings={"1_Pooling/config.json": {"pooling_mode_lasttoken": True}})
    with pytest.raises(Misconfigured, match="lasttoken"):
        await OnnxEmbedder(pools).load()
    asks = tiny_models.write(tmp_path / "c", inputs=("input_ids", "pixel_values"))
    with pytest.raises(Misconfigured, match="pixel_values"):
        await OnnxEmbedder(asks).load()


async def test_a_tokenizer_of_another_model_is_noticed(tmp_path: Path) -> None:
    folder = tiny_models.write(tmp_path / "tiny")
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text().replace('"coffee":5', '"coffee":99'))
    embedder = OnnxEmbedder(folder)
    assert len(await embedder.embed(["tea"])) == 1
    with pytest.raises(Misconfigured, match="do not fit together"):
        await embedder.embed(["coffee"])


async def test_a_graph_that_computes_what_comes_after_may_go_on(tmp_path: Path) -> None:
    modules = [{"type": "sentence_transformers.models.Dense"}]
    whole = tiny_models.write(tmp_path / "tiny", outputs=("sentence_embedding",), settings={"modules.json": modules})
    assert (await embedded(whole, ["tea"])).shape == (1, 3)


async def test_without_the_libraries_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "memos_mcp.infrastructure.models.onnx_model", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"memcube-mcp\[embed\]"):
        await OnnxEmbedder(tiny_models.write(tmp_path / "tiny")).load()


async def test_a_model_copied_elsewhere_still_works(tmp_path: Path) -> None:
    folder = tiny_models.write(tmp_path / "tiny")
    before = await embedded(folder, ["tea"])
    shutil.move(folder, tmp_path / "moved")
    np.testing.assert_array_equal(await embedded(tmp_path / "moved", ["tea"]), before)
