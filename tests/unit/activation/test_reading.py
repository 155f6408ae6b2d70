# pyright: reportMissingModuleSource=false
from pathlib import Path

import anyio
import pytest
import torch

from memos_mcp.activation import Room
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.activation import caches
from memos_mcp.infrastructure.activation.answering import Answering
from tests import kv_models
from tests.kv_backends import ALL, KEY, LISBON, PEANUTS, QUESTION, backend, block, files, prefilled, prompt

pytestmark = pytest.mark.anyio

CLOSE = 1e-4
SLICE = 16


@pytest.fixture
def sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "SLICE", SLICE)


@pytest.mark.parametrize("architecture", [*kv_models.ARCHITECTURES, "mistral"])
def test_what_is_read_in_slices_is_what_is_read_in_one_go(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = kv_models.model(architecture), list(range(5, 205))
    whole = prefilled(model, ids)
    monkeypatch.setattr(caches, "SLICE", SLICE)
    for kind, wanted in zip(prefilled(model, ids), whole, strict=True):
        for one, other in zip(kind, wanted, strict=True):
            assert float((one - other).abs().max()) <= CLOSE


@pytest.mark.usefixtures("sliced")
@pytest.mark.parametrize("architecture", kv_models.ARCHITECTURES)
async def test_logits_after_a_block_read_in_slices_are_those_of_the_whole_prompt(
    architecture: str, tmp_path: Path
) -> None:
    its = backend(tmp_path, kv_models.model(architecture))
    kept = await block(its, await its.warm(ALL))
    with torch.inference_mode():
        whole = its.network(input_ids=torch.tensor([prompt(its, ALL)])).logits[:, -1]
        after = Answering(its.network, kept, [its.seam.question(QUESTION)]).logits()
    assert float((after - whole).abs().max()) <= CLOSE


@pytest.mark.usefixtures("sliced")
async def test_progress_is_told_after_each_slice_up_to_all(tmp_path: Path) -> None:
    its, told = backend(tmp_path), list[tuple[int, int]]()
    made = await its.warm(ALL, told=lambda read, of: told.append((read, of)))
    assert told == [(min(at, made.tokens), made.tokens) for at in range(SLICE, made.tokens + SLICE, SLICE)]
    told.clear()
    await its.warm(ALL, told=lambda read, of: told.append((read, of)))
    await its.warm([PEANUTS, LISBON], told=lambda read, of: told.append((read, of)))
    assert told == []


@pytest.mark.usefixtures("sliced")
async def test_what_was_read_before_counts_as_read(tmp_path: Path) -> None:
    its, told = backend(tmp_path), list[tuple[int, int]]()
    before = await its.warm([PEANUTS])
    await its.warm(ALL, told=lambda read, of: told.append((read, of)))
    assert told[0][0] == before.tokens + SLICE


@pytest.mark.usefixtures("sliced")
async def test_a_warm_that_is_called_off_ends_with_its_slice_and_keeps_nothing(tmp_path: Path) -> None:
    its, told = backend(tmp_path), list[int]()
    with anyio.CancelScope() as scope:

        def enough(read: int, _all: int) -> None:
            told.append(read)
            scope.cancel()

        await its.warm(ALL, told=enough)
    assert scope.cancelled_caught
    assert told == [SLICE]
    assert files(tmp_path) == []
    assert its.stock.memory.size == its.stock.disk.size == 0
    assert (await its.warm(ALL)).sources == tuple(each.ref for each in ALL)


async def test_room_is_what_a_token_takes_what_all_may_and_how_long_one_was_read(tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model("qwen3").to(torch.bfloat16), disk=10**6)
    assert await its.room() == Room(2 * 3 * 2 * 32 * 2, 10**6)
    kept = await block(its, await its.warm([KEY]))
    room = await its.room()
    assert kept.size == room.per_token * len(kept.ids)
    assert room.seconds is not None
    assert 0 < room.seconds < 10


async def test_memories_that_fit_no_budget_are_not_read_at_all(tmp_path: Path) -> None:
    its, told = backend(tmp_path, disk=1000), list[int]()
    with pytest.raises(Unavailable, match="do not fit the disk"):
        await its.warm(ALL, told=lambda read, _: told.append(read))
    assert told == []
