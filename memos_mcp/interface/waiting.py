"""Waiting until what goes on in the background is done."""

from __future__ import annotations

import anyio

from memos_mcp.interface.bound import Bound

_LOOK = 0.02  # seconds between two looks at what is under way


async def settled(on: Bound, seconds: float) -> None:
    """New memories are consolidated, and no lane has anything to do; or so many seconds are over."""
    with anyio.move_on_after(seconds):
        if on.consolidation is not None and not on.branch_at:
            await on.consolidation.run()
        while any(lane.busy for lane in on.lanes.states()):  # noqa: ASYNC110 - lanes tell their state, no more
            await anyio.sleep(_LOOK)
