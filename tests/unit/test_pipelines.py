"""What was found goes through steps, and is written whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, IllegalMove, InvalidInput, MemCube, Memos, NotFound, steps

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str) -> str:
    (id,) = (await memos.remember(text)).ids
    return id


@pytest.mark.claim("5.4.1-11")
async def test_what_recall_found_is_the_input_of_a_pipeline(memos: Memos) -> None:
    dose, tea = await stored(memos, "Ada takes 5 mg of ramipril."), await stored(memos, "Ada takes tea.")
    found = await memos.recall("What does Ada take?")
    assert {cube.id for cube in found.cubes} == {dose, tea}
    line = [steps.only("text:ramipril"), steps.append("10 mg from today on."), steps.tag("medication"), steps.archive()]
    done = await memos.pipelines.run(found.cubes, line, reason="visit")
    assert [(c.id, c.text, c.tags, c.state) for c in done.cubes] == [
        (dose, "Ada takes 5 mg of ramipril.\n10 mg from today on.", ("medication",), "archived")
    ]
    assert [(event.action, event.reason) for event in done.events] == [("update", "visit"), ("move", "archive: visit")]
    assert (await memos.get(tea)).version == 1


async def test_a_step_of_ones_own_decides_what_becomes_of_each(memos: Memos) -> None:
    ids = [await stored(memos, f"Number {n} is here.") for n in (1, 2, 3)]

    def odd(cube: MemCube, now: datetime) -> MemCube | None:
        return cube.model_copy(update={"kind": "event"}) if "2" not in cube.text else None

    done = await memos.pipelines.run(ids, [odd])
    assert [cube.id for cube in done.cubes] == [ids[0], ids[2]]
    assert [(await memos.get(id)).kind for id in ids] == ["event", "fact", "event"]


async def test_a_step_that_fails_leaves_everything_as_it_was(memos: Memos) -> None:
    one, other = await stored(memos, "The harbour is old."), await stored(memos, "The tower is new.")
    await memos.lifecycle.move([other], "archive")
    before = len(await memos.log.of(one))
    with pytest.raises(IllegalMove):
        await memos.pipelines.run([one, other], [steps.tag("place"), steps.archive()])
    assert (await memos.get(one)).tags == ()
    assert len(await memos.log.of(one)) == before


async def test_what_changed_since_it_was_found_stops_the_pipeline(memos: Memos) -> None:
    id = await stored(memos, "The harbour is old.")
    found = (await memos.recall("harbour")).cubes
    await memos.update(id, "The harbour is new.")
    with pytest.raises(Conflict, match="recall once more"):
        await memos.pipelines.run(found, [steps.tag("place")])
    assert (await memos.pipelines.run([id], [steps.tag("place")])).cubes[0].tags == ("place",)


async def test_a_step_changes_neither_path_nor_rules(memos: Memos) -> None:
    id = await stored(memos, "The harbour is old.")

    def elsewhere(cube: MemCube, now: datetime) -> MemCube:
        return cube.model_copy(update={"path": "global"})

    with pytest.raises(InvalidInput, match="lifecycle"):
        await memos.pipelines.run([id], [elsewhere])


async def test_who_may_only_read_runs_no_pipeline_that_writes(memos: Memos) -> None:
    id = await stored(memos, "The harbour is old.")
    ben = memos.acting_as(Caller("ben"))
    with pytest.raises(NotFound):
        await ben.pipelines.run([id], [steps.tag("place")])
    await memos.acl.change([id], readers=("ben",))
    assert (await ben.pipelines.run([id], [steps.only("text:harbour")])).events == ()
    with pytest.raises(Denied):
        await ben.pipelines.run([id], [steps.tag("place")])


async def test_a_pipeline_without_conditions_or_memories_is_refused(memos: Memos) -> None:
    id = await stored(memos, "The harbour is old.")
    with pytest.raises(InvalidInput, match="no condition"):
        await memos.pipelines.run([id], [steps.only("harbour")])
    with pytest.raises(InvalidInput, match="number of memories"):
        await memos.pipelines.run([], [steps.tag("a")])
    with pytest.raises(InvalidInput, match="number of steps"):
        await memos.pipelines.run([id], [])


async def test_one_memory_given_twice_goes_through_once(memos: Memos) -> None:
    id = await stored(memos, "The harbour is old.")
    done = await memos.pipelines.run([id, id], [steps.append("And deep.")])
    assert [cube.text for cube in done.cubes] == ["The harbour is old.\nAnd deep."]
