"""The blocking twin of `kv`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.activation import Progress
from memos_mcp.cube import Kind, MemCube
from memos_mcp.interface import offices as twin
from memos_mcp.interface.kv import Dropped, Kept


class Kv:
    """KV blocks: what a model keeps of memories that it has read. Hangs off `Memos.kv`.

    A caller knows of those blocks all of whose memories he reads whole; with the scope `admin`, unless he is kept
    within a path, of every other one as well, but not of what. All of this raises Misconfigured if there is no model
    for it, and InvalidInput on a branch, which has none.
    """

    def __init__(self, of: twin.Kv, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def list(self, path: str | None = None) -> tuple[Kept, ...]:
        """The blocks there are, the oldest first; with a path those all of whose memories lie beneath it.

        No model is asked. Cost: 30 µs for each memory in them. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.list, path))

    def build(
        self,
        ids: Sequence[str] = (),
        *,
        path: str | None = None,
        tags: Sequence[str] = (),
        kinds: Sequence[Kind] = (),
        where: str = "",
        pin: bool = False,
        told: Progress | None = None,
    ) -> Kept:
        """A block of these memories, or of those at or beneath a path with all of these; the same if there is one.

        Named memories have to be his to read whole, and able to stand in a block; of others, those that are not are
        left out. `pin`: nothing but a change of its memories, or who drops it, ends it. `told` hears how many tokens
        are read, of how many. Cost: about as much as one question with all of them. Raises NotFound, Denied, Conflict
        (a memory was changed meanwhile: nothing is kept), InvalidInput (none, more than 1,000, or too much).
        """
        return self._portal.call(
            partial(self._of.build, ids, path=path, tags=tags, kinds=kinds, where=where, pin=pin, told=told)
        )

    def verify(self, name: str) -> Kept:
        """A block as it is, its bytes looked at too: `why` and `cold`. Raises NotFound, Unavailable, MissingExtra."""
        return self._portal.call(partial(self._of.verify, name))

    def memories(self, name: str) -> tuple[MemCube, ...]:
        """The memories of a block as the model read them, in their order: those that he may read whole.

        Raises NotFound.
        """
        return self._portal.call(partial(self._of.memories, name))

    def drop(self, name: str) -> Dropped:
        """Remove a block; its memories stay. For who built it, or the scope `admin`. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.drop, name))

    def pin(self, name: str, *, on: bool = True) -> Kept:
        """Keep a block though it is used little, or no longer; as `drop`. Raises NotFound, Denied, Conflict."""
        return self._portal.call(partial(self._of.pin, name, on=on))
