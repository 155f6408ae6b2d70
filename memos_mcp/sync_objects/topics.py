"""The blocking twin of `topics`. Written by `make twin`."""

from __future__ import annotations

from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.cube import MemCube
from memos_mcp.interface import offices as twin
from memos_mcp.interface.topics import Gathered, Tree
from memos_mcp.interface.topics_summary import (
    Summary,
)
from memos_mcp.operation.annotating import Annotation


class Topics:
    """What memories are about. Hangs off `Memos.topics`.

    A tree is made of what the caller may read, as he sees it, and of nothing else. Summaries are not part of it.
    """

    def __init__(self, of: twin.Topics, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def tree(
        self,
        path: str | None = None,
        *,
        topic: str = "",
        depth: int = 2,
        breadth: int = 10,
        limit: int = 20,
        after: int = 0,
    ) -> Tree:
        """The topics of what lies beneath the path, or of all that may be read: at depth 2 with concepts, at 3 facts.

        One `topic` or cluster alone, if named; `breadth` is how many concepts, and facts of each, are told. Read from
        the graph: 0.1 ms a memory. Where there is none, or it is behind, and on branches: 0.5 ms a memory, 0.1 ms the
        next time, of the newest 5,000. Raises InvalidInput, Denied.
        """
        return self._portal.call(
            partial(self._of.tree, path, topic=topic, depth=depth, breadth=breadth, limit=limit, after=after)
        )

    def clusters(self, path: str | None = None, *, breadth: int = 10, limit: int = 20) -> tuple[Gathered, ...]:
        """What lies beneath the path without a topic, put together by what it shares; the largest first. As `tree`."""
        return self._portal.call(partial(self._of.clusters, path, breadth=breadth, limit=limit))

    def annotate(self, id: str) -> Annotation:
        """What is noted of a memory: tags that were set, topics that are predicted, source, credibility, sentiment.

        Raises NotFound, InvalidInput.
        """
        return self._portal.call(partial(self._of.annotate, id))

    def confirm(self, id: str, topic: str, *, expect: int | None = None, reason: str = "") -> MemCube:
        """Set a topic as a tag: it is about this, and no longer only predicted to be. A new version.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(partial(self._of.confirm, id, topic, expect=expect, reason=reason))

    def deny(self, id: str, topic: str, *, expect: int | None = None, reason: str = "") -> MemCube:
        """Say that it is not about this, by the tag `-topic`: the tag of that name goes, and it is not predicted again.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(partial(self._of.deny, id, topic, expect=expect, reason=reason))

    def summarise(self, topic: str, path: str | None = None, *, reason: str = "") -> Summary:
        """Sum up what lies at the path about a topic, a tag or a cluster: a memory that leads back to its sources.

        An extract: their most central sentences. It has the rules of its sources; where those differ, it is made of
        the most that have the same. Made again, it is a new version of the same memory. Raises InvalidInput, Denied,
        NotFound (nothing is about it), Conflict.
        """
        return self._portal.call(partial(self._of.summarise, topic, path, reason=reason))

    def summaries(self, path: str | None = None, *, limit: int = 20) -> tuple[Summary, ...]:
        """The summaries beneath the path, newest first, each with why it is out of date, if it is. Raises Denied.

        Those that a source has gone from, as when a hold was lifted since, are forgotten now if the caller may do that.
        """
        return self._portal.call(partial(self._of.summaries, path, limit=limit))
