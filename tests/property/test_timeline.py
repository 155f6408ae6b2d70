"""A moment is answered as it was then, but for what was forgotten or held since; restore is undone by restore."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Memos
from memos_mcp.errors import IllegalMove

WORDS = ("tea", "ferry", "violin", "rain")
PATHS = ("user/ada", "user/ada/work", "shared/team")
Step = tuple[Any, ...]
Scores = list[tuple[str, int, float]]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
which = st.integers(0, 30)
remembered = st.tuples(st.just("remember"), st.sampled_from(PATHS), texts)
updated = st.tuples(st.just("update"), which, texts)
restored = st.tuples(st.just("restore"), which, st.integers(1, 5))
forgotten = st.tuples(st.just("forget"), which)
held = st.tuples(st.just("quarantine"), which)
frozen = st.tuples(st.just("freeze"), which)
brought_back = st.tuples(st.just("bring back"), which, st.sampled_from(PATHS))
changes = st.one_of(remembered, remembered, updated, updated, restored, forgotten, held, frozen, brought_back)
steps = st.tuples(st.lists(remembered, min_size=2, max_size=4), st.lists(changes, min_size=4, max_size=14)).map(
    lambda both: [*both[0], *both[1]]
)


@dataclass
class Then:
    """What was answered at a moment."""

    label: str
    texts: dict[str, str]
    scores: dict[str, Scores]


@dataclass
class World:
    """The memories there are, and which were lost to every moment."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    lost: set[str] = field(default_factory=set[str])
    moments: list[Then] = field(default_factory=list[Then])


@pytest.mark.claim("5.3.2-11")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_a_moment_is_answered_as_it_was_then(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)


async def live(home: Path, steps: list[Step]) -> None:
    world = World()
    async with opened(home) as memos:
        for number, step in enumerate(steps):
            await take(memos, world, step)
            await keep(memos, world, f"moment {number}")
        await compare(memos, world)
    async with opened(home) as memos:
        await compare(memos, world)
        await memos.rebuild("words")
        await compare(memos, world)
        await back_and_forth(memos, world)


def opened(home: Path) -> Memos:
    alone: dict[str, Any] = {"embedder": {"kind": "none"}, "consolidation": {"mode": "off"}, "audit": {"mode": "off"}}
    return memos_mcp.open(home=home, user="ada", **alone)


async def take(memos: Memos, world: World, step: Step) -> None:
    """One change. A frozen memory refuses, and nothing is different."""
    ids = sorted(world.texts)
    try:
        match step:
            case ("remember", path, text):
                (id,) = (await memos.remember(f"{text} {len(world.texts)} {len(world.lost)}", path=path)).ids
                world.texts[id] = (await memos.get(id)).text
            case ("update", at, text) if ids:
                id = ids[int(at) % len(ids)]
                world.texts[id] = (await memos.update(id, str(text))).text
            case ("restore", at, version) if ids:
                id = ids[int(at) % len(ids)]
                world.texts[id] = (await memos.timeline.restore(id, int(version))).text
            case ("forget", at) if ids:
                id = ids[int(at) % len(ids)]
                await memos.forget(id)
                del world.texts[id]
                world.lost.add(id)
            case ("quarantine", at) if ids:
                id = ids[int(at) % len(ids)]
                await memos.quarantine.add([id])
                del world.texts[id]
                world.lost.add(id)
            case ("freeze", at) if ids:
                await memos.timeline.freeze([ids[int(at) % len(ids)]])
            case ("bring back", at, path) if world.moments:
                done = await memos.timeline.restore_all(world.moments[int(at) % len(world.moments)].label, str(path))
                world.texts |= {cube.id: cube.text for cube in done.cubes}
            case _:
                pass
    except IllegalMove:  # it is frozen
        pass
    except memos_mcp.NotFound:
        assert step[0] in ("restore", "bring back")


async def keep(memos: Memos, world: World, label: str) -> None:
    """Remember what is answered now."""
    for path in ("user/ada", "shared/team"):
        await memos.timeline.snapshot(label, path)
    scores = {word: await found(memos, word) for word in WORDS}
    world.moments.append(Then(label, dict(world.texts), scores))


async def found(memos: Memos, word: str, at: str | None = None) -> Scores:
    answer = await memos.recall(word, limit=50, at=at)
    return [(each.cube.id, each.cube.version, round(each.score, 6)) for each in answer.memories]


async def compare(memos: Memos, world: World) -> None:
    """Every moment answers as it did, without what was lost since."""
    for then in world.moments:
        left = {id: text for id, text in then.texts.items() if id not in world.lost}
        page = await memos.timeline.browse(then.label, limit=100)
        assert {cube.id: cube.text for cube in page.cubes} == left
        assert page.total == len(left)
        assert (await memos.recall("tea", at=then.label)).searched == len(left)
        for word, scores in then.scores.items():
            now = await found(memos, word, then.label)
            assert {id for id, _, _ in now} == {id for id, _, _ in scores} - world.lost
            if left == then.texts:
                assert now == scores
        known = await memos.timeline.diff(then.label, limit=100)
        assert {cube.id for cube in known.added} == world.texts.keys() - then.texts.keys()
        assert {each.cube.id for each in known.changed} >= {
            id for id, text in world.texts.items() if then.texts.get(id, text) != text
        }
        assert set(known.forgotten) <= then.texts.keys() & world.lost


async def back_and_forth(memos: Memos, world: World) -> None:
    """Bringing back what was, and then what is, changes nothing but the log."""
    await keep(memos, world, "now")
    before = await everything(memos)
    for path in ("user/ada", "shared/team"):
        then = world.moments[len(world.moments) // 2]
        done = await memos.timeline.restore_all(then.label, path)
        assert {cube.id: cube.text for cube in done.cubes}.items() <= then.texts.items()
        for cube in (await memos.browse(path, limit=100)).cubes:
            assert cube.text == then.texts.get(cube.id, world.texts[cube.id]) or cube.id in done.left
        await memos.timeline.restore_all("now", path)
    assert await everything(memos) == before


async def everything(memos: Memos) -> list[tuple[object, ...]]:
    cubes = (await memos.browse(limit=100)).cubes
    return [(c.id, c.payload, c.kind, c.tags, c.links, c.valid, c.origin, c.governance, c.state) for c in cubes]
