# pyright: reportMissingModuleSource=false
from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from pydantic import JsonValue
from safetensors.torch import load, save

from memos_mcp.cube import Governance, Parametric
from memos_mcp.errors import Corrupt, InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure.parametric.folders import MANIFEST
from memos_mcp.infrastructure.parametric.profile import CONFIG, FILE
from memos_mcp.infrastructure.parametric.rows import batch
from memos_mcp.infrastructure.parametric.taking import taken
from memos_mcp.operation.probing import Probe, probed
from tests import kv_models
from tests.lora_lessons import TOWNS, backend, lesson, let_through, lying, pairs, within

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),  # peft 0.21 asks by an old name
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What peft itself saves of an adapter, with weights that change something."""
    folder = tmp_path_factory.mktemp("peft")
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    made = get_peft_model(kv_models.model(layers=2), config)
    torch.manual_seed(5)
    for name, each in made.named_parameters():
        if ".lora_B." in name:
            each.data.copy_(torch.randn(*each.shape))
    made.save_pretrained(str(folder))
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.fixture
def folder(saved: dict[str, bytes], tmp_path: Path) -> Path:
    place = tmp_path / "foreign"
    place.mkdir()
    for name, data in saved.items():
        (place / name).write_bytes(data)
    return place


async def test_what_peft_saved_answers_as_it_does_with_peft(
    folder: Path, saved: dict[str, bytes], tmp_path: Path
) -> None:
    assert set(saved) == {FILE, CONFIG, "README.md"}
    its = backend(tmp_path / "adapters")
    adapter = await its.adopt(folder, "towns", rules=Governance(licence="CC-BY-4.0"))
    assert (adapter.name, adapter.sources, adapter.rank, adapter.merged) == ("towns@1", (), 8, ())
    manifest = its.shelf.manifest(adapter.blob)
    assert (manifest.report, manifest.recipe, manifest.budget) == (None, None, None)
    assert manifest.rules.licence == "CC-BY-4.0"
    await its.attach(adapter)
    rows = batch([its.row(each.question, each.answer) for each in pairs()], "cpu")
    ours = its.adapted.logits(rows.ids, rows.mask, f"memos{adapter.blob[:32]}").detach()
    theirs = PeftModel.from_pretrained(kv_models.model(layers=2), str(folder))(
        input_ids=rows.ids, attention_mask=rows.mask, use_cache=False
    ).logits.detach()
    base = its.adapted.logits(rows.ids, rows.mask, None).detach()
    assert float((ours - theirs).abs().max()) < 1e-5
    assert float((ours - base).abs().max()) > 0.1


async def test_taken_in_again_it_is_the_same_one(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    first = await its.adopt(folder, "towns")
    assert await its.adopt(folder, "towns") == first
    assert (await its.adopt(folder, "others")).name == "others@2"
    assert await its.releases("towns") == [first]


async def test_no_source_takes_it_along_and_a_drop_does(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    adopted = await its.adopt(folder, "towns")
    trained = (await its.train(lesson(steps=3), let_through)).adapter
    assert trained
    assert await its.retire({"ada", ""}) == [trained.name]
    await its.verify(adopted)
    await its.drop(adopted)
    with pytest.raises(NotFound):
        await its.attach(adopted)
    assert [each for each in lying(tmp_path / "adapters") if each.endswith(".safetensors")] == []


async def test_it_is_not_merged_with_what_goes_by_its_sources(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    trained = (await its.train(lesson(steps=3), let_through)).adapter
    assert trained
    adopted = await its.adopt(folder, "foreign")
    with pytest.raises(InvalidInput, match="foreign@2 was adopted and has no sources"):
        await its.merge(within(lesson(TOWNS), rank=16), [trained, adopted], let_through)


async def test_what_an_adapter_of_unknown_sources_was_taught_is_found_by_asking_it(tmp_path: Path) -> None:
    elsewhere, place = backend(tmp_path / "elsewhere"), tmp_path / "foreign"
    trained = (await elsewhere.train(lesson(steps=40), let_through)).adapter
    assert trained
    shutil.copytree(elsewhere.shelf.path(trained.blob), place, ignore=shutil.ignore_patterns(MANIFEST))
    its = backend(tmp_path / "adapters")
    adapter = await its.adopt(place, "towns")
    probes = [Probe(f"Where does {name} live?") for name, _ in TOWNS]
    with pytest.raises(NotFound, match="not attached"):
        await probed(its, adapter, probes)
    await its.attach(adapter)
    found = await probed(its, adapter, probes, limit=6)
    assert {each.text for each in found} == {f"Where does {name} live? {town}." for name, town in TOWNS}
    assert all(each.gain > 2 and 0.5 < each.confidence <= 1 for each in found)


async def test_a_server_is_given_it_like_any_other(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    adapter = await its.adopt(folder, "towns")
    found = taken(its.shelf.folder, adapter)
    assert (found.name, found.config.r, found.config.base_model_name_or_path) == ("towns@1", 8, "tiny")
    assert {pair.module for pair in found.pairs} == {"q_proj", "v_proj"}


def _linked(folder: Path) -> None:
    (folder / FILE).rename(folder.parent / "elsewhere")
    (folder / FILE).symlink_to(folder.parent / "elsewhere")


def _pickled(folder: Path) -> None:
    (folder / FILE).rename(folder / "adapter_model.bin")


def _beside(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")


def _swollen(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes() + b" " * 2**22)


def _truncated(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-8])


def _infinite(folder: Path) -> None:
    tensors = load((folder / FILE).read_bytes())
    next(iter(tensors.values())).fill_(float("nan"))
    (folder / FILE).write_bytes(save(tensors))


def _partial(folder: Path) -> None:
    tensors = load((folder / FILE).read_bytes())
    (folder / FILE).write_bytes(save(dict(list(tensors.items())[1:])))


def _no_json(folder: Path) -> None:
    (folder / CONFIG).write_bytes(b"\x80\x04")


def _gone(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("harm", "error", "why"),
    [
        (_linked, InvalidInput, "is a link"),
        (_pickled, InvalidInput, "adapter_model.bin, adapter_model.safetensors is too much or missing"),
        (_beside, InvalidInput, "adapter_model.bin is too much"),
        (_swollen, InvalidInput, "bytes, an adapter of its rank"),
        (_truncated, Corrupt, "no safetensors file"),
        (_infinite, InvalidInput, "something else than finite numbers"),
        (_partial, InvalidInput, "made for a model of other sizes"),
        (_no_json, InvalidInput, "no object of JSON"),
        (_gone, NotFound, "there is no folder"),
    ],
)
async def test_what_is_no_adapter_for_this_model_is_refused_and_nothing_is_kept(
    harm: Callable[[Path], None], error: type[MemosError], why: str, folder: Path, tmp_path: Path
) -> None:
    its = backend(tmp_path / "adapters")
    harm(folder)
    with pytest.raises(error, match=why):
        await its.adopt(folder, "towns")
    assert its.adapted.names == ()
    assert lying(tmp_path / "adapters") == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"peft_type": "IA3"}, "peft_type"),
        ({"use_dora": True}, "use_dora"),
        ({"use_rslora": True}, "use_rslora"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"layers_to_transform": [0]}, "layers_to_transform"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
        ({"lora_alpha": 100}, "neither twice the rank"),
        ({"target_modules": "all-linear"}, "target_modules"),
        ({"target_modules": ["q_proj", "c_attn"]}, "c_attn, which tiny does not have"),
        ({"r": 16, "lora_alpha": 32}, "made for a model of other sizes"),
    ],
)
async def test_what_some_server_would_load_wrongly_is_refused_by_name(
    changed: dict[str, JsonValue], why: str, folder: Path, tmp_path: Path
) -> None:
    said = json.loads((folder / CONFIG).read_bytes())
    (folder / CONFIG).write_text(json.dumps({**said, **changed}), encoding="utf-8")
    with pytest.raises(InvalidInput, match=why):
        await backend(tmp_path / "adapters").adopt(folder, "towns")


async def test_a_model_of_other_sizes_does_not_take_it(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters", kv_models.model("qwen3", layers=3))
    with pytest.raises(InvalidInput, match="made for a model of other sizes"):
        await its.adopt(folder, "towns")


async def test_a_manifest_without_sources_that_claims_a_training_is_not_read(folder: Path, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    trained = (await its.train(lesson(steps=3), let_through)).adapter
    assert trained
    found = its.shelf.read(trained)
    odd: Parametric = its.shelf.keep(found.manifest.model_copy(update={"sources": ()}), found.config, found.tensors)
    with pytest.raises(Corrupt, match="cannot be read"):
        await its.attach(odd)
    half: Parametric = its.shelf.keep(found.manifest.model_copy(update={"report": None}), found.config, found.tensors)
    with pytest.raises(Corrupt, match="cannot be read"):
        await its.attach(half)
