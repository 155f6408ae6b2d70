"""Nodes, edges and what is found between them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from memos_graph.errors import GraphInvalid

Property = str | int | float | bool
Direction = Literal["out", "in", "both"]
MOST_HOPS = 6
"""Beyond, everything is connected with everything."""
MOST = 10_000
"""Nodes, edges, ids or characters of a name in one call."""
_LONGEST = 1_000
_LARGEST = 1 << 63


def _nothing() -> dict[str, Property]:
    return {}


@dataclass(frozen=True, slots=True)
class Node:
    """A thing: a memory, an entity, a topic. `id` names it in its space.

    `kind` says what it is, `label` what people call it. `access` is the class of those who may see it, an opaque word:
    who belongs to which class is decided elsewhere.
    """

    id: str
    kind: str
    label: str = ""
    access: str = ""
    props: Mapping[str, Property] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation of a kind from one node to another of the same space; there is one of each kind. `weight` is 0…1.

    It is seen by who sees it and both its ends.
    """

    source: str
    target: str
    kind: str
    weight: float = 1.0
    access: str = ""
    props: Mapping[str, Property] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody sees: these spaces, and in them these access classes (None: all)."""

    spaces: tuple[str, ...]
    classes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """A node, and how many edges away it is."""

    space: str
    node: Node
    hops: int


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Nodes, nearest first and of the same distance by id, and the edges walked; `more`: there were more."""

    nodes: tuple[Near, ...]
    edges: tuple[Edge, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A way from the first node to the last: edge n lies between node n and node n+1, in either direction."""

    space: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def check_space(space: str) -> str:
    """The name of a space. Raises GraphInvalid."""
    return check_name(space, "a space")


def check_name(name: str, what: str) -> str:
    """A name that can be stored and found again. Raises GraphInvalid."""
    if not _is_name(name):
        raise GraphInvalid(f"{what} is named by 1 to {_LONGEST} characters, without NUL, not {name[:60]!r}")
    return name


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and "\0" not in name and not _has_surrogates(name)


def storable(names: Iterable[str]) -> list[str]:
    """Those that a store can be asked about; of the others it has none."""
    return [name for name in names if not _has_surrogates(name)]


def check_nodes(nodes: Sequence[Node]) -> None:
    """Raises GraphInvalid for one that cannot be stored, or two of the same id."""
    _check_number(nodes, "nodes")
    names = {name for node in nodes for name in (node.id, node.kind, node.access or "-")}
    if not (all(map(_is_name, names)) and all(map(_is_whole, nodes))):
        for node in nodes:
            _check_node(node)
    _check_once((node.id for node in nodes), "node")


def check_edges(edges: Sequence[Edge]) -> None:
    """Raises GraphInvalid for one that cannot be stored, or two of the same kind between the same nodes."""
    _check_number(edges, "edges")
    names = {name for edge in edges for name in (edge.source, edge.target, edge.kind, edge.access or "-")}
    if not (all(map(_is_name, names)) and all(0 <= edge.weight <= 1 and _is_fine(edge.props) for edge in edges)):
        for edge in edges:
            _check_edge(edge)
    _check_once(((edge.source, edge.kind, edge.target) for edge in edges), "edge")


def check_question(seen: Seen, ids: Collection[str], hops: int = 0, limit: int = 0) -> None:
    """Raises GraphInvalid for a question that nobody can answer."""
    for space in seen.spaces:
        check_space(space)
    _check_number(ids, "ids")
    if not 0 <= hops <= MOST_HOPS:
        raise GraphInvalid(f"hops are 0 to {MOST_HOPS}, not {hops}")
    if limit < 0:
        raise GraphInvalid(f"a limit is 0 or more, not {limit}")


def check_page(seen: Seen, limit: int) -> None:
    """Raises GraphInvalid for a page of anything but one space."""
    check_question(seen, (), limit=limit)
    if len(set(seen.spaces)) != 1:
        raise GraphInvalid(f"one space is read page by page, not {len(set(seen.spaces))}: ask of each for itself")
    if not 0 < limit <= MOST:
        raise GraphInvalid(f"a page has 1 to {MOST:,} nodes, not {limit}")


def _is_whole(node: Node) -> bool:
    return "\0" not in node.label and not _has_surrogates(node.label) and _is_fine(node.props)


def _check_node(node: Node) -> None:
    """Says what is wrong with one, if anything is."""
    check_name(node.id, "a node")
    check_name(node.kind, f"the kind of node {node.id!r}")
    check_name(node.access or "-", f"the access class of node {node.id!r}")
    if "\0" in node.label or _has_surrogates(node.label):
        raise GraphInvalid(f"the label of node {node.id!r} must be Unicode text without NUL")
    _check_props(node.props, f"node {node.id!r}")


def _check_edge(edge: Edge) -> None:
    what = f"the edge from {edge.source!r} to {edge.target!r}"
    for name in (edge.source, edge.target, edge.kind, edge.access or "-"):
        check_name(name, what)
    if not (math.isfinite(edge.weight) and 0 <= edge.weight <= 1):
        raise GraphInvalid(f"the weight of {what} must be between 0 and 1, not {edge.weight}")
    _check_props(edge.props, what)


def _is_fine(props: Mapping[str, Property]) -> bool:
    """Can these be stored? Of others `_check_props` says why not."""
    return not props or all(_is_name(name) and _is_value(value) for name, value in props.items())


def _is_value(value: Property) -> bool:
    if isinstance(value, str):
        return not _has_surrogates(value)
    return math.isfinite(value) if isinstance(value, float) else -_LARGEST <= value < _LARGEST


def _check_number(given: Collection[object], what: str) -> None:
    if len(given) > MOST:
        raise GraphInvalid(f"give at most {MOST:,} {what} at a time, not {len(given):,}")


def _check_once(names: Iterable[object], what: str) -> None:
    seen = set[object]()
    for name in names:
        if name in seen:
            raise GraphInvalid(f"the {what} {name!r} is given twice")
        seen.add(name)


def _check_props(props: Mapping[str, Property], what: str) -> None:
    for name, value in props.items():
        check_name(name, f"a property of {what}")
        if isinstance(value, float) and not math.isfinite(value):
            raise GraphInvalid(f"the property {name!r} of {what} is {value}: give a finite number")
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise GraphInvalid(f"the property {name!r} of {what} is beyond 64 bits: give it as text")
        if isinstance(value, str) and _has_surrogates(value):
            raise GraphInvalid(f"the property {name!r} of {what} is no Unicode text")


def _has_surrogates(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
