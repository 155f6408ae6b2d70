"""MemosStore: long-term memory of LangGraph, with search, times and rights."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, PutOp, SearchOp

from langchain_memos import MemosStore
from memos_mcp import Caller, Client, Connected, Denied, InvalidInput, Memos, connect, sync
from tests.words_only import words_only
from tests.worlds import Clock

ADA = ("ada", "memories")


@pytest.fixture
def memos(tmp_path: Path) -> Generator[sync.Memos]:
    with sync.open(home=tmp_path, user="ada", embedder={"kind": "none"}, graph={"kind": "none"}) as opened:
        yield opened


@pytest.fixture
def store(memos: sync.Memos) -> MemosStore:
    return MemosStore(memos)


def test_an_item_is_a_memory_with_versions(memos: sync.Memos, store: MemosStore) -> None:
    store.put(ADA, "tea", {"text": "Ada likes green tea"})
    store.put(ADA, "tea", {"text": "Ada likes black tea", "cups": 2})
    item = store.get(ADA, "tea")
    assert item is not None
    assert item.value == {"text": "Ada likes black tea", "cups": 2}
    assert item.created_at < item.updated_at
    cube = memos.get(path="user/ada/store/ada/memories", key="tea")
    assert (cube.version, cube.created_at, cube.updated_at) == (2, item.created_at, item.updated_at)
    assert memos.get(cube.id, version=1).text == "Ada likes green tea"


def test_items_are_found_by_what_they_say_best_first(store: MemosStore) -> None:
    store.put(ADA, "tea", {"text": "Ada likes green tea"})
    store.put(ADA, "job", {"text": "Ada works at the harbour", "since": "2019"})
    store.put(("ben",), "tea", {"text": "Ben likes black tea"})
    found = store.search(("ada",), query="which tea does she like?")
    assert [(each.namespace, each.key) for each in found][:1] == [(ADA, "tea")]
    assert all(each.score is not None and each.namespace[0] == "ada" for each in found)
    scores = [each.score or 0 for each in found]
    assert scores == sorted(scores, reverse=True)
    assert {each.key for each in store.search((), query="tea")} == {"tea"}
    assert store.search((), query="  ", limit=2) == store.search((), limit=2)


def test_what_is_not_indexed_is_not_searched_but_listed(store: MemosStore) -> None:
    store.put(ADA, "tea", {"text": "Ada likes green tea"}, index=False)
    store.put(ADA, "cake", {"title": "lemon", "text": "a cake for the tea"}, index=["title"])
    assert store.search((), query="tea") == []
    assert [each.key for each in store.search((), query="lemon")] == ["cake"]
    assert {each.key for each in store.search(())} == {"tea", "cake"}


def test_a_value_of_several_fields_is_found_by_their_names(memos: sync.Memos, store: MemosStore) -> None:
    store.put(ADA, "profile", {"diet": "vegan", "of": [{"job": "cook", "age": 41}], "spare": None})
    assert memos.get(path="user/ada/store/ada/memories", key="profile").text == "diet: vegan\njob: cook\nage: 41"
    assert [each.key for each in store.search((), query="which diet?")] == ["profile"]


def test_filters_and_queries_hold_together_beyond_one_recall(store: MemosStore) -> None:
    for number in range(130):
        store.put(("many", f"part {number % 3}"), f"{number:03}", {"text": "a cup of tea", "n": number})
    found = store.search((), query="tea", filter={"n": {"$gte": 5, "$lt": 125}}, limit=200)
    assert {each.value["n"] for each in found} == set(range(5, 125))
    pages = [store.search((), filter={"n": {"$ne": 0}}, limit=50, offset=at) for at in (0, 50, 100)]
    assert [len(page) for page in pages] == [50, 50, 29]
    assert {each.key for page in pages for each in page} == {f"{number:03}" for number in range(1, 130)}
    assert [each.key for each in store.search((), limit=2)] == ["129", "128"]


def test_what_has_no_order_is_neither_more_nor_less(store: MemosStore) -> None:
    store.put(ADA, "a", {"n": 1, "day": "2026-01-31"})
    store.put(ADA, "b", {"n": None, "day": "2026-02-01"})
    assert [each.key for each in store.search((), filter={"n": {"$gt": 0}})] == ["a"]
    assert store.search((), filter={"m": {"$lte": 0}}) == []
    assert [each.key for each in store.search((), filter={"day": {"$gt": "2026-01-31"}})] == ["b"]
    with pytest.raises(ValueError, match="there is no operator '\\$in'"):
        store.search((), filter={"n": {"$in": [1]}})


def test_a_batch_reads_what_was_there_before_and_the_last_write_wins(store: MemosStore) -> None:
    store.put(ADA, "tea", {"n": 0})
    first, found, *_ = store.batch(
        [
            GetOp(ADA, "tea"),
            SearchOp(("ada",)),
            PutOp(ADA, "tea", {"n": 1}),
            PutOp(ADA, "tea", {"n": 2}),
            PutOp(ADA, "gone", {"n": 3}),
            PutOp(ADA, "gone", None),
        ]
    )
    assert first is not None
    assert getattr(first, "value", None) == {"n": 0}
    assert isinstance(found, list)
    assert len(found) == 1
    assert [each.value for each in store.search(())] == [{"n": 2}]
    store.delete(ADA, "tea")
    store.delete(ADA, "never was")
    assert store.search(()) == []
    assert store.list_namespaces() == []


def test_an_item_without_a_field_is_an_item_and_what_else_is_there_is_none(
    memos: sync.Memos, store: MemosStore
) -> None:
    store.put(ADA, "empty", {})
    memos.remember("Ada likes tea", path="user/ada/store/ada")
    memos.put("user/ada/store/ada", "note", text="tea")
    assert [(each.key, each.value) for each in store.search(())] == [("empty", {})]
    assert store.get(("ada",), "note") is None
    assert store.search((), query="tea") == []


def test_changing_what_was_given_or_got_changes_nothing_stored(store: MemosStore) -> None:
    value = {"likes": ["tea"]}
    store.put(ADA, "a", value)
    value["likes"].append("rum")
    for _ in range(2):
        item = store.get(ADA, "a")
        assert item is not None
        assert item.value == {"likes": ["tea"]}
        item.value["likes"].append("rum")


def test_what_is_no_json_is_refused(store: MemosStore) -> None:
    for value in ({"a": object()}, {"a": float("nan")}, {"a": {1, 2}}):
        with pytest.raises(InvalidInput, match="the value of an item is JSON"):
            store.put(ADA, "a", value)
    with pytest.raises(InvalidNamespaceError):
        store.put(("a.b",), "a", {})
    assert store.search(()) == []


def test_nothing_of_a_batch_is_written_if_one_value_is_no_json(store: MemosStore) -> None:
    with pytest.raises(InvalidInput):
        store.batch([PutOp(ADA, "a", {"n": 1}), PutOp(ADA, "b", {"n": object()})])
    assert store.search(()) == []


def test_a_path_that_is_written_otherwise_is_the_same(memos: sync.Memos) -> None:
    MemosStore(memos, "/user/ada/cafe\u0301/").put(ADA, "a", {"n": 1})
    other = MemosStore(memos, "user/ada/caf\u00e9")
    assert [(each.namespace, each.key) for each in other.search(())] == [(ADA, "a")]
    assert MemosStore(memos, "/user/ada/cafe\u0301/").list_namespaces() == [ADA]


def test_an_end_that_was_taken_away_stays_away(memos: sync.Memos, store: MemosStore) -> None:
    store.put(ADA, "a", {"n": 1}, ttl=60)
    cube = memos.get(path="user/ada/store/ada/memories", key="a")
    memos.acl.change([cube.id], expires_at="never")
    assert store.get(ADA, "a")
    assert memos.get(cube.id).governance.expires_at is None


def test_nobody_reads_or_writes_where_he_may_not(memos: sync.Memos) -> None:
    MemosStore(memos, "shared/team").put(("plans",), "a", {"text": "tea at nine"})
    MemosStore(memos).put(("plans",), "a", {"text": "tea at ten"})
    ben = memos.acting_as(Caller("ben"))
    item = MemosStore(ben, "shared/team").get(("plans",), "a")
    assert item is not None
    assert MemosStore(ben).search((), query="tea") == []
    elsewhere = MemosStore(ben, "user/ada/store")
    for attempt in (
        lambda: elsewhere.get(("plans",), "a"),
        lambda: elsewhere.search(()),
        lambda: elsewhere.search((), query="tea"),
        lambda: elsewhere.put(("plans",), "a", {}),
        lambda: elsewhere.delete(("plans",), "a"),
        elsewhere.list_namespaces,
    ):
        with pytest.raises(Denied):
            attempt()


def between(memos: sync.Memos, before: Callable[[str, dict[str, Any]], None]) -> Connected:
    """A memory system to which something happens before a verb."""
    connected = connect(memos)

    async def ask(verb: str, **given: Any) -> Any:
        before(verb, given)
        return await getattr(connected.inline, verb)(**given)

    return replace(connected, inline=Client(ask))


def test_one_item_whose_time_may_not_begin_anew_keeps_no_other_from_it(memos: sync.Memos, store: MemosStore) -> None:
    for key in "abc":
        store.put(ADA, key, {"n": 1}, ttl=60)
    (guarded, *others) = memos.browse(limit=3).cubes

    def refuse(verb: str, given: dict[str, Any]) -> None:
        if verb == "extend" and guarded.id in given["ids"]:
            raise Denied("not yours")

    assert len(MemosStore(between(memos, refuse)).search(())) == 3
    ends = {cube.id: cube.governance.expires_at for cube in memos.browse(limit=3).cubes}
    assert ends[guarded.id] == guarded.governance.expires_at
    assert all(ends[cube.id] != cube.governance.expires_at for cube in others)


def test_items_that_go_while_they_are_deleted_are_no_error(memos: sync.Memos, store: MemosStore) -> None:
    for key in "abc":
        store.put(ADA, key, {"n": 1})

    def quicker(verb: str, given: dict[str, Any]) -> None:
        if verb == "forget_all":
            memos.forget(given["ids"][0])

    MemosStore(between(memos, quicker)).batch([PutOp(ADA, key, None) for key in "abc"])
    assert store.search(()) == []


def test_an_asynchronous_memos_says_how_to_block(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
        MemosStore(words_only(tmp_path, Clock())).get(ADA, "a")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(tmp_path: Path, clock: Clock) -> AsyncGenerator[Memos]:
    async with words_only(tmp_path, clock) as opened:
        yield opened


@pytest.mark.anyio
async def test_what_is_expired_is_gone_at_once(timed: Memos, clock: Clock) -> None:
    store = MemosStore(timed)
    await store.aput(ADA, "a", {"text": "tea"}, ttl=10)
    await store.aput(ADA, "b", {"text": "tea"})
    clock.tick(timedelta(minutes=9, seconds=59))
    assert await store.aget(ADA, "a", refresh_ttl=False)
    clock.tick(timedelta(seconds=1))
    assert await store.aget(ADA, "a") is None
    assert [each.key for each in await store.asearch(())] == ["b"]
    assert [each.key for each in await store.asearch((), query="tea")] == ["b"]
    await store.adelete(ADA, "b")
    assert await store.alist_namespaces() == []
    await store.aput(ADA, "a", {"text": "more tea"})
    clock.tick(timedelta(days=999))
    assert await store.aget(ADA, "a")


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["get", "search", "recall"])
async def test_a_read_begins_the_time_anew_unless_it_is_told_not_to(timed: Memos, clock: Clock, how: str) -> None:
    store = MemosStore(timed)
    await store.aput(ADA, "a", {"text": "tea"}, ttl=10)
    await store.aput(ADA, "b", {"text": "tea"}, ttl=10)

    async def read(refresh: bool | None) -> None:
        if how == "get":
            assert await store.aget(ADA, "a", refresh_ttl=refresh)
        else:
            query = "tea" if how == "recall" else None
            assert await store.asearch((), query=query, limit=9, refresh_ttl=refresh)

    was = await store.aget(ADA, "a", refresh_ttl=False)
    clock.tick(timedelta(minutes=6))
    await read(None)
    clock.tick(timedelta(minutes=6))
    await read(False)
    now = await store.aget(ADA, "a", refresh_ttl=False)
    assert was is not None
    assert now is not None
    assert now.updated_at == was.updated_at
    clock.tick(timedelta(minutes=4))
    assert await store.aget(ADA, "a") is None


@pytest.mark.anyio
async def test_a_write_says_how_long_it_lasts_from_then_on(timed: Memos, clock: Clock) -> None:
    store = MemosStore(timed, ttl={"default_ttl": 5, "refresh_on_read": False})
    await store.aput(ADA, "a", {"n": 1})
    await store.aput(ADA, "b", {"n": 1}, ttl=None)
    await store.aput(ADA, "c", {"n": 1}, ttl=0.5)
    await store.aput(ADA, "d", {"n": 1})
    await store.aput(ADA, "d", {"n": 2}, ttl=None)
    clock.tick(timedelta(seconds=30))
    assert {each.key for each in await store.asearch(())} == {"a", "b", "d"}
    await store.aput(ADA, "a", {"n": 2})
    clock.tick(timedelta(minutes=4, seconds=59))
    assert {each.key for each in await store.asearch(())} == {"a", "b", "d"}
    clock.tick(timedelta(seconds=1))
    assert {each.key for each in await store.asearch(())} == {"b", "d"}


@pytest.mark.anyio
async def test_who_may_not_decide_about_an_item_reads_it_and_its_time_runs_on(timed: Memos, clock: Clock) -> None:
    await MemosStore(timed).abatch([PutOp(ADA, "a", {"text": "tea"}, ttl=10), PutOp(ADA, "b", {"text": "tea"})])
    await timed.acl.change([cube.id for cube in (await timed.browse()).cubes], readers=["ben"])
    ben = MemosStore(connect(timed.acting_as(Caller("ben"))), "user/ada/store")
    clock.tick(timedelta(minutes=6))
    assert await ben.aget(ADA, "a")
    clock.tick(timedelta(minutes=4))
    assert await ben.aget(ADA, "a") is None
