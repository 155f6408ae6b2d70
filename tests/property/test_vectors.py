"""Whatever happened: scores are the textbook mix, other roots move nothing, and every way to the log answers alike."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Origin, Plaintext
from memos_mcp.infrastructure import vectors
from memos_mcp.infrastructure.shelf import NEIGHBOUR, Shelf
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.vectors import Vectors
from memos_mcp.ports import Action, Caller, Change, Event, Where
from memos_mcp.testing import a_cube
from memos_mcp.testing.cubes import SOME_DAY
from tests.embedders import DIMENSION, Meanings, call, settled, vector_of

ADA = Caller("ada")
QUESTION = "tea violin"
QUERY = vector_of(QUESTION).astype(np.float16)
PATHS = st.sampled_from(["user/ada", "user/ada/jobs", "user/ada/jobs/x"])
WORDS = st.lists(st.sampled_from("tea boat violin garden rain salt".split()), min_size=1, max_size=4).map(" ".join)
SCOPES = (("user/ada",), ("user/ada/jobs",), ("user/ada/jobs/x", "user/ada/none"))


@dataclass(frozen=True)
class Step:
    """One thing that happens; `which` memory it concerns."""

    what: str
    text: str = ""
    path: str = "user/ada"
    speaker: str = "Ada"
    session: str | None = None
    which: int = 0


def steps(*more: str) -> st.SearchStrategy[list[Step]]:
    """Mostly new memories."""
    new = st.builds(
        Step,
        st.just("remember"),
        WORDS,
        PATHS,
        st.sampled_from(["Ada", "Ben", "assistant"]),
        st.sampled_from([None, "s", "t"]),
    )
    old = st.builds(Step, st.sampled_from(["update", "forget", *more]), WORDS, which=st.integers(0, 30))
    return st.lists(st.one_of(new, new, old), min_size=1, max_size=40)


def written(step: Step, cubes: Sequence[MemCube]) -> tuple[Action, MemCube] | None:
    if step.what == "remember":
        origin = Origin(speaker=step.speaker, session=step.session)
        return "remember", a_cube(step.text, step.path, origin=origin)
    if not cubes or step.what not in ("update", "forget"):
        return None
    old = cubes[step.which % len(cubes)]
    if step.what == "forget":
        return "forget", old
    return "update", old.model_copy(update={"version": old.version + 1, "payload": Plaintext(text=step.text)})


def after(action: Action, cube: MemCube, cubes: Sequence[MemCube]) -> list[MemCube]:
    """The memories there are then, in the order of their first versions."""
    if action == "remember":
        return [*cubes, cube]
    return [cube if old.id == cube.id else old for old in cubes if action == "update" or old.id != cube.id]


def textbook(cubes: Sequence[MemCube], scope: Sequence[str]) -> dict[str, float]:
    """normalise(v + 0.3 before + 0.3 after): neighbours are turns of other speakers beside it in its session."""
    shown = [c for c in cubes if any(c.path == p or c.path.startswith(f"{p}/") for p in scope)]
    sessions: dict[str, list[MemCube]] = {}
    for cube in shown:
        sessions.setdefault(cube.origin.session or cube.id, []).append(cube)
    scores: dict[str, float] = {}
    for turns in sessions.values():
        for at, cube in enumerate(turns):
            beside = [turns[near] for near in (at - 1, at + 1) if 0 <= near < len(turns)]
            mix = embedded(cube) + NEIGHBOUR * sum(
                (embedded(c) for c in beside if c.origin.speaker != cube.origin.speaker), np.zeros(DIMENSION)
            )
            scores[cube.id] = float(QUERY.astype(np.float64) @ (mix / np.linalg.norm(mix)))
    return scores


def embedded(cube: MemCube) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return vector_of(cube.text).astype(np.float64)


@settings(max_examples=150)
@given(steps=steps("look", "embed"))
def test_scores_are_the_textbook_mix_of_every_scope(steps: list[Step]) -> None:
    shelf, cubes, texts = Shelf("m", DIMENSION), list[MemCube](), list[str]()
    for seq, step in enumerate(steps, 1):
        if step.what == "look":
            for scope in SCOPES:
                shelf.scores(QUERY, shelf.view(Where(tuple(scope))))
        if step.what == "embed":
            embed(shelf, texts, step.which % 5)
        if (change := written(step, cubes)) is not None:
            action, cube = change
            held = None if action == "forget" else cube
            shelf.follow([Event(seq, SOME_DAY, action, cube.id, cube.version, cube.path, "ada", cube=held)])
            texts += [cube.text] if held else []
            cubes = after(action, cube, cubes)
    embed(shelf, texts, len(texts))
    for scope in SCOPES:
        view = shelf.view(Where(tuple(scope)))
        scored = shelf.scores(QUERY, view)
        found = {shelf.rows.named(row)[0]: float(scored[row]) for row in np.flatnonzero(view.there).tolist()}
        assert found == pytest.approx(textbook(cubes, scope), abs=2e-3)
        assert (scored[~view.there] == -1).all()


def embed(shelf: Shelf, texts: Sequence[str], most: int) -> None:
    rows = shelf.waiting(most)
    shelf.put(rows, [vector_of(texts[row]) for row in rows])


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_GRACE", 0.0)
    monkeypatch.setattr(vectors, "_BATCH", 3)
    monkeypatch.setattr(vectors, "_WORTH_A_SEGMENT", 4)


@settings(max_examples=30)
@given(steps=steps("look", "settle", "restart"))
def test_every_way_to_the_same_log_answers_alike(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)


async def live(folder: Path, steps: list[Step]) -> None:
    vault = SqliteAdapter(folder / "memos.db")
    lane = Vectors(vault, vault.segment_store, Meanings())
    cubes = list[MemCube]()
    for step in steps:
        if step.what == "look":
            await answers(lane)
        if step.what == "settle":
            await settled(lane.lane)
        if step.what == "restart":
            await lane.aclose()
            lane = Vectors(vault, vault.segment_store, Meanings())
        if (change := written(step, cubes)) is not None:
            action, cube = change
            await commit(vault, lane, action, cube)
            cubes = after(action, cube, cubes)
    assert (await settled(lane.lane)).pending == 0
    expected = await answers(lane)
    for scope, scored in zip(SCOPES, expected, strict=True):
        said = [c.model_copy(update={"payload": Plaintext(text=told(c))}) for c in cubes]
        assert scored == pytest.approx(textbook(said, scope), abs=2e-3)
    await lane.aclose()
    again = Vectors(vault, vault.segment_store, Meanings())
    assert (await settled(again.lane)).pending == 0
    assert await answers(again) == expected
    await again.reset()
    assert (await settled(again.lane)).pending == 0
    assert await answers(again) == expected
    await again.aclose()
    await vault.aclose()


def told(cube: MemCube) -> str:
    """What is embedded: a name is part of it, a role is not."""
    return cube.text if cube.origin.speaker == "assistant" else f"{cube.origin.speaker}: {cube.text}"


async def commit(vault: SqliteAdapter, lane: Vectors, action: Action, cube: MemCube) -> None:
    change = Change(action, cube.id, None if action == "forget" else cube)
    await lane.apply(await vault.commit([change], caller=ADA))


async def answers(lane: Vectors) -> list[dict[str, float]]:
    found = [await lane.find(call(QUESTION), Where(scope), 100) for scope in SCOPES]
    return [{hit.ref.id: hit.score for hit in each.hits} for each in found]


@settings(max_examples=20)
@given(mine=steps(), others=st.lists(st.tuples(WORDS, st.sampled_from(["user/eve", "user/adam", "shared/x"]))))
def test_memories_of_other_roots_never_show_up_nor_move_a_score(
    mine: list[Step], others: list[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(beside, Path(folder), mine, others)


async def beside(folder: Path, mine: list[Step], others: list[tuple[str, str]]) -> None:
    vault = SqliteAdapter(folder / "memos.db")
    lane = Vectors(vault, vault.segment_store, Meanings())
    cubes = list[MemCube]()
    for step in mine:
        if (change := written(step, cubes)) is not None:
            await commit(vault, lane, *change)
            cubes = after(*change, cubes)
    await settled(lane.lane)
    alone = await answers(lane)
    for text, path in others:
        await commit(vault, lane, "remember", a_cube(text, path, origin=Origin(speaker="Eve", session="s")))
    await settled(lane.lane)
    assert await answers(lane) == alone
    await lane.aclose()
    await vault.aclose()
