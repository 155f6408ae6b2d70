"""`memos serve`: MCP over HTTP for any number of clients."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from memos_mcp import settings as configuration
from memos_mcp.apps import terminal
from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.sections import Toolset
from memos_mcp.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

GRACE = 10
"""Seconds that calls under way have to end when the server is stopped."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that serve.")] = None,
    tools: Annotated[Toolset | None, typer.Option(help="Which tools to offer; else as set in mcp.toolset.")] = None,
) -> None:
    """Serve MCP over HTTP, on this machine unless told otherwise."""
    given = {"host": host, "port": port, "workers": workers}
    terminal.guarded(lambda: _serve(_said(given), _said({"toolset": tools})), json=False)


def _said(given: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not None}


def _serve(given: Mapping[str, object], mcp: Mapping[str, object]) -> None:
    from memos_mcp.apps import http  # the server takes half a second to load: not for every command

    settings = configuration.load(http=given, mcp=mcp)
    active = anyio.run(http.ready, settings)
    listening = _listen(settings)
    settings = _at(settings, listening)
    typer.echo(f"memos: serving MCP at {http.address(settings.http)}; Ctrl-C stops it", err=True)
    if not active and not settings.http.issuer and not settings.http.open_on_loopback:
        typer.echo("memos: no token yet; `memos token create NAME --scope write` makes one", err=True)
    if settings.http.workers > 1:
        typer.echo("memos: several workers keep no sessions: clients of before 2026 get no messages unasked", err=True)
    _run(settings, listening)


def _listen(settings: Settings) -> socket.socket:
    chosen = settings.http
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named: 40 ms a call
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((chosen.host.strip("[]"), chosen.port))
    except socket.gaierror as exc:
        raise Misconfigured(f"http.host is {chosen.host!r}, which is no address of this machine") from exc
    except OSError as exc:
        raise Unavailable(
            f"{chosen.host}:{chosen.port} cannot be listened on: {exc.strerror}; --port chooses another"
        ) from exc
    listening.listen(2048)  # whoever calls while the server starts, waits
    return listening


def _at(settings: Settings, listening: socket.socket) -> Settings:
    """The settings with the port that the system chose for port 0."""
    port = listening.getsockname()[1]
    return settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})


def _run(settings: Settings, listening: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        partial(_app, settings),
        factory=True,
        workers=settings.http.workers,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE,
    )
    _log()
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn passes a signal on when it has stopped: then all is done
        signal.signal(number, _stopped)
    if settings.http.workers > 1:
        Multiprocess(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def _app(settings: Settings) -> object:
    from multiprocessing import parent_process

    from memos_mcp.apps.http import app

    _log()
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    return app(settings)


def _end_with(parent: BaseProcess) -> None:
    """A worker whose parent was killed would hold the port, and nobody would stop it."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _stopped(number: int, frame: FrameType | None) -> None:
    pass


def _log() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="memos: %(levelname)s: %(message)s")
