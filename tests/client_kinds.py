"""What programs connect to, quick to open: a Memos of either kind, and a server behind a URL."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal

from memos_mcp import settings as configuration
from memos_mcp.settings import Settings
from tests.http_server import serving, token

FREE = {"rate": 1_000_000, "burst": 1_000_000, "at_once": 1_000}


def plain(home: Path, **more: Any) -> Settings:
    """Settings of ada's vault where words alone are searched and nothing goes on in the background."""
    off = {"embedder": {"kind": "none"}, "graph": {"kind": "none"}, "consolidation": {"mode": "off"}}
    return configuration.load(home=home, user="ada", **{**off, **more})


@contextmanager
def served(settings: Settings) -> Generator[str]:
    """A server on a thread of its own; its address."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(settings)) as url:
        yield url


def secret_of(settings: Settings, **given: Any) -> str:
    """A new token, made without a loop."""
    return anyio.run(lambda: token(settings, **given))
