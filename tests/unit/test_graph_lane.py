"""The graph as a lane of a system: on by default, beside the others, and never in their way."""

from __future__ import annotations

import stat
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio
import pytest

import memos_mcp
from memos_graph import Edge, EmbeddedGraph, GraphUnavailable, Neighbourhood, Node
from memos_mcp import Caller, Memos
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure import follower, spaces
from memos_mcp.infrastructure import graph as graph_route
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from memos_mcp.search import Lane
from memos_mcp.settings import load
from memos_mcp.wiring import upkeep

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "_GRACE", 0.0)
    monkeypatch.setattr(follower, "REST", 0.01)
    monkeypatch.setattr(spaces, "REST", 0.01)


def opened(home: Path, **graph: object) -> Memos:
    return memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}, graph=graph)


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with opened(tmp_path) as it:
        yield it


def graph_of(lanes: Sequence[Lane]) -> Lane:
    (found,) = (lane for lane in lanes if lane.name == "graph")
    return found


async def by_name(memos: Memos, question: str) -> list[str]:
    recalled = await memos.recall(question, lanes=["graph"])
    assert recalled.missing == ()
    return [cube.text for cube in recalled.cubes]


def held(home: Path) -> bytes:
    """All that is in the graph's files."""
    return b"".join(file.read_bytes() for file in home.glob("graph.db*"))


class Away(EmbeddedGraph):
    """A store that does not answer while it is `away`."""

    away = True

    def _check(self) -> None:
        if self.away:
            raise GraphUnavailable("the graph does not answer: is it running?")

    async def position(self, space: str) -> int:
        self._check()
        return await super().position(space)

    async def upsert(self, space: str, nodes: Sequence[Node], edges: Sequence[Edge] = (), *, seq: int = 0) -> None:
        self._check()
        await super().upsert(space, nodes, edges, seq=seq)


async def test_a_memory_is_found_over_what_it_has_in_common_with_another(memos: Memos) -> None:
    await memos.remember(["Zoe married Ben Carter in Oban.", "Ben Carter keeps bees.", "It rained all day."])
    found = await memos.recall("What do we know of Zoe?")
    bees = next(each for each in found.memories if "bees" in each.cube.text)
    assert 0 < bees.lanes["graph"] < found.memories[0].lanes["graph"] == 1
    assert "It rained all day." not in await by_name(memos, "What do we know of Zoe?")


async def test_what_was_just_remembered_is_found_and_what_was_forgotten_is_gone(memos: Memos, tmp_path: Path) -> None:
    (key,) = (await memos.remember("Zebedee plays the quagga.")).ids
    assert await by_name(memos, "Zebedee") == ["Zebedee plays the quagga."]
    await memos.forget(key)
    assert b"ebedee" not in held(tmp_path)
    assert await by_name(memos, "Zebedee") == []


async def test_it_is_followed_in_the_background_and_settle_waits_for_it(
    memos: Memos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_GRACE", 0.5)
    await memos.remember("Zoe lives in Perth.")
    assert graph_of((await memos.status()).lanes).busy
    lane = graph_of((await memos.settle(5)).lanes)
    assert lane == Lane("graph", on=True)


async def test_the_file_is_for_its_owner_alone_and_none_is_made_before_it_is_needed(tmp_path: Path) -> None:
    async with opened(tmp_path / "home") as memos:
        assert not (tmp_path / "home").exists()
        await memos.remember("Zoe lives in Perth.")
        await memos.settle(5)
        assert stat.S_IMODE((tmp_path / "home" / "graph.db").stat().st_mode) == 0o600


async def test_a_store_that_is_down_holds_nobody_up_and_catches_up_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memos_graph.embedded.EmbeddedGraph", Away)
    monkeypatch.setattr(Away, "away", True)
    async with opened(tmp_path) as memos:
        with anyio.fail_after(5):
            await memos.remember("Zoe lives in Perth.")
            found = await memos.recall("Where does Zoe live?")
            assert [cube.text for cube in found.cubes] == ["Zoe lives in Perth."]
            assert [(m.route, m.why) for m in found.missing] == [("graph", "the graph does not answer: is it running?")]
            lane = graph_of((await memos.settle(1)).lanes)
            assert (lane.on, lane.pending, lane.why) == (True, 1, "the graph does not answer: is it running?")
            monkeypatch.setattr(Away, "away", False)
            while graph_of((await memos.status()).lanes).why:  # noqa: ASYNC110 - it comes back by itself
                await anyio.sleep(0.01)
        assert await by_name(memos, "Zoe") == ["Zoe lives in Perth."]
        assert graph_of((await memos.settle(5)).lanes) == Lane("graph", on=True)


async def test_a_store_that_hangs_holds_up_a_recall_for_a_moment_and_the_next_one_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(EmbeddedGraph):
        async def position(self, space: str) -> int:
            await anyio.sleep_forever()
            raise AssertionError

    monkeypatch.setattr("memos_graph.embedded.EmbeddedGraph", Hanging)
    monkeypatch.setattr(graph_route, "_PATIENCE", 0.05)
    monkeypatch.setattr(graph_route, "_BUSY", 100.0)
    async with opened(tmp_path) as memos:
        await memos.remember("Zoe lives in Perth.")
        for patience in (0.05, 100.0):
            monkeypatch.setattr(graph_route, "_PATIENCE", patience)
            with anyio.fail_after(5):
                found = await memos.recall("Where does Zoe live?")
            assert [cube.text for cube in found.cubes] == ["Zoe lives in Perth."]
            assert [missing.why for missing in found.missing] == ["the graph is busy following the log: ask again"]
        monkeypatch.setattr(graph_route, "_PATIENCE", 0.05)


async def test_a_question_is_given_up_after_its_time(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    await memos.remember("Zoe lives in Perth.")
    assert await by_name(memos, "Zoe") == ["Zoe lives in Perth."]

    async def hanging(*_: object, **__: object) -> Neighbourhood:
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(EmbeddedGraph, "neighbours", hanging)
    (route,) = (each for each in memos._routes if each.name == "graph")  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(route, "_timeout", 0.05)
    with anyio.fail_after(5):
        found = await memos.recall("Zoe")
    assert [cube.text for cube in found.cubes] == ["Zoe lives in Perth."]
    assert [missing.why[:39] for missing in found.missing] == ["the graph did not answer within 0.05 s:"]


async def test_what_another_process_left_undone_is_caught_up(tmp_path: Path) -> None:
    async with opened(tmp_path, kind="none") as memos:
        await memos.remember("Zoe lives in Perth.")
    async with opened(tmp_path) as memos:
        assert await by_name(memos, "Zoe") == ["Zoe lives in Perth."]


async def test_a_rebuilt_graph_and_one_of_a_removed_file_have_all_of_it(memos: Memos, tmp_path: Path) -> None:
    await memos.remember("Zoe lives in Perth.")
    await memos.remember("Zoe sails.", path="shared/team")
    await memos.rebuild("graph")
    assert set(await by_name(memos, "Zoe")) == {"Zoe lives in Perth.", "Zoe sails."}
    await memos.aclose()
    (tmp_path / "graph.db").unlink()
    async with opened(tmp_path) as again:
        assert set(await by_name(again, "Zoe")) == {"Zoe lives in Perth.", "Zoe sails."}


async def test_a_restored_vault_is_noticed(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        await memos.remember("Zoe lives in Perth.")
        await memos.settle(5)
        keeper = upkeep(load(home=tmp_path, user="ada"))
        await keeper.backup(tmp_path / "copy.db")
        await memos.remember("Zoe moved to Oban.")
        await memos.settle(5)
        await keeper.restore(tmp_path / "copy.db", caller=Caller("ada"))
        assert await by_name(memos, "Zoe") == ["Zoe lives in Perth."]
    async with opened(tmp_path) as memos:
        assert await by_name(memos, "Zoe") == ["Zoe lives in Perth."]


async def test_of_what_was_forgotten_without_it_nothing_is_left_once_it_was_open(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        (key,) = (await memos.remember("Zebedee plays the quagga.")).ids
        await memos.settle(5)
    system = SqliteAdapter(tmp_path / "memos.db")  # as one that is killed before its lanes follow
    await system.commit([Change("forget", key)], caller=Caller("ada"))
    await system.aclose()
    assert b"ebedee" in held(tmp_path)
    async with opened(tmp_path) as memos:
        assert (await memos.recall("quagga")).memories == ()
    assert b"ebedee" not in held(tmp_path)


async def test_an_erasure_that_the_graph_cannot_follow_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos_graph.embedded.EmbeddedGraph", Away)
    monkeypatch.setattr(Away, "away", True)
    async with opened(tmp_path) as memos:
        (key,) = (await memos.remember("Zoe lives in Perth.")).ids
        erased = await memos.lifecycle.erase([key], reason="asked for")
        assert erased.left == ("the graph index: the graph does not answer: is it running?",)


async def test_a_lane_that_is_off_says_why_and_leaves_nothing_of_what_is_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        (key,) = (await memos.remember("Zebedee plays the quagga.")).ids
        await memos.settle(5)
    async with opened(tmp_path, kind="none") as memos:
        lane = graph_of((await memos.status()).lanes)
        assert (lane.on, lane.why) == (False, "switched off by the setting graph.kind")
        assert (await memos.recall("Zebedee")).missing == ()
        with pytest.raises(Misconfigured, match="graph lane is off"):
            await memos.rebuild("graph")
        await memos.forget(key)
    assert b"ebedee" not in held(tmp_path)


async def test_a_vault_that_may_not_be_written_has_no_graph(tmp_path: Path) -> None:
    async with opened(tmp_path, kind="none") as memos:
        await memos.remember("Zoe lives in Perth.")
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, vault={"read_only": True}) as memos:
        assert (await memos.recall("Zoe")).missing == ()
        assert "read_only" in graph_of((await memos.status()).lanes).why
    assert not (tmp_path / "graph.db").exists()


async def test_without_the_driver_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> None: ...

    monkeypatch.setattr("memos_mcp.wiring.find_spec", nothing)
    async with opened(tmp_path, kind="neo4j") as memos:
        assert 'pip install "memcube-mcp[neo4j]"' in graph_of((await memos.status()).lanes).why


async def test_an_address_that_is_none_is_told_without_what_stands_in_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"graph\.url") as raised:
        opened(tmp_path, kind="neo4j", url="bolt://neo4j:hunter2@example.org")
    assert "hunter2" not in str(raised.value)


async def test_a_server_that_is_not_there_costs_no_recall_and_is_named(tmp_path: Path) -> None:
    with anyio.fail_after(5):
        async with opened(tmp_path, kind="neo4j", url="bolt://127.0.0.1:1", timeout_s=0.2) as memos:
            await memos.remember("Zoe lives in Perth.")
            found = await memos.recall("Where does Zoe live?")
            assert [cube.text for cube in found.cubes] == ["Zoe lives in Perth."]
            (missing,) = found.missing
            assert (missing.route, "bolt://127.0.0.1:1" in missing.why) == ("graph", True)


async def test_who_sees_part_of_a_system_is_not_told_that_others_are_at_work(memos: Memos) -> None:
    await memos.remember("Zoe lives in Perth.")
    lane = graph_of((await memos.acting_as(Caller("eve")).status()).lanes)
    assert (lane.busy, lane.pending) == (False, 0)


async def test_a_branch_is_searched_without_it(memos: Memos) -> None:
    await memos.remember("Zoe lives in Perth.")
    await memos.branches.make("idea")
    idea = await memos.on_branch("idea")
    await idea.remember("Zoe lives in Oban.")
    found = await idea.recall("Where does Zoe live?")
    assert {cube.text for cube in found.cubes} == {"Zoe lives in Perth.", "Zoe lives in Oban."}
    assert (found.missing, await by_name(memos, "Zoe")) == ((), ["Zoe lives in Perth."])
