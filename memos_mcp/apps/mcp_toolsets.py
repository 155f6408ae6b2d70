"""Which tools a server offers."""

from __future__ import annotations

from collections.abc import Mapping

from memos_mcp.apps.mcp_arguments import Tool
from memos_mcp.apps.mcp_tools import TOOLS
from memos_mcp.settings import Toolset

TOOLSETS: Mapping[Toolset, tuple[type[Tool], ...]] = {"core": TOOLS, "full": TOOLS, "chatgpt": TOOLS}
"""The tools of each, in the order they are listed; none reaches for anything but the memory."""

LOCAL: tuple[type[Tool], ...] = ()
"""What `full` has on top where the user himself started the server: these read his files. Never over HTTP."""


def offered(toolset: Toolset, *, local: bool = False) -> tuple[type[Tool], ...]:
    """The tools of a server, in the order they are listed; `local`: it serves the user who started it, over stdio."""
    return TOOLSETS[toolset] + (LOCAL if local and toolset == "full" else ())
