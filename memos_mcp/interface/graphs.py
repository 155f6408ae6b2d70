"""See the graph: what lies around a memory or an entity, ways between two, all about one, and files of it (§5.4.1)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from memos_mcp.cube import Link, MemCube, Ref
from memos_mcp.errors import Conflict, InvalidInput, Misconfigured, NotFound
from memos_mcp.infrastructure.identities import Same
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.entity_page import Around, EntityPage, Named, counted, page
from memos_mcp.interface.graph_files import FORMATS, Format, written
from memos_mcp.interface.identities import Identities
from memos_mcp.interface.recording import recorded
from memos_mcp.operation.context import words_of
from memos_mcp.operation.entity_values import ENTITY_KINDS
from memos_mcp.ports import Change, Where
from memos_mcp.traversal import (
    EDGE_KINDS,
    FOLLOWED,
    LINK_KINDS,
    Edge,
    EdgeKind,
    LinkKind,
    Neighbourhood,
    Node,
    Traversal,
    Ways,
    memory_node,
)

_DEEPEST = 6  # edges: beyond, everything is connected with everything
_MOST = 200  # nodes of an answer
_MOST_WAYS = 10
_MOST_SHOWN = 100  # memories of an entity
_MOST_LINKS = 100
_MOST_MEMORIES = 50_000  # of a file
_LOOKED = 1000  # memories, of which the entities are listed
_PAGE = 200
_LABEL = 160
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Entities:
    """Entities that most of the newest `looked` memories name come first; `after` continues, 0 at the end.

    `whole`: these are all memories there are.
    """

    entities: tuple[Named, ...]
    looked: int
    whole: bool
    after: int


@recorded("graph.")
class Graphs:
    """What memories have to do with each other. Hangs off `Memos.graph`.

    Memories that the caller may not read, that recall leaves out, and what only they have, are as if they were not
    there. `what` is the id of a memory, the name of an entity, topic or tag, or the id of a node of an answer. All
    verbs raise InvalidInput, NotFound, Denied, and Misconfigured where there is no graph.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def neighbourhood(
        self, what: str, *, path: str | None = None, hops: int = 2, kinds: Sequence[EdgeKind] = (), limit: int = 50
    ) -> Neighbourhood:
        """The nearest `limit` nodes within so many edges, of these kinds or of all that say something.

        What more than 50 memories have is shown, and leads on only if it is what is asked about. Cost: about 15 ms.
        """
        checks.check_range("hops", hops, _DEEPEST)
        checks.check_range("limit", limit, _MOST)
        followed, (where, start) = _followed(kinds), await self._begun(what, path)
        if not kinds and any(node.kind == "concept" for node in start):
            followed = (*followed, "concerns")
        found = await self._graph.around(where, start, hops=hops, kinds=followed, limit=limit)
        return await self._shown(found)

    async def paths(
        self,
        start: str,
        end: str,
        *,
        path: str | None = None,
        hops: int = 4,
        kinds: Sequence[EdgeKind] = (),
        limit: int = 5,
    ) -> Ways:
        """The shortest ways from one to the other, over at most so many edges. Cost, embedded: 20 to 90 ms."""
        checks.check_range("hops", hops, _DEEPEST)
        checks.check_range("limit", limit, _MOST_WAYS)
        followed, (where, first) = _followed(kinds), await self._begun(start, path)
        last = await self._named(where, end)
        found = await self._graph.between(where, first, last, hops=hops, kinds=followed, limit=limit)
        nodes = {node.id: node for way in found.ways for node in way.nodes}
        shown = await self._worded(nodes.values())
        ways = [way for way in found.ways if all(node.id in shown for node in way.nodes)]
        worded = (tuple(replace(shown[n.id], hops=n.hops) for n in way.nodes) for way in ways)
        return replace(found, ways=tuple(replace(way, nodes=each) for way, each in zip(ways, worded, strict=True)))

    async def entity(self, name: str, *, path: str | None = None, limit: int = 20) -> EntityPage:
        """All about an entity: its other names, the newest memories that name it, what they state and contradict.

        Cost, embedded: 15 ms.
        """
        checks.check_range("limit", limit, _MOST_SHOWN)
        where, start = await self._begun(name, path)
        nodes = tuple(node for node in start if node.kind == "entity")
        if not nodes:
            raise InvalidInput(f"{name[:_LONGEST]!r} is no entity: graph.neighbourhood shows what lies around it")
        ids = [node.id for node in nodes]
        naming = await self._graph.step(where, ids, kinds=("mentions",), direction="in")
        newest = sorted(naming.nodes, key=lambda node: (-node.at, node.id))[:limit]
        cubes = await self._memories(node.memory for node in newest)
        shown = [memory_node(id) for id in cubes]
        around = await self._around(where, nodes, shown)
        others = await self._memories(n.memory for n in around.disputes.nodes if n.memory not in cubes)
        latest = sorted(cubes.values(), key=lambda cube: cube.updated_at, reverse=True)
        return page(around, latest, len(naming.nodes), others)

    async def _around(self, where: Where, nodes: tuple[Node, ...], memories: Sequence[str]) -> Around:
        graph, ids = self._graph, [node.id for node in nodes]
        mentions = await graph.step(where, memories, kinds=("mentions",), direction="out")
        stated = await graph.step(where, ids, kinds=("from", "to"), direction="in")
        ends = await graph.step(where, [n.id for n in stated.nodes], kinds=("from", "to"), direction="out")
        disputes = await graph.step(where, memories, kinds=("contradicts",))
        return Around(nodes, mentions, stated, ends, disputes)

    async def entities(self, path: str | None = None, *, kind: str = "", limit: int = 50, after: int = 0) -> Entities:
        """Who and what the newest 1,000 memories name, those named most first; `after` of the last page continues.

        Cost, embedded: 90 ms.
        """
        checks.check_range("limit", limit, _MOST)
        if kind and kind not in ENTITY_KINDS:
            raise InvalidInput(f"an entity is one of {', '.join(ENTITY_KINDS)}, not {kind!r}")
        if after < 0:
            raise InvalidInput("after is what the last page says, or 0")
        graph, where = self._graph, await self._on.readable(path)
        rows = await self._on.scan(where, limit=_LOOKED + 1)
        cubes = [cube for _, cube in rows[:_LOOKED] if not self._on.part(cube).quarantined]
        nodes = [memory_node(cube.id) for cube in cubes]
        step = await graph.step(where, nodes, kinds=("mentions",), direction="out")
        found = [each for each in counted(step.edges) if kind in ("", each.kind)]
        end = after + limit if len(found) > after + limit else 0
        return Entities(tuple(found[after : after + limit]), len(cubes), len(rows) <= _LOOKED, end)

    async def link(
        self, id: str, target: str, kind: LinkKind, *, expect: int | None = None, reason: str = ""
    ) -> MemCube:
        """State that a memory stands in this relation to another one, which the caller may read, in a new version.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        why, wanted = checks.check_reason(reason), Link(kind=_link(kind), target=checks.check_id(target))
        if id == target:
            raise InvalidInput("a memory is not linked to itself: name another one")
        await self._on.one(Ref(id=wanted.target))

        def linked(links: tuple[Link, ...]) -> tuple[Link, ...]:
            if len(links) >= _MOST_LINKS and wanted not in links:
                raise InvalidInput(f"a memory has at most {_MOST_LINKS} links: unlink one first")
            return tuple(dict.fromkeys((*links, wanted)))

        return await self._relinked(id, linked, expect, why)

    async def unlink(
        self, id: str, target: str, kind: LinkKind | None = None, *, expect: int | None = None, reason: str = ""
    ) -> MemCube:
        """Take the links of a memory to another one away, of this kind or all, in a new version, if there are any.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        why, to = checks.check_reason(reason), checks.check_id(target)
        gone = LINK_KINDS if kind is None else (_link(kind),)

        def without(links: tuple[Link, ...]) -> tuple[Link, ...]:
            return tuple(link for link in links if link.target != to or link.kind not in gone)

        return await self._relinked(id, without, expect, why)

    async def merge(self, name: str, into: str, *, path: str | None = None, reason: str = "") -> Same:
        """Say that `name` is another name of the entity `into` beneath a path, his own unless given.

        Whoever may read there finds by one name what names the other; no memory is changed. Raises Denied.
        """
        return await Identities(self._on).merge(name, into, path=path, reason=reason)

    async def take_back(self, id: str, *, keep: bool = True, reason: str = "") -> Same:
        """Let the names of a merge be two again; without `keep` nothing is left of it, neither names nor reasons."""
        identities = Identities(self._on)
        return await identities.take_back(id, reason=reason) if keep else await identities.drop(id)

    async def merges(self, path: str | None = None, *, taken_back: bool = False) -> tuple[Same, ...]:
        """The merges that hold for him, by path; on request those that were taken back too."""
        return await Identities(self._on).merges(path, taken_back=taken_back)

    async def _relinked(
        self, id: str, changed: Callable[[tuple[Link, ...]], tuple[Link, ...]], expect: int | None, why: str
    ) -> MemCube:
        async def attempt() -> MemCube:
            old = await self._on.one(Ref(id=checks.check_id(id)))
            self._on.check("write", old)
            if expect not in (None, old.version):
                raise Conflict(f"memory {id} is at version {old.version}, not {expect}: read it again, then repeat")
            links = changed(old.links)
            if links == old.links:
                return old
            cube = old.model_copy(update={"version": old.version + 1, "links": links})
            return await self._on.written(Change("update", id, cube, expect=old.version, reason=why), cube)

        return await self._on.repeated(attempt, expect)

    async def export(
        self,
        write: Callable[[str], object],
        what: str = "",
        *,
        path: str | None = None,
        format: Format = "graphml",
        hops: int = 2,
        kinds: Sequence[EdgeKind] = (),
        limit: int = 200,
    ) -> int:
        """Write the neighbourhood of `what`, or all at and beneath a path, piece by piece; how many nodes there were.

        A picture (`svg`, `html`) has the newest `limit` nodes. A file has at most 50,000 memories.
        """
        checks.check_range("hops", hops, _DEEPEST)
        checks.check_range("limit", limit, _MOST)
        if format not in FORMATS:
            raise InvalidInput(f"a format is one of {', '.join(FORMATS)}, not {format!r}")
        followed, title = _followed(kinds), what or path or self._on.home
        if not what:
            return await written(write, format, title, limit, self._whole(await self._small(path), followed))
        found = await self.neighbourhood(what, path=path, hops=hops, kinds=followed, limit=limit)
        return await written(write, format, title, limit, _once(found))

    async def _small(self, path: str | None) -> Where:
        where = await self._on.readable(path)
        total = sum((await self._on.vault.count(where.paths, permit=where.permit)).values())
        if total > _MOST_MEMORIES:
            raise InvalidInput(f"a file holds at most {_MOST_MEMORIES:,} memories: name a path further down")
        return where

    async def _whole(self, where: Where, kinds: tuple[EdgeKind, ...]) -> AsyncGenerator[Neighbourhood]:
        """All of it: the memories page by page, each with the edges that are its own."""
        graph = self._graph
        rows = await self._on.scan(where, limit=_PAGE)
        while rows:
            start = [Node(memory_node(cube.id), "memory", "", memory=cube.id) for _, cube in rows]
            ids = [node.id for node in start]
            first = await graph.step(where, ids, kinds=kinds, direction="out")
            stated = [node.id for node in first.nodes if node.kind == "relation"]
            second = await graph.step(where, stated, kinds=kinds, direction="out")
            nodes = {node.id: node for node in (*start, *second.nodes, *first.nodes)}
            edges = dict.fromkeys((*first.edges, *second.edges))
            yield await self._shown(Neighbourhood(tuple(ids), tuple(nodes.values()), tuple(edges)))
            rows = await self._on.scan(where, after=rows[-1][0], limit=_PAGE)

    @property
    def _graph(self) -> Traversal:
        if self._on.branch_at:
            raise InvalidInput("the graph is that of the original: ask without the branch")
        if self._on.graph is None:
            off = next((lane.why for lane in self._on.lanes.states() if lane.name == "graph" and not lane.on), "")
            raise Misconfigured(f"there is no graph: {off or 'set graph.kind to embedded, then memos rebuild graph'}")
        return self._on.graph

    async def _begun(self, what: str, path: str | None) -> tuple[Where, tuple[Node, ...]]:
        where = await self._on.readable(path)
        return where, await self._named(where, what)

    async def _named(self, where: Where, what: str) -> tuple[Node, ...]:
        """What is asked about. Raises NotFound, in the same words whether or not there is such a thing for others."""
        if not what.strip() or len(what) > _LONGEST or not what.isprintable():
            raise InvalidInput(f"name a memory or an entity in 1 to {_LONGEST} printable characters")
        nodes = await self._graph.named(where, what.strip())
        shown = await self._worded(nodes)
        if not shown:
            raise NotFound(
                f"{self._on.caller.user} has no memory {what!r} in the graph, and none that names it; recall finds "
                "memories, `memos graph entities` lists names"
            )
        return tuple(shown.values())

    async def _shown(self, found: Neighbourhood) -> Neighbourhood:
        """What may be shown of it, as far as it still hangs on where it began."""
        shown = await self._worded(found.nodes)
        edges = [edge for edge in found.edges if edge.source in shown and edge.target in shown]
        there = _reached([id for id in found.start if id in shown], edges)
        kept = tuple(edge for edge in edges if edge.source in there and edge.target in there)
        return replace(found, nodes=tuple(node for node in shown.values() if node.id in there), edges=kept)

    async def _worded(self, nodes: Collection[Node]) -> dict[str, Node]:
        """The nodes, memories with their words, without those of memories that are looked at as hostile now."""
        cubes = await self._memories(node.memory for node in nodes if node.memory)
        shown: dict[str, Node] = {}
        for node in nodes:
            cube = cubes.get(node.memory)
            if cube is not None and node.kind == "memory":
                words = " ".join(words_of(cube).split())
                shown[node.id] = replace(node, label=words[:_LABEL], sort=cube.kind, version=cube.version)
            elif cube is not None or not node.memory:
                shown[node.id] = node
        return shown

    async def _memories(self, ids: Iterable[str]) -> dict[str, MemCube]:
        """Memories as he may see them; a second look at who may, now that the paths are known."""
        refs = [Ref(id=id) for id in dict.fromkeys(ids)]
        seen = [self._on.shown(cube) for cube in await self._on.vault.get(refs)] if refs else []
        return {cube.id: cube for cube in seen if cube is not None and not cube.quarantined}


async def _once(found: Neighbourhood) -> AsyncGenerator[Neighbourhood]:
    yield found


def _followed(kinds: Sequence[EdgeKind]) -> tuple[EdgeKind, ...]:
    unknown = [kind for kind in kinds if kind not in EDGE_KINDS]
    if unknown:
        raise InvalidInput(f"an edge is one of {', '.join(EDGE_KINDS)}, not {unknown[0]!r}")
    return tuple(dict.fromkeys(kinds)) or FOLLOWED


def _link(kind: LinkKind) -> LinkKind:
    if kind not in LINK_KINDS:
        raise InvalidInput(f"a link is one of {', '.join(LINK_KINDS)}, not {kind!r}")
    return kind


def _reached(start: Sequence[str], edges: Sequence[Edge]) -> set[str]:
    """The nodes that these edges lead to."""
    beside: dict[str, list[str]] = {}
    for edge in edges:
        beside.setdefault(edge.source, []).append(edge.target)
        beside.setdefault(edge.target, []).append(edge.source)
    found, front = set(start), list(start)
    while front:
        front = [there for here in front for there in beside.get(here, ()) if there not in found]
        found.update(front)
    return found
