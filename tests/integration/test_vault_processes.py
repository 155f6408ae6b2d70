"""Several processes on one vault: starting at once, writing at once, killed at any moment, restored under."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from memos_mcp.cube import MemCube, Plaintext, Ref
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.testing import a_cube, remember

pytestmark = pytest.mark.anyio
ADA = Caller("ada")
LONGEST = 300  # seconds, on a machine that has much else to do

PRELUDE = """
import anyio, json, sys
from pathlib import Path
from memos_mcp.cube import Plaintext, Ref
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.testing import a_cube, remember

vault = SqliteAdapter(Path(sys.argv[1]))

def tell(*said):
    print(json.dumps(said), flush=True)

def wait():
    tell("ready")
    sys.stdin.readline()
"""

FIRST_START = """
async def main():
    wait()
    for number in range(5):
        await remember(vault, a_cube(f"{sys.argv[2]} {number}"))
    await vault.aclose()
anyio.run(main)
"""

WRITER = """
async def main():
    wait()
    for number in range(60):
        await remember(vault, a_cube(f"{sys.argv[2]} {number}"))
    await vault.aclose()
anyio.run(main)
"""

READER = """
async def main():
    wait()
    seen = []
    while len(seen) < 120:
        seen += [e.seq for e in await vault.events(after=seen[-1] if seen else 0, limit=10)]
        held = await vault.scan(Where(("user/ada",)), limit=1000)
        if sum((await vault.count(["user/ada"])).values()) < len(held):
            tell("counters are behind")
    tell(seen)
    await vault.aclose()
anyio.run(main)
"""

WRITES_UNTIL_KILLED = """
async def main():
    number = 0
    while True:
        cubes = [a_cube(f"{number} {n}") for n in range(number % 3 + 1)]
        await remember(vault, *cubes)
        tell("remember", [c.id for c in cubes])
        if number % 3 == 1:
            second = cubes[0].model_copy(update={"version": 2, "payload": Plaintext(text="changed")})
            await vault.commit([Change("update", second.id, second)], caller=Caller("ada"))
            tell("update", [second.id])
        if number % 5 == 2:
            await vault.commit([Change("forget", cubes[0].id)], caller=Caller("ada"))
            tell("forget", [cubes[0].id])
        number += 1
anyio.run(main)
"""

FOLLOWER = """
async def main():
    head = (await vault.events())[-1].seq
    for line in sys.stdin:
        news = await vault.events(after=head)
        if line == "write\\n":
            news += await remember(vault, a_cube("written by the other"))
        head = news[-1].seq if news else head
        tell([e.action for e in news], sorted(c.text for _, c in await vault.scan(Where(("user/ada",)))))
    await vault.aclose()
tell("ready")
anyio.run(main)
"""


def started(code: str, *arguments: Path | str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def at_once(processes: Sequence[subprocess.Popen[str]]) -> list[list[object]]:
    """Let all of them go at the same moment; what each said until it ended without an error."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    try:
        said = [process.communicate(timeout=LONGEST) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [errors for _, errors in said] == [""] * len(processes)
    return [[json.loads(line) for line in out.splitlines()] for out, _ in said]


async def assert_healthy(file: Path) -> None:
    findings = await Upkeep(Database(file)).check()
    assert [finding for finding in findings if not finding.ok] == []


async def texts(file: Path) -> list[str]:
    vault = SqliteAdapter(file)
    found = await vault.scan(Where(("user/ada",)), limit=1000)
    await vault.aclose()
    return sorted(cube.text for _, cube in found)


async def test_six_processes_make_one_vault_when_they_start_at_once(tmp_path: Path) -> None:
    file = tmp_path / "home" / "memos.db"
    at_once([started(FIRST_START, file, str(n)) for n in range(6)])
    assert await texts(file) == sorted(f"{n} {number}" for n in range(6) for number in range(5))
    assert sorted(path.name for path in file.parent.iterdir()) == ["memos.db"]
    await assert_healthy(file)


async def test_two_writers_and_two_readers_wait_for_each_other_and_lose_nothing(file: Path) -> None:
    writers = [started(WRITER, file, str(n)) for n in range(2)]
    readers = [started(READER, file) for _ in range(2)]
    said = at_once([*writers, *readers])
    assert said == [[], [], [[list(range(1, 121))]], [[list(range(1, 121))]]]
    assert len(await texts(file)) == 120
    await assert_healthy(file)


def killed(file: Path, after: int) -> list[tuple[str, list[str]]]:
    """Let a writer work until it has acknowledged `after` changes, kill it, and return all it acknowledged."""
    process = started(WRITES_UNTIL_KILLED, file)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.kill()
    rest, _ = process.communicate(timeout=60)
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in lines]


async def test_what_was_acknowledged_survives_five_kills(file: Path) -> None:
    dice = random.Random(7)
    state: dict[str, int] = {}
    for _ in range(5):
        for did, ids in killed(file, dice.randint(1, 60)):
            state |= dict.fromkeys(ids, {"remember": 1, "update": 2, "forget": 0}[did])
        vault = SqliteAdapter(file)
        held = {cube.id: cube.version for cube in await vault.get([Ref(id=key) for key in state])}
        await vault.aclose()
        # The change in flight at the kill may have been made and only not acknowledged.
        differing = [key for key, version in state.items() if held.get(key, 0) != version]
        assert len(differing) <= 1
        for key in differing:
            assert held.get(key, 3) > state[key]
            state[key] = held.get(key, 0)
        await assert_healthy(file)


def answer(process: subprocess.Popen[str], line: str) -> list[list[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
async def test_a_process_that_has_the_vault_open_follows_a_restore(
    file: Path, tmp_path: Path, *, damaged: bool
) -> None:
    vault = SqliteAdapter(file)
    old = a_cube("old")
    await remember(vault, old)
    upkeep = Upkeep(vault.database)
    backup = tmp_path / "backup.db"
    await upkeep.backup(backup)
    await change(vault, old, "changed")
    await remember(vault, a_cube("new"))
    await vault.aclose()

    other = started(FOLLOWER, file)
    assert other.stdout is not None
    other.stdout.readline()
    assert answer(other, "read") == [[], ["changed", "new"]]
    if damaged:
        spoil(file)
    restored = await upkeep.restore(backup, caller=ADA)
    assert answer(other, "read") == [["restore"], ["old"]]
    assert answer(other, "write") == [["remember"], ["old", "written by the other"]]
    _, errors = other.communicate(timeout=60)
    assert errors == ""

    assert await texts(file) == ["old", "written by the other"]
    assert restored.kept is not None
    if not damaged:
        assert await texts(restored.kept) == ["changed", "new"]
    await assert_healthy(file)


def spoil(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[20_000:60_000] = bytes(40_000)
    file.write_bytes(data)


async def change(vault: SqliteAdapter, cube: MemCube, text: str) -> None:
    second = cube.model_copy(update={"version": cube.version + 1, "payload": Plaintext(text=text)})
    await vault.commit([Change("update", cube.id, second)], caller=ADA)
