"""Whatever happened, the words lane answers as one built anew from the log, and as one that loads its segments."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Origin, Plaintext, new_id
from memos_mcp.infrastructure import partition, words
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Caller, Change, Event, Where
from memos_mcp.search import Found, MemoryCall

ADA = Caller("ada")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
WORDS = st.lists(st.sampled_from("tea boat violin garden rain salt".split()), min_size=1, max_size=5).map(" ".join)
PATHS = st.sampled_from(["user/ada", "user/ada/work", "shared/team"])
SPEAKERS = st.sampled_from(["Ada", "Ben"])
SESSIONS = st.sampled_from([None, "s", "t"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), WORDS, PATHS, SPEAKERS, SESSIONS),
        st.tuples(st.just("update"), WORDS, st.integers(0, 30)),
        st.tuples(st.just("forget"), st.integers(0, 30)),
        st.tuples(st.just("look")),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_WORTH_A_SEGMENT", 4)
    monkeypatch.setattr(partition, "_TAIL", 3)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_every_way_to_the_same_log_answers_alike(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)


async def live(folder: Path, steps: list[tuple[object, ...]]) -> None:
    vault = SqliteAdapter(folder / "memos.db")
    lane = Words(vault, vault.segment_store)
    cubes: list[MemCube] = []
    for step in steps:
        if step[0] == "look":
            await answers(lane)
            continue
        if (change := changed(step, cubes)) is not None:
            events = await vault.commit([change], caller=ADA)
            await lane.apply(events)
            follow(events[0], cubes)
    expected = await answers(lane)
    assert await answers(Words(vault, vault.segment_store)) == expected
    rebuilt = Words(vault, vault.segment_store)
    await rebuilt.reset()
    assert await answers(rebuilt) == expected
    assert {hit.ref.id for found in expected for hit in found.hits} <= {cube.id for cube in cubes}
    await vault.aclose()


def changed(step: tuple[object, ...], cubes: list[MemCube]) -> Change | None:
    match step:
        case ("remember", str(text), str(path), str(speaker), session):
            origin = Origin(speaker=speaker, session=session if isinstance(session, str) else None)
            cube = MemCube(
                id=new_id(), path=path, created_at=NOW, updated_at=NOW, origin=origin, payload=Plaintext(text=text)
            )
            return Change("remember", cube.id, cube)
        case ("update", str(text), int(which)) if cubes:
            old = cubes[which % len(cubes)]
            new = old.model_copy(update={"version": old.version + 1, "payload": Plaintext(text=text)})
            return Change("update", old.id, new, expect=old.version)
        case ("forget", int(which)) if cubes:
            return Change("forget", cubes[which % len(cubes)].id)
        case _:
            return None


def follow(event: Event, cubes: list[MemCube]) -> None:
    cubes[:] = [cube for cube in cubes if cube.id != event.subject]
    if event.cube is not None:
        cubes.append(event.cube)


async def answers(lane: Words) -> list[Found]:
    scopes = (("user/ada", "shared"), ("user/ada",), ("user/ada/work",))
    questions = [MemoryCall(q, q) for q in ("tea boat", "Ada violin", "salt")]
    return [await lane.find(call, Where(scope), 50) for call in questions for scope in scopes]
