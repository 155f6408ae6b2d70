# pyright: reportMissingModuleSource=false
from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from memos_mcp.cube import Parametric
from memos_mcp.errors import Corrupt, InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure.parametric.artefacts import Shelf
from memos_mcp.infrastructure.parametric.folders import MANIFEST
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.infrastructure.parametric.profile import CONFIG, FILE
from tests import kv_models
from tests.lora_lessons import backend, lesson, let_through, lying

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Kept:
    """An adapter on the disk, and what is in its folder."""

    its: PeftBackend
    adapter: Parametric
    files: dict[str, bytes]

    @property
    def folder(self) -> Path:
        return self.its.shelf.path(self.adapter.blob)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    its = backend(tmp_path_factory.mktemp("adapters"))
    adapter = (await its.train(lesson(steps=3), let_through)).adapter
    assert adapter
    folder = its.shelf.path(adapter.blob)
    return Kept(its, adapter, {each.name: each.read_bytes() for each in folder.iterdir()})


@pytest.fixture
async def kept(made: Kept) -> AsyncGenerator[Kept]:
    """As it was written, before and after each test."""
    yield made
    made.folder.mkdir(parents=True, exist_ok=True)
    for each in made.folder.iterdir():
        each.unlink()
    for name, data in made.files.items():
        (made.folder / name).write_bytes(data)


async def test_a_folder_holds_what_servers_load_and_the_manifest(kept: Kept) -> None:
    assert set(kept.files) == {FILE, CONFIG, MANIFEST}
    await kept.its.verify(kept.adapter)


@pytest.mark.parametrize("name", [FILE, CONFIG, MANIFEST])
@pytest.mark.parametrize("place", [0, 11, -1])
async def test_a_bit_that_changed_anywhere_is_noticed_before_anything_is_loaded(
    name: str, place: int, kept: Kept
) -> None:
    data = bytearray(kept.files[name])
    data[place] ^= 1
    (kept.folder / name).write_bytes(data)
    with pytest.raises(Corrupt, match=f"{name} is not what was written"):
        await kept.its.attach(kept.adapter)
    assert kept.its.adapted.names == ()


def _pickled(folder: Path) -> None:
    (folder / FILE).rename(folder / "adapter_model.bin")


def _beside(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04.")


def _missing(folder: Path) -> None:
    (folder / CONFIG).unlink()


def _truncated(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-8])


def _linked(folder: Path) -> None:
    (folder / FILE).rename(folder.parent / "elsewhere")
    (folder / FILE).symlink_to(folder.parent / "elsewhere")


def _gone(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    ("harm", "error", "why"),
    [
        (_pickled, InvalidInput, r"adapter_model.bin, adapter_model.safetensors is too much or missing"),
        (_beside, InvalidInput, r"adapter_model.bin is too much"),
        (_missing, InvalidInput, r"adapter_config.json is too much or missing"),
        (_truncated, Corrupt, "not what was written"),
        (_linked, InvalidInput, "is a link"),
        (_gone, NotFound, "train it again from its sources"),
    ],
)
async def test_foreign_missing_and_pickled_files_are_refused(
    harm: Callable[[Path], None], error: type[MemosError], why: str, kept: Kept
) -> None:
    harm(kept.folder)
    with pytest.raises(error, match=why):
        await kept.its.attach(kept.adapter)
    (kept.folder.parent / "elsewhere").unlink(missing_ok=True)


async def test_another_base_is_refused_with_what_differs(kept: Kept) -> None:
    changed = kv_models.model(layers=2)
    next(each for name, each in changed.named_parameters() if "q_proj" in name).data.fill_(0.5)
    with pytest.raises(InvalidInput, match=r"trained for another model \(weights differ\)"):
        await backend(kept.its.shelf.folder, changed).attach(kept.adapter)
    with pytest.raises(InvalidInput, match="layers"):
        await backend(kept.its.shelf.folder, kv_models.model(layers=3)).verify(kept.adapter)
    with pytest.raises(InvalidInput, match=r"\(template differ\)"):
        await backend(kept.its.shelf.folder, None, kv_models.tokenizer(None)).verify(kept.adapter)


async def test_one_adapter_is_not_another(kept: Kept) -> None:
    for other in ({"name": "towns@7"}, {"sources": ()}, {"fingerprint": "f"}):
        with pytest.raises(Corrupt, match="not the one that the memory speaks of"):
            await kept.its.attach(kept.adapter.model_copy(update=other))
    for blob in ("../../etc", "A" * 64, ""):
        with pytest.raises(InvalidInput, match="not the name of a blob"):
            await kept.its.attach(kept.adapter.model_copy(update={"blob": blob}))


async def test_tensors_that_do_not_fit_are_refused_and_nothing_stays_attached(kept: Kept, tmp_path: Path) -> None:
    found = kept.its.shelf.read(kept.adapter)
    shelf = Shelf(tmp_path)
    tensors = dict(list(found.tensors.items())[1:])
    odd = shelf.keep(found.manifest, found.config, {**tensors, "evil": torch.zeros(2)})
    with pytest.raises(Corrupt, match="does not fit the model"):
        await backend(tmp_path).attach(odd)


async def test_what_is_damaged_is_written_anew_and_what_is_whole_left_alone(kept: Kept) -> None:
    found = kept.its.shelf.read(kept.adapter)
    before = (kept.folder / FILE).stat().st_ino
    assert kept.its.shelf.keep(found.manifest, found.config, found.tensors) == kept.adapter
    assert (kept.folder / FILE).stat().st_ino == before
    (kept.folder / FILE).write_bytes(b"")
    assert kept.its.shelf.keep(found.manifest, found.config, found.tensors) == kept.adapter
    await kept.its.verify(kept.adapter)


async def test_what_a_killed_writer_left_is_swept_and_what_says_nothing_goes_with_any_source(
    kept: Kept, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path)
    found = kept.its.shelf.read(kept.adapter)
    adapter = shelf.keep(found.manifest, found.config, found.tensors)
    for left in (".making-x", ".gone-x"):
        (tmp_path / left).mkdir()
        (tmp_path / left / FILE).write_bytes(b"half")
    (shelf.path(adapter.blob) / MANIFEST).write_bytes(b"{}")
    assert [*shelf.all()] == []
    assert await backend(tmp_path).retire({"nobody"}) == []
    assert lying(tmp_path) == []


def test_a_name_never_comes_again(tmp_path: Path) -> None:
    assert [Shelf(tmp_path).name("tea") for _ in range(3)] == ["tea@1", "tea@2", "tea@3"]
    assert Shelf(tmp_path).name("jazz") == "jazz@4", "a number tells nobody how often a topic was trained"
    assert not any("tea" in str(each) for each in tmp_path.rglob("*"))


def test_what_is_kept_is_for_its_owner_only(made: Kept) -> None:
    assert made.folder.stat().st_mode & 0o077 == 0
    assert os.access(made.folder, os.R_OK)
