"""The door of the HTTP server: every request shows its Host, its token and its size before anything else sees it."""

from __future__ import annotations

import ipaddress
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import JsonValue, ValidationError
from pydantic_core import from_json
from starlette.authentication import SimpleUser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memos_mcp.apps.access import Tokens
from memos_mcp.apps.limits import SESSIONS, Limits, elements
from memos_mcp.apps.refusals import Refusals
from memos_mcp.errors import Denied, InvalidInput, MemosError
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.credentials import PREFIX
from memos_mcp.infrastructure.issuer import LEEWAY, Claims, Issuer, Refused
from memos_mcp.ports import Caller
from memos_mcp.ports import Scope as Level

logger = logging.getLogger(__name__)

LONGEST_TOKEN = 8192
"""Characters of a token at most."""

_PATIENCE = 30.0  # seconds a client may take to send a request
_ONCE = ("host", "origin", "authorization", "content-type", "content-length")
_VERSION, _SESSION = "mcp-protocol-version", "mcp-session-id"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Badge(AccessToken):
    """What the SDK is told of a token that was accepted: whose it is, and never the token itself."""

    caller: Caller


class LocalUser(SimpleUser):
    """Whoever calls from this machine, where that is open."""


def caller_of(context: ServerRequestContext[Any]) -> Caller | None:
    """Whose call this is: from its own request, never from its session. Raises Denied for a request without a door."""
    request = context.request
    match request.scope.get("user") if isinstance(request, Request) else None:
        case AuthenticatedUser(access_token=Badge(caller=caller)):
            return caller
        case LocalUser():
            return None
        case _:
            raise Denied("nobody is calling: this request did not come through the door")


class Verifier(TokenVerifier):
    """Says whose a token is: one of ours, or a JWT where an authorization server is set."""

    def __init__(self, tokens: Tokens, resource: str, issuer: Issuer | None, users: dict[str, str]) -> None:
        self._tokens = tokens
        self._resource = resource
        self._issuer = issuer
        self._users = users

    async def verify_token(self, token: str) -> Badge | None:
        """Whom it stands for; None if it is refused. Raises Unavailable, Corrupt: nobody can say."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        if token.startswith(PREFIX):
            return await self._ours(token)
        if self._issuer is None:
            return None
        try:
            return self._theirs(await self._issuer.verified(token))
        except (Refused, InvalidInput) as exc:
            logger.info("a JWT was refused", extra={"why": str(exc)})
            return None

    async def _ours(self, token: str) -> Badge | None:
        holder = await self._tokens.holder(token)
        if holder is None:
            return None
        return self._badge(holder.caller, holder.id, holder.caller.user)

    def _theirs(self, said: Claims) -> Badge:
        caller = Caller(self._users.get(said.subject, said.user), said.roles, scopes=said.scopes)
        governance.home(caller)
        badge = self._badge(caller, said.client, said.subject)
        return badge.model_copy(update={"expires_at": said.expires_at + LEEWAY, "claims": {"iss": said.issuer}})

    def _badge(self, caller: Caller, client: str, subject: str) -> Badge:
        return Badge(
            token="",
            client_id=client,
            scopes=[*caller.scopes],
            subject=subject,
            resource=self._resource,
            caller=caller,
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the door asks of a request. `needs` has the scopes of tools; `challenge` ends every WWW-Authenticate."""

    open_paths: frozenset[str]
    open_on_loopback: bool
    body: int
    items: int
    needs: Mapping[str, Level]
    challenge: str = ""


class _No(Exception):
    """The request goes no further."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, *, code: int = types.INVALID_REQUEST
    ) -> None:
        super().__init__(message)
        self.answer = _error(status, message, headers, code)


class Guard:
    """ASGI middleware before everything: the Host and the Origin of a request must be known, on every route."""

    def __init__(self, app: ASGIApp, *, known: TransportSecuritySettings) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        refused: Response | None = None
        if scope["type"] == "http":
            request = Request(scope)
            refused = _doubled(request) or await self._security.validate_request(request)
        await (refused or self._app)(scope, receive, send)


class Door:
    """ASGI middleware before every route: who calls, how often, how much, and with which scope."""

    def __init__(
        self, app: ASGIApp, *, rules: Rules, backend: BearerAuthBackend, limits: Limits, refusals: Refusals
    ) -> None:
        self._app = app
        self._rules = rules
        self._refusals = refusals
        self._backend = backend
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if scope["path"] in self._rules.open_paths:
            await self._app(scope, receive, send)
            return
        try:
            await self._enter(Request(scope, receive), scope, receive, send)
        except _No as no:
            await no.answer(scope, receive, send)

    async def _enter(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        user = await self._user(request)
        badge = user.access_token if isinstance(user, AuthenticatedUser) else None
        who = badge.caller.user if isinstance(badge, Badge) else ""
        wait = self._limits.enter(who)
        if wait:
            seconds = math.ceil(wait)
            raise _No(429, f"too many requests: call again in {seconds} s", {"Retry-After": str(seconds)})
        try:
            body = await self._body(request, receive)
            if body is not None:
                await self._check(user, _read(body))
                if request.method == "POST" and _is_of_a_session(request):
                    self._check_session(request, who, body)
                scope["user"] = user
                await self._app(scope, _again(body, receive), send)
        finally:
            self._limits.leave(who)

    async def _user(self, request: Request) -> AuthenticatedUser | LocalUser:
        if "authorization" not in request.headers:
            if self._rules.open_on_loopback and _from_here(request):
                return LocalUser("")
            raise self._unknown("")
        try:
            found = await self._backend.authenticate(request)
        except MemosError as exc:
            logger.error("a token could not be checked", extra={"why": str(exc)})
            raise _No(503, "the token could not be checked; try again in a moment", {"Retry-After": "5"}) from exc
        if found is None or not isinstance(found[1].access_token, Badge):
            scheme, _, token = request.headers["authorization"].partition(" ")
            if scheme.lower() == "bearer":
                await self._refusals.token(token.strip())
            raise self._unknown('error="invalid_token", error_description="unknown, expired or revoked"')
        return found[1]

    def _unknown(self, error: str) -> _No:
        parts = ", ".join(filter(None, (error, 'scope="memos:read"', self._rules.challenge)))
        return _No(
            401, "this needs a valid token: Authorization: Bearer …; `memos token create` makes one", _bearer(parts)
        )

    async def _body(self, request: Request, receive: Receive) -> bytes | None:
        """The whole body, as far as it is not too long; None if the client has gone."""
        told = request.headers.get("content-length", "0")
        if told.isdigit() and int(told[:18]) > self._rules.body:
            raise self._too_long()
        body = bytearray()
        with anyio.move_on_after(_PATIENCE) as waiting:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > self._rules.body:
                    raise self._too_long()
                if not message.get("more_body", False):
                    break
        if waiting.cancelled_caught:
            raise _No(408, f"the request did not come within {_PATIENCE:.0f} s")
        return bytes(body)

    def _too_long(self) -> _No:
        return _No(413, f"a request may have {self._rules.body // 1024} KiB: send it in parts")

    async def _check(self, user: AuthenticatedUser | LocalUser, message: JsonValue) -> None:
        """What the message asks for must be within the scopes of the token."""
        if elements(message) > self._rules.items:
            raise _No(413, f"the lists of a request may have {self._rules.items} elements: send it in parts")
        needed = self._needed(message)
        if isinstance(user, AuthenticatedUser) and needed not in user.scopes:
            if isinstance(user.access_token, Badge):
                await self._refusals.scope(user.access_token.caller, self._tool(message))
            parts = ", ".join(
                filter(None, ('error="insufficient_scope"', f'scope="memos:{needed}"', self._rules.challenge))
            )
            raise _No(403, f"this needs a token with the scope {needed}", _bearer(parts))

    def _check_session(self, request: Request, who: str, body: bytes) -> None:
        """Before 2026 the SDK answers a message that is none with what its libraries say, and opens any session."""
        try:
            message = types.jsonrpc_message_adapter.validate_python(from_json(body), by_name=False)
        except ValidationError as exc:
            raise _No(400, "this is JSON, but not one JSON-RPC 2.0 message") from exc
        except ValueError as exc:
            raise _No(400, "this is not JSON", code=types.PARSE_ERROR) from exc
        begins = isinstance(message, types.JSONRPCRequest) and message.method == "initialize"
        if begins and _SESSION not in request.headers and not self._limits.has_room(who):
            raise _No(429, f"{SESSIONS} sessions are open: end one (DELETE) before the next", {"Retry-After": "60"})

    def _needed(self, message: JsonValue) -> Level:
        return self._rules.needs.get(self._tool(message), "read")

    def _tool(self, message: JsonValue) -> str:
        """The tool that is called, if this server has it."""
        match message:
            case {"method": "tools/call", "params": {"name": str(tool)}} if tool in self._rules.needs:
                return tool
            case _:
                return ""


def _read(body: bytes) -> JsonValue:
    """The message, if either of the parsers behind the door can read it: pydantic's, or the one of Python."""
    try:
        return from_json(body)
    except ValueError:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None


def _is_of_a_session(request: Request) -> bool:
    """Is it of an era with sessions? The SDK goes by this header alone, too."""
    return request.headers.get(_VERSION, HANDSHAKE_PROTOCOL_VERSIONS[0]) in HANDSHAKE_PROTOCOL_VERSIONS


def _doubled(request: Request) -> Response | None:
    """A header that decides something stands there once: proxies and servers disagree on which of two counts."""
    twice = [name for name in _ONCE if len(request.headers.getlist(name)) > 1]
    return _error(400, f"the header {twice[0]} appears more than once", None) if twice else None


def _from_here(request: Request) -> bool:
    """From this machine, and not passed on by a proxy on it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _again(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _bearer(parts: str) -> dict[str, str]:
    return {"WWW-Authenticate": f"Bearer {parts}"}


def _error(status: int, message: str, headers: dict[str, str] | None, code: int = types.INVALID_REQUEST) -> Response:
    """As JSON-RPC, so that an MCP client shows the message."""
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"} | (headers or {}))


def is_loopback(host: str) -> bool:
    """Does an address to listen on belong to this machine alone?"""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def names_of(hosts: Sequence[str]) -> list[str]:
    """Host headers that are accepted for these names, with any port and without."""
    return [form for host in dict.fromkeys(hosts) for form in (host, f"{host}:*")]
