"""A graph that was written as a Cypher script is the same graph in a real Neo4j, whatever its names are."""

from __future__ import annotations

import random
from typing import LiteralString, cast

import pytest
from neo4j import AsyncGraphDatabase, AsyncSession

from memos_mcp.interface.graph_forms import form
from memos_mcp.traversal import Edge, Node
from tests.graph_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]
SIGNS = (
    "'",
    '"',
    "\\",
    "\\u0027",
    "u0027",
    "`",
    "}",
    ")",
    ";",
    "//",
    "/*",
    "$x",
    "\n",
    "\r",
    "\t",
    "\x7f",
    "\u2028",
    "é",
)
ATTACKS = (
    "x'}) DETACH DELETE n //",
    "\\u0027}) MATCH (n) DETACH DELETE n //",
    "\\'}) DETACH DELETE n //",
    "'; MATCH (n) DETACH DELETE n;",
    "`) DETACH DELETE (n",
)


def names() -> list[str]:
    """Attacks, and what an alphabet of signs that mean something gives."""
    dice = random.Random(5)
    return [*ATTACKS, *{"".join(dice.choices(SIGNS, k=dice.randint(1, 6))) for _ in range(60)}]


async def test_a_script_makes_the_same_graph(neo4j: Server) -> None:
    things = [Node(f"tag:{name}", "tag", name) for name in names()]
    memory = Node("memory:m1", "memory", "Ben's \\ tea", sort="fact", memory="m1")
    edges = [Edge(memory.id, thing.id, "tagged", 0.5, thing.label) for thing in things]
    odd = Edge(memory.id, things[0].id, "x'}) DETACH DELETE a //")
    to = form("cypher")
    script = "".join((to.head(), *to.part([memory, *things], [*edges, odd]), to.tail()))
    auth = ("neo4j", neo4j.password)
    driver = AsyncGraphDatabase.driver(neo4j.url, auth=auth)  # pyright: ignore[reportUnknownMemberType] options
    async with driver, driver.session() as session:  # pyright: ignore[reportUnknownMemberType] options are untyped
        try:
            for _ in range(2):  # a second time changes nothing more
                for line in script.split(";\n")[:-1]:
                    await session.run(cast("LiteralString", line))
            await _is_that(session, [memory, *things], [*edges, odd])
        finally:
            await session.run("MATCH (n:MemosExport) DETACH DELETE n")
            await session.run("DROP INDEX memos_export IF EXISTS")


async def _is_that(session: AsyncSession, nodes: list[Node], edges: list[Edge]) -> None:
    found = await session.run("MATCH (n:MemosExport) RETURN n.id, n.kind, n.label, n.memory, labels(n)")
    rows = {str(row[0]): (row[1], row[2], row[3] or "", sorted(row[4])) async for row in found}
    kinds = {"tag": "Tag", "memory": "Memory"}
    assert rows == {n.id: (n.kind, n.label, n.memory, sorted(["MemosExport", kinds[n.kind]])) for n in nodes}
    found = await session.run("MATCH (a)-[r]->(b:MemosExport) RETURN a.id, r.kind, b.id, r.weight, r.said, type(r)")
    ties = [tuple(row.values()) async for row in found]
    told = [
        (e.source, e.kind, e.target, e.weight, e.said, "TAGGED" if e.kind == "tagged" else "RELATED") for e in edges
    ]
    assert sorted(ties) == sorted(told)
