"""What only a graph on a server can suffer: other clients, a wrong password, somebody who tidies up in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import LiteralString, cast

import anyio
import pytest
from neo4j import AsyncGraphDatabase

from memos_graph import Edge, GraphCorrupt, GraphUnavailable, Node, Seen, cypher
from memos_graph.neo4j import Neo4jGraph
from tests.graph_server import Server

pytestmark = pytest.mark.anyio
SPACE = "user/ada"
SEEN = Seen((SPACE,))


@asynccontextmanager
async def opened(server: Server) -> AsyncGenerator[Neo4jGraph]:
    graph = server.graph()
    try:
        yield graph
    finally:
        await graph.aclose()


@pytest.fixture
async def graph(neo4j: Server) -> AsyncGenerator[Neo4jGraph]:
    async with opened(neo4j) as graph:
        await graph.clear()
        yield graph


async def said(server: Server, statement: LiteralString) -> list[list[object]]:
    """Past the graph, as an administrator."""
    auth = ("neo4j", server.password)
    driver = AsyncGraphDatabase.driver(server.url, auth=auth)  # pyright: ignore[reportUnknownMemberType] options
    async with driver, driver.session() as session:  # pyright: ignore[reportUnknownMemberType] options are untyped
        return await (await session.run(statement)).values()


async def test_every_statement_is_cypher_5_and_where_there_is_one_cypher_25(neo4j: Server) -> None:
    walks = [statement for each in cypher.WALK.values() for statement in each]
    others = [statement for name, statement in vars(cypher).items() if name[0].isupper() and isinstance(statement, str)]
    assert len(walks) + len(others) > 25
    for statement in (*walks, *others, *cypher.SCHEMA):
        await said(neo4j, cast(LiteralString, f"CYPHER 5 EXPLAIN {statement}"))
        if neo4j.version.startswith("20"):
            await said(neo4j, cast(LiteralString, f"CYPHER 25 EXPLAIN {statement}"))


async def test_many_graphs_that_open_at_once_make_the_indexes_together(neo4j: Server, graph: Neo4jGraph) -> None:
    await said(neo4j, "MATCH (g:MemosGraph) DELETE g")
    await said(neo4j, "DROP INDEX memos_words")

    async def use(turn: int) -> None:
        async with opened(neo4j) as other:
            await other.upsert(f"space {turn}", [Node("a", "thing", "label")])
            assert len(await other.find(Seen((f"space {turn}",)), "label")) == 1

    async with anyio.create_task_group() as tasks:
        for turn in range(6):
            tasks.start_soon(use, turn)
    assert len(await graph.spaces()) == 6


async def test_writers_at_once_make_no_twins_and_no_position_goes_back(neo4j: Server, graph: Neo4jGraph) -> None:
    async def write(client: Neo4jGraph, turn: int) -> None:
        nodes = [Node(f"n{n}", "thing", f"by {turn}") for n in range(20)]
        await client.upsert(SPACE, nodes, [Edge(f"n{n}", f"n{n + 1}", "near") for n in range(19)], seq=turn)

    async with opened(neo4j) as other, anyio.create_task_group() as tasks:
        for turn in range(1, 13):
            tasks.start_soon(write, (graph, other)[turn % 2], turn)
    assert await graph.position(SPACE) == 12
    found = await graph.get(SEEN, [f"n{n}" for n in range(20)])
    assert {near.node.label for near in found} == {"by 12"}
    assert await said(neo4j, "MATCH (n:MemosNode) RETURN count(n)") == [[20]]
    assert await said(neo4j, "MATCH ()-[e:MEMOS_EDGE]->() RETURN count(e)") == [[19]]


async def test_what_an_interrupted_clearing_left_is_gone_at_once_and_swept_by_the_next_writer(
    neo4j: Server, graph: Neo4jGraph
) -> None:
    await graph.upsert(SPACE, [Node(f"n{n}", "thing", "left behind") for n in range(100)], seq=7)
    await said(neo4j, "MATCH (s:MemosSpace) SET s:MemosGone REMOVE s:MemosSpace, s.name")  # and no step further
    assert await graph.spaces() == []
    assert await graph.find(SEEN, "left behind") == []
    assert await graph.position(SPACE) == 0
    async with opened(neo4j) as other:
        await other.upsert(SPACE, [Node("n1", "thing", "anew")])
    assert [near.node.label for near in await graph.get(SEEN, ["n1", "n2"])] == ["anew"]
    assert await said(neo4j, "MATCH (n:MemosNode) RETURN count(n)") == [[1]]


async def test_what_else_is_in_the_database_stays(neo4j: Server, graph: Neo4jGraph) -> None:
    await said(neo4j, "CREATE (:Film {id: 'n1', space: 'user/ada'})")
    await graph.upsert(SPACE, [Node("n1", "thing")])
    await graph.clear()
    assert await said(neo4j, "MATCH (f:Film) DELETE f RETURN count(f)") == [[1]]


async def test_a_wrong_password_is_told_at_once_and_never_repeated(neo4j: Server) -> None:
    graph = Neo4jGraph(neo4j.url, "neo4j", "not-the-password", patience=30)
    with anyio.fail_after(20):
        with pytest.raises(GraphUnavailable, match="check user and password") as raised:
            await graph.upsert(SPACE, [Node("a", "thing")])
    assert "not-the-password" not in str(raised.value)
    await graph.aclose()


async def test_an_unknown_database_is_told(neo4j: Server) -> None:
    graph = Neo4jGraph(neo4j.url, "neo4j", neo4j.password, "nowhere", patience=1)
    with pytest.raises(GraphUnavailable, match="no database 'nowhere'"):
        await graph.spaces()
    await graph.aclose()


async def test_a_graph_of_another_version_is_not_touched(neo4j: Server, graph: Neo4jGraph) -> None:
    await graph.upsert(SPACE, [Node("a", "thing")])
    await said(neo4j, "MATCH (g:MemosGraph) SET g.version = 99")
    async with opened(neo4j) as other:
        with pytest.raises(GraphCorrupt, match="version 99, not 1"):
            await other.remove(SPACE, ["a"])
    await said(neo4j, "MATCH (g:MemosGraph) SET g.version = 1")
    assert len(await graph.get(SEEN, ["a"])) == 1


async def test_a_damaged_property_is_told(neo4j: Server, graph: Neo4jGraph) -> None:
    await graph.upsert(SPACE, [Node("a", "thing", "label")])
    await said(neo4j, "MATCH (n:MemosNode) SET n.props = '{'")
    with pytest.raises(GraphCorrupt, match="fill it again"):
        await graph.get(SEEN, ["a"])


async def test_a_lost_index_is_told_and_made_anew(neo4j: Server, graph: Neo4jGraph) -> None:
    await graph.upsert(SPACE, [Node("a", "thing", "label")])
    await said(neo4j, "DROP INDEX memos_words")
    with pytest.raises(GraphUnavailable, match="lost an index"):
        await graph.find(SEEN, "label")
    assert [near.node.id for near in await graph.find(SEEN, "label")] == ["a"]


async def test_a_question_that_is_given_up_leaves_the_graph_usable(graph: Neo4jGraph) -> None:
    await graph.upsert(SPACE, [Node("a", "thing")])
    for wait in (0.0, 0.0005, 0.001, 0.002):
        with anyio.move_on_after(wait):
            await graph.neighbours(SEEN, ["a"], hops=3)
        assert len(await graph.get(SEEN, ["a"])) == 1
