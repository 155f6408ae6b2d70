"""Graphs over vaults for tests: what memories mention is found in ways that can be foreseen."""

from __future__ import annotations

import re
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path
from xml.etree import ElementTree

from memos_graph import EmbeddedGraph
from memos_mcp import Caller, Memos
from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.mentions import Entity, Mentioned, Mentions, Relation
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.walks import Walks
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from memos_mcp.ports import Where
from memos_mcp.search import MemoryCall
from memos_mcp.testing.cubes import PATH, a_cube


class EachWord:
    """Every word is an entity."""

    version = "each word"

    def of(self, cube: MemCube) -> Mentioned:
        return Mentioned(tuple(Entity(word) for word in dict.fromkeys(cube.text.split())))


class Capitals:
    """Every run of capitalised words is an entity; `A likes B` is a relation."""

    def __init__(self, version: str = "1") -> None:
        self.version = version

    def of(self, cube: MemCube) -> Mentioned:
        names = re.findall(r"[A-Z]\w*(?: [A-Z]\w*)*", cube.text)
        found = re.findall(r"([A-Z]\w*) likes ([A-Z]\w*)", cube.text)
        entities = tuple(Entity(name, aliases=tuple(name.split()[:1])) for name in dict.fromkeys(names))
        return Mentioned(entities, tuple(Relation(one, "likes", other) for one, other in found))


def said(text: str, **more: object) -> MemCube:
    """A memory, with whatever else is given."""
    return a_cube(text).model_copy(update=more)


def call(question: str) -> MemoryCall:
    """A question."""
    return MemoryCall(question, question)


async def found(graph: Graph, question: str, where: Where | None = None) -> dict[str, float]:
    """The scores of what is found, best first."""
    hits = (await graph.find(call(question), where or Where((PATH,)), 100)).hits
    return {hit.ref.id: round(hit.score, 3) for hit in hits}


def everything(file: Path) -> list[tuple[object, ...]]:
    """Nodes and edges of a graph."""
    with sqlite3.connect(file) as db:
        rows = db.execute(
            """SELECT n.id, n.kind, n.label, n.access, n.props, p.name
            FROM node n JOIN space p ON p.space = n.space"""
        ).fetchall()
        rows += db.execute(
            """SELECT s.id, e.kind, t.id, e.access, e.props, p.name
            FROM edge e JOIN node s ON s.node = e.source JOIN node t ON t.node = e.target
            JOIN space p ON p.space = s.space"""
        ).fetchall()
    db.close()
    return sorted(rows)


def system(home: Path, user: str = "ada", mentions: Mentions | None = None) -> Memos:
    """A system over words and a graph, which can be walked."""
    vault, closing = SqliteAdapter(home / "memos.db"), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    graph = Graph(vault, EmbeddedGraph(home / "graph.db"), mentions or Capitals())
    closing.push_async_callback(graph.aclose)
    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store), graph],
        caller=Caller(user),
        graph=Walks(graph),
        closing=closing,
    )


def parsed(text: str) -> ElementTree.Element:
    """XML that we wrote ourselves."""
    return ElementTree.fromstring(text)  # noqa: S314 - it comes from nobody else
