"""What a caller's tree of topics is made of: where memories hang as the graph has it, or as it is reckoned of them.

Both say the same. The graph knows all memories; without one the newest are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from anyio import to_thread

from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import Corrupt, Unavailable
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.topics_summary import is_summary
from memos_mcp.operation.annotating import layer_of
from memos_mcp.operation.topic_tree import Branch, Fact, Leaf, grown
from memos_mcp.ports import Where
from memos_mcp.traversal import Place, Traversal

_MOST_READ = 5_000  # memories that a tree is reckoned of, the newest
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Looked:
    """Topics and clusters of so many memories; `partly`: there are more. `cubes` are those that were read for it."""

    branches: Sequence[Branch]
    memories: int
    partly: bool = False
    cubes: Mapping[str, MemCube] = field(default_factory=dict[str, MemCube])


async def looked(on: Bound, where: Where) -> Looked:
    """By the graph, if there is one that has followed the log; else by reading."""
    from memos_mcp.interface.placings import placings  # the lists behind it are slow to load, and seldom needed

    graph = None if on.branch_at else on.graph
    if graph is not None and graph.reads == placings().reads:
        with contextlib.suppress(Unavailable, Corrupt):  # the lane says why
            return await _by_graph(on, graph, where)
    cubes, more = await read(on, where)
    branches = await to_thread.run_sync(reckoned, cubes)
    return Looked(branches, len(cubes), more, {cube.id: cube for cube in cubes})


async def read(on: Bound, where: Where, *, at: str = "") -> tuple[list[MemCube], bool]:
    """The newest memories there, or at the very path, as the caller sees them; and are there more?

    Looking through them is no access: telling of them is.
    """
    found: list[MemCube] = []
    after = 0
    while rows := await on.vault.scan(where, after=after, limit=_PAGE):
        after = rows[-1][0]
        found += _shown(on, (cube for _, cube in rows if at in ("", cube.path)))
        if len(found) > _MOST_READ:
            return found[:_MOST_READ], True
    return found, False


def reckoned(cubes: Iterable[MemCube]) -> list[Branch]:
    """The tree of memories. Cost: 0.5 ms for each, 20 µs when it was looked at before."""
    return grown(_leaves(cubes))


def _leaves(cubes: Iterable[MemCube]) -> list[Leaf]:
    from memos_mcp.interface.placings import placings
    from memos_mcp.operation.topic_leaves import fact_of, leaf_of

    return [leaf_of(fact_of(cube), placings().of(cube)) for cube in cubes]


async def worded(on: Bound, of: Looked, facts: Iterable[Fact]) -> dict[str, Fact]:
    """Facts with their words, by id: these memories are accessed. What has gone meanwhile is left out."""
    from memos_mcp.operation.topic_leaves import fact_of

    ids = list(dict.fromkeys(fact.id for fact in facts))
    left = [Ref(id=id) for id in ids if id not in of.cubes]
    cubes = {cube.id: cube for cube in _shown(on, await on.vault.get(left) if left else ())}
    told = [cube for id in ids if (cube := of.cubes.get(id) or cubes.get(id))]
    return {cube.id: fact_of(cube) for cube in told if on.decided("read", cube).allowed}


async def _by_graph(on: Bound, graph: Traversal, where: Where) -> Looked:
    """Of what some see more of than the graph does, each is read as the caller sees it."""
    places = await graph.places(where)
    refs = [Ref(id=place.id) for place in places if place.partly]
    cubes: list[MemCube] = []
    for start in range(0, len(refs), _PAGE):
        cubes += _shown(on, await on.vault.get(refs[start : start + _PAGE]))
    whole = [place for place in places if not place.partly]
    branches = await to_thread.run_sync(_grown, whole, cubes)
    return Looked(branches, len(whole) + len(cubes))


def _grown(places: Sequence[Place], cubes: Sequence[MemCube]) -> list[Branch]:
    from memos_mcp.operation.topic_leaves import leaf_of

    leaves = [leaf_of(Fact(each.id, "", each.path, layer_of(each.path)), each.where) for each in places]
    return grown([*leaves, *_leaves(cubes)])


def _shown(on: Bound, cubes: Iterable[MemCube]) -> list[MemCube]:
    """Those that he may read and that belong into a tree, as he sees them."""
    seen = [on.part(cube) for cube in cubes if not is_summary(cube) and on.would("read", cube).allowed]
    return [cube for cube in seen if not cube.quarantined]
