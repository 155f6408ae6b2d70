"""A damaged vault is told apart from a whole one, says so, and is never written to."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp import Corrupt, Memos, MemosError
from memos_mcp.cube import Ref
from memos_mcp.infrastructure.storage import health
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ports import Caller, Change, Event, Name, Where, Which
from memos_mcp.search import Segment
from memos_mcp.testing import a_cube, remember

pytestmark = pytest.mark.anyio
PAGE = 8192
ADA = Caller("ada")
Damage = Callable[[bytearray], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A vault with two thousand memories, and the id of one."""
    home = tmp_path_factory.mktemp("whole")

    async def fill() -> str:
        async with memos_mcp.open(home=home, user="ada", audit={"mode": "off"}) as memos:  # the words come last
            texts: list[JsonValue] = [
                f"On day {n} Ada saw {n * 7919} birds over the {n % 13}. hill" for n in range(2000)
            ]
            return (await memos.remember(texts)).ids[1000]

    key = anyio.run(fill)
    return (home / "memos.db").read_bytes(), key


def over(start: float, length: int, filling: Callable[[int], bytes]) -> Damage:
    """Overwrite `length` bytes from a share of the file on."""

    def damage(data: bytearray) -> None:
        at = min(int(len(data) * start), len(data) - length)
        data[at : at + length] = filling(length)

    return damage


def cut(left: float) -> Damage:
    """Keep a share of the file."""

    def damage(data: bytearray) -> None:
        del data[int(len(data) * left) :]

    return damage


NOISE = random.Random(3).randbytes
DAMAGES = {
    "noise over the header": over(0, 100, NOISE),
    "zeros over the first page": over(0, PAGE, bytes),
    "noise within the first page": over(0.00005, 4096, NOISE),
    "noise over a quarter": over(0.25, PAGE, NOISE),
    "noise in the middle": over(0.5, 4096, NOISE),
    "zeros in the middle": over(0.5, PAGE, bytes),
    "zeros over three quarters": over(0.75, 5000, bytes),
    "noise at the end": over(1, PAGE, NOISE),
    "cut at three fifths": cut(0.6),
    "cut before the last byte": cut(0.99999),
    "cut in the header": cut(0.00002),
    "cut to nothing": cut(0),
}


def everything_said_to(memos: Memos, key: str) -> list[Callable[[], Awaitable[object]]]:
    return [
        memos.status,
        lambda: memos.recall("How many birds did Ada see?"),
        lambda: memos.remember("Ada likes green tea"),
        lambda: memos.put(None, "k", text="v"),
        lambda: memos.get(key),
        memos.browse,
        lambda: memos.update(key, "something else"),
        lambda: memos.forget(key),
        lambda: memos.history(key),
        memos.namespaces,
        lambda: memos.rebuild("words"),
    ]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_every_verb_says_that_the_file_is_damaged_and_leaves_it_alone(
    damage: Damage, whole: tuple[bytes, str], file: Path
) -> None:
    data = bytearray(whole[0])
    damage(data)
    await anyio.Path(file).write_bytes(data)
    async with memos_mcp.open(home=file.parent, user="ada") as memos:
        for say in everything_said_to(memos, whole[1]):
            with pytest.raises(Corrupt, match=r"damaged: .*memos restore BACKUP"):
                await say()
    assert await anyio.Path(file).read_bytes() == data
    beside = {path.name for path in file.parent.iterdir() if path.stat().st_size}
    assert beside <= {file.name, f"{file.name}-shm"}  # the lock of its readers
    findings = await Upkeep(Database(file)).check()
    assert findings[0].name == "file"
    assert not findings[0].ok
    with pytest.raises(Corrupt):
        await Upkeep(Database(file)).backup(file.with_name("copy.db"))
    assert not await anyio.Path(file.with_name("copy.db")).exists()


@pytest.fixture
def _as_if_big(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but small tables and the newest lines is checked at opening, as with a vault of gigabytes."""
    monkeypatch.setattr(health, "_ALL", 0)
    monkeypatch.setattr(health, "_ALL_PAGES", 0)


async def a_vault(file: Path) -> list[str]:
    """Something of every table; returns the ids of its memories."""
    vault = SqliteAdapter(file)
    cubes = [a_cube(f"memory {n} {'long ' * (n % 50) ** 2}", f"user/ada/{n % 3}") for n in range(150)]
    await remember(vault, *cubes)
    for cube in cubes[::9]:
        await vault.commit(
            [Change("update", cube.id, cube.model_copy(update={"version": 2}), reason="why")], caller=ADA
        )
    last = (await vault.commit([Change("forget", cubes[7].id)], caller=ADA))[0].seq
    await vault.segment_store.replace("words", "user/ada", [], [Segment(0, last, 1, b"projection" * 4000)])
    await vault.aclose()
    return [cube.id for cube in cubes]


async def answers(file: Path, ids: list[str]) -> dict[str, object]:
    """What the vault answers to everything that reads, or that it is damaged."""
    vault = SqliteAdapter(file)
    home = Where(("user/ada",))
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "count": lambda: vault.count(["user"]),
        "scan": lambda: vault.scan(home, limit=1000),
        "kinds": lambda: vault.scan(home, Which(("fact",), ("none",)), limit=1000),
        "events": vault.events,
        "root": lambda: vault.events(root="user/ada"),
        "last": lambda: vault.events(after=-3),
        "memory": lambda: vault.events(subject=ids[9]),
        "get": lambda: vault.get([Ref(id=ids[9]), Ref(id=ids[9], version=1)]),
        "all": lambda: vault.get([Ref(id=key) for key in ids]),
        "key": lambda: vault.get([Name("user/ada/1", "none")]),
        "segments": lambda: vault.segment_store.segments("words", "user/ada"),
    }
    said: dict[str, object] = {}
    for name, ask in asks.items():
        try:
            said[name] = await ask()
        except Corrupt as exc:
            said[name] = exc
    await vault.aclose()
    return said


@pytest.mark.usefixtures("_as_if_big")
async def test_what_opening_does_not_see_is_found_when_it_is_read(file: Path) -> None:
    ids = await a_vault(file)
    right = await answers(file, ids)
    good = await anyio.Path(file).read_bytes()
    dice = random.Random(1)
    found = 0
    for _ in range(40):
        length = dice.choice([512, 4096, PAGE])
        data = bytearray(good)
        over(dice.random(), length, dice.choice([NOISE, bytes]))(data)
        await anyio.Path(file).write_bytes(data)
        for name, said in (await answers(file, ids)).items():
            assert isinstance(said, Corrupt) or said == right[name], name
            found += isinstance(said, Corrupt)
        assert await anyio.Path(file).read_bytes() == data
    assert found > 40


def tables_page(file: Path, name: str) -> int:
    with closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


async def changed(file: Path, old: bytes, new: bytes) -> bytes:
    data = await anyio.Path(file).read_bytes()
    assert old in data
    data = data.replace(old, new)
    await anyio.Path(file).write_bytes(data)
    return data


@pytest.mark.parametrize("new", [b"green bee", b"green \xff\xfe\xfd", b"green\0tea"])
async def test_a_changed_text_is_found_by_its_digest_and_not_quoted(file: Path, new: bytes) -> None:
    vault = SqliteAdapter(file)
    cube, other = a_cube("Ada likes green tea"), a_cube("other")
    await remember(vault, cube, other)
    await vault.aclose()
    data = await changed(file, b"green tea", new)
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: vault.get([cube.ref]),
        lambda: vault.scan(Where(("user/ada",))),
        vault.events,
        lambda: vault.events(subject=cube.id),
    ]
    for ask in asks:
        with pytest.raises(Corrupt, match="memos restore") as told:
            await ask()
        assert "likes" not in str(told.value)
    assert len(await vault.get([other.ref])) == 1
    assert await anyio.Path(file).read_bytes() == data
    await vault.aclose()
    assert [f.name for f in await Upkeep(Database(file)).check() if not f.ok] == ["versions"]


async def test_a_damaged_index_is_built_again(whole: tuple[bytes, str], file: Path) -> None:
    data = bytearray(whole[0])
    over(1, 4096, bytes)(data)  # the words' segment was written last
    await anyio.Path(file).write_bytes(data)
    assert [f.name for f in await Upkeep(Database(file)).check() if not f.ok] == ["indexes"]
    async with memos_mcp.open(home=file.parent, user="ada", graph={"kind": "none"}) as memos:
        found = await memos.recall("What did Ada see on day 1234?")
        assert found.cubes[0].text.startswith("On day 1234 ")
        assert found.missing == ()
    assert [f.name for f in await Upkeep(Database(file)).check() if not f.ok] == []


async def test_a_changed_line_of_the_log_is_found_by_its_chain(file: Path) -> None:
    vault = SqliteAdapter(file)
    cube = a_cube()
    await remember(vault, cube)
    await vault.commit([Change("forget", cube.id, reason="Ada asked")], caller=ADA)
    await remember(vault, a_cube())
    await vault.aclose()
    await changed(file, b"Ada asked", b"Eve asked")
    with pytest.raises(Corrupt, match="line 2 of the log"):
        await vault.events()
    assert [e.seq for e in await vault.events(after=2)] == [3]
    await vault.aclose()
    assert [f.detail for f in await Upkeep(Database(file)).check() if not f.ok] == [
        "the chain breaks at line 2; `memos restore BACKUP` brings a backup back"
    ]


async def test_a_changed_segment_is_corrupt_and_nothing_else_is(file: Path) -> None:
    ids = await a_vault(file)
    await changed(file, b"projection", b"prosection")
    said = await answers(file, ids)
    assert [name for name, answer in said.items() if isinstance(answer, Corrupt)] == ["segments"]
    assert "memos rebuild words" in str(said["segments"])
    assert [f.name for f in await Upkeep(Database(file)).check() if not f.ok] == ["indexes"]


@pytest.mark.usefixtures("_as_if_big")
@pytest.mark.parametrize("name", ["memory_id", "version_of", "event_place", "memory", "version", "event", "segment"])
async def test_a_changed_page_of_each_table_and_index_is_corrupt(name: str, file: Path) -> None:
    ids = await a_vault(file)
    page = tables_page(file, name)
    data = bytearray(await anyio.Path(file).read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = NOISE(PAGE)
    await anyio.Path(file).write_bytes(data)
    said = await answers(file, ids)
    assert any(isinstance(answer, Corrupt) for answer in said.values())
    assert await anyio.Path(file).read_bytes() == data


async def test_a_damaged_file_with_a_write_ahead_log_is_not_written_to_either(file: Path) -> None:
    vault = SqliteAdapter(file)
    await remember(vault, *(a_cube(f"memory {n}") for n in range(300)))
    await vault.aclose()
    await remember(vault, *(a_cube(f"newer {n}") for n in range(10)))
    crashed = file.with_name("crashed") / file.name
    crashed.parent.mkdir()
    data = bytearray(await anyio.Path(file).read_bytes())
    over(0.4, PAGE * 3, NOISE)(data)
    for path, content in ((file, bytes(data)), (Path(f"{file}-wal"), await anyio.Path(f"{file}-wal").read_bytes())):
        await anyio.Path(crashed.with_name(path.name)).write_bytes(content)
    await vault.aclose()
    left = SqliteAdapter(crashed)
    for _ in range(2):
        with pytest.raises(MemosError):
            await remember(left, a_cube())
        await left.aclose()
    assert await anyio.Path(crashed).read_bytes() == data


async def test_a_repeat_of_a_damaged_statement_is_corrupt(file: Path) -> None:
    vault = SqliteAdapter(file)
    said = a_cube("Ada likes green tea").model_copy(
        update={"origin": a_cube().origin.model_copy(update={"source": "s"})}
    )

    async def again() -> list[Event]:
        cube = said.model_copy(update={"id": a_cube().id})
        return await vault.commit([Change("remember", cube.id, cube, once=b"tea")], caller=ADA)

    await again()
    await vault.aclose()
    await changed(file, b"green tea", b"black tea")
    with pytest.raises(Corrupt, match="not what was written"):
        await again()
    await vault.aclose()
