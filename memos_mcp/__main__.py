"""`memos-mcp`, `python -m memos_mcp`: the MCP server over standard input and output."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import cast, get_args

import anyio

from memos_mcp import settings
from memos_mcp.apps.mcp import build
from memos_mcp.apps.mcp_stdio import serve
from memos_mcp.errors import Misconfigured
from memos_mcp.sections import Toolset

logger = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _Lines(logging.Formatter):
    """One line: where, what, and the data of the record."""

    def format(self, record: logging.LogRecord) -> str:
        data = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return super().format(record) + "".join(f" {name}={value!r}" for name, value in data.items())


def main() -> None:
    """Serve one client; standard output is the protocol's, the log goes to standard error."""
    parser = argparse.ArgumentParser(
        prog="memos-mcp",
        description="MCP server of memos over standard input and output; an MCP client starts it.",
        epilog="Settings: MEMOS_HOME, MEMOS_USER and memos.toml. `memos demo` shows what it does.",
    )
    parser.add_argument(
        "--tools", choices=get_args(Toolset), help="which tools to offer; else what the setting mcp.toolset says"
    )
    chosen = cast("Toolset | None", parser.parse_args().tools)
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(_Lines("memos-mcp: %(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[log])
    try:
        anyio.run(serve, build(toolset=chosen or _toolset()))
    except* BrokenPipeError:
        logger.debug("the client has gone")


def _toolset() -> Toolset:
    """Of the settings; what is wrong with these the first call tells."""
    try:
        return settings.load().mcp.toolset
    except Misconfigured as exc:
        logger.error("the settings cannot be read", extra={"why": str(exc)})
        return "core"


if __name__ == "__main__":
    main()
