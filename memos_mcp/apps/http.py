"""MCP over HTTP: one Starlette app for both protocol eras, `/healthz`, and the metadata of RFC 9728."""

from __future__ import annotations

import logging
import secrets
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from mcp.server import Server, ServerRequestContext
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.context import CallNext, HandlerResult
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from memos_mcp import wiring
from memos_mcp.accesses import AccessLog
from memos_mcp.apps.access import Tokens
from memos_mcp.apps.door import Door, Guard, Rules, Verifier, caller_of, is_loopback, names_of
from memos_mcp.apps.limits import Limits
from memos_mcp.apps.mcp import Opened, Transport, build
from memos_mcp.apps.mcp_listening import connection_of
from memos_mcp.apps.mcp_toolsets import offered, unlisted
from memos_mcp.apps.refusals import Refusals
from memos_mcp.errors import Conflict, MemosError, Misconfigured
from memos_mcp.infrastructure.issuer import Issuer
from memos_mcp.ledger import Ledger
from memos_mcp.ports import SCOPES
from memos_mcp.settings import Http, Settings

logger = logging.getLogger(__name__)

PATH = "/mcp"
_METADATA = "/.well-known/oauth-protected-resource"


def app(settings: Settings) -> Starlette:
    """The app, for any ASGI server. The vault opens at its start. Raises Misconfigured."""
    chosen = settings.http
    checked(chosen)
    ledger = wiring.ledger(settings)
    issuer = _issuer(chosen)
    tokens, accesses = Tokens(ledger), wiring.access_log(settings)
    backend = BearerAuthBackend(
        Verifier(tokens, address(chosen), issuer, chosen.users), resource_server_url=AnyHttpUrl(address(chosen))
    )
    limits = Limits(chosen.rate, chosen.burst, chosen.at_once)
    server = _server(settings, backend, limits)
    guard = _guard(chosen)
    sessions = StreamableHTTPSessionManager(
        server,
        stateless=chosen.workers > 1,
        security_settings=guard,
        max_request_body_size=chosen.body_kb * 1024,
    )
    metadata = _metadata_path(chosen)
    rules = Rules(
        open_paths=frozenset({"/healthz", *([_METADATA, metadata] if issuer else [])}),
        open_on_loopback=chosen.open_on_loopback and is_loopback(chosen.host),
        body=chosen.body_kb * 1024,
        items=chosen.items,
        needs={each.name: each.scope for each in (*offered(settings.mcp.toolset), *unlisted(settings.mcp.toolset))},
        challenge=f'resource_metadata="{_origin(address(chosen))}{metadata}"' if issuer else "",
    )
    routes = [Route("/healthz", _healthy, methods=["GET"]), Route(PATH, StreamableHTTPASGIApp(sessions))]
    if issuer:
        about = _protected(chosen)
        routes += [Route(path, about, methods=["GET"]) for path in dict.fromkeys((_METADATA, metadata))]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with _closing(ledger, accesses):
            await _share_request_state(server, ledger, settings)
            async with sessions.run():
                yield

    made = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(Guard, known=guard),
            *_for_web_pages(chosen),
            Middleware(Door, rules=rules, backend=backend, limits=limits, refusals=Refusals(accesses, tokens)),
            Middleware(AuthContextMiddleware),
        ],
    )
    made.router.redirect_slashes = False
    return made


@asynccontextmanager
async def _closing(*stores: Ledger | AccessLog | None) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        for each in filter(None, stores):
            await each.aclose()


def checked(chosen: Http) -> None:
    """Raises Misconfigured if these settings would let in who should stay outside, or show a password."""
    for name, given in (("url", chosen.url), ("issuer", chosen.issuer), ("jwks_url", chosen.jwks_url)):
        if "@" in urlsplit(given).netloc:
            raise Misconfigured(f"http.{name} holds a name or a password, and others are shown that address")
    if is_loopback(chosen.host):
        return
    if chosen.open_on_loopback:
        raise Misconfigured(
            f"http.open_on_loopback lets in whoever calls from this machine, but http.host is {chosen.host}: "
            "set one of them back"
        )
    if not chosen.url:
        raise Misconfigured(
            f"http.host is {chosen.host}, so others can call: set http.url to the address they use, "
            "such as https://memory.example.org/mcp, and make tokens with `memos token create`"
        )


async def ready(settings: Settings) -> int:
    """How many tokens are active. Opens the vault; raises Misconfigured if nobody could come in from outside."""
    checked(settings.http)
    ledger = wiring.ledger(settings)
    try:
        active = sum(token.state == "active" for token in await Tokens(ledger).list())
    finally:
        await ledger.aclose()
    if not active and not settings.http.issuer and not is_loopback(settings.http.host):
        raise Misconfigured(
            f"http.host is {settings.http.host}, but there is no way to say who calls: make a token with "
            "`memos token create NAME --scope write`, or set http.issuer and http.jwks_url"
        )
    return active


def address(chosen: Http) -> str:
    """What clients call; also the resource that a JWT must be for."""
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    return chosen.url or f"http://{host}:{chosen.port}{PATH}"


def _server(settings: Settings, backend: BearerAuthBackend, limits: Limits) -> Server[Opened]:
    async def still(context: ServerRequestContext[Any, Any]) -> bool:
        try:
            return (
                caller_of(context) is None or await backend.authenticate(cast("Request", context.request)) is not None
            )
        except MemosError as exc:
            logger.error("a token could not be checked", extra={"why": str(exc)})
            return False

    async def counted(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "initialize":
            caller = caller_of(ctx)
            who = caller.user if caller else ""
            limits.began(who)
            connection_of(ctx).exit_stack.callback(limits.ended, who)
        return result

    via = Transport(
        local=False,
        who=caller_of,
        still=still,
        longest=settings.http.result_kb * 1024,
        longest_whole=max(settings.http.result_kb, 2 * settings.http.body_kb) * 1024,
        lasting=settings.http.workers == 1,
        private=_private(settings),
        over=_stopping,
    )
    further = unlisted(settings.mcp.toolset)
    server = build(lambda: wiring.open(settings), transport=via, toolset=settings.mcp.toolset, further=further)
    server.middleware.append(counted)
    return server


def _private(settings: Settings) -> tuple[str, ...]:
    places = (settings.home.expanduser(), settings.database, settings.shelf, Path.home())
    forms = [form for place in places for form in (place, place.resolve())]
    return tuple(dict.fromkeys(str(form) for form in forms if form.parent != form))


def _stopping() -> bool:
    """Has uvicorn been told to stop? It waits for every answer under way, and so for whoever listens.

    It tells its app only when all of them have ended; what is called by the signal knows before.
    """
    return bool(getattr(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), "should_exit", False))


def _issuer(chosen: Http) -> Issuer | None:
    if not chosen.issuer:
        return None
    audience = chosen.audience or address(chosen)
    return Issuer(chosen.issuer, audience, chosen.jwks_url, roles_claim=chosen.roles_claim)


def _guard(chosen: Http) -> TransportSecuritySettings:
    """The Host and Origin headers that are accepted: against web pages that reach for a server on this machine."""
    ours = ["127.0.0.1", "localhost", "[::1]"] if is_loopback(chosen.host) else []
    named = urlsplit(chosen.url)
    hosts = names_of([*ours, *chosen.hosts]) + ([named.netloc, f"{named.hostname}:*"] if chosen.url else [])
    origins = [f"http://{form}" for form in names_of(ours)] + [*chosen.origins]
    if chosen.url:
        origins.append(_origin(chosen.url))
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _for_web_pages(chosen: Http) -> list[Middleware]:
    """Browsers let the pages that are named, and no others, send a token and read the answer."""
    if not chosen.origins:
        return []
    sent = ["Authorization", "Content-Type", "Last-Event-ID", "MCP-Protocol-Version", "Mcp-Session-Id"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=[*chosen.origins],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[*sent, "Mcp-Method", "Mcp-Name"],
            expose_headers=["Mcp-Session-Id", "WWW-Authenticate", "Retry-After"],
        )
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _metadata_path(chosen: Http) -> str:
    """Where RFC 9728 §3.1 puts the metadata of this resource."""
    return _METADATA + urlsplit(address(chosen)).path.rstrip("/")


def _protected(chosen: Http) -> Callable[[Request], Awaitable[Response]]:
    about = {
        "resource": address(chosen),
        "authorization_servers": [chosen.issuer],
        "scopes_supported": [f"memos:{scope}" for scope in SCOPES],
        "bearer_methods_supported": ["header"],
        "resource_name": "memos",
    }

    async def metadata(_: Request) -> Response:
        return JSONResponse(about)

    return metadata


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _share_request_state(server: Server[Opened], ledger: Ledger, settings: Settings) -> None:
    """What a client hands back between two rounds is sealed by a key that all processes on the vault share."""
    key = secrets.token_hex(32)
    if not settings.vault.read_only:
        note = await ledger.read("key", "request-state")
        if note is None:
            try:
                await ledger.write("key", "request-state", key, expect=0)
            except Conflict:
                logger.debug("another process made the key")
            note = await ledger.read("key", "request-state")
        key = str(note.value) if note else key
    shared = RequestStateBoundary(RequestStateSecurity(keys=[key]), default_audience="memos")
    server.middleware[:] = [each for each in server.middleware if not isinstance(each, RequestStateBoundary)] + [shared]
