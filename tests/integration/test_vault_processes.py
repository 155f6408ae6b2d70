"""Several processes on one vault: starting at once, writing at once, killed at any moment, restored under."""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from memos_mcp.cube import MemCube, Plaintext, Ref
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ports import Caller, Change, Where
from memos_mcp.testing import a_cube, remember
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
ADA = Caller("ada")


def tell(*said: object) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201 to who started it


def wait() -> None:
    tell("ready")
    sys.stdin.readline()


async def writes(file: str, name: str, memories: int) -> None:
    vault = SqliteAdapter(Path(file))
    wait()
    for number in range(memories):
        await remember(vault, a_cube(f"{name} {number}"))
    await vault.aclose()


async def reads(file: str) -> None:
    vault, seen = SqliteAdapter(Path(file)), list[int]()
    wait()
    while len(seen) < 120:
        seen += [e.seq for e in await vault.events(after=seen[-1] if seen else 0, limit=10)]
        held = await vault.scan(Where(("user/ada",)), limit=1000)
        if sum((await vault.count(["user/ada"])).values()) < len(held):
            tell("counters are behind")
    tell(seen)
    await vault.aclose()


async def writes_until_killed(file: str) -> None:
    vault = SqliteAdapter(Path(file))
    for number in itertools.count():
        cubes = [a_cube(f"{number} {n}") for n in range(number % 3 + 1)]
        await remember(vault, *cubes)
        tell("remember", [c.id for c in cubes])
        if number % 3 == 1:
            await change(vault, cubes[0], "changed")
            tell("update", [cubes[0].id])
        if number % 5 == 2:
            await vault.commit([Change("forget", cubes[0].id)], caller=ADA)
            tell("forget", [cubes[0].id])


async def follows(file: str) -> None:
    vault = SqliteAdapter(Path(file))
    tell("ready")
    head = (await vault.events())[-1].seq
    for line in sys.stdin:
        news = await vault.events(after=head)
        if line == "write\n":
            news += await remember(vault, a_cube("written by the other"))
        head = news[-1].seq if news else head
        tell([e.action for e in news], sorted(c.text for _, c in await vault.scan(Where(("user/ada",)))))
    await vault.aclose()


def at_once(processes: Sequence[Child]) -> list[list[object]]:
    """Let all of them go at the same moment; what each said until it ended without an error."""
    with ExitStack() as all:
        for process in processes:
            all.enter_context(process).line()
        for process in processes:
            process.tell("go")
        said = [process.rest() for process in processes]
        assert [process.ended() for process in processes] == [0] * len(processes)
        assert [process.errors() for process in processes] == [""] * len(processes)
    return [[json.loads(line) for line in out] for out in said]


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
    at_once([Child(writes, file, str(n), 5) for n in range(6)])
    assert await texts(file) == sorted(f"{n} {number}" for n in range(6) for number in range(5))
    assert sorted(path.name for path in file.parent.iterdir()) == ["memos.db"]
    await assert_healthy(file)


async def test_two_writers_and_two_readers_wait_for_each_other_and_lose_nothing(file: Path) -> None:
    writers = [Child(writes, file, str(n), 60) for n in range(2)]
    readers = [Child(reads, file) for _ in range(2)]
    said = at_once([*writers, *readers])
    assert said == [[], [], [[list(range(1, 121))]], [[list(range(1, 121))]]]
    assert len(await texts(file)) == 120
    await assert_healthy(file)


def killed(file: Path, after: int) -> list[tuple[str, list[str]]]:
    """Let a writer work until it has acknowledged `after` changes, kill it, and return all it acknowledged."""
    with Child(writes_until_killed, file) as process:
        lines = [process.line() for _ in range(after)]
        process.kill()
        lines += process.rest()
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


def answer(process: Child, line: str) -> list[list[str]]:
    process.tell(line)
    return json.loads(process.line())


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

    with Child(follows, file) as other:
        other.line()
        assert answer(other, "read") == [[], ["changed", "new"]]
        if damaged:
            spoil(file)
        restored = await upkeep.restore(backup, caller=ADA)
        assert answer(other, "read") == [["restore"], ["old"]]
        assert answer(other, "write") == [["remember"], ["old", "written by the other"]]
        other.hang_up()
        assert (other.ended(), other.errors()) == (0, "")

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
