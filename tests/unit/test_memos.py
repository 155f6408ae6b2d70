"""The public API over a real vault, as its users call it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import pytest
from pydantic import JsonValue, ValidationError

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound, Unavailable
from memos_mcp.cube import Ref
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Event, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada") as system:
        yield system


async def only(memos: Memos, content: JsonValue) -> str:
    (key,) = (await memos.remember(content)).ids
    return key


@pytest.mark.claim("5.1-02", "5.1-03", "4.1-22", "5.5.2-08")
async def test_what_was_remembered_is_recalled(memos: Memos) -> None:
    await memos.remember("Ada likes green tea")
    found = await memos.recall("Which tea does Ada like?")
    assert found.cubes[0].text == "Ada likes green tea"
    assert found.context.endswith("Ada likes green tea")
    assert 0 < found.memories[0].lanes["words"] < found.memories[0].score
    assert found.summary == "1 of 1 memories under user/ada, shared, global"


async def test_nothing_found_says_what_was_searched(memos: Memos) -> None:
    await memos.remember(["one fish", "two fish"])
    found = await memos.recall("zeppelin", path="user/ada")
    assert (found.summary, found.context) == ("0 of 2 memories under user/ada", "")


@pytest.mark.claim("4.2-07", "5.3.2-04")
@pytest.mark.claim("4.1-26", "4.2-01", "4.2-04", "4.2-05", "4.2-06", "4.2-08", "4.2-09", "5.2-11", "5.3.2-03", "4.3-09")
async def test_a_memory_is_a_cube_with_an_identity_that_lasts(memos: Memos) -> None:
    one, two = (await memos.remember(["I like tea", "The sky is blue"])).ids
    cube = await memos.get(one)
    later = await memos.update(one, "I like green tea")
    assert isinstance(cube, memos_mcp.MemCube)
    assert (later.id, later.created_at) == (one, cube.created_at)
    assert later.updated_at > cube.updated_at
    assert later.origin.provenance == cube.origin.provenance != (await memos.get(two)).origin.provenance
    assert (cube.kind, cube.state, cube.governance.owner, cube.usage.sightings) == ("preference", "generated", "ada", 1)
    with pytest.raises(ValidationError):
        memos_mcp.MemCube.model_validate(cube.model_dump() | {"colour": "green"})


async def test_every_memory_says_where_it_comes_from(memos: Memos) -> None:
    turn: JsonValue = {"speaker": "Ben", "said_at": "2026-03-02T09:14:00Z", "text": "The boat leaves at noon."}
    await memos.remember([turn], source="chat.json", session="s1")
    origin = (await memos.recall("boat")).cubes[0].origin
    assert (origin.source, origin.session, origin.speaker, origin.position) == ("chat.json", "s1", "Ben", 0)
    assert origin.said_at == datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    assert origin.actor == "ada"
    assert origin.provenance


async def test_a_repeated_statement_is_counted_with_every_source(memos: Memos) -> None:
    first = await memos.remember("Ada likes green tea.", source="monday")
    again = await memos.remember("ada likes  GREEN tea", source="tuesday")
    assert (again.ids, again.new, again.repeated) == (first.ids, 0, 1)
    assert (await memos.get(first.ids[0])).usage.sightings == 2
    seen = [e.origin.source for e in await memos.history(first.ids[0]) if e.origin]
    assert seen == ["tuesday"]


async def test_the_same_source_twice_changes_nothing(memos: Memos) -> None:
    await memos.remember("Ada likes green tea.", source="notes.md")
    (key,) = (await memos.remember("Ada likes green tea.", source="notes.md")).ids
    assert (await memos.get(key)).usage.sightings == 1
    assert len(await memos.history(key)) == 1


@pytest.mark.parametrize(
    "other",
    [
        "Ada likes 2 teas",
        "Eve likes 3 teas",
        "Ada does not like 3 teas",
        "Ada likes 3 teas on 2026-03-02",
        "Ada likes 3 teas?",
    ],
)
async def test_statements_that_differ_in_number_name_negation_or_date_stay_apart(memos: Memos, other: str) -> None:
    await memos.remember("Ada likes 3 teas")
    assert (await memos.remember(other)).new == 1


async def test_repeated_turns_of_a_chat_stay_separate(memos: Memos) -> None:
    chat: JsonValue = [{"role": "user", "content": text} for text in ("I moved.", "Thanks!", "To Porto.", "Thanks!")]
    assert (await memos.remember(chat)).new == 4


async def test_a_conversation_remembered_again_adds_only_its_new_turns(memos: Memos) -> None:
    turns: list[JsonValue] = [{"role": "user", "content": f"turn {i} about tea"} for i in range(5)]
    await memos.remember(turns[:3])
    assert (await memos.remember(turns)).new == 2


@pytest.mark.claim("4.1-24", "4.3-35", "4.3-10")
async def test_another_users_memories_are_neither_recalled_nor_counted_nor_told(memos: Memos) -> None:
    key = await only(memos, "Ada's secret is tea")
    eve = memos.acting_as(Caller("eve"))
    found = await eve.recall("secret tea")
    assert (found.cubes, found.searched) == ((), 0)
    for attempt in (eve.get(key), eve.history(key), eve.update(key, "x"), eve.forget(key)):
        with pytest.raises(NotFound, match="eve has no memory"):
            await attempt
    with pytest.raises(Denied):
        await eve.recall("tea", path="user/ada")
    with pytest.raises(Denied):
        await eve.remember("x", path="user/ada/notes")
    with pytest.raises(Denied):
        await eve.put("user/ada", "k", text="x")
    with pytest.raises(Denied):
        await eve.get(path="user/ada", key="k")
    with pytest.raises(Denied):
        await eve.browse("user/ada")
    assert (await eve.browse()).total == 0
    assert await eve.namespaces() == ()
    assert (await eve.status()).memories == 0


@pytest.mark.claim("4.1-16")
async def test_shared_memories_are_recalled_by_everybody(memos: Memos) -> None:
    await memos.remember("The printer is on floor 3", path="shared/office")
    found = await memos.acting_as(Caller("eve")).recall("Where is the printer?")
    assert found.cubes[0].path == "shared/office"


async def test_a_path_of_the_settings_is_written_to_and_searched(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", path="shared/team") as memos:
        assert (await memos.remember("The printer is broken")).path == "shared/team"
        assert (await memos.recall("printer")).paths == ("shared/team",)


@pytest.mark.parametrize(
    "text", ["  two\r\nlines\t", "e\u0301 \u00e9 \ufb01", '{"a": 1}', "'; DROP TABLE memory; --", "x" * 100_000, ""]
)
async def test_what_is_put_comes_back_as_it_was(memos: Memos, text: str) -> None:
    data: JsonValue = {"n": [1, 2.5, None, True], "empty": {}, "t": text}
    await memos.put(None, "note", text=text, data=data)
    cube = await memos.get(key="note")
    assert (cube.text, cube.payload.model_dump()["data"]) == (text, data)


async def test_what_was_put_is_recalled_by_its_key_and_the_texts_in_its_data(memos: Memos) -> None:
    await memos.put(None, "profile.json", data={"drinks": ["green tea", 3, None, True], "home": {"city": "Porto"}})
    for question in ("profile", "tea", "Porto"):
        found = await memos.recall(question)
        assert found.context.endswith(
            'profile.json = {"drinks": ["green tea", 3, null, true], "home": {"city": "Porto"}}'
        ), question
    await memos.put("shared/team", "rules", text="Knock first", data={"floor": 3})
    assert (await memos.recall("knock")).context.endswith('rules = Knock first {"floor": 3}')


async def test_the_last_put_wins_and_the_first_is_kept_as_a_version(memos: Memos) -> None:
    await memos.put(None, "note", text="one")
    second = await memos.put(None, "note", text="two")
    assert (second.version, (await memos.get(key="note")).text) == (2, "two")
    assert (await memos.get(key="note", version=1)).text == "one"


async def test_of_many_puts_at_once_none_is_refused_and_each_is_a_version(memos: Memos) -> None:
    async with anyio.create_task_group() as tasks:
        for i in range(20):
            tasks.start_soon(partial(memos.put, None, "note", text=f"number {i}"))
    cube = await memos.get(key="note")
    assert cube.version == 20
    assert {e.cube.text for e in await memos.history(cube.id) if e.cube} == {f"number {i}" for i in range(20)}


async def test_of_many_lines_appended_at_once_none_is_refused_or_lost(memos: Memos) -> None:
    key = await only(memos, "list")
    async with anyio.create_task_group() as tasks:
        for i in range(20):
            tasks.start_soon(partial(memos.update, key, f"line {i}", how="append"))
    assert sorted((await memos.get(key)).text.split("\n")) == sorted(["list", *(f"line {i}" for i in range(20))])


async def test_a_put_with_an_expected_version_conflicts_when_it_is_another(memos: Memos) -> None:
    await memos.put(None, "note", text="one", expect=0)
    for expect in (0, 2):
        with pytest.raises(Conflict, match="version 1"):
            await memos.put(None, "note", text="two", expect=expect)


@pytest.mark.claim("4.1-15", "4.1-23", "5.3.2-13", "5.3.2-16", "5.3.2-09")
async def test_an_update_makes_a_version_and_keeps_the_old(memos: Memos) -> None:
    key = await only(memos, "The trip is in June")
    new = await memos.update(key, "The trip is in August", expect=1, reason="moved")
    assert (new.version, new.created_at <= new.updated_at) == (2, True)
    assert (await memos.get(key, version=1)).text == "The trip is in June"
    assert [cube.text for cube in (await memos.recall("When is the trip?")).cubes] == ["The trip is in August"]
    assert not (await memos.recall("June")).cubes
    lines = await memos.history(key)
    assert [(e.action, e.version, e.reason, e.caller) for e in lines] == [
        ("remember", 1, "", "ada"),
        ("update", 2, "moved", "ada"),
    ]
    assert [e.cube.text for e in lines if e.cube] == ["The trip is in June", "The trip is in August"]


@pytest.mark.claim("5.3.2-07", "5.3.2-08", "4.3-07")
async def test_append_and_merge_keep_what_was_there(memos: Memos) -> None:
    key = await only(memos, "Milk")
    assert (await memos.update(key, "Eggs", how="append")).text == "Milk\nEggs"
    assert (await memos.update(key, "eggs\nBread", how="merge")).text == "Milk\nEggs\nBread"


@pytest.mark.claim("5.3.2-10")
async def test_an_update_of_an_outdated_version_conflicts_and_changes_nothing(memos: Memos) -> None:
    key = await only(memos, "one")
    await memos.update(key, "two")
    with pytest.raises(Conflict, match="version 2, not 1"):
        await memos.update(key, "three", expect=1)
    assert (await memos.get(key)).text == "two"


async def test_an_update_that_changes_nothing_makes_no_version(memos: Memos) -> None:
    key = await only(memos, "one")
    assert (await memos.update(key, "one")).version == 1


async def test_a_statement_updated_away_can_be_remembered_anew(memos: Memos) -> None:
    key = await only(memos, "Ada drinks tea")
    await memos.update(key, "Ada drinks coffee")
    assert (await memos.remember("Ada drinks tea")).new == 1
    assert (await memos.remember("Ada drinks coffee")).ids == (key,)


async def test_a_forgotten_memory_is_gone_and_its_tombstone_says_who_and_why(memos: Memos) -> None:
    key = await only(memos, "Ada likes tea")
    await memos.forget(key, reason="asked to")
    assert (await memos.recall("tea")).searched == 0
    with pytest.raises(NotFound):
        await memos.get(key)
    with pytest.raises(NotFound):
        await memos.get(key, version=1)
    lines = await memos.history(key)
    assert (lines[-1].action, lines[-1].caller, lines[-1].reason) == ("forget", "ada", "asked to")
    assert all(event.cube is None for event in lines)
    assert (await memos.remember("Ada likes tea")).new == 1


async def test_browsing_pages_through_everything_once(memos: Memos) -> None:
    await memos.remember([f"memory number {i}" for i in range(25)])
    seen: list[str] = []
    page = await memos.browse(limit=10)
    while True:
        seen += [cube.text for cube in page.cubes]
        if not page.after:
            break
        page = await memos.browse(limit=10, after=page.after)
    assert seen == [f"memory number {i}" for i in reversed(range(25))]
    assert page.total == 25


@pytest.mark.claim("4.3-21", "5.5.2-08")
async def test_browsing_filters_by_kind_and_tag(memos: Memos) -> None:
    await memos.remember("I like tea", kind="preference", tags=["drink"])
    await memos.remember("The sky is blue", kind="fact", tags=["sky", "drink"])
    assert [c.text for c in (await memos.browse(kinds=["preference"])).cubes] == ["I like tea"]
    assert len((await memos.browse(tags=["drink"])).cubes) == 2
    assert len((await memos.browse(tags=["sky", "sea"])).cubes) == 1


@pytest.mark.claim("5.5.2-02")
async def test_namespaces_are_listed_with_their_sizes(memos: Memos) -> None:
    await memos.remember(["a1", "a2"], path="user/ada/work")
    await memos.remember("b", path="shared/team")
    assert [(n.path, n.memories) for n in await memos.namespaces()] == [("shared/team", 1), ("user/ada/work", 2)]


async def test_status_says_who_where_and_how_the_lanes_are(memos: Memos, tmp_path: Path) -> None:
    await memos.remember("x marks the spot")
    status = await memos.status()
    assert (status.user, status.path, status.memories) == ("ada", "user/ada", 1)
    assert status.vault == str(tmp_path / "memos.db")
    assert [(lane.name, lane.on) for lane in status.lanes] == [("words", True), ("vectors", False), ("graph", True)]


@pytest.mark.claim("4.1-20")
async def test_the_budget_bounds_the_context_and_counts_what_was_left_out(memos: Memos) -> None:
    await memos.remember([f"tea {i} " + "word " * 60 for i in range(10)])
    found = await memos.recall("tea", budget=200)
    assert len(found.context) <= 800
    assert found.used + found.left_out == len(found.cubes) == 10


async def test_only_plaintext_can_be_updated(memos: Memos) -> None:
    await memos.put(None, "list", data=["a"])
    cube = await memos.get(key="list")
    assert (await memos.update(cube.id, data=["b"], how="append")).payload.model_dump()["data"] == ["a", "b"]
    patched = await memos.put(None, "object", data={"a": 1, "b": 2})
    assert (await memos.update(patched.id, data={"b": None, "c": 3}, how="merge")).payload.model_dump()["data"] == {
        "a": 1,
        "c": 3,
    }
    with pytest.raises(InvalidInput, match="merge"):
        await memos.update(patched.id, data=1, how="append")


async def test_sixteen_recalls_beside_a_writer_all_answer(memos: Memos) -> None:
    await memos.remember([f"tea number {i}" for i in range(50)])
    counts: list[int] = []

    async def ask() -> None:
        counts.extend([(await memos.recall(f"tea {i}")).searched for i in range(5)])

    async def write() -> None:
        for i in range(20):
            await memos.remember(f"late tea {i}")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(16):
                tasks.start_soon(ask)
            tasks.start_soon(write)
    assert len(counts) == 80
    assert (await memos.recall("late tea")).searched == 70


class Broken:
    """A lane that never works."""

    name = "broken"

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        raise Unavailable("the lane is down")

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        raise Unavailable("the lane is down")

    async def people(self, where: Where) -> frozenset[str]:
        raise Unavailable("the lane is down")

    async def apply(self, events: Sequence[Event]) -> None:
        raise Unavailable("the lane is down")

    async def reset(self) -> None:
        raise Unavailable("the lane is down")

    def lane(self) -> Lane:
        return Lane(self.name, on=False, pending=3, why="down")


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path / "memos.db")
    yield adapter
    await adapter.aclose()


async def test_a_lane_that_fails_is_named_and_the_others_answer(vault: SqliteAdapter) -> None:
    words = Words(vault, vault.segment_store)
    both = Memos(vault=vault, reader=RulesReader(), routes=[words, Broken()], caller=Caller("ada"))
    await both.remember("Ada likes tea")
    found = await both.recall("tea")
    assert found.cubes
    assert [(m.route, m.why) for m in found.missing] == [("broken", "the lane is down")]
    assert found.pending == 3


async def test_recall_fails_only_if_every_lane_fails(vault: SqliteAdapter) -> None:
    lonely = Memos(vault=vault, reader=RulesReader(), routes=[Broken()], caller=Caller("ada"))
    with pytest.raises(Unavailable, match="the lane is down"):
        await lonely.recall("tea")


async def test_a_rebuilt_lane_answers_as_before(memos: Memos) -> None:
    await memos.remember([f"tea number {i}" for i in range(20)])
    before = await memos.recall("tea number 7")
    await memos.rebuild("words")
    assert (await memos.recall("tea number 7")).cubes == before.cubes
