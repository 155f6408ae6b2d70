"""Files of a graph: written piece by piece as it is walked, or drawn as a whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Literal, get_args

from anyio import to_thread

from memos_mcp.interface.graph_forms import Written, form
from memos_mcp.interface.graph_picture import drawn, page
from memos_mcp.traversal import Edge, Neighbourhood, Node

Format = Literal["graphml", "cypher", "jsonld", "svg", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)


async def written(
    write: Callable[[str], object], format: Format, title: str, limit: int, parts: AsyncGenerator[Neighbourhood]
) -> int:
    """Write these parts in a format; how many nodes there were. A picture has at most `limit` of them."""
    if format == "svg" or format == "html":
        whole = await _gathered(parts, limit)
        write(await to_thread.run_sync(drawn if format == "svg" else page, whole, title))
        return len(whole.nodes)
    return await _piecewise(write, parts, form(format))


async def _piecewise(write: Callable[[str], object], parts: AsyncGenerator[Neighbourhood], to: Written) -> int:
    known = set[str]()
    write(to.head())
    async for part in parts:
        fresh = [node for node in part.nodes if node.id not in known]
        known.update(node.id for node in fresh)
        for piece in to.part(fresh, part.edges):
            write(piece)
    write(to.tail())
    return len(known)


async def _gathered(parts: AsyncGenerator[Neighbourhood], limit: int) -> Neighbourhood:
    """The first nodes, and the edges between them."""
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}
    start, more = tuple[str, ...](), False
    async for part in parts:
        start = start or part.start
        fresh = [node for node in part.nodes if node.id not in nodes]
        more = more or part.more or len(nodes) + len(fresh) > limit
        nodes |= {node.id: node for node in fresh[: limit - len(nodes)]}
        edges |= dict.fromkeys(part.edges)
        if more:
            break
    kept = tuple(edge for edge in edges if edge.source in nodes and edge.target in nodes)
    return Neighbourhood(start, tuple(nodes.values()), kept, more)
