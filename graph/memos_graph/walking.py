"""Walks from node to node over what somebody sees."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from operator import attrgetter
from typing import Any

from memos_graph.forms import props_of
from memos_graph.model import Direction, Edge, Near, Neighbourhood, Node, Path, Seen
from memos_graph.sides import Side, chains

Row = Sequence[Any]  # node, id, kind, label, access, props, name of the space
Step = tuple[Any, ...]  # source, target, kind, weight, access, props, access class of the end it leads to
_BY_ENDS = attrgetter("source", "kind", "target")


def node_of(row: Row) -> Node:
    """The node of a row."""
    return Node(row[1], row[2], row[3], row[4], props_of(row[5]))


def edge_of(step: Step, names: Mapping[int, str]) -> Edge:
    """The edge of a step between nodes of these names."""
    return Edge(names[step[0]], names[step[1]], step[2], step[3], step[4], props_of(step[5]))


class Walk:
    """One question to the tables: who sees what, over edges of which kinds, in which direction."""

    def __init__(
        self, db: sqlite3.Connection, seen: Seen, kinds: Sequence[str] = (), direction: Direction = "both"
    ) -> None:
        self._db = db
        self._seen = seen
        self._kinds = json.dumps(list(kinds))
        forth, back = _OUT[bool(kinds)], _IN[bool(kinds)]
        self._out, self._in = {"out": (forth, ""), "in": ("", back), "both": (forth, back)}[direction]

    def rows_of(self, ids: Sequence[str]) -> list[Row]:
        """The rows of nodes, by space and in the order given."""
        rows = self._db.execute(_ROWS_OF, (json.dumps(self._seen.spaces), json.dumps(list(dict.fromkeys(ids)))))
        return [row for row in rows if self._open(row[4])]

    def near(self, row: Row, hops: int) -> Near:
        """A row as it is answered."""
        return Near(row[6], node_of(row), hops)

    def step(self, nodes: Collection[int]) -> tuple[list[Step], list[Step]]:
        """The edges that lead from these nodes to others: those that begin there, and those that end there."""
        given = json.dumps(list(nodes))
        return self._led(self._out, given), self._led(self._in, given)

    def _led(self, statement: str, nodes: str) -> list[Step]:
        classes = self._seen.classes
        steps = self._db.execute(statement, (nodes, self._kinds)).fetchall() if statement else []
        return steps if classes is None else [step for step in steps if step[4] in classes and step[6] in classes]

    def around(self, ids: Sequence[str], hops: int, limit: int) -> Neighbourhood:
        """The nearest nodes around some, and the edges that were walked among them."""
        names = {row[0]: row[1] for row in self.rows_of(ids)}
        frontier, known = set(names), set(names)
        walked: dict[Step, Step] = {}  # by source, target and kind
        found: list[tuple[int, Row]] = []
        for hop in range(1, hops + 1):
            forth, back = self.step(frontier)
            walked.update([(step[:3], step) for step in (*forth, *back)])
            level = ({step[1] for step in forth} | {step[0] for step in back}) - known
            known |= level
            found += [(hop, row) for row in self.rows(level, limit - len(found) + 1)]
            frontier = level
            if not level or len(found) > limit:
                break
        names.update((row[0], row[1]) for _, row in found[:limit])
        edges = [edge_of(step, names) for step in walked.values() if step[0] in names and step[1] in names]
        nodes = [self.near(row, hop) for hop, row in found[:limit]]
        return Neighbourhood(tuple(nodes), tuple(sorted(edges, key=_BY_ENDS)), len(found) > limit)

    def page(self, kind: str, after: str, limit: int) -> Neighbourhood:
        """The next nodes of a kind in the one space, and where edges of the kinds lead from them."""
        given = (self._seen.spaces[0], after, kind)
        found = list(islice((row for row in self._db.execute(_PAGE, given) if self._open(row[4])), limit + 1))
        nodes = {row[0]: row for row in found[:limit]}
        names, edges = {number: row[1] for number, row in nodes.items()}, list[Edge]()
        if self._kinds != "[]":
            forth, _ = self.step(nodes)
            ends = json.dumps(list({step[1] for step in forth}.difference(names)))
            names.update(self._db.execute(_NAMES, (ends,)))
            edges = [edge_of(step, names) for step in forth]
        near = tuple(self.near(row, 0) for row in nodes.values())
        return Neighbourhood(near, tuple(sorted(edges, key=_BY_ENDS)), len(found) > limit)

    def rows(self, numbers: Collection[int], limit: int = -1) -> list[Row]:
        """The rows of nodes that were walked to, by their ids."""
        return self._db.execute(_ROWS, (json.dumps(list(numbers)), limit)).fetchall()

    def between(self, one: int, other: int, names: Mapping[int, str]) -> Edge:
        """The heaviest edge that is seen between two nodes."""
        forth, back = self.step([one])
        steps = [step for step in forth if step[1] == other] + [step for step in back if step[0] == other]
        return edge_of(max(steps, key=lambda step: (step[3], step[2])), names)

    def _open(self, access: str) -> bool:
        return self._seen.classes is None or access in self._seen.classes


def ways(
    db: sqlite3.Connection, seen: Seen, ends: tuple[str, str], hops: int, kinds: Sequence[str], limit: int
) -> list[Path]:
    """The shortest paths in each space, at most so many; searched from both ends, the smaller side first."""
    walk = Walk(db, seen, kinds)
    rows = walk.rows_of(ends)
    spaces = dict.fromkeys(row[6] for row in rows)
    found: list[Path] = []
    for space in spaces:
        numbers = {row[1]: row[0] for row in rows if row[6] == space}
        if len(numbers) == len(set(ends)):
            chains = _chains(walk, numbers[ends[0]], numbers[ends[1]], hops)
            found += [_path(walk, space, chain) for chain in islice(chains, limit - len(found))]
    return found


def _path(walk: Walk, space: str, chain: Sequence[int]) -> Path:
    rows = {row[0]: row for row in walk.rows(chain)}
    names = {number: row[1] for number, row in rows.items()}
    edges = tuple(walk.between(one, other, names) for one, other in pairwise(chain))
    return Path(space, tuple(node_of(rows[number]) for number in chain), edges)


def _chains(walk: Walk, start: int, end: int, hops: int) -> Iterator[list[int]]:
    """Every shortest chain of nodes from start to end, by the ids of the nodes."""
    if start == end:
        yield [start]
        return
    sides = Side(start), Side(end)
    for _ in range(hops):
        mine, other = sorted(sides, key=lambda side: len(side.frontier))
        forth, back = walk.step(mine.frontier)
        mine.reached([*((step[0], step[1]) for step in forth), *((step[1], step[0]) for step in back)])
        met = mine.frontier & other.parents.keys()
        if met:
            between = met.union(*(side.before(met) for side in sides))
            ids = {row[0]: row[1] for row in walk.rows(between)}
            yield from chains(sides, met, ids.__getitem__)
            return
        if not mine.frontier:
            return


_ROWS_OF = """SELECT n.node, n.id, n.kind, n.label, n.access, n.props, s.name
    FROM json_each(?1) k CROSS JOIN space s ON s.name = k.value CROSS JOIN json_each(?2) j
    CROSS JOIN node n ON n.space = s.space AND n.id = j.value ORDER BY k.key, j.key"""
_ROWS = """SELECT n.node, n.id, n.kind, n.label, n.access, n.props, s.name
    FROM json_each(?1) j CROSS JOIN node n ON n.node = j.value CROSS JOIN space s ON s.space = n.space
    ORDER BY n.id, s.name LIMIT ?2"""
_PAGE = """SELECT n.node, n.id, n.kind, n.label, n.access, n.props, s.name
    FROM space s CROSS JOIN node n ON n.space = s.space AND n.id > ?2 WHERE s.name = ?1 AND n.kind = ?3 ORDER BY n.id"""
_NAMES = "SELECT n.node, n.id FROM json_each(?) j CROSS JOIN node n ON n.node = j.value"
_OUT = (
    """SELECT e.source, e.target, e.kind, e.weight, e.access, e.props, e.of_target FROM json_each(?1) j
        CROSS JOIN edge e ON e.source = j.value WHERE ?2 IS NOT NULL""",
    """SELECT e.source, e.target, e.kind, e.weight, e.access, e.props, e.of_target FROM json_each(?1) j
        CROSS JOIN json_each(?2) k CROSS JOIN edge e ON e.source = j.value AND e.kind = k.value""",
)
_IN = (
    """SELECT e.source, e.target, e.kind, e.weight, e.access, e.props, e.of_source FROM json_each(?1) j
        CROSS JOIN edge e ON e.target = j.value WHERE ?2 IS NOT NULL""",
    """SELECT e.source, e.target, e.kind, e.weight, e.access, e.props, e.of_source FROM json_each(?1) j
        CROSS JOIN json_each(?2) k CROSS JOIN edge e ON e.target = j.value AND e.kind = k.value""",
)
