"""What a process that was killed left of adapters and trainings is removed, once nobody can be making it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import anyio
import pytest

from memos_mcp.cube import Ref
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.parametric.folders import place_of
from memos_mcp.infrastructure.parametric.later import Here, Later
from memos_mcp.infrastructure.parametric.retiring import REFS, SOURCES
from tests.lora_adapters import made

pytestmark = pytest.mark.anyio

LONG_AGO = time.time() - 3600


async def unopened() -> Here:
    raise Misconfigured("nothing of this needs a model")


def training(folder: Path, key: str, *, sources: bool, old: bool) -> Path:
    """One that came to its end, and says or does not say from what it learnt."""
    place = folder / "training" / key
    place.mkdir(parents=True)
    (place / "measured.json").write_text("{}")
    if sources:
        (place / SOURCES).write_bytes(REFS.dump_json((Ref(id="m1", version=1),)))
    if old:
        os.utime(place, (LONG_AGO, LONG_AGO))
    return place


async def test_a_training_that_does_not_say_where_it_learns_from_is_removed_when_it_is_old(tmp_path: Path) -> None:
    gone = training(tmp_path, "aimless", sources=False, old=True)
    begun = training(tmp_path, "begun", sources=False, old=False)
    known = training(tmp_path, "known", sources=True, old=True)
    await Later("tiny", unopened, tmp_path).tidy([])
    assert [each.exists() for each in (gone, begun, known)] == [False, True, True]
    assert [place async for place in anyio.Path(tmp_path).iterdir()] == [tmp_path / "training"]


async def test_a_file_that_somebody_put_beside_the_trainings_holds_up_no_forgetting(tmp_path: Path) -> None:
    known = training(tmp_path, "known", sources=True, old=False)
    (tmp_path / "training" / "notes.txt").write_text("mine")
    (ref,) = REFS.validate_json((known / SOURCES).read_bytes())
    await Later("tiny", unopened, tmp_path).retire([ref.id])
    assert not known.exists()


async def test_where_nothing_was_trained_there_is_nothing_to_remove(tmp_path: Path) -> None:
    await Later("tiny", unopened, tmp_path / "adapters").tidy([])
    assert not (tmp_path / "adapters").exists()


async def test_adapters_that_nobody_names_are_removed_when_they_are_old(tmp_path: Path) -> None:
    kept, left, young = (made(tmp_path, name) for name in ("tea@1", "tea@2", "tea@3"))
    for each in (kept, left):
        os.utime(place_of(tmp_path, each.blob), (LONG_AGO, LONG_AGO))
    await Later("tiny", unopened, tmp_path).tidy([kept])
    assert [place_of(tmp_path, each.blob).exists() for each in (kept, left, young)] == [True, False, True]
