"""How a system is, as one caller may know it."""

from __future__ import annotations

from memos_mcp.answers import Status
from memos_mcp.interface.bound import Bound
from memos_mcp.operation.hot import Hot


async def status_of(on: Bound, about: str, hot: Hot, *, whole: bool) -> Status:
    """As `Memos.status`; sizes and results of everybody are for who looks after all of it."""
    await on.look_again()
    where = await on.readable(None)
    counts = await on.vault.count(where.paths, permit=where.permit)
    held = await on.vault.count(where.paths, quarantined=True, permit=where.permit)
    everything = whole and "admin" in on.caller.scopes and not on.caller.within
    return Status(
        user=on.caller.user,
        path=on.home,
        paths=where.paths,
        memories=sum(counts.values()),
        lanes=on.lanes.states(whole=whole),
        vault=about,
        quarantined=sum(held.values()),
        sizes=await on.vault.keeping.sizes() if everything else None,
        hot=hot.results if everything else None,
    )
