"""What is erased is nowhere any more: the raw bytes of every file are searched for it."""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp import InvalidInput, Memos, NotFound, wiring
from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.bound import now_in_utc
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Caller
from memos_mcp.settings import Embedder, Settings
from tests.embedders import Meanings

pytestmark = pytest.mark.anyio

SECRETS = ("Zanzibar", "quagga", "Zebedee", "affair-session", "diary.txt", "xylograph", "midnightkey")


@pytest.fixture
async def memos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Memos]:
    """With both lanes, the one of meanings by an embedder that needs no model."""
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    vault = SqliteAdapter(tmp_path / "memos.db")
    words, meanings = Words(vault, vault.segment_store), Vectors(vault, vault.segment_store, Meanings())
    async with Memos(vault=vault, reader=RulesReader(), routes=[words, meanings], caller=Caller("ada")) as system:
        yield system
        await meanings.aclose()
    await vault.aclose()


def forms(word: str) -> Iterator[bytes]:
    """How a word may stand in a file."""
    for each in (word, word.lower(), word.upper()):
        yield from (each.encode(), each.encode("utf-16-le"), each.encode("utf-16-be"))


def remains(folder: Path, words: tuple[str, ...] = SECRETS) -> list[str]:
    """Where one of the words still stands, in plain bytes or in a piece that was deflated."""
    found: list[str] = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        pieces = [data, *inflated(data)]
        found += [
            f"{word} in {file.name}" for word in words for piece in pieces if any(f in piece for f in forms(word))
        ]
    return found


def inflated(data: bytes) -> Iterator[bytes]:
    for mark, bits in ((b"\x78\x9c", 15), (b"\x78\xda", 15), (b"\x78\x01", 15), (b"\x1f\x8b\x08", 31)):
        at = data.find(mark)
        while at >= 0:
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj(bits).decompress(data[at:])
            at = data.find(mark, at + 1)


async def told(memos: Memos, number: int) -> None:
    """Much that stays, of many lengths, so that pages split and are filled again."""
    rng = random.Random(number)
    words = "tea ferry violin rain harbour kettle window letter".split()
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 200))) for _ in range(number)]
    said: list[JsonValue] = [{"speaker": "Ben", "text": text} for text in texts]
    await memos.remember(said, session=f"plain {number}")


async def secret(memos: Memos) -> list[str]:
    texts = [f"In Zanzibar a quagga, {n}. " + "xylograph " * 40 * n for n in range(12)]
    said: list[JsonValue] = [{"speaker": "Zebedee", "text": text} for text in texts]
    ids = list((await memos.remember(said, session="affair-session", source="diary.txt", tags=["quagga"])).ids)
    ids.append((await memos.put(None, "midnightkey", text="Zanzibar", data={"quagga": "xylograph"})).id)
    for id in ids[:3]:
        await memos.update(id, "Zanzibar once more")
    for source in ("diary.txt", "diary.txt again"):
        ids += (await memos.remember("In Zanzibar a quagga.", source=source, speaker="Zebedee")).ids
    return list(dict.fromkeys(ids))


@pytest.mark.parametrize("many", [30, 700])
async def test_no_file_holds_a_byte_of_what_was_erased(memos: Memos, tmp_path: Path, many: int) -> None:
    await told(memos, many)
    ids = await secret(memos)
    await memos.settle()
    await told(memos, many + 1)
    await memos.settle()
    await memos.lifecycle.move(ids[:2], "archive")
    await memos.lifecycle.move(ids[2:4], "expire")
    await memos.quarantine.add(ids[4:6])
    assert remains(tmp_path)
    done = await memos.lifecycle.erase(ids, reason="asked by the person")
    assert (done.copies, done.left) == ((), ())
    assert remains(tmp_path) == []
    assert {event.reason for event in done.events} == {"asked by the person"}
    with pytest.raises(NotFound):
        await memos.get(ids[0])
    history = await memos.history(ids[0])
    assert (history[-1].action, history[-1].caller, history[-1].reason) == ("forget", "ada", "asked by the person")
    await told(memos, 20)
    await memos.settle()
    assert remains(tmp_path) == []
    assert len((await memos.recall("tea")).cubes) == 10


async def test_all_of_a_source_or_a_namespace_goes_whatever_its_state(memos: Memos, tmp_path: Path) -> None:
    ids = await secret(memos)
    await memos.lifecycle.move(ids[:1], "expire")
    await memos.lifecycle.move(ids[1:2], "archive")
    await memos.quarantine.add(ids[2:3])
    stays = (await memos.remember("the tea stays")).ids[0]
    done = await memos.lifecycle.erase(source="diary.txt", reason="asked")
    assert {event.subject for event in done.events} >= set(ids[:12])
    await memos.lifecycle.erase(await everything_but(memos, stays), reason="asked")
    assert remains(tmp_path) == []
    await memos.remember("Zanzibar", path="user/ada/trip/boat")
    await memos.lifecycle.erase(path="user/ada/trip", reason="asked")
    assert remains(tmp_path) == []
    assert [cube.id for cube in (await memos.browse()).cubes] == [stays]
    assert (await memos.lifecycle.erase(source="nowhere", reason="asked")).events == ()


async def test_the_access_log_keeps_no_question_that_found_it(memos: Memos, tmp_path: Path) -> None:
    home = tmp_path / "home"
    given: dict[str, Any] = {"home": home, "user": "ada", "embedder": {"kind": "none"}, "audit": {"texts": True}}
    async with memos_mcp.open(**given) as system:
        ids = await secret(system)
        (stays,) = (await system.remember("the tea stays")).ids
        await system.recall("What is it about the quagga in Zanzibar?")
        await system.recall("Where is the tea?")
        await system.update(ids[3], "Zebedee went home", reason="he asked for it")
        assert remains(home)
        await system.lifecycle.erase(ids, reason="asked")
        assert {line.said for line in (await system.audit.query(action="recall", id=stays)).lines} == {
            "Where is the tea?"
        }
        assert (await system.audit.verify()).ok
    assert remains(home) == []


async def test_an_erasure_that_was_killed_half_way_is_made_whole_by_the_next(tmp_path: Path) -> None:
    given: dict[str, Any] = {"home": tmp_path, "user": "ada", "embedder": {"kind": "none"}, "audit": {"texts": True}}
    async with memos_mcp.open(**given) as system:
        (id,) = (await system.remember("In Zanzibar")).ids
        await system.recall("Zanzibar?")
        await system.forget(id)
    assert remains(tmp_path)
    async with memos_mcp.open(**given) as system:
        await system.lifecycle.erase(path="user/ada", reason="asked")
        assert remains(tmp_path) == []


async def everything_but(memos: Memos, stays: str) -> list[str]:
    return [cube.id for cube in (await memos.browse(limit=100)).cubes if cube.id != stays]


async def test_the_answer_names_the_copies_that_still_hold_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home, user="ada", embedder=Embedder(kind="none"))
    async with memos_mcp.open(settings) as memos:
        await memos.remember("the tea stays")
        await wiring.upkeep(settings).backup(tmp_path / "before.db")
        (id,) = (await memos.remember("Zanzibar")).ids
        await wiring.upkeep(settings).backup(tmp_path / "after.db")
        (later,) = (await memos.remember("quagga")).ids
        assert (await memos.lifecycle.erase([later], reason="asked")).copies == ()
        (copy,) = (await memos.lifecycle.erase([id], reason="asked")).copies
    assert (copy.file, copy.at <= now_in_utc()) == (str(tmp_path / "after.db"), True)
    assert remains(home) == []
    await wiring.upkeep(settings).restore(tmp_path / "after.db", caller=Caller("ada"))
    async with memos_mcp.open(settings) as memos:
        copies = (await memos.lifecycle.erase([id], reason="it came back")).copies
    assert [Path(each.file).name.split("-2")[0] for each in copies] == ["after.db", "memos.db.before-restore"]


async def test_it_is_said_what_is_erased_and_why(memos: Memos) -> None:
    id = (await memos.remember("tea")).ids[0]
    for wrong in (
        memos.lifecycle.erase([id], reason=" "),
        memos.lifecycle.erase(reason="asked"),
        memos.lifecycle.erase([id], source="s", reason="asked"),
    ):
        with pytest.raises(InvalidInput):
            await wrong
    ben = memos.acting_as(Caller("ben"))
    with pytest.raises(NotFound):
        await ben.lifecycle.erase([id], reason="asked")
    assert (await ben.lifecycle.erase(path="user/ben", reason="asked")).events == ()


async def test_who_still_reads_the_old_words_is_told_of(
    memos: Memos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memos_mcp.infrastructure.storage import keeping

    monkeypatch.setattr(keeping, "_PATIENCE", 0.1)
    id = (await memos.remember("Zanzibar")).ids[0]
    other = SqliteAdapter(tmp_path / "memos.db")
    with other.database.read() as db:
        db.execute("SELECT count(*) FROM memory").fetchone()
        (left,) = (await memos.lifecycle.erase([id], reason="asked")).left
        assert "write-ahead log" in left
    again = (await memos.remember("quagga")).ids[0]
    assert (await memos.lifecycle.erase([again], reason="asked")).left == ()
    await other.aclose()
    assert remains(tmp_path) == []
