"""kill -9 while an adapter is trained, turned to, dropped or ended by its memory: it is there whole, once, or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from memos_mcp import Memos
from memos_mcp.cube import Parametric, Ref
from memos_mcp.infrastructure.parametric import retiring
from memos_mcp.infrastructure.parametric.folders import MANIFEST, hash_of, place_of, placed, removed
from memos_mcp.infrastructure.parametric.later import Later
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.adapter_records import CURRENT, OWED, TURN, UNLEARNT, WANTED, Want
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.reader import RulesReader
from memos_mcp.parametric import Judge, Lesson, Progress, Trained
from memos_mcp.ports import Caller
from tests.integration.test_killed_between import killed
from tests.learners import Learner, usable

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

KILLS = 6
TOLD = ("Ada is allergic to peanuts.", "Ben moved to Lisbon.", "The key lies under the red pot.")
_REFS = TypeAdapter(tuple[Ref, ...])


class Files(Learner):
    """A model that keeps its adapters as folders, as that of this machine does: the same lesson has one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        made = await super().train(lesson, judge, told=told)
        assert made.adapter is not None
        name, blob, known = self._written(lesson.topic, _REFS.dump_json(made.adapter.sources))
        return Trained(made.adapter.model_copy(update={"blob": blob, "name": name}), made.report, known=known)

    def _written(self, topic: str, sources: bytes) -> tuple[str, str, bool]:
        """Its name and hash, and whether it was there."""
        names = self._folder / "names"
        names.mkdir(parents=True, exist_ok=True)
        for each in names.iterdir():
            name, _, said = each.read_bytes().partition(b"\n")
            if said == sources and place_of(self._folder, each.name).is_dir():
                return name.decode(), each.name, True
        name = f"{topic}@{len(list(names.iterdir())) + 1}"
        data = b'{"name":"%s","sources":%s}' % (name.encode(), sources)
        placed(place_of(self._folder, hash_of(data)), {MANIFEST: data}, self._folder)
        (names / hash_of(data)).write_bytes(name.encode() + b"\n" + sources)
        return name, hash_of(data), False

    async def attach(self, adapter: Parametric) -> None:
        assert place_of(self._folder, adapter.blob).is_dir()

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        return "Lisbon"

    async def drop(self, adapter: Parametric) -> None:
        removed(place_of(self._folder, adapter.blob), self._folder)

    async def retire(self, sources: Collection[str]) -> list[str]:
        return [*retiring.retired(self._folder, sources).values()]


def opened(home: Path | str) -> Memos:
    """Ada's memory, with such a model."""
    vault, closing, folder = SqliteAdapter(Path(home) / "memos.db"), AsyncExitStack(), Path(home) / "adapters"
    closing.push_async_callback(vault.aclose)

    async def model() -> Files:
        return Files(folder)

    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller("ada"),
        closing=closing,
        parametric=Later("learner", model, folder),
    )


def its(memos: Memos) -> Adapters:
    found = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def train(memos: Memos, ids: Sequence[str]) -> None:
    cubes = await memos._on.vault.get([Ref(id=id) for id in ids])  # pyright: ignore[reportPrivateUsage]
    await its(memos).train(Want("house", "ada", tuple(ids), datetime(2026, 1, 1, tzinfo=UTC)), cubes)


async def update(memos: Memos, ids: Sequence[str]) -> None:
    await memos.update(ids[0], "Ada is allergic to prawns.")


VERBS: Mapping[str, Callable[[Memos, list[str]], Awaitable[object]]] = {
    "train": train,
    "update": update,
    "forget": lambda memos, ids: memos.forget(ids[0]),
    "turn": lambda memos, ids: its(memos).turn("house@1"),
    "drop": lambda memos, ids: its(memos).drop("house@2"),
}


async def prepared(home: Path) -> list[str]:
    """Three memories, and two versions of an adapter of the first two, or of the first."""
    async with opened(home) as memos:
        ids = [(await memos.remember(text)).ids[0] for text in TOLD]
        await train(memos, ids[:1])
        await train(memos, ids[:2])
    return ids


Picture = tuple[set[str], dict[str, str], set[str]]


async def picture(home: Path, memos: Memos) -> Picture:
    """The adapters, which of them answer, and what they know, once what was killed is finished; no more is left."""
    for each in (home / "adapters").glob("??/*"):
        os.utime(each, (0, 0))  # nobody has been writing it for long
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    await ledger.write(TURN, TURN, None)  # who was killed holds it up for three minutes
    assert await its(memos).keep_up() == ""
    for kind in (WANTED, OWED, UNLEARNT):
        assert await ledger.list(kind) == []
    releases = await its(memos).records.all()
    blobs = {path.parent.name + path.name for path in (home / "adapters").glob("??/*")}
    assert {release.payload.blob for release in releases} == blobs
    assert len(blobs) == len(releases)
    current = {note.key: str(note.value) for note in await ledger.list(CURRENT)}
    by_name = {release.name: release for release in releases}
    knows = {f"{ref.id} {ref.version}" for name in current.values() for ref in by_name[name].sources}
    return {" ".join(sorted(ref.id for ref in each.sources)) for each in releases}, current, knows


@pytest.mark.parametrize("verb", VERBS)
async def test_an_adapter_is_there_whole_and_once_or_not_at_all(tmp_path: Path, verb: str) -> None:
    start, whole = tmp_path / "start", tmp_path / "whole"
    ids = await prepared(start)
    shutil.copytree(start, whole)
    statements = killed(whole, verb, 0, ids, __name__)
    async with opened(whole) as memos:
        after = await picture(whole, memos)
    seen: list[bool] = []
    for number in range(KILLS):
        home = tmp_path / f"killed {number}"
        shutil.copytree(start, home)
        killed(home, verb, 1 + (statements - 1) * number // (KILLS - 1), ids, __name__)
        assert [finding for finding in await Upkeep(Database(home / "memos.db")).check() if not finding.ok] == []
        async with opened(home) as memos:
            there = [cube.ref for cube in (await memos.browse()).cubes]
            for each in await usable(memos, ("user/ada",)):
                assert all(ref in there for ref in each.sources)
                on = memos._on  # pyright: ignore[reportPrivateUsage]
                assert await its(memos).answer(on, each.adapter, "Where?", beneath=("user/ada",), limit=8) == "Lisbon"
            seen.append(knows_the_same(await picture(home, memos), after))
            if not seen[-1]:
                await VERBS[verb](memos, ids)
            assert knows_the_same(await picture(home, memos), after)
    assert seen == sorted(seen)  # from some statement on it is done


def knows_the_same(one: Picture, other: Picture) -> bool:
    """But for the numbers of versions: what was begun twice has another."""
    return (one[0], one[1].keys(), one[2]) == (other[0], other[1].keys(), other[2])
