"""JWTs of an OAuth authorization server: whose they are, after everything about them was checked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

import anyio
import httpx2
import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.credentials import levels
from memos_mcp.ports import SCOPES, Scope
from memos_mcp.version import __version__

LEEWAY = 30
"""Seconds that clocks may differ."""

_ALGORITHMS = ("RS256", "ES256")
_LEAST_BITS = {"RS256": 2048, "ES256": 256}  # NIST SP 800-131A
_KEYS_BYTES = 262_144
_KEYS = 100
_ROLES = 256
_LONGEST_ROLE = 128
_TIMEOUT = 5.0


class Refused(Exception):
    """A credential is not accepted; the reason is for the log, and never holds the credential."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a JWT says: whose it is (a label that no other subject gets), for which client, and until when."""

    issuer: str
    subject: str
    user: str
    client: str
    scopes: tuple[Scope, ...]
    expires_at: int
    roles: tuple[str, ...] = ()


class _Checked(BaseModel):
    """The claims of a JWT that are used here."""

    model_config = ConfigDict(strict=True)

    sub: str = Field(min_length=1)
    exp: int | float
    client_id: str = ""
    azp: str = ""
    scope: str | list[str] = ""
    scp: str | list[str] = ""


class Issuer:
    """Verifies the JWTs of one authorization server: RS256 or ES256, signed by a key of its JWKS, for one audience.

    Keys are fetched when they are first needed, kept for `fresh` seconds, and asked for again when an unknown one is
    named, but never more often than every `pause` seconds. Raises Misconfigured.
    """

    def __init__(
        self, issuer: str, audience: str, jwks_url: str, *, roles_claim: str = "", fresh: float = 600, pause: float = 30
    ) -> None:
        url = urlsplit(jwks_url)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
            raise Misconfigured(f"http.jwks_url is {jwks_url!r}; keys are fetched over https only (or from loopback)")
        self._issuer = issuer
        self._audience = audience
        self._url = jwks_url
        self._roles_claim = roles_claim
        self._fresh = fresh
        self._pause = pause
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._tried = -1e9
        self._fetching = anyio.Lock()

    async def verified(self, token: str) -> Claims:
        """What the token says, after everything about it was checked. Raises Refused, Unavailable (no keys)."""
        key = await self._key(_key_id(token))
        needed: Any = {"require": ["exp", "iss", "aud", "sub"], "strict_aud": False}
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options=needed,
            )
            said = _Checked.model_validate(found)
        except jwt.PyJWTError as exc:
            raise Refused(type(exc).__name__) from exc
        except (ValidationError, ValueError, TypeError, OverflowError) as exc:
            raise Refused("its claims are not what they should be") from exc
        user = f"{quote(said.sub, safe=':|+@ ')}@{urlsplit(self._issuer).hostname or self._issuer}"
        client = said.client_id or said.azp or said.sub
        roles = _roles(found, self._roles_claim)
        return Claims(self._issuer, said.sub, user, client, _scopes(said), int(said.exp), roles)

    async def _key(self, name: str) -> jwt.PyJWK:
        if name not in self._keys or self._now() - self._fetched > self._fresh:
            async with self._fetching:
                if name not in self._keys or self._now() - self._fetched > self._fresh:
                    await self._fetch()
        key = self._keys.get(name)
        if key is None:
            raise Refused("its key is not one of the authorization server's")
        return key

    async def _fetch(self) -> None:
        if self._now() - self._tried < self._pause:
            if not self._keys:
                raise Unavailable("the keys of the authorization server could not be fetched; try again in a moment")
            return
        self._tried = self._now()
        try:
            document = await self._document()
        except (httpx2.HTTPError, TimeoutError, ValueError) as exc:
            if self._now() - self._fetched > 6 * self._fresh:  # old keys bridge a short failure, no more
                self._keys = {}
                raise Unavailable(f"{self._url} gave no keys ({type(exc).__name__}); try again in a moment") from exc
            return
        self._keys = _usable(document)
        self._fetched = self._now()

    async def _document(self) -> object:
        """The JWKS as JSON. Nothing is taken from the environment; no redirect is followed."""
        about = {"User-Agent": f"memos/{__version__}", "Accept": "application/json"}
        with anyio.fail_after(_TIMEOUT):
            async with (
                httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=_TIMEOUT, headers=about) as client,
                client.stream("GET", self._url) as answer,
            ):
                if answer.status_code != 200:
                    raise ValueError(f"status {answer.status_code}")
                data = bytearray()
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > _KEYS_BYTES:
                        raise ValueError("too long")
        return from_json(bytes(data))

    def _now(self) -> float:
        return time.monotonic()


def _key_id(token: str) -> str:
    """The key that a JWT names, before anything of it is believed."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as exc:
        raise Refused("it is no JWT") from exc
    name = header.get("kid")
    if header.get("alg") not in _ALGORITHMS:
        raise Refused("its algorithm is not accepted")
    if not isinstance(name, str) or not name:
        raise Refused("it names no key")
    return name


def _usable(document: object) -> dict[str, jwt.PyJWK]:
    """The keys that can sign for us, by id: RSA of 2048 bits or more, EC on P-256."""
    listed = cast("Mapping[str, object]", document).get("keys") if isinstance(document, Mapping) else None
    found: dict[str, jwt.PyJWK] = {}
    for each in cast("list[object]", listed)[:_KEYS] if isinstance(listed, list) else []:
        described = cast("dict[str, Any]", each) if isinstance(each, dict) else {}
        name = described.get("kid")
        if isinstance(name, str) and described.get("use", "sig") == "sig" and described.get("kty") in ("RSA", "EC"):
            try:
                key = jwt.PyJWK(described)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            if getattr(key.key, "key_size", 0) >= _LEAST_BITS.get(key.algorithm_name, 1 << 30):
                found[name] = key
    return found


def _roles(found: Mapping[str, object], claim: str) -> tuple[str, ...]:
    """The roles in a claim: a list of texts, or one text with spaces between; where there is no such claim, none.

    The claim is named as it stands, or as a path (`realm_access.roles`). Raises Refused if roles cannot be read: one
    that was left out might be one that is denied something.
    """
    if not claim:
        return ()
    value: object = found.get(claim)
    if value is None:
        value = found
        for part in claim.split("."):
            value = _field(value, part)
    named: object = value.split() if isinstance(value, str) else [] if value is None else value
    roles = cast("list[object]", named) if isinstance(named, list) else [None]
    if len(roles) > _ROLES or not all(isinstance(each, str) and _is_role(each) for each in roles):
        raise Refused(f"its claim {claim} is not a list of roles")
    return tuple(dict.fromkeys(str(each) for each in roles))


def _field(value: object, name: str) -> object:
    return cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None


def _is_role(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_ROLE and name.isprintable() and name.strip() == name


def _scopes(said: _Checked) -> tuple[Scope, ...]:
    """The highest of ours in the claim `scope` (RFC 8693) or `scp`, as `memos:write`, with those it includes."""
    told: Sequence[str] = [
        word for claim in (said.scope, said.scp) for word in (claim.split() if isinstance(claim, str) else claim)
    ]
    held: list[Scope] = [each for each in SCOPES if f"memos:{each}" in told]
    return levels(held[-1]) if held else ()
