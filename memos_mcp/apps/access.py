"""Tokens of our own: made for a principal, shown once, kept in the vault's ledger as hashes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from memos_mcp.errors import Corrupt, InvalidInput, NotFound
from memos_mcp.infrastructure import credentials, governance
from memos_mcp.interface.acl import check_contexts, check_roles
from memos_mcp.ledger import Ledger, Note
from memos_mcp.ports import Caller, Scope

logger = logging.getLogger(__name__)

_KIND = "token"
_LONGEST_NAME = 64
_LONGEST = timedelta(days=3660)


class Kept(BaseModel):
    """What the ledger keeps of a token."""

    model_config = ConfigDict(frozen=True)

    name: str
    user: str
    scope: Scope
    hash: str
    path: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    roles: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A token as `list` shows it. `state` is active, expired or revoked."""

    id: str
    name: str
    user: str
    scope: Scope
    path: str
    created_at: datetime
    expires_at: datetime | None
    state: str
    roles: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A new token, with the secret that is never shown again."""

    token: Token
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.token!r}, secret=…)"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token that was accepted stands for."""

    id: str
    caller: Caller
    expires_at: datetime | None


def _now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """The tokens of a vault. What one process revokes the others refuse from then on."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime] = _now) -> None:
        self._ledger = ledger
        self._clock = clock

    async def create(
        self,
        name: str,
        *,
        user: str,
        scope: Scope,
        path: str = "",
        roles: Sequence[str] = (),
        context: Sequence[str] = (),
        lasts: timedelta | None = None,
    ) -> Made:
        """A token for what `user` in these roles may do in this context, no more than `scope`, kept within `path`.

        Raises InvalidInput, Denied.
        """
        label = _checked(name)
        caller = Caller(user)
        governance.home(caller)
        within = governance.check_read(caller, path) if path else ""
        if lasts is not None and not timedelta(0) < lasts <= _LONGEST:
            raise InvalidInput("a token lasts for ten years at most; leave the time out for one without an end")
        if any(each.name == label and each.state == "active" for each in await self.list()):
            raise InvalidInput(f"there is a token {label!r} already: revoke it first, or choose another name")
        id, secret, kept = credentials.made()
        now = self._clock()
        ends = now + lasts if lasts else None
        new = Kept(
            name=label,
            user=user,
            scope=scope,
            hash=kept,
            path=within,
            created_at=now,
            expires_at=ends,
            roles=check_roles(roles),
            context=check_contexts(context),
        )
        await self._ledger.write(_KIND, id, new.model_dump(mode="json"), expect=0)
        return Made(self._shown(id, new), secret)

    async def list(self) -> list[Token]:
        """All tokens, oldest first."""
        found = [self._shown(note.key, _kept(note)) for note in await self._ledger.list(_KIND)]
        return sorted(found, key=lambda each: each.created_at)

    async def revoke(self, name: str) -> Token:
        """From now on the token with this name or id is refused. Raises NotFound, InvalidInput (several)."""
        named = [each for each in await self.list() if name in (each.name, each.id)]
        live = [each for each in named if each.state != "revoked"] or named
        if not live:
            raise NotFound(f"there is no token {name!r}; `memos token list` shows them")
        if len(live) > 1:
            raise InvalidInput(
                f"several tokens are called {name!r}: give the id of one, as `memos token list` shows it"
            )
        id = live[0].id
        note = await self._ledger.read(_KIND, id)
        if note is None:
            raise NotFound(f"there is no token {name!r}; `memos token list` shows them")
        kept = _kept(note)
        gone = kept.model_copy(update={"revoked_at": kept.revoked_at or self._clock()})
        await self._ledger.write(_KIND, id, gone.model_dump(mode="json"), expect=note.revision)
        return self._shown(id, gone)

    async def holder(self, secret: str) -> Holder | None:
        """Whom the token stands for; None if it is unknown, expired or revoked. Raises Unavailable, Corrupt."""
        id = credentials.id_of(secret)
        note = await self._ledger.read(_KIND, id) if id else None
        if id is None or note is None:
            logger.info("a token was refused", extra={"why": "unknown"})
            return None
        kept = _kept(note)
        state = self._state(kept)
        if not credentials.matches(secret, kept.hash) or state != "active":
            logger.info("a token was refused", extra={"token_id": id, "why": state if state != "active" else "wrong"})
            return None
        scopes = credentials.levels(kept.scope)
        caller = Caller(kept.user, kept.roles, kept.context, scopes, kept.path)
        return Holder(id, caller, kept.expires_at)

    async def refusal(self, secret: str) -> tuple[str, str]:
        """Why a token was refused: unknown, expired or revoked; and whose it is, if he who has it proves that."""
        id = credentials.id_of(secret)
        note = await self._ledger.read(_KIND, id) if id else None
        kept = _kept(note) if note else None
        if kept is None or not credentials.matches(secret, kept.hash):
            return "", "unknown"
        return kept.user, self._state(kept)

    def _state(self, kept: Kept) -> str:
        if kept.revoked_at:
            return "revoked"
        return "expired" if kept.expires_at and kept.expires_at <= self._clock() else "active"

    def _shown(self, id: str, kept: Kept) -> Token:
        return Token(
            id,
            kept.name,
            kept.user,
            kept.scope,
            kept.path,
            kept.created_at,
            kept.expires_at,
            self._state(kept),
            kept.roles,
            kept.context,
        )


def _checked(name: str) -> str:
    clean = name.strip()
    if not clean or len(clean) > _LONGEST_NAME or not clean.isprintable():
        raise InvalidInput(f"a token needs a name of 1 to {_LONGEST_NAME} printable characters, such as 'laptop'")
    return clean


def _kept(note: Note) -> Kept:
    try:
        return Kept.model_validate(note.value)
    except ValidationError as exc:
        raise Corrupt(f"the token {note.key} in the ledger is damaged; make a new one") from exc
