"""A lane that this system does not have: it says why, and lets nothing of what it once kept outlive a memory."""

from __future__ import annotations

from collections.abc import Sequence

from memos_graph.store import GraphStore
from memos_mcp.cube import Ref
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.spaces import translated
from memos_mcp.ports import Event, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall, SegmentStore


class Off:
    """A route that finds nothing. `why` stands in `status`; a graph that was `left` goes as segments do."""

    def __init__(self, name: str, why: str, segments: SegmentStore, *, left: GraphStore | None = None) -> None:
        self.name = name
        self._why = why
        self._segments = segments
        self._left = left

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """Nothing."""
        return Found((), 0)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """Nothing."""
        return []

    async def people(self, where: Where) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    async def apply(self, events: Sequence[Event]) -> None:
        """Where something was forgotten, what the lane kept of that root goes; made anew if the lane comes back."""
        for root in {root_of(event.path) for event in events if event.action in ("forget", "compact", "depart")}:
            if spans := await self._segments.spans(self.name, root):
                await self._segments.replace(self.name, root, spans, ())
            if self._left is not None:
                with translated():
                    await self._left.clear(root)

    async def reset(self) -> None:
        """Cannot be done. Raises Misconfigured."""
        raise Misconfigured(f"the {self.name} lane is off: {self._why}")

    def lane(self) -> Lane:
        """State for `status`."""
        return Lane(self.name, on=False, why=self._why)
