"""What a write does to the tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from memos_graph.errors import GraphInvalid
from memos_graph.forms import form_of
from memos_graph.model import Edge, Node
from memos_graph.words import words_of


def begun(db: sqlite3.Connection, space: str, seq: int) -> int | None:
    """The number of a space that goes on to a position; None if it is there already."""
    db.execute("INSERT OR IGNORE INTO space (name) VALUES (?)", (space,))
    number, last = db.execute("SELECT space, seq FROM space WHERE name = ?", (space,)).fetchone()
    if seq and seq <= last:
        return None
    if seq:
        db.execute("UPDATE space SET seq = ? WHERE space = ?", (seq, number))
    return number


def put(db: sqlite3.Connection, space: int, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
    """Store nodes, their words, and edges. Raises GraphInvalid for an edge into nowhere."""
    known = _numbers(db, space, [node.id for node in nodes])
    before = {number: old for number, *old in db.execute(_BEFORE, (json.dumps(list(known.values())),))}
    db.executemany(_PUT_NODE, [(space, n.id, n.kind, n.label, n.access, form_of(n.props)) for n in nodes])
    numbers = _numbers(db, space, {*(n.id for n in nodes), *(e.source for e in edges), *(e.target for e in edges)})
    renamed = [node for node in nodes if node.id not in known or before[known[node.id]][0] != node.label]
    db.executemany("DELETE FROM word WHERE node = ?", [(numbers[n.id],) for n in renamed if n.id in known])
    words = [(word, numbers[node.id]) for node in renamed for word in words_of(node.label)]
    db.executemany("INSERT INTO word VALUES (?, ?)", words)
    moved = [(n.access, known[n.id]) for n in nodes if n.id in known and before[known[n.id]][1] != n.access]
    for statement in _MOVED:
        db.executemany(statement, moved)
    for edge in edges:
        for end in (edge.source, edge.target):
            if end not in numbers:
                raise GraphInvalid(f"there is no node {end!r} for the {edge.kind!r} edge: store the node first")
    rows = [(numbers[e.source], e.kind, numbers[e.target], e.access, e.weight, form_of(e.props)) for e in edges]
    db.executemany(_PUT_EDGE, rows)


def remove(db: sqlite3.Connection, space: int, ids: Sequence[str], edges: Sequence[Edge]) -> None:
    """Remove nodes with all that hangs on them, and edges."""
    numbers = _numbers(db, space, {*ids, *(e.source for e in edges), *(e.target for e in edges)})
    gone = [(numbers[id],) for id in dict.fromkeys(ids) if id in numbers]
    for statement in _REMOVE:
        db.executemany(statement, gone)
    ends = [
        (numbers[e.source], e.kind, numbers[e.target]) for e in edges if e.source in numbers and e.target in numbers
    ]
    db.executemany("DELETE FROM edge WHERE source = ? AND kind = ? AND target = ?", ends)


def clear(db: sqlite3.Connection, space: str | None) -> None:
    """Remove a space, or all of them."""
    for statement in _CLEAR:
        db.execute(statement, (space,))


def _numbers(db: sqlite3.Connection, space: int, ids: Iterable[str]) -> dict[str, int]:
    return dict(db.execute(_NUMBERS, (space, json.dumps(list(ids)))).fetchall())


_NUMBERS = "SELECT n.id, n.node FROM json_each(?2) j CROSS JOIN node n ON n.space = ?1 AND n.id = j.value"
_BEFORE = "SELECT n.node, n.label, n.access FROM json_each(?) j CROSS JOIN node n ON n.node = j.value"
_PUT_NODE = """INSERT INTO node (space, id, kind, label, access, props) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (space, id) DO UPDATE SET kind = excluded.kind, label = excluded.label, access = excluded.access,
        props = excluded.props"""
_MOVED = ("UPDATE edge SET of_source = ?1 WHERE source = ?2", "UPDATE edge SET of_target = ?1 WHERE target = ?2")
_PUT_EDGE = """INSERT INTO edge (source, kind, target, access, weight, props, of_source, of_target)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, s.access, t.access FROM node s, node t WHERE s.node = ?1 AND t.node = ?3
    ON CONFLICT (source, kind, target) DO UPDATE SET weight = excluded.weight, access = excluded.access,
        props = excluded.props"""
_REMOVE = (
    "DELETE FROM edge WHERE source = ?",
    "DELETE FROM edge WHERE target = ?",
    "DELETE FROM word WHERE node = ?",
    "DELETE FROM node WHERE node = ?",
)
_CLEAR = (
    """DELETE FROM edge WHERE source IN
        (SELECT n.node FROM space s JOIN node n ON n.space = s.space WHERE ?1 IS NULL OR s.name = ?1)""",
    """DELETE FROM word WHERE node IN
        (SELECT n.node FROM space s JOIN node n ON n.space = s.space WHERE ?1 IS NULL OR s.name = ?1)""",
    "DELETE FROM node WHERE space IN (SELECT space FROM space WHERE ?1 IS NULL OR name = ?1)",
    "DELETE FROM space WHERE ?1 IS NULL OR name = ?1",
)
