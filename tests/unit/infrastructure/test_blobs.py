"""Content-addressed files: what goes in comes out, and nothing else does."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from anyio import run_process

from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.blobs import Blobs

pytestmark = pytest.mark.anyio


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.folder.rglob("*") if path.is_file()]


async def test_bytes_come_back_under_their_digest(blobs: Blobs) -> None:
    for data in (b"", b"tea", bytes(range(256)) * 1000):
        name = await blobs.put(data)
        assert name == hashlib.sha256(data).hexdigest()
        assert await blobs.get(name) == data
        assert await blobs.has(name)
        assert (blobs.folder / name[:2] / name[2:]).stat().st_mode & 0o777 == 0o600


async def test_the_same_bytes_are_stored_once(blobs: Blobs) -> None:
    name = await blobs.put(b"tea")
    (file,) = files(blobs)
    written = file.stat().st_ino
    assert await blobs.put(b"tea") == name
    assert [f.stat().st_ino for f in files(blobs)] == [written]


async def test_names_lists_what_is_there_and_nothing_unfinished(blobs: Blobs) -> None:
    assert await blobs.names() == []
    names = [await blobs.put(bytes([n])) for n in range(20)]
    (blobs.folder / names[0][:2] / ".unfinished").write_bytes(b"")
    assert await blobs.names() == sorted(names)


async def test_a_dropped_blob_is_not_found(blobs: Blobs) -> None:
    name = await blobs.put(b"tea")
    for _ in range(2):
        await blobs.drop(name)
    assert not await blobs.has(name)
    with pytest.raises(NotFound, match=name):
        await blobs.get(name)


@pytest.mark.parametrize("damage", [b"", b"te", b"tEa", b"tea\0"])
async def test_changed_bytes_are_corrupt_until_they_are_put_again(blobs: Blobs, damage: bytes) -> None:
    name = await blobs.put(b"tea")
    (file,) = files(blobs)
    file.write_bytes(damage)
    with pytest.raises(Corrupt, match="not what was written"):
        await blobs.get(name)
    assert file.read_bytes() == damage
    await blobs.put(b"tea")
    assert await blobs.get(name) == b"tea"


@pytest.mark.parametrize("name", ["", "ab", "x" * 64, "A" * 64, "../../etc/passwd", "0" * 63 + "\n", "0" * 65])
async def test_only_digests_are_names(blobs: Blobs, name: str) -> None:
    for ask in (blobs.get, blobs.has, blobs.drop):
        with pytest.raises(InvalidInput):
            await ask(name)


async def test_a_place_that_is_no_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    blobs = Blobs(tmp_path / "blobs")
    name = "0" * 64
    for ask in (blobs.put(b"tea"), blobs.get(name), blobs.drop(name)):
        with pytest.raises(Unavailable, match="blobs"):
            await ask


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path) -> None:
    code = """
import anyio, sys
from pathlib import Path
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.blobs import Blobs
try:
    anyio.run(Blobs(Path(sys.argv[1])).put, bytes(100_000))
except Unavailable as exc:
    print(exc)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert "free some room" in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def tea(file: Path) -> None:
    file.write_bytes(b"tea")


async def test_what_is_written_into_a_file_is_stored_under_its_hash(blobs: Blobs) -> None:
    name = await blobs.put_file(tea)
    assert await blobs.put(b"tea") == name == await blobs.put_file(tea)
    assert (await blobs.file(name)).read_bytes() == b"tea"
    assert [file.stat().st_mode & 0o777 for file in files(blobs)] == [0o600]


async def test_a_file_that_changed_is_refused_and_replaced_when_it_is_stored_again(blobs: Blobs) -> None:
    name = await blobs.put_file(tea)
    (await blobs.file(name)).write_bytes(b"coffee")
    with pytest.raises(Corrupt, match="not what was written"):
        await blobs.file(name)
    assert await blobs.put_file(tea) == name
    assert (await blobs.file(name)).read_bytes() == b"tea"
    await blobs.drop(name)
    with pytest.raises(NotFound, match=name):
        await blobs.file(name)


async def test_a_writer_that_fails_leaves_nothing(blobs: Blobs) -> None:
    def fail(file: Path) -> None:
        file.write_bytes(b"te")
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="free some room"):
        await blobs.put_file(fail)
    assert files(blobs) == []


async def test_what_a_killed_writer_left_is_swept(blobs: Blobs) -> None:
    script = (
        "import os, sys, anyio; from pathlib import Path; from memos_mcp.infrastructure.blobs import Blobs\n"
        "def kill(file): file.write_bytes(b'te'); os.kill(os.getpid(), 9)\n"
        "anyio.run(Blobs(Path(sys.argv[1])).put_file, kill)"
    )
    done = await run_process([sys.executable, "-c", script, blobs.folder], check=False)
    assert done.returncode == -9
    assert await blobs.names() == []
    assert len(files(blobs)) == 1
    name = await blobs.put(b"tea")
    await blobs.sweep(time.time() - 3600)
    assert len(files(blobs)) == 2
    await blobs.sweep(time.time() + 1)
    assert await blobs.names() == [name]
    assert len(files(blobs)) == 1
