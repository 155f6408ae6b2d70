"""What a tenant may take of what all share: bytes, prefixes kept within a time, adapters. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from memos_mcp.errors import InvalidInput
from memos_mcp.operation.choosing_terms import Budgets


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many `bytes` held, `builds` prefixes kept anew within `interval` seconds, `adapters` at a time.

    Raises InvalidInput if one of them is negative, or there is no interval.
    """

    bytes: int
    builds: int = 64
    interval: float = 60.0
    adapters: int = 8

    def __post_init__(self) -> None:
        """Refuse what is no quota."""
        if min(self.bytes, self.builds, self.adapters) < 0 or self.interval <= 0:
            raise InvalidInput(f"a quota has no negative limits and an interval above 0, unlike {self}")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a tenant holds, and when he had prefixes kept anew, in seconds."""

    bytes: int = 0
    adapters: int = 0
    builds: tuple[float, ...] = ()


def left(quota: Quota, spent: Spent, at: float) -> Quota:
    """What he may take at a moment; nothing, rather than less, where he holds more than a quota that was lowered."""
    recent = sum(at - quota.interval < moment <= at for moment in spent.builds)
    return replace(
        quota,
        bytes=max(0, quota.bytes - spent.bytes),
        builds=max(0, quota.builds - recent),
        adapters=max(0, quota.adapters - spent.adapters),
    )


def within(budgets: Budgets, quota: Quota, spent: Spent, at: float) -> Budgets:
    """The budgets of a task, as far as his quota has room."""
    room = left(quota, spent, at)
    return replace(budgets, builds=min(budgets.builds, room.builds), bytes=min(budgets.bytes, room.bytes))


def waits(quota: Quota, spent: Spent, at: float) -> float:
    """Seconds until he may have a prefix kept anew; infinite if he never may, 0 if he may now."""
    if quota.builds == 0:
        return float("inf")
    recent = sorted(moment for moment in spent.builds if at - quota.interval < moment <= at)
    return recent[-quota.builds] + quota.interval - at if len(recent) >= quota.builds else 0.0
