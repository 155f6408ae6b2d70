"""The graph route: what it walks, what it never shows, and what it does when its store is away."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from memos_graph import EmbeddedGraph, Seen
from memos_mcp.cube import Governance, Link, MemCube, Origin, Plaintext, Ref, State
from memos_mcp.infrastructure import graph as lanes_graph
from memos_mcp.infrastructure.governance import readable
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.mentions import Mentioned
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Action, Caller, Change, Event, Fork, Where
from memos_mcp.testing.cubes import ADA, PATH, SOME_DAY, remember
from tests.graphs import Capitals, call, found, said

pytestmark = pytest.mark.anyio
EVERY = Seen((PATH,))


@pytest.fixture
async def vault(file: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(file)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[EmbeddedGraph]:
    graph = EmbeddedGraph(tmp_path / "graph.db")
    yield graph
    await graph.aclose()


@pytest.fixture
def graph(vault: SqliteAdapter, store: EmbeddedGraph) -> Graph:
    return Graph(vault, store, Capitals())


def by(name: str, path: str = PATH, **more: object) -> Where:
    """What somebody may read there."""
    found = readable(Caller(name), path if name == "ada" else None, SOME_DAY)
    return replace(found, paths=(path,), **more) if more else replace(found, paths=(path,))


async def changed(vault: SqliteAdapter, graph: Graph, action: Action, cube: MemCube, **update: object) -> MemCube:
    new = cube.model_copy(update=update)
    events = await vault.commit([Change(action, cube.id, None if action == "forget" else new)], caller=ADA)
    await graph.apply(events)
    return new


async def nodes(store: EmbeddedGraph, *ids: str) -> list[str]:
    return [near.node.id for near in await store.get(EVERY, ids)]


async def test_a_question_finds_what_it_names_and_what_is_next_to_that(vault: SqliteAdapter, graph: Graph) -> None:
    eigg = said("the ferry to Eigg with Ben Sharp")
    ben = said("Ben Sharp plays in Perth")
    perth = said("snow in Perth")
    await remember(vault, eigg, ben, perth, said("Zoe is away"))
    walk = await found(graph, "who was on Eigg?")
    assert list(walk) == [eigg.id, ben.id]
    assert walk[eigg.id] == 1.0
    assert 0 < walk[ben.id] < 0.5
    assert perth.id in await found(graph, "what does Ben do?")


async def test_what_few_memories_have_counts_more(vault: SqliteAdapter, graph: Graph) -> None:
    rare = said("Eigg")
    await remember(vault, rare, *(said(f"Perth {n}") for n in range(7)))
    walk = await found(graph, "Eigg or Perth")
    assert walk[rare.id] == 0.75
    assert {score for key, score in walk.items() if key != rare.id} == {0.25}


@pytest.mark.parametrize("at_once", [10, 1])
async def test_what_too_many_have_is_left_out_as_far_as_one_sees_them(
    vault: SqliteAdapter, graph: Graph, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(lanes_graph, "_NAMED", 2)
    monkeypatch.setattr(lanes_graph, "_AT_ONCE", at_once)
    rules = Governance(owner="ada", denied=("eve",))
    rare = said("Eigg", path="shared/team")
    many = [said("Perth", path="shared/team", governance=rules if n else Governance()) for n in range(3)]
    await remember(vault, rare, *many)
    for _ in range(2):
        assert set(await found(graph, "Perth or Eigg", by("ada", "shared/team"))) == {rare.id}
        assert set(await found(graph, "Perth or Eigg", by("eve", "shared/team"))) == {rare.id, many[0].id}
    await changed(vault, graph, "forget", many[1])
    assert many[2].id in await found(graph, "Perth or Eigg", by("ada", "shared/team"))


async def test_tags_and_links_lead_on_and_sources_do_not(vault: SqliteAdapter, graph: Graph) -> None:
    one = said("x", tags=("blood pressure",), origin=Origin(source="a diary", session="s"))
    beside = said("y", origin=Origin(source="a diary", session="s"))
    linked = said("z", links=(Link(kind="supports", target=one.id),))
    made = said("w", origin=Origin(derived_from=(Ref(id=one.id),)))
    await remember(vault, one, beside, linked, made)
    assert await found(graph, "how is my blood pressure?") == {one.id: 1.0, linked.id: 0.5, made.id: 0.5}


async def test_links_from_the_best_are_told_as_a_trait(vault: SqliteAdapter, graph: Graph) -> None:
    one = said("Eigg")
    linked, other = said("Eigg again", links=(Link(kind="follows", target=one.id),)), said("Eigg once more")
    await remember(vault, one, linked, other)
    where, refs = Where((PATH,)), [linked.ref, other.ref]
    await graph.find(call("Eigg"), where, 10)
    hits = await graph.score(call("Eigg"), where, refs, [one.ref])
    assert [(hit.ref, hit.traits and hit.traits.link) for hit in hits] == [(linked.ref, 1.0)]


async def test_a_hidden_memory_is_no_bridge_and_moves_no_score(vault: SqliteAdapter, graph: Graph) -> None:
    start, end = said("Eigg", path="shared/team"), said("Ben", path="shared/team")
    await remember(vault, start, end)
    alone = await found(graph, "Eigg", by("eve", "shared/team"))
    secret = said("Eigg with Ben", path="shared/team", governance=Governance(owner="ada", denied=("eve",)))
    closed = said("Eigg with Ben", path="shared/team", governance=Governance(contexts=("application:clinic",)))
    link = Link(kind="supports", target=start.id)
    private = said("Ben on Eigg", path="shared/team/inner", governance=secret.governance, links=(link,))
    await remember(vault, secret, closed, private)
    assert await found(graph, "Eigg", by("eve", "shared/team")) == alone == {start.id: 1.0}
    assert await graph.score(call("Eigg"), by("eve", "shared/team"), [secret.ref, end.ref]) == []
    assert end.id in await found(graph, "Eigg", by("ada", "shared/team"))
    assert await found(graph, "Eigg", by("ada", "shared/team/inner")) == {private.id: 1.0}


async def test_other_rules_count_at_once(vault: SqliteAdapter, graph: Graph) -> None:
    memory = said("Eigg", path="shared/team")
    await graph.apply(await remember(vault, memory))
    assert await found(graph, "Eigg", by("eve", "shared/team"))
    rules = Governance(owner="ada", denied=("eve",), priority=3)
    await changed(vault, graph, "govern", memory, governance=rules)
    assert await found(graph, "Eigg", by("eve", "shared/team")) == {}
    assert await graph.people(by("eve", "shared/team")) == frozenset()
    hits = await graph.score(call("Eigg"), by("ada", "shared/team"), [memory.ref])
    assert [hit.traits and hit.traits.priority for hit in hits] == [3]


async def test_what_has_expired_is_not_walked(vault: SqliteAdapter, graph: Graph) -> None:
    rules = Governance(expires_at=SOME_DAY + timedelta(hours=1))
    bridge, end = said("Eigg with Ben", governance=rules), said("Ben")
    await remember(vault, bridge, end)
    assert set(await found(graph, "Eigg", by("ada"))) == {bridge.id, end.id}
    later = replace(by("ada"), permit=readable(ADA, PATH, SOME_DAY + timedelta(hours=2)).permit)
    assert await found(graph, "Eigg", later) == {}


@pytest.mark.parametrize(
    ("hide", "show", "away", "back"),
    [
        ("move", "move", {"state": State.ARCHIVED}, {"state": State.ACTIVATED}),
        ("quarantine", "release", {"quarantined": ("by-hand",)}, {"quarantined": ()}),
    ],
)
async def test_what_is_not_recalled_is_no_bridge_until_it_is(
    vault: SqliteAdapter,
    store: EmbeddedGraph,
    hide: Action,
    show: Action,
    away: dict[str, object],
    back: dict[str, object],
) -> None:
    graph = Graph(vault, store, Capitals())
    bridge = said("Eigg with Ben")
    end = said("z", links=(Link(kind="part-of", target=bridge.id),))
    await graph.apply(await remember(vault, bridge, end))
    before = await found(graph, "Eigg")
    assert set(before) == {bridge.id, end.id}
    gone = await changed(vault, graph, hide, bridge, **away)
    assert await found(graph, "Eigg") == {}
    assert await nodes(store, "entity:eigg") == []
    await changed(vault, graph, show, gone, **back)
    assert await found(graph, "Eigg") == before


async def test_a_link_to_what_comes_later_leads_there_then(vault: SqliteAdapter, graph: Graph) -> None:
    end = said("Zoe")
    start = said("Eigg", links=(Link(kind="follows", target=end.id), Link(kind="follows", target="nowhere")))
    await graph.apply(await remember(vault, start))
    assert set(await found(graph, "Eigg")) == {start.id}
    await graph.apply(await remember(vault, end))
    assert set(await found(graph, "Eigg")) == {start.id, end.id}


async def test_a_memory_that_moves_is_walked_where_it_is(vault: SqliteAdapter, graph: Graph) -> None:
    memory = said("Eigg", path=f"{PATH}/a")
    await graph.apply(await remember(vault, memory))
    for was, to in ((f"{PATH}/a", f"{PATH}/b"), (f"{PATH}/b", "shared/team"), ("shared/team", f"{PATH}/a")):
        here, there = (memory.model_copy(update={"path": path}) for path in (was, to))
        changes = Change("depart", memory.id, here), Change("arrive", memory.id, there)
        await graph.apply(await vault.commit(changes, caller=ADA))
        assert await found(graph, "Eigg", Where((was,))) == {}
        assert await found(graph, "Eigg", Where((to,))) == {memory.id: 1.0}


async def test_of_what_is_forgotten_nothing_is_in_the_file(vault: SqliteAdapter, graph: Graph, tmp_path: Path) -> None:
    origin = Origin(source="quokka.md", session="bilby", speaker="Dingo")
    path = f"{PATH}/numbat"
    secret = said("Xylo likes Zanzibar", origin=origin, tags=("wombat",), path=path)
    kept = said("Ben likes Eigg", links=(Link(kind="supports", target=secret.id),), tags=("boats",))
    await graph.apply(await remember(vault, secret, kept))
    data = (tmp_path / "graph.db").read_bytes() + (tmp_path / "graph.db-wal").read_bytes()
    words = [b"zanzibar", b"Xylo", b"quokka", b"bilby", b"Dingo", b"wombat", b"numbat"]
    assert [word for word in words if word not in data] == []
    await changed(vault, graph, "forget", secret)
    data = (tmp_path / "graph.db").read_bytes() + (tmp_path / "graph.db-wal").read_bytes()
    assert [word for word in words if word in data or word.lower() in data.lower()] == []
    assert await found(graph, "Ben boats") == {kept.id: 1.0}


async def test_a_new_version_leaves_nothing_of_the_old_one(
    vault: SqliteAdapter, graph: Graph, store: EmbeddedGraph
) -> None:
    old = said("Ben likes Eigg", tags=("boats",))
    friend = said("z", links=(Link(kind="follows", target=old.id),))
    await graph.apply(await remember(vault, old, friend))
    new = old.model_copy(update={"version": 2, "tags": ("trains",), "payload": Plaintext(text="Ben likes Perth")})
    await graph.apply(await vault.commit([Change("update", new.id, new)], caller=ADA))
    assert await nodes(store, "entity:eigg", "tag:boats", "entity:ben", "tag:trains") == ["entity:ben", "tag:trains"]
    assert await found(graph, "boats Eigg") == {}
    assert set(await found(graph, "Perth")) == {new.id, friend.id}
    assert [node.node.label for node in (await store.find(EVERY, "likes", kinds=("relation",)))] == ["likes"]


async def test_people_are_those_whose_words_are_seen(vault: SqliteAdapter, graph: Graph) -> None:
    hers = said("a", path="shared/team", origin=Origin(speaker="Cat"))
    rules = Governance(owner="ada", denied=("eve",))
    await remember(vault, hers, said("b", path="shared/team", origin=Origin(speaker="Ben"), governance=rules))
    assert await graph.people(by("eve", "shared/team")) == {"Cat"}
    assert await graph.people(by("ada", "shared/team")) == {"Ben", "Cat"}


async def test_the_past_is_not_asked_of_it(vault: SqliteAdapter, graph: Graph) -> None:
    memory = said("Eigg")
    events = await remember(vault, memory)
    then, forked = Where((PATH,), at=events[-1].seq), Where((PATH,), fork=Fork(events[-1].seq, frozenset()))
    for where in (then, forked):
        assert await found(graph, "Eigg", where) == {}
        assert await graph.score(call("Eigg"), where, [memory.ref]) == []
        assert await graph.people(where) == frozenset()


async def test_what_cannot_be_a_name_is_drawn_all_the_same(vault: SqliteAdapter, graph: Graph) -> None:
    odd = said(
        "Eigg",
        tags=("", "  ", "a\0b", "x" * 5000, "C++", "MATCH (n) DETACH DELETE n"),
        origin=Origin(source="s" * 4000, session="'; DROP TABLE node; --", speaker="a\0b"),
        links=(Link(kind="supports", target="y" * 3000), Link(kind="follows", target="")),
    )
    await graph.apply(await remember(vault, odd))
    assert graph.lane().why == ""
    assert await found(graph, "c++") == {odd.id: 1.0}
    assert await found(graph, "match n detach") == {}


async def test_events_without_a_memory_are_passed_over(vault: SqliteAdapter, graph: Graph) -> None:
    memory = said("Eigg")
    events: list[Event] = await remember(vault, memory)
    await graph.apply([*events, *await remember(vault, said("Perth"))])
    assert await found(graph, "Eigg") == {memory.id: 1.0}


class Topical:
    """Everything is about one topic."""

    version = "topical"

    def of(self, cube: MemCube) -> Mentioned:
        return Mentioned(topics=("health",))


async def test_a_topic_is_in_the_graph_and_no_question_walks_over_it(
    vault: SqliteAdapter, store: EmbeddedGraph
) -> None:
    graph = Graph(vault, store, Topical())
    memory = said("My knee hurts", tags=("knee",))
    await remember(vault, memory, said("Ben takes pills", tags=("pills",)))
    assert list(await found(graph, "knee health")) == [memory.id]
    assert await nodes(store, "topic:health") == ["topic:health"]
