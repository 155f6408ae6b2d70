"""What memories say of somebody or something, put together from the graph and their words. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from memos_mcp.cube import MemCube
from memos_mcp.operation.entity_values import normal
from memos_mcp.traversal import Edge, Neighbourhood, Node

_MOST = 50  # statements, and entities beside it
_LONGEST = 300  # characters of a sentence


@dataclass(frozen=True, slots=True)
class Named:
    """An entity, what it is taken for, and how many memories name it."""

    name: str
    kind: str
    memories: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a memory says of two entities, and the sentence that does; by whom, and when. `ended`: it held once."""

    source: str
    kind: str
    target: str
    sentence: str
    memory: str
    by: str
    at: datetime
    ended: bool = False


@dataclass(frozen=True, slots=True)
class EntityPage:
    """All about an entity: `memories` are the newest of `total` that name it; `beside` it are named others.

    `contradictions` are pairs of memories, of which one at least is among these.
    """

    name: str
    kind: str
    aliases: tuple[str, ...]
    memories: tuple[MemCube, ...]
    total: int
    said: tuple[Said, ...]
    beside: tuple[Named, ...]
    contradictions: tuple[tuple[str, str], ...]
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around an entity in the graph: what its memories mention, and what is stated of it with both ends."""

    nodes: tuple[Node, ...]
    mentions: Neighbourhood
    stated: Neighbourhood
    ends: Neighbourhood
    disputes: Neighbourhood


def page(around: Around, cubes: Sequence[MemCube], total: int, others: Collection[str]) -> EntityPage:
    """The page of an entity from the memories that are shown of it, newest first; `others` are shown as well."""
    ids = {node.id for node in around.nodes}
    known = {cube.id: cube for cube in cubes}
    labels = {node.id: node.label for node in (*around.ends.nodes, *around.mentions.nodes)} | {
        node.id: node.label for node in around.nodes
    }
    edges = [edge for edge in around.mentions.edges if edge.kind == "mentions"]
    spelled = Counter(edge.said for edge in edges if edge.target in ids)
    label = around.nodes[0].label
    name = label if label in spelled or not spelled else min(spelled, key=lambda said: (-spelled[said], said))
    also = {edge.said for edge in edges if edge.target in ids}
    also |= {labels[edge.target] for edge in edges if edge.said in also and edge.target in labels}
    moments = [_at(cube) for cube in cubes]
    return EntityPage(
        name,
        around.nodes[0].sort,
        _aliases(name, also),
        tuple(cubes),
        total,
        _stated(around, known, labels),
        counted([edge for edge in edges if edge.said not in spelled])[:_MOST],
        _disputes(around.disputes, known, others),
        min(moments, default=None),
        max(moments, default=None),
    )


def _aliases(name: str, also: Collection[str]) -> tuple[str, ...]:
    """Other names, but for those that are only a part of one that is told."""
    found: list[str] = []
    for each in sorted(also, key=lambda alias: (-len(alias), alias)):
        if not any(_words(each) <= _words(told) for told in (name, *found)):
            found.append(each)
    return tuple(sorted(found))


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w+", normal(name)))


def counted(edges: Sequence[Edge]) -> tuple[Named, ...]:
    """The entities that memories mention, those named in most of them first."""
    pairs = {(edge.source, edge.said): edge.sort for edge in edges if edge.said}
    memories = Counter(said for _, said in pairs)
    sorts: dict[str, Counter[str]] = {}
    for (_, said), sort in pairs.items():
        sorts.setdefault(said, Counter())[sort] += 1
    kinds = {said: min(each, key=lambda sort: (-each[sort], sort)) for said, each in sorts.items()}
    found = [Named(said, kinds[said], number) for said, number in memories.items()]
    return tuple(sorted(found, key=lambda each: (-each.memories, each.name)))


def _stated(around: Around, known: Mapping[str, MemCube], labels: Mapping[str, str]) -> tuple[Said, ...]:
    ends: dict[str, dict[str, str]] = {}
    for edge in around.ends.edges:
        ends.setdefault(edge.source, {})[edge.kind] = labels.get(edge.target, edge.target.partition(":")[2])
    found: list[Said] = []
    for node in around.stated.nodes:
        cube, end = known.get(node.memory), ends.get(node.id, {})
        if cube is not None and "from" in end and "to" in end:
            found.append(_said(cube, node, end["from"], end["to"]))
    return tuple(sorted(found, key=lambda each: (-each.at.timestamp(), each.memory, each.source, each.kind)))[:_MOST]


def _said(cube: MemCube, relation: Node, source: str, target: str) -> Said:
    sentence = " ".join((relation.said or cube.text).split())[:_LONGEST]
    by = cube.origin.speaker or cube.governance.owner
    return Said(source, relation.label, target, sentence, cube.id, by, _at(cube), relation.ended)


def _disputes(found: Neighbourhood, known: Collection[str], others: Collection[str]) -> tuple[tuple[str, str], ...]:
    shown = {node.id: node.memory for node in found.nodes if node.memory in others}
    shown |= {f"memory:{id}": id for id in known}
    pairs = {
        (min(pair), max(pair))
        for edge in found.edges
        if edge.source in shown and edge.target in shown and (pair := (shown[edge.source], shown[edge.target]))
    }
    return tuple(sorted(pairs))


def _at(cube: MemCube) -> datetime:
    return cube.origin.said_at or cube.created_at
