"""Refusals at the door as lines of the access log: never with a secret, and so few that a flood fills no disk."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from memos_mcp.accesses import Access, AccessLog
from memos_mcp.apps.access import Tokens
from memos_mcp.errors import MemosError
from memos_mcp.infrastructure.credentials import PREFIX
from memos_mcp.ports import Caller

logger = logging.getLogger(__name__)

BURST = 60
"""Lines about one user, or about nobody that is known, after a pause; then one every `EACH` seconds."""
EACH = 60.0
_MOST = 1_000  # users that are remembered; who was not seen for longest is forgotten first
_NOBODY = Caller("", scopes=())


@dataclass(slots=True)
class _Room:
    lines: float
    at: datetime
    skipped: int = 0


def _now() -> datetime:
    return datetime.now(UTC)


class Refusals:
    """Writes what the door refuses; a line that found no room is counted in the next one (`skipped:N`)."""

    def __init__(self, log: AccessLog | None, tokens: Tokens, clock: Callable[[], datetime] = _now) -> None:
        self._log = log
        self._tokens = tokens
        self._clock = clock
        self._rooms: OrderedDict[str, _Room] = OrderedDict()

    async def token(self, token: str) -> None:
        """A token was refused. Of who it stands for, if it was one of ours and its time is over, else of nobody."""
        if self._log is None or not self._has_room(""):
            return
        user, why = "", "jwt"
        if token.startswith(PREFIX):
            try:
                user, why = await self._tokens.refusal(token)
            except MemosError as exc:
                why = exc.code
        if not user or self._has_room(user):
            await self._write(Caller(user) if user else _NOBODY, "http", f"token-{why}")

    async def scope(self, caller: Caller, tool: str) -> None:
        """A token had too few scopes for a tool."""
        if self._log is not None and self._has_room(caller.user):
            await self._write(caller, f"http.{tool}" if tool else "http", "scope")

    def _has_room(self, user: str) -> bool:
        now = self._clock()
        room = self._rooms.setdefault(user, _Room(BURST, now))
        self._rooms.move_to_end(user)
        room.lines = min(BURST, room.lines + (now - room.at).total_seconds() / EACH)
        room.at = now
        while len(self._rooms) > _MOST:
            self._rooms.popitem(last=False)
        if room.lines < 1:
            room.skipped += 1
            return False
        room.lines -= 1
        return True

    async def _write(self, caller: Caller, verb: str, rule: str) -> None:
        room = self._rooms[caller.user]
        skipped = (f"skipped:{room.skipped}",) if room.skipped else ()
        room.skipped = 0
        line = Access(
            secrets.token_hex(8),
            self._clock(),
            caller.user,
            verb,
            "denied",
            roles=caller.roles,
            context=(*caller.context, *skipped),
            rule=rule,
        )
        try:
            if self._log is not None:
                await self._log.write(line)
        except MemosError as exc:
            logger.warning("a refusal could not be logged", extra={"rule": rule, "why": str(exc)})
