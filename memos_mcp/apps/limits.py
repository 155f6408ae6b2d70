"""How much one principal may ask for: requests a second, requests and sessions at a time, elements of a request."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

SESSIONS = 200
"""Sessions that a principal may have: those of before 2026, each of which lasts until it is ended or idle for long."""

_MOST = 10_000  # principals that are remembered; who was not seen for longest is forgotten first


@dataclass(slots=True)
class _Account:
    tokens: float
    at: float
    open: int = 0
    sessions: int = 0


class Limits:
    """A token bucket for each principal, and a count of what he has open."""

    def __init__(self, rate: float, burst: int, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._at_once = at_once
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def enter(self, who: str) -> float:
        """Seconds to wait before the next request; 0 if this one may pass, and then it counts until `leave`."""
        now = self._clock()
        account = self._accounts.setdefault(who, _Account(self._burst, now))
        self._accounts.move_to_end(who)
        account.tokens = min(self._burst, account.tokens + (now - account.at) * self._rate)
        account.at = now
        if account.open >= self._at_once:
            return 1.0
        if account.tokens < 1:
            return (1 - account.tokens) / self._rate
        account.tokens -= 1
        account.open += 1
        self._forget()
        return 0.0

    def leave(self, who: str) -> None:
        """A request has ended."""
        account = self._accounts.get(who)
        if account is not None:
            account.open -= 1

    def has_room(self, who: str) -> bool:
        """May he begin another session?"""
        account = self._accounts.get(who)
        return account is None or account.sessions < SESSIONS

    def began(self, who: str) -> None:
        """He has one session more, until `ended`."""
        self._accounts.setdefault(who, _Account(self._burst, self._clock())).sessions += 1

    def ended(self, who: str) -> None:
        """A session of his is over."""
        self._accounts[who].sessions -= 1

    def _forget(self) -> None:
        if len(self._accounts) > _MOST:
            held = self._accounts.items()
            idle = next((who for who, account in held if not account.open and not account.sessions), None)
            if idle is not None:
                del self._accounts[idle]


def elements(value: JsonValue) -> int:
    """How many elements all lists in a JSON value have together."""
    count = 0
    waiting = [value]
    while waiting:
        match waiting.pop():
            case list(found):
                count += len(found)
                waiting += found
            case dict(fields):
                waiting += fields.values()
            case _:
                pass
    return count
