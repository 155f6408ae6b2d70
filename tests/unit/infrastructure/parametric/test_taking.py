"""An adapter is taken from the disk as it was written there, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from memos_mcp.cube import Parametric, Ref
from memos_mcp.errors import Corrupt, InvalidInput, Unavailable
from memos_mcp.infrastructure.parametric.folders import MANIFEST, place_of, removed
from memos_mcp.infrastructure.parametric.profile import CARTRIDGE, CONFIG, FILE
from memos_mcp.infrastructure.parametric.taking import taken
from tests.lora_adapters import made


def rewritten(folder: Path, adapter: Parametric, manifest: bytes) -> Parametric:
    """The same folder under the hash of another manifest."""
    blob = hashlib.sha256(manifest).hexdigest()
    place = place_of(folder, blob)
    place.parent.mkdir(exist_ok=True)
    place_of(folder, adapter.blob).rename(place)
    (place / MANIFEST).write_bytes(manifest)
    return adapter.model_copy(update={"blob": blob})


def test_an_adapter_is_taken_whole_and_only_what_servers_load(tmp_path: Path) -> None:
    its = taken(tmp_path, made(tmp_path))
    assert its.name == "tea@1"
    assert its.files.keys() == {FILE, CONFIG}
    assert "lora_A" not in repr(its)


def test_what_another_memory_speaks_of_is_not_taken(tmp_path: Path) -> None:
    tea = made(tmp_path)
    for changed in ({"fingerprint": "0" * 64}, {"sources": (Ref(id="m2", version=1),)}):
        with pytest.raises(Corrupt, match="not the one that the memory speaks of"):
            taken(tmp_path, tea.model_copy(update=changed))


def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="cannot be read"):
        taken(tmp_path, rewritten(tmp_path, made(tmp_path), b"{}"))


def test_a_cartridge_is_refused_by_what_it_is(tmp_path: Path) -> None:
    tea = made(tmp_path)
    said = json.loads((place_of(tmp_path, tea.blob) / MANIFEST).read_bytes())
    cartridge = json.dumps({**said, "format": CARTRIDGE}).encode()
    with pytest.raises(
        InvalidInput, match="tea@1 is no LoRA adapter, its format is 'memos-cartridge/1': SGLang cannot"
    ):
        taken(tmp_path, rewritten(tmp_path, tea, cartridge))


def test_a_manifest_that_leaves_out_a_file_is_told(tmp_path: Path) -> None:
    tea = made(tmp_path)
    said = json.loads((place_of(tmp_path, tea.blob) / MANIFEST).read_bytes())
    del said["files"][CONFIG]
    with pytest.raises(Corrupt, match=rf"{CONFIG} is not what was written"):
        taken(tmp_path, rewritten(tmp_path, tea, json.dumps(said).encode()))


def test_links_and_odd_blobs_are_not_followed(tmp_path: Path) -> None:
    tea = made(tmp_path)
    file = place_of(tmp_path, tea.blob) / FILE
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="is a link"):
        taken(tmp_path, tea)
    with pytest.raises(InvalidInput, match="64 hexadecimal digits"):
        place_of(tmp_path, "../../etc")


def test_what_cannot_be_read_or_removed_is_told(tmp_path: Path) -> None:
    tea = made(tmp_path)
    file = place_of(tmp_path, tea.blob) / FILE
    file.unlink()
    file.mkdir()
    with pytest.raises(Unavailable, match="could not be read"):
        taken(tmp_path, tea)
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="could not be removed"):
        removed(place_of(tmp_path, tea.blob), tmp_path / "file")
