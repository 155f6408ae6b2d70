"""The blocking twin of `graph`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.identities import Same
from memos_mcp.interface import offices as twin
from memos_mcp.interface.entity_page import EntityPage
from memos_mcp.interface.graph_files import Format
from memos_mcp.interface.graphs import Entities
from memos_mcp.traversal import (
    EdgeKind,
    LinkKind,
    Neighbourhood,
    Ways,
)


class Graphs:
    """What memories have to do with each other. Hangs off `Memos.graph`.

    Memories that the caller may not read, that recall leaves out, and what only they have, are as if they were not
    there. `what` is the id of a memory, the name of an entity, topic or tag, or the id of a node of an answer. All
    verbs raise InvalidInput, NotFound, Denied, and Misconfigured where there is no graph.
    """

    def __init__(self, of: twin.Graphs, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def neighbourhood(
        self, what: str, *, path: str | None = None, hops: int = 2, kinds: Sequence[EdgeKind] = (), limit: int = 50
    ) -> Neighbourhood:
        """The nearest `limit` nodes within so many edges, of these kinds or of all that say something.

        What more than 50 memories have is shown, and leads on only if it is what is asked about. Cost: about 15 ms.
        """
        return self._portal.call(partial(self._of.neighbourhood, what, path=path, hops=hops, kinds=kinds, limit=limit))

    def paths(
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
        return self._portal.call(partial(self._of.paths, start, end, path=path, hops=hops, kinds=kinds, limit=limit))

    def entity(self, name: str, *, path: str | None = None, limit: int = 20) -> EntityPage:
        """All about an entity: its other names, the newest memories that name it, what they state and contradict.

        Cost, embedded: 15 ms.
        """
        return self._portal.call(partial(self._of.entity, name, path=path, limit=limit))

    def entities(self, path: str | None = None, *, kind: str = "", limit: int = 50, after: int = 0) -> Entities:
        """Who and what the newest 1,000 memories name, those named most first; `after` of the last page continues.

        Cost, embedded: 90 ms.
        """
        return self._portal.call(partial(self._of.entities, path, kind=kind, limit=limit, after=after))

    def link(self, id: str, target: str, kind: LinkKind, *, expect: int | None = None, reason: str = "") -> MemCube:
        """State that a memory stands in this relation to another one, which the caller may read, in a new version.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(partial(self._of.link, id, target, kind, expect=expect, reason=reason))

    def unlink(
        self, id: str, target: str, kind: LinkKind | None = None, *, expect: int | None = None, reason: str = ""
    ) -> MemCube:
        """Take the links of a memory to another one away, of this kind or all, in a new version, if there are any.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(partial(self._of.unlink, id, target, kind, expect=expect, reason=reason))

    def merge(self, name: str, into: str, *, path: str | None = None, reason: str = "") -> Same:
        """Say that `name` is another name of the entity `into` beneath a path, his own unless given.

        Whoever may read there finds by one name what names the other; no memory is changed. Raises Denied.
        """
        return self._portal.call(partial(self._of.merge, name, into, path=path, reason=reason))

    def take_back(self, id: str, *, keep: bool = True, reason: str = "") -> Same:
        """Let the names of a merge be two again; without `keep` nothing is left of it, neither names nor reasons."""
        return self._portal.call(partial(self._of.take_back, id, keep=keep, reason=reason))

    def merges(self, path: str | None = None, *, taken_back: bool = False) -> tuple[Same, ...]:
        """The merges that hold for him, by path; on request those that were taken back too."""
        return self._portal.call(partial(self._of.merges, path, taken_back=taken_back))

    def export(
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
        return self._portal.call(
            partial(self._of.export, write, what, path=path, format=format, hops=hops, kinds=kinds, limit=limit)
        )
