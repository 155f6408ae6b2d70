# pyright: reportMissingModuleSource=false
import json
import os
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from memos_mcp.activation import Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.errors import Corrupt, NotFound, Unavailable
from memos_mcp.infrastructure.activation import blocks
from memos_mcp.infrastructure.activation.blocks import Block, Header
from memos_mcp.infrastructure.activation.stock import Stock
from tests import kv_models
from tests.kv_backends import ALL, KEY, LISBON, PEANUTS, QUESTION, backend, block, digest, files

pytestmark = pytest.mark.anyio


def file_of(folder: Path, activation: Activation) -> Path:
    assert activation.blob is not None
    return folder / activation.blob[:2] / activation.blob[2:]


def aged(file: Path, by: float) -> None:
    """As if it was used or written to so many seconds ago."""
    os.utime(file, (time.time() - by, time.time() - by))


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def beheaded(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:4])


def pickled(file: Path) -> None:
    file.write_bytes(b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.")


def emptied(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("harm", [flipped, truncated, beheaded, pickled, emptied])
async def test_a_damaged_file_is_refused_and_made_again_by_warming(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    said = await its.generate(activation, QUESTION, limit=8)
    its.stock.unload()
    harm(file_of(tmp_path, activation))
    for again in (its, backend(tmp_path)):
        with pytest.raises(Corrupt, match="is not what was written: warm its memories again"):
            await again.generate(activation, QUESTION)
    assert await its.warm([KEY]) == activation
    assert await its.generate(activation, QUESTION, limit=8) == said


def tensors(its: Block) -> dict[str, torch.Tensor]:
    found = {"ids": torch.tensor(its.ids, dtype=torch.int32)}
    found |= {f"k.{at}": each.contiguous() for at, each in enumerate(its.keys)}
    return found | {f"v.{at}": each.contiguous() for at, each in enumerate(its.values)}


def said(its: Block, **values: object) -> dict[str, str]:
    return {"memos-kv": json.dumps({**json.loads(its.header.model_dump_json()), **values})}


async def test_a_foreign_file_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    its = backend(tmp_path / "kv")
    good = await block(its, await its.warm([KEY]))
    file = tmp_path / "file"
    cases: list[tuple[dict[str, torch.Tensor], dict[str, str], str]] = [
        ({"weight": torch.zeros(3)}, {}, "does not say that it is one"),
        (tensors(good), {"memos-kv": "{"}, "cannot be read"),
        (tensors(good), said(good, more=1), "its format is 'memos-kv/1'"),
        (tensors(good), said(good, fingerprint={"format": "memos-kv/9"}), "its format is 'memos-kv/9', read here"),
        (tensors(good), said(good, lengths=[1]), "1 sources of"),
        (tensors(good), said(good, lengths=[1, 2]), "ids for 3 tokens"),
        ({**tensors(good), "k.1": good.keys[1][:, 1:].contiguous()}, said(good), "a tensor is torch.float32 of"),
        ({**tensors(good), "v.0": good.values[0].to(torch.bfloat16)}, said(good), "a tensor is torch.bfloat16"),
        ({name: each for name, each in tensors(good).items() if name != "v.2"}, said(good), "v.2"),
    ]
    for content, metadata, why in cases:
        save_file(content, file, metadata=metadata)
        with pytest.raises(Corrupt, match=why):
            blocks.read(file)
    file.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(Corrupt, match="not a whole KV block"):
        blocks.read(file)
    with pytest.raises(NotFound, match="warm its memories again"):
        blocks.read(tmp_path / "nowhere")


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with pytest.raises(Corrupt):
            blocks.read(Path(file.name))


async def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    its = backend(tmp_path / "kv", kv_models.model().to(torch.bfloat16))
    made = await block(its, await its.warm(ALL))
    blocks.write(made, tmp_path / "file")
    read = blocks.read(tmp_path / "file")
    assert made.size < (tmp_path / "file").stat().st_size <= made.stored
    assert (read.header, read.ids) == (made.header, made.ids)
    assert all(torch.equal(*pair) for pair in zip((*read.keys, *read.values), (*made.keys, *made.values), strict=True))
    beginning = read.first(2)
    assert beginning.header.sources == (PEANUTS.ref, LISBON.ref)
    assert beginning.ids == made.ids[: -made.header.lengths[-1]]
    assert beginning.keys[0].shape[1] == beginning.header.tokens


async def test_a_full_disk_lets_go_of_what_was_used_longest_ago_but_not_of_what_is_pinned(tmp_path: Path) -> None:
    size = (await block(trial := backend(tmp_path / "trial"), await trial.warm([PEANUTS]))).size
    its = backend(tmp_path / "kv", disk=2 * size)
    pinned = await its.warm([KEY], pinned=True)
    old, new = await its.warm([LISBON]), await its.warm([PEANUTS])
    with pytest.raises(NotFound):
        await its.generate(old, QUESTION, limit=2)
    await its.generate(new, QUESTION, limit=2)
    await its.generate(pinned, QUESTION, limit=2)
    await its.pin(new)
    with pytest.raises(Unavailable, match=r"do not fit the disk: .* unpin some"):
        await its.warm([LISBON])
    await its.pin(new, on=False)
    assert (await its.warm([LISBON])).blob == old.blob
    assert sum(file.stat().st_size for file in files(tmp_path / "kv")) <= 2 * size


async def test_full_memory_lets_go_but_the_disk_still_has_it(tmp_path: Path) -> None:
    size = (await block(trial := backend(tmp_path / "trial"), await trial.warm([PEANUTS]))).size
    its = backend(tmp_path / "kv", memory=size + 10)
    one, two = await its.warm([PEANUTS]), await its.warm([KEY])
    assert its.stock.memory.size <= size + 10
    assert [each.name for each in its.stock.memory.held] == [two.blob]
    assert (await its.generate(one, QUESTION, limit=2)).made == 2
    assert [each.name for each in its.stock.memory.held] == [one.blob]
    with pytest.raises(Unavailable, match="do not fit the memory of the device"):
        await its.warm(ALL)


async def test_the_next_process_knows_what_was_used_last(tmp_path: Path) -> None:
    ticks = count(1_000_000_000)
    its = backend(tmp_path)
    its.stock = Stock(tmp_path, memory=2**30, disk=2**30, clock=lambda: next(ticks))
    one, two = await its.warm([KEY]), await its.warm([LISBON])
    await its.generate(two, QUESTION, limit=1)
    await its.generate(one, QUESTION, limit=1)
    later = backend(tmp_path)
    assert await later.warm([LISBON]) == two
    assert later.stock.disk.leaving(2**30 - 10)[0] == one.blob
    again = backend(tmp_path)
    await again.stock.look()
    used = {each.name: each.used for each in again.stock.disk.held}
    assert used[str(one.blob)] < used[str(two.blob)]


async def test_what_cannot_be_read_counts_and_leaves_first(tmp_path: Path) -> None:
    its = backend(tmp_path)
    kept, spoilt = await its.warm([KEY]), await its.warm([LISBON])
    emptied(file_of(tmp_path, spoilt))
    again = backend(tmp_path)
    await again.stock.look()
    assert {each.name for each in again.stock.disk.held} == {kept.blob, spoilt.blob}
    assert again.stock.disk.leaving(2**30)[0] == spoilt.blob


async def test_a_block_that_another_process_made_is_found_by_its_name(tmp_path: Path) -> None:
    its, other = backend(tmp_path), backend(tmp_path)
    await its.warm([KEY])
    made = await other.warm([LISBON])
    assert (await its.generate(made, QUESTION, limit=2)).made == 2
    assert made.blob in {each.name for each in its.stock.disk.held}


async def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    for name, age in ((".making-half", 2 * 3600), (".making-now", 60)):
        (tmp_path / name).write_bytes(b"half a block")
        aged(tmp_path / name, age)
    again = backend(tmp_path)
    await again.generate(activation, QUESTION, limit=1)
    (tmp_path / ".making-now").unlink()  # of a writer that may be at it
    assert [file.name for file in files(tmp_path)] == [str(activation.blob)[2:]]


async def test_pinning_what_is_not_there_says_so(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    await its.drop(activation)
    with pytest.raises(NotFound, match="warm its memories again"):
        await its.pin(activation)


async def test_a_dropped_block_gives_its_room_back_pinned_or_not(tmp_path: Path) -> None:
    its = backend(tmp_path)
    await its.drop(await its.warm([KEY], pinned=True))
    assert (its.stock.disk.size, its.stock.memory.size) == (0, 0)
    assert files(tmp_path) == []


async def test_answers_do_not_change_what_is_stored(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    before, file = digest(await block(its, activation)), file_of(tmp_path, activation).read_bytes()
    its.stock.unload()
    for _ in range(3):
        await its.generate_all(activation, [QUESTION, "Who?"], limit=8)
        assert [piece async for piece in its.stream(activation, QUESTION, limit=8)]
    assert digest(await block(its, activation)) == before
    assert file_of(tmp_path, activation).read_bytes() == file


async def test_blocks_of_one_beginning_are_told_apart_by_their_sources(tmp_path: Path) -> None:
    its = backend(tmp_path)
    first = await its.warm([KEY])
    other = await its.warm([Source(PEANUTS.ref, KEY.text)])
    assert first.blob != other.blob
    assert (await its.warm([KEY])).blob == first.blob
    header = (await block(its, first)).header
    assert replace(header.fingerprint) == (await block(its, other)).header.fingerprint
    assert isinstance(header, Header)


async def test_what_one_process_drops_or_pushes_out_another_does_not_serve(tmp_path: Path) -> None:
    size = (await block(trial := backend(tmp_path / "trial"), await trial.warm([PEANUTS]))).size
    its, other = backend(tmp_path / "kv"), backend(tmp_path / "kv", disk=size * 3 // 2)
    dropped, pushed = await its.warm([KEY]), await its.warm([LISBON])
    assert (await its.generate(dropped, QUESTION, limit=1)).made == 1
    await other.drop(dropped)
    await other.warm([PEANUTS])
    for gone in (dropped, pushed):
        with pytest.raises(NotFound, match="warm its memories again"):
            await its.generate(gone, QUESTION)
        assert gone.blob not in {each.name for each in (*its.stock.memory.held, *its.stock.disk.held)}
    assert await its.warm([LISBON]) == pushed


async def test_the_budget_counts_what_other_processes_wrote_and_used(tmp_path: Path) -> None:
    sizes = {
        each: (await block(trial := backend(tmp_path / each.ref.id), await trial.warm([each]))).stored for each in ALL
    }
    its, other = (backend(tmp_path / "kv", disk=sum(sizes.values())) for _ in range(2))
    old, used = await its.warm([PEANUTS]), await its.warm([KEY])
    await other.warm([LISBON])
    aged(file_of(tmp_path / "kv", old), 3600)
    aged(file_of(tmp_path / "kv", used), -60)
    await its.warm([Source(Ref(id="more", version=1), KEY.text)])
    names = {each.name for each in its.stock.disk.held}
    assert names == {path.parent.name + path.name for path in files(tmp_path / "kv")}
    assert old.blob not in names
    assert used.blob in names
    assert its.stock.disk.size <= sum(sizes.values())


async def test_what_another_process_read_is_not_read_again(tmp_path: Path) -> None:
    its, other = backend(tmp_path), backend(tmp_path)
    await its.warm([KEY])
    made, told = await other.warm(ALL), list[int]()
    assert await its.warm(ALL, told=lambda read, _: told.append(read)) == made
    assert told == []
