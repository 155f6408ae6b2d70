"""How many tokens of memories models may read for a user in a minute: what is left of them, in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_MINUTE = 60.0


class Spending:
    """A window that slides: what was read counts for a minute."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute, self._clock = a_minute, clock
        self._spent: dict[str, deque[tuple[float, int]]] = {}

    def left(self, user: str) -> int:
        """Tokens that may still be read for him now."""
        return max(0, self.a_minute - sum(tokens for _, tokens in self._lately(user)))

    def spent(self, user: str, tokens: int) -> None:
        """So many are read for him now."""
        if tokens > 0:
            self._lately(user)
            self._spent.setdefault(user, deque()).append((self._clock(), tokens))

    def wait(self, user: str) -> float:
        """Seconds until more is left for him than now; 0 if nothing was read."""
        lately = self._lately(user)
        return max(0.0, lately[0][0] + _MINUTE - self._clock()) if lately else 0.0

    def _lately(self, user: str) -> deque[tuple[float, int]]:
        his, over = self._spent.get(user, deque[tuple[float, int]]()), self._clock() - _MINUTE
        while his and his[0][0] <= over:
            his.popleft()
        if not his:
            self._spent.pop(user, None)
        return his
