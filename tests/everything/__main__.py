"""Serve it: python -m tests.everything HOME CALLS, where CALLS is a file that gets each name that was used."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from memos_mcp import settings as configuration
from tests.everything.app import app


def main(home: Path, calls: Path) -> None:
    """Say the address on standard error, then serve until told to stop."""
    with (
        calls.open("a", encoding="utf-8", buffering=1) as used,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening,
    ):
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        settings = configuration.load(
            home=home, user="ada", embedder={"kind": "none"}, http={"port": port, "open_on_loopback": True}
        )
        made = app(settings, lambda name: used.write(f"{name}\n"))
        sys.stderr.write(f"serving MCP at http://127.0.0.1:{port}/mcp;\n")
        sys.stderr.flush()
        uvicorn.Server(uvicorn.Config(made, log_level="warning", ws="none")).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
