"""The blocking twin of `pipelines`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.cube import MemCube
from memos_mcp.interface import offices as twin
from memos_mcp.interface.steps import Ran, Step


class Pipelines:
    """Memories through steps. Hangs off `Memos.pipelines`."""

    def __init__(self, of: twin.Pipelines, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def run(self, ids: Sequence[str | MemCube], steps: Sequence[Step], *, reason: str = "") -> Ran:
        """Send memories through the steps, in order, and write all that changed in one commit, or nothing.

        They are given by id, or as they were found (`recall(…).cubes`): then none may have changed since. A step
        changes text, data, kind, tags and state. Raises NotFound, Denied, Conflict, InvalidInput, IllegalMove, and what
        a step raises. Cost: a read of each memory, and one transaction.
        """
        return self._portal.call(partial(self._of.run, ids, steps, reason=reason))
