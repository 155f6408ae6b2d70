"""A server over HTTP for tests that block: it runs in a thread of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from tests.http_server import configured, serving, token


@dataclass(frozen=True)
class Served:
    """Where it is, and a token of ada's."""

    url: str
    secret: str


@contextmanager
def served(home: Path) -> Generator[Served]:
    """Serve a vault until the end of the block."""
    settings = configured(home, rate=1_000_000, burst=1_000_000)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(settings)) as url:
        yield Served(url, portal.call(token, settings))
