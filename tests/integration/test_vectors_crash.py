"""kill -9 of a process that embeds: what it acknowledged is there, and both lanes end in step with the log."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue

from memos_mcp.cube import Ref
from memos_mcp.infrastructure import vectors, words
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Where
from memos_mcp.search import Hit, Segment
from tests.embedders import Meanings, call, settled, system
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
KILLS = 10
ADA = Where(("user/ada",))


async def writes(file: str, seed: int) -> None:
    small = pytest.MonkeyPatch()
    for constant, value in {"_GRACE": 0.0, "_BATCH": 4, "_WORTH_A_SEGMENT": 8, "_LARGEST": 20_000}.items():
        small.setattr(vectors, constant, value)
    small.setattr(words, "_WORTH_A_SEGMENT", 16)
    dice, name = random.Random(seed), str(seed)

    async def slowly(texts: Sequence[str]) -> None:
        await anyio.sleep(dice.uniform(0, 0.01))

    embedder = Meanings()
    embedder.before = slowly
    memos, ids = system(Path(file), embedder), list[str]()
    for number in range(100_000):
        pick = dice.random()
        if pick < 0.6 or len(ids) < 3:
            turns: list[JsonValue] = [
                {"speaker": ("Ada", "Ben")[n % 2], "text": f"kitten {name} {number} {n}", "session": f"{name}.{number}"}
                for n in range(dice.choice((1, 2, 5, 30)))
            ]
            done = ("remember", list((await memos.remember(turns)).ids))
            ids += done[1]
        elif pick < 0.8:
            key = dice.choice(ids)
            done = ("update", [key], (await memos.update(key, f"automobile {name} {number}")).version)
        elif pick < 0.9:
            key = ids.pop(dice.randrange(len(ids)))
            await memos.forget(key)
            done = ("forget", [key])
        else:
            await memos.recall("Where is the cat?")
            continue
        print(json.dumps(done), flush=True)  # noqa: T201 to who started it


class Nowhere:
    """Segments that are not kept: a lane over it is built from the log alone."""

    async def segments(self, route: str, root: str) -> list[Segment]:
        return []

    async def spans(self, route: str, root: str) -> list[Segment]:
        return []

    async def replace(self, route: str, root: str, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        return True

    async def drop(self, route: str) -> None:
        pass


def killed(file: Path, seed: int, seconds: float) -> list[tuple[str, list[str]]]:
    """Let a writer work for some time after its first acknowledged change, and kill it; all it acknowledged."""
    with Child(writes, file, seed) as child:
        lines = [child.line()]
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        lines += child.rest()
        timer.cancel()
        assert child.ended() == -9
    return [(done[0], done[1]) for done in map(json.loads, lines)]


async def scores(lane: Vectors | Words, refs: list[Ref]) -> dict[str, float]:
    found = await lane.score(call("the cat and the automobile 7"), Where(ADA.paths), refs)
    by_id = {hit.ref.id: hit.score for hit in found}
    assert len(by_id) == len(found)
    return by_id


async def held(vault: SqliteAdapter) -> list[Ref]:
    refs: list[Ref] = []
    page = await vault.scan(ADA, limit=500)
    while page:
        refs += [cube.ref for _, cube in page]
        page = await vault.scan(ADA, after=page[-1][0], limit=500)
    return refs


async def test_embedding_survives_ten_kills(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    dice = random.Random(11)
    alive: set[str] = set()
    gone: set[str] = set()
    waited = 0
    for kill in range(KILLS):
        for did, ids in killed(file, kill, dice.uniform(0.0, 0.5)):
            (gone if did == "forget" else alive).update(ids)
        vault = SqliteAdapter(file)
        refs = await held(vault)
        # The change in flight at the kill may have been a forget: made, and only not acknowledged.
        assert len(alive - gone - {ref.id for ref in refs}) <= 1
        assert not gone & {ref.id for ref in refs}
        gone |= alive - {ref.id for ref in refs}
        words, embedder = Words(vault, vault.segment_store), Meanings()
        meanings, anew = Vectors(vault, vault.segment_store, embedder), Vectors(vault, Nowhere(), Meanings())
        assert (await settled(meanings.lane)).pending == 0
        waited += embedder.embedded.total()
        await settled(anew.lane)
        for lane, rebuilt in ((words, Words(vault, Nowhere())), (meanings, anew)):
            found = await scores(lane, refs)
            assert set(found) == {ref.id for ref in refs}
            assert await scores(rebuilt, refs) == pytest.approx(found, abs=1e-6)
        nearest: tuple[Hit, ...] = (await meanings.find(call("cat"), Where(ADA.paths), 10_000)).hits
        assert sorted(hit.ref.id for hit in nearest) == sorted(ref.id for ref in refs)
        await anew.aclose()
        await meanings.aclose()
        await vault.aclose()
        assert [finding for finding in await Upkeep(Database(file)).check() if not finding.ok] == []
    assert waited > 0, "no kill came while something was waiting for its vector"
