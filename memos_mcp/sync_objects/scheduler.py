"""The blocking twin of `scheduler`. Written by `make twin`."""

from __future__ import annotations

from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.interface import offices as twin
from memos_mcp.interface.schedules import Past, Ran, Scheduling


class Schedule:
    """Which memories get a KV block. Hangs off `Memos.scheduler`.

    Everybody sees what is done about memories that he may read; figures, which hang on what others use, with the scope
    `admin` alone.
    """

    def __init__(self, of: twin.Schedule, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def plan(self, policy: str = "") -> Scheduling:
        """What would be done if there were only what the caller may see: his accesses and those to his memories.

        By another policy than that of the settings, if one is named. Nothing is done. Cost: 0.3 ms an access, of
        the last 2,048. Raises InvalidInput, Denied, Misconfigured, Unavailable.
        """
        return self._portal.call(partial(self._of.plan, policy))

    def run(self) -> Ran:
        """Do now what is done in the background; takes the scope `admin`. Raises Denied, Misconfigured."""
        return self._portal.call(self._of.run)

    def decisions(self, limit: int = 50, after: str = "") -> Past:
        """What was done about memories that the caller may read; 500 decisions are kept. Raises as `plan`."""
        return self._portal.call(partial(self._of.decisions, limit, after))
