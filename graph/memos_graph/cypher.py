"""Every statement that goes to Neo4j, as Cypher that parses as version 5 and as 25, without APOC.

Values are parameters, labels and types are fixed: nothing that a caller gives becomes part of a statement. Each pattern
names its space, by the key that the space has inside; a cleared space loses its key at once, its nodes go after.
Only the first node of a pattern has a label: with two the planner joins two index seeks, each with each.
"""

from __future__ import annotations

from typing import Final, LiteralString

from memos_graph.model import Direction

VERSION: Final = 1
SCHEMA: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT memos_graph IF NOT EXISTS FOR (g:MemosGraph) REQUIRE g.name IS UNIQUE",
    "CREATE CONSTRAINT memos_space IF NOT EXISTS FOR (s:MemosSpace) REQUIRE s.name IS UNIQUE",
    "CREATE CONSTRAINT memos_space_key IF NOT EXISTS FOR (s:MemosSpace) REQUIRE s.key IS UNIQUE",
    "CREATE CONSTRAINT memos_node IF NOT EXISTS FOR (n:MemosNode) REQUIRE (n.space, n.id) IS UNIQUE",
    # by the space alone the constraint does not help, and all nodes would be looked at
    "CREATE INDEX memos_node_space IF NOT EXISTS FOR (n:MemosNode) ON (n.space)",
    """CREATE FULLTEXT INDEX memos_words IF NOT EXISTS FOR (n:MemosNode) ON EACH [n.words]
        OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}}""",
    "CALL db.awaitIndexes(120)",
)
"""All constraints and indexes of VERSION; each may be said again."""
SCHEMA_VERSION: LiteralString = "MATCH (g:MemosGraph {name: 'memos'}) RETURN g.version AS version"
SCHEMA_DONE: LiteralString = "MERGE (g:MemosGraph {name: 'memos'}) SET g.version = $version"

# --- writing ---------------------------------------------------------------------------------------------------------

BEGUN: LiteralString = """
MERGE (s:MemosSpace {name: $space}) ON CREATE SET s.key = $key, s.seq = 0
SET s.held = true
WITH s, s.seq AS last, s:MemosSpace AS there
SET s.seq = CASE WHEN $seq > last THEN $seq ELSE last END
RETURN s.key AS key, $seq = 0 OR $seq > last AS onwards, there
"""
"""Writing `held` locks the space until the end: writers of a space wait for each other, and MERGE makes no twins."""
PUT_NODES: LiteralString = """
UNWIND $rows AS row
MERGE (n:MemosNode {space: $key, id: row[0]})
SET n.kind = row[1], n.label = row[2], n.access = row[3], n.props = row[4], n.words = [word IN row[5] | $key + word]
"""
PUT_EDGES: LiteralString = """
UNWIND $rows AS row
MATCH (a:MemosNode {space: $key, id: row[0]})
MATCH (b:MemosNode {space: $key, id: row[1]})
MERGE (a)-[e:MEMOS_EDGE {kind: row[2]}]->(b)
SET e.weight = row[3], e.access = row[4], e.props = row[5]
RETURN count(*) AS stored
"""
KNOWN: LiteralString = "MATCH (n:MemosNode {space: $key}) WHERE n.id IN $ids RETURN collect(n.id) AS ids"
REMOVE_EDGES: LiteralString = """
UNWIND $rows AS row
MATCH (a:MemosNode {space: $key, id: row[0]})
MATCH (b:MemosNode {space: $key, id: row[1]})
MATCH (a)-[e:MEMOS_EDGE {kind: row[2]}]->(b)
DELETE e
"""
REMOVE_NODES: LiteralString = "MATCH (n:MemosNode {space: $key}) WHERE n.id IN $ids DETACH DELETE n"
CLEAR: LiteralString = "MATCH (s:MemosSpace {name: $space}) SET s:MemosGone REMOVE s:MemosSpace, s.name"
CLEAR_ALL: LiteralString = "MATCH (s:MemosSpace) SET s:MemosGone REMOVE s:MemosSpace, s.name"
GONE: LiteralString = "MATCH (s:MemosGone) RETURN collect(s.key) AS keys"
SWEEP: LiteralString = """
MATCH (n:MemosNode {space: $key}) WITH n LIMIT $most DETACH DELETE n RETURN count(*) AS swept
"""
SWEPT: LiteralString = "MATCH (s:MemosGone {key: $key}) DELETE s"

# --- asking ----------------------------------------------------------------------------------------------------------

_SEES_N: LiteralString = "($classes IS NULL OR n.access IN $classes)"
_SEES_E: LiteralString = (
    "(size($kinds) = 0 OR e.kind IN $kinds) AND ($classes IS NULL OR e.access IN $classes AND m.access IN $classes)"
)
_NODE: LiteralString = "[n.id, n.kind, n.label, n.access, n.props]"
_EDGE: LiteralString = "[startNode(e).id, endNode(e).id, e.kind, e.weight, e.access, e.props]"

POSITION: LiteralString = "MATCH (s:MemosSpace {name: $space}) RETURN s.seq AS seq"
SPACES: LiteralString = "MATCH (s:MemosSpace) RETURN collect(s.name) AS names"
NODES: LiteralString = f"""
UNWIND $spaces AS name
MATCH (s:MemosSpace {{name: name}})
MATCH (n:MemosNode {{space: s.key}}) WHERE n.id IN $ids AND {_SEES_N}
RETURN name, s.key AS key, collect({_NODE}) AS nodes
"""
FIND: LiteralString = f"""
UNWIND $spaces AS name
MATCH (s:MemosSpace {{name: name}})
CALL db.index.fulltext.queryNodes('memos_words', reduce(query = '', term IN $terms | query + ' +' + s.key + term))
YIELD node AS n
WITH name, s.key AS key, n
WHERE n.space = key AND {_SEES_N} AND (size($kinds) = 0 OR n.kind IN $kinds)
    AND all(word IN $words WHERE key + word IN n.words) AND any(word IN n.words WHERE word STARTS WITH key + $begun)
RETURN name, {_NODE} AS node ORDER BY size(n.label), n.id LIMIT $limit
"""
"""Lucene finds who may have the words, the list of the words decides."""

PAGE: LiteralString = f"""
MATCH (s:MemosSpace {{name: $space}})
MATCH (n:MemosNode {{space: s.key}}) WHERE n.id > $after AND n.kind = $kind AND {_SEES_N}
RETURN s.key AS key, {_NODE} AS node ORDER BY n.id LIMIT $limit
"""
LEADING: LiteralString = f"""
MATCH (n:MemosNode {{space: $key}}) WHERE n.id IN $ids
MATCH (n)-[e:MEMOS_EDGE]->(m) WHERE m.space = $key AND {_SEES_E}
RETURN [n.id, m.id, e.kind, e.weight, e.access, e.props] AS edge
"""


def _steps(arrow: LiteralString) -> tuple[LiteralString, LiteralString, LiteralString]:
    first: LiteralString = f"""
UNWIND $spaces AS name
MATCH (s:MemosSpace {{name: name}})
MATCH (n:MemosNode {{space: s.key}}) WHERE n.id IN $ids AND {_SEES_N}
OPTIONAL MATCH (n){arrow}(m) WHERE m.space = s.key AND {_SEES_E}
RETURN name, s.key AS key, collect(DISTINCT n.id) AS asked, collect(DISTINCT m.id) AS ids
"""
    further: LiteralString = f"""
UNWIND $frontier AS each
MATCH (n:MemosNode {{space: each[0]}}) WHERE n.id IN each[1]
MATCH (n){arrow}(m) WHERE m.space = each[0] AND {_SEES_E}
RETURN each[0] AS key, collect(DISTINCT m.id) AS ids
"""
    found: LiteralString = f"""
UNWIND $found AS each
OPTIONAL MATCH (n:MemosNode {{space: each[0]}}) WHERE n.id IN each[1] AND {_SEES_N}
WITH each, collect(CASE WHEN n IS NOT NULL THEN {_NODE} END) AS nodes
OPTIONAL MATCH (n:MemosNode {{space: each[0]}}) WHERE n.id IN each[2]
OPTIONAL MATCH (n){arrow}(m) WHERE m.space = each[0] AND m.id IN each[3] AND {_SEES_E}
WITH each, nodes, collect(DISTINCT e) AS edges
RETURN each[0] AS key, nodes, [e IN edges | {_EDGE}] AS edges
"""
    return first, further, found


WALK: dict[Direction, tuple[LiteralString, LiteralString, LiteralString]] = {
    "out": _steps("-[e:MEMOS_EDGE]->"),
    "in": _steps("<-[e:MEMOS_EDGE]-"),
    "both": _steps("-[e:MEMOS_EDGE]-"),
}
"""A walk hop by hop: the first step, each further one, and the nodes that are given with the edges among them."""
STEPS: LiteralString = f"""
MATCH (n:MemosNode {{space: $key}}) WHERE n.id IN $ids
MATCH (n)-[e:MEMOS_EDGE]-(m) WHERE m.space = $key AND {_SEES_E}
RETURN collect(DISTINCT [n.id, m.id]) AS steps
"""
BETWEEN: LiteralString = f"""
MATCH (n:MemosNode {{space: $key}}) WHERE n.id IN $ids
WITH collect({_NODE}) AS nodes
UNWIND CASE WHEN size($pairs) = 0 THEN [[]] ELSE $pairs END AS pair
OPTIONAL MATCH (n:MemosNode {{space: $key, id: pair[0]}})
OPTIONAL MATCH (n)-[e:MEMOS_EDGE]-(m) WHERE m.space = $key AND m.id = pair[1] AND {_SEES_E}
WITH nodes, collect(DISTINCT e) AS edges
RETURN nodes, [e IN edges | {_EDGE}] AS edges
"""
