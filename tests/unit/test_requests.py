"""A request and its steps: which lines it left, through what each verb went, what it changed, and who may know."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

import memos_mcp
from memos_mcp import Caller, InvalidInput, Memos, NotFound, Unavailable
from memos_mcp.accesses import Access, Item
from memos_mcp.apps.mcp_requests import trace_of
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.recording import request
from memos_mcp.ports import Where
from memos_mcp.search import Found, MemoryCall

pytestmark = pytest.mark.anyio
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


def stages(line: Access) -> list[tuple[str, int, bool]]:
    return [(each.name, each.number, each.ok) for each in line.stages]


@pytest.mark.claim("5.3.2-17")
async def test_the_steps_of_a_request_are_its_verbs_with_their_outcomes_and_stages(memos: Memos) -> None:
    with request() as id:
        (tea,) = (await memos.remember("the tea plan")).ids
        await memos.recall("tea")
        with pytest.raises(NotFound):
            await memos.get("nobody00")
    await memos.recall("tea")
    found = await memos.audit.trace(id)
    assert [(each.verb, each.outcome) for each in found.steps] == [
        ("remember", "allowed"),
        ("recall", "allowed"),
        ("get", "missing"),
    ]
    assert {each.request for each in found.steps} == {id}
    assert stages(found.steps[0]) == [
        ("read", 1, True),
        ("screened", 1, True),
        ("committed", 1, True),
        ("applied", 1, True),
    ]
    assert stages(found.steps[1]) == [
        ("lane.graph", 0, True),
        ("lane.vectors", 0, True),
        ("lane.words", 1, True),
        ("searched", 1, True),
        ("served", 1, True),
    ]
    assert [(each.action, each.subject, each.version) for each in found.changes] == [("remember", tea, 1)]
    assert found.changes[0].cube is None
    page = await memos.audit.query(request=id)
    assert page.lines == found.steps[::-1]


async def test_a_verb_on_its_own_is_a_request(memos: Memos) -> None:
    (tea,) = (await memos.remember("the tea plan")).ids
    found = await memos.recall("tea")
    (step,) = (await memos.audit.trace(found.access)).steps
    assert (step.id, step.request) == (found.access, found.access)
    await memos.update(tea, "the new tea plan", reason="quokka")
    (line,) = (await memos.audit.query(action="update")).lines
    traced = await memos.audit.trace(line.id)
    assert [(each.action, each.version, each.reason) for each in traced.changes] == [("update", 2, "")]
    assert {each.seq for each in traced.changes} < {each.seq for each in await memos.history(tea)}


async def test_requests_at_the_same_time_are_kept_apart(memos: Memos) -> None:
    ids: list[str] = []

    async def ask() -> None:
        with request() as id:
            ids.append(id)
            await memos.recall("tea")
            await memos.recall("coffee")

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert [len((await memos.audit.trace(id)).steps) for id in ids] == [2] * 5


async def test_a_lane_that_failed_is_a_stage_that_failed(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Words, __: MemoryCall, ___: Where, ____: int) -> Found:
        raise Unavailable("the lane is away")

    await memos.remember("the tea plan")
    monkeypatch.setattr(Words, "find", broken)
    with request() as id:
        found = await memos.recall("tea")
    (step,) = (await memos.audit.trace(id)).steps
    assert stages(step)[:3] == [("lane.graph", 0, True), ("lane.vectors", 0, True), ("lane.words", 0, False)]
    assert [each.route for each in found.missing] == ["words"]


async def test_the_owner_sees_of_anothers_request_only_what_it_was_to_his_memories(memos: Memos) -> None:
    (plan,) = (await memos.remember("the tea plan", path="shared/ward")).ids
    eve = memos.acting_as(Caller("eve"))
    with request(TRACE):
        await eve.remember("tea is no secret of mine")
        await eve.recall("tea")
    found = await memos.audit.trace(TRACE)
    assert [(each.verb, [item.id for item in each.items], each.stages) for each in found.steps] == [
        ("recall", [plan], ())
    ]
    assert found.changes == ()
    assert len((await eve.audit.trace(TRACE)).changes) == 1
    ben = memos.acting_as(Caller("ben"))
    with pytest.raises(NotFound) as others:
        await ben.audit.trace(TRACE)
    with pytest.raises(NotFound) as nobodys:
        await ben.audit.trace("nobodys0")
    assert str(others.value) == str(nobodys.value).replace("nobodys0", TRACE)
    assert (await ben.audit.query(request=TRACE)).lines == ()
    with pytest.raises(InvalidInput):
        await ben.audit.trace("x" * 1000)


async def test_of_changes_that_one_may_read_no_longer_a_trace_tells_nothing(memos: Memos) -> None:
    (plan,) = (await memos.remember("the tea plan", path="shared/ward")).ids
    ben = memos.acting_as(Caller("ben"))
    with request() as id:
        await ben.update(plan, "the new tea plan")
    assert len((await ben.audit.trace(id)).changes) == 1
    await memos.acl.change([plan], denied=["ben"])
    found = await ben.audit.trace(id)
    assert (found.changes, found.steps[0].items) == ((), ())
    assert {each.name for each in found.steps[0].stages}.isdisjoint({"committed", "applied"})


async def test_a_log_from_before_there_were_requests_still_verifies(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        await memos.browse()
        await memos.namespaces()
    with closing(sqlite3.connect(tmp_path / "memos.db")) as db:
        assert db.execute("SELECT DISTINCT request, stages FROM access").fetchall() == [("", "")]
        for column in ("request", "stages"):
            db.execute(f"ALTER TABLE access DROP COLUMN {column}")
        db.execute("DELETE FROM migration WHERE version > 11")
        db.execute("PRAGMA user_version = 11")
        db.commit()
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        await memos.recall("tea")
        found = await memos.audit.verify()
        assert (found.ok, found.lines) == (True, 3)
        line = (await memos.audit.query(action="browse")).lines[0]
        assert (await memos.audit.trace(line.id)).steps == (line,)


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-00f067aa0ba902b7-01\n", ""),
        ("the tea plan", ""),
        (7, ""),
        (None, ""),
    ],
)
def test_a_trace_of_the_client_is_taken_only_if_it_is_well_formed(given: object, trace: str) -> None:
    assert trace_of(given) == trace


async def test_every_change_of_a_request_is_found_from_it(memos: Memos) -> None:
    with request() as id:
        ids = (await memos.remember([{"content": "the tea plan"}, {"content": "the ferry plan"}])).ids
        await memos.forget(ids[0])
    found = await memos.audit.trace(id)
    assert [(each.action, each.subject) for each in found.changes] == [
        ("remember", ids[0]),
        ("remember", ids[1]),
        ("forget", ids[0]),
    ]
    assert found.steps[1].items == (Item(ids[0], 1, "user/ada", ""),)
